"""A run selects the same of 1,500 real questions and answers as a plain loop: spans, traces and sessions."""

import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.caller import Caller, serving
from tests.e2e.real_data import DATA, needs_real_data
from tests.traces import rest

from assaykit.settings import Settings

pytestmark = [
    needs_real_data,
    pytest.mark.slow,
    pytest.mark.embedded("the spans are put into this process's own store"),
]

SECOND = 1_000_000_000
DAY = 24 * 3600 * SECOND
RATES = (1.0, 0.1, 0.05, 0.01)
FILTER = "attributes.llm.model_name = 'm-a' AND latency_ms < 5000"
ROWS = 500


class Told(NamedTuple):
    """A span as it was sent."""

    span: str
    trace: str
    session: str
    model: str
    latency_ms: int
    start_ns: int

    def key(self, level: str) -> str:
        """The unit that it belongs to."""
        return {"span": self.span, "trace": self.trace, "session": self.session}[level]


def questions() -> list[Mapping[str, str]]:
    lines = (DATA / "hallucination" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def told(number: int, now_ns: int) -> Told:
    """Three to a trace and, most of them, a dozen to a session; one in eleven is older than a week."""
    age = (9 if number % 11 == 0 else 2) * DAY + number // 4 * SECOND
    session = "" if number % 13 == 0 else f"session {number // 12}"
    latency = (80, 4999, 640, 5000, 2500)[number % 5]
    model = "m-a" if number % 3 else "m-b"
    return Told(f"{number + 1:016x}", f"{number // 3 + 1:032x}", session, model, latency, now_ns - age)


def body(one: Told, row: Mapping[str, str]) -> dict[str, Any]:
    values = {
        "input.value": row["user_query"],
        "output.value": row["chatgpt_response"],
        "llm.model_name": one.model,
        "session.id": one.session,
    }
    return {
        "traceId": one.trace,
        "spanId": one.span,
        "name": "completion",
        "startTimeUnixNano": str(one.start_ns),
        "endTimeUnixNano": str(one.start_ns + one.latency_ms * 1_000_000),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items() if value],
    }


class Stage(NamedTuple):
    """A caller over the spans that were sent."""

    ax: Caller
    spans: Sequence[Told]
    folder: Path


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stage]:
    folder = tmp_path_factory.mktemp("real")
    settings = Settings(home=folder / "home", folders=(folder,), toolsets=("all",))
    rows, now_ns = questions(), time.time_ns()
    sent = [told(number, now_ns) for number in range(len(rows))]
    bodies = [body(one, row) for one, row in zip(sent, rows, strict=True)]
    resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": "chat"}}]}
    async with rest(settings.home) as client:
        for start in range(0, len(bodies), ROWS):
            some = {"resource": resource, "scopeSpans": [{"spans": bodies[start : start + ROWS]}]}
            (await client.post("/v1/traces", json={"resourceSpans": [some]})).raise_for_status()
    async with serving(settings) as ax:
        await ax.ask("create_judge", name="sorry", code="CONTAINS_ANY_KEYWORD", keywords=["sorry", "language model"])
        yield Stage(ax, sent, folder)


def expected(spans: Sequence[Told], level: str, rate: float) -> set[str]:
    """The units with a span of the last seven days and one that the filter takes, of which the sample has its share.

    It is one span for a task on spans, while the filter of a trace or session asks all of the unit, however old.
    """
    week = time.time_ns() - 7 * DAY
    recent = {one.key(level) for one in spans if one.start_ns >= week}
    fitting = {one.key(level) for one in spans if one.model == "m-a" and one.latency_ms < 5000}
    units = (recent & fitting) - {""}

    def place(unit: str) -> float:
        return int(hashlib.blake2b(unit.encode(), digest_size=8).hexdigest(), 16) / 2**64

    return {unit for unit in units if place(unit) < rate}


async def selected(stage: Stage, task: str) -> list[str]:
    """The units of a new run over the last seven days."""
    done = await stage.ax.ask("trigger_run", task=task, window="last 7 days", override_evaluations=True, wait=60)
    if done["run"]["status"] == "CANCELLED":
        return []
    assert (done["run"]["status"], done["run"]["num_errors"]) == ("COMPLETED", 0)
    file = stage.folder / f"{done['run']['id']}.jsonl"
    await stage.ax.ask("get_run", run=done["run"]["id"], rows=True, save_to=str(file))
    return [json.loads(line)["target_id"] for line in file.read_text(encoding="utf-8").splitlines()]


async def task_of(stage: Stage, level: str, rate: float) -> str:
    name = f"{level} {rate}"
    how: dict[str, Any] = {} if level == "span" else {"granularity": level}
    await stage.ax.ask(
        "create_task", name=name, evaluators=["sorry"], query_filter=FILTER, sampling_rate=rate, allow_empty=True, **how
    )
    return name


@pytest.mark.parametrize("level", ["span", "trace", "session"])
async def test_a_run_selects_what_a_plain_loop_selects_at_every_rate_and_again(stage: Stage, level: str) -> None:
    found: dict[float, set[str]] = {}
    for rate in RATES:
        task = await task_of(stage, level, rate)
        units = await selected(stage, task)
        assert len(units) == len(set(units))
        assert set(units) == expected(stage.spans, level, rate), (level, rate)
        if rate < 1:
            assert await selected(stage, task) == units, "a second run takes the same, in the same order"
        found[rate] = set(units)
    assert found[0.01] <= found[0.05] < found[0.1] < found[1.0]
    assert {"span": 500, "trace": 250, "session": 80}[level] < len(found[1.0])


async def test_the_newest_come_first_and_what_is_labelled_is_left_out(stage: Stage) -> None:
    order: Callable[[str], int] = {one.span: one.start_ns for one in stage.spans}.__getitem__
    everything = sorted(expected(stage.spans, "span", 1.0), key=order, reverse=True)
    await stage.ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await stage.ax.ask("create_task", name="in steps", evaluators=["json"], query_filter=FILTER)
    taken: list[str] = []
    for most in (10, 100, 10_000):
        done = await stage.ax.ask("trigger_run", task="in steps", window="last 7 days", max_spans=most, wait=60)
        file = stage.folder / f"steps {most}.jsonl"
        await stage.ax.ask("get_run", run=done["run"]["id"], rows=True, save_to=str(file))
        taken += [json.loads(line)["target_id"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert [order(span) for span in taken] == [order(span) for span in everything]
    assert sorted(taken) == sorted(everything)

"""`get_experiment`: the engine's page and counts are those of the list of runs, and cost the same at any size."""

import json
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.caller import Caller
from tests.traces import rest

from assaykit.api.client import Api
from assaykit.api.in_process import InProcess
from assaykit.engine.engine import Engine
from assaykit.engine.store.definitions import run_columns
from assaykit.engine.store.traces.verdicts import put
from assaykit.toolkit.replies import data_of, text_of
from assaykit.tools.experiments import ranking

Row = dict[str, Any]

LISTS: list[dict[str, Any]] = [
    {},
    {"failures_first": False},
    {"limit": 7},
    {"limit": 5, "cursor": "38"},
    {"limit": 5, "cursor": "52", "failures_first": False},
    {"cursor": "400"},
]


def drawn(seed: int, keys: list[str], kind: str) -> list[Row]:
    """Rows with several shapes, ties, gaps, labels, failures and tries after failures."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    rows: list[Row] = []
    for number in range(60):
        row: Row = {"key": chance.choice(keys) if kind == "tries" else keys[number], "output": f"o{number}"}
        for name in chance.sample(["a", "b", "c"], chance.choice([1, 2, 3])) if kind != "even" else ["a", "b", "c"]:
            row[f"eval.{name}.score"] = chance.choice([0, 1]) if name == "a" else chance.choice([1, 2.5, 4, None])
            if name == "b":
                row["eval.b.label"] = chance.choice(["good", "bad", "", None])
        if chance.random() < 0.1 and kind != "even":
            row |= {"error": "no answer"}
        rows.append(row)
    if kind == "odd":
        rows[50]["eval.a.score"] = "0.5"
    return rows


def verdict(experiment_id: str, run_id: str) -> Row:
    """A verdict that the engine computed, on a run that may have an uploaded one of the same name."""
    said = {"label": "good", "score": ord(run_id[-1]) % 5, "explanation": None}
    place = {"scope_id": experiment_id, "level": "RUN", "target_id": run_id, "name": "b"}
    return {**place, **said, "metadata": {"model": "m"}, "updated_ns": 1}


async def none(_: Api) -> bool:
    """The answer of a backend without engine routes."""
    return False


async def both_ways(ax: Caller, monkeypatch: pytest.MonkeyPatch, tool: str, **asked: Any) -> tuple[Any, Any]:
    """The data and the text of a call by the engine's own routes, and by the contract's alone."""

    found: list[Any] = []
    for is_like_ax in (False, True):
        with monkeypatch.context() as patched:
            if is_like_ax:
                patched.setattr(Api, "has_engine_routes", none)
            told = await ax.call(tool, **asked)
            assert not told.is_error, text_of(told)
            found.append((data_of(told), re.sub(r"\b[0-9a-f]{8}\b", "", text_of(told))))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("kind", "rows_per_part"), [("even", 1000), ("even", 4), ("gaps", 4), ("tries", 4), ("odd", 4)]
)
async def test_the_engine_and_the_list_of_runs_give_one_reply(
    ax: Caller, files: Path, monkeypatch: pytest.MonkeyPatch, kind: str, rows_per_part: int
) -> None:
    monkeypatch.setattr(run_columns, "ROWS_PER_PART", rows_per_part)
    keys = [f"q{n}" for n in range(60)]
    await ax.ask("create_dataset", name="questions", rows=[{"key": key} for key in keys])
    (files / "v.jsonl").write_text("\n".join(map(json.dumps, drawn(7, keys, kind))), encoding="utf-8")
    await ax.ask("upload_experiment", file="v.jsonl", key="key", repetitions=True)
    async with rest(ax.settings.home) as client:
        (made,) = (await client.get("/v2/experiments")).json()["experiments"]
        runs = (await client.get(f"/v2/experiments/{made['id']}/runs?limit=500")).json()["experiment_runs"]
        again = [{key: value for key, value in run.items() if key not in {"id", "annotations"}} for run in runs[:9]]
        later = {"experiment_runs": [{**run, "output": "again"} for run in again]}
        assert (await client.post(f"/v2/experiments/{made['id']}/runs", json=later)).status_code == 201
    config = {"name": "b", "annotation_config_type": "CONTINUOUS", "optimization_direction": "MINIMIZE"}
    config |= {"minimum_score": 0, "maximum_score": 5}
    for is_directed in (False, True):
        if is_directed:
            async with rest(ax.settings.home) as client:
                space = (await client.get("/v2/spaces")).json()["spaces"][0]["id"]
                answer = await client.post("/v2/annotation-configs", json={**config, "space_id": space})
                assert answer.status_code == 201, answer.text
            judged = [*runs[2:50:3], *runs[:3]]
            async with Engine.open(ax.settings.home, key="test", environment={}) as engine:
                await engine.database.write(put, [verdict(made["id"], run["id"]) for run in judged])
        for asked in LISTS:
            ours, theirs = await both_ways(ax, monkeypatch, "get_experiment", **asked)
            assert ours == theirs


@pytest.mark.parametrize("kind", ["even", "gaps", "tries", "odd"])
async def test_a_comparison_by_columns_and_one_by_rows_give_one_reply(
    ax: Caller, files: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(run_columns, "ROWS_PER_PART", 4)
    keys = [f"q{n}" for n in range(60)]
    examples = [{"key": key, "question": f"Where is {key}?", "session_id": f"s{n // 3}"} for n, key in enumerate(keys)]
    await ax.ask("create_dataset", name="questions", rows=examples)
    for name, seed in (("old", 1), ("new", 2)):
        rows = drawn(seed, keys, kind)
        for number, row in enumerate(rows):
            row.update({"latency": number * 7, "prompt_tokens": number, "completion_tokens": str(seed), "cost": None})
            row.update({"eval.a.metadata.model": "m1"} if number % 2 else {"latency_ms": 1.5})
        (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.jsonl", key="key", repetitions=True)
    asked: dict[str, Any] = {"experiments": ["old", "new"]}
    for more in ({}, {"positive": {"b": "good"}}, {"detail": "full"}, {"evaluators": ["a"], "failures": "exclude"}):
        ours, theirs = await both_ways(ax, monkeypatch, "compare_experiments", **asked, **more)
        assert ours == theirs
    pages: list[str] = []
    for number in range(2):
        with monkeypatch.context() as patched:
            if number:
                patched.setattr(Api, "has_engine_routes", none)
            await ax.ask("compare_experiments", **asked, save_to=f"{number}.html")
        pages.append((files / f"{number}.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]


class Costs:
    """The sizes of the answers and the statements of the engine from now until `end`."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.statements: list[str] = []
        patched.setattr(InProcess, "answer", self._noted(InProcess.answer))
        event.listen(sa.Engine, "before_cursor_execute", self._note)

    def end(self) -> None:
        event.remove(sa.Engine, "before_cursor_execute", self._note)

    def _noted(self, ask: Callable[..., Awaitable[httpx.Response]]) -> Callable[..., Awaitable[httpx.Response]]:
        async def noted(client: InProcess, *given: Any, **asked: Any) -> httpx.Response:
            answer = await ask(client, *given, **asked)
            self.sizes.append(len(answer.content))
            return answer

        return noted

    def _note(self, _: object, __: object, statement: str, *___: object) -> None:
        self.statements.append(statement)


@pytest.mark.embedded("it counts the statements of the engine")
@pytest.mark.parametrize("failures_first", [True, False])
async def test_a_page_costs_the_same_requests_and_statements_at_any_number_of_rows(
    ax: Caller, monkeypatch: pytest.MonkeyPatch, failures_first: bool
) -> None:
    monkeypatch.setattr(run_columns, "ROWS_PER_PART", 20)
    monkeypatch.setattr(ranking, "MOST_ROWS", 59)
    costs: dict[int, Costs] = {}
    await ax.ask("list_datasets")
    for count in (60, 900):
        row = {"output": "same", "eval.b.score": 1}
        runs = [{**row, "example_id": f"q{n:03}", "eval.a.score": n % 4} for n in range(count)]
        async with rest(ax.settings.home) as client:
            space = (await client.get("/v2/spaces")).json()["spaces"][0]["id"]
            body = {"name": f"v{count}", "space_id": space, "experiment_runs": runs}
            assert (await client.post("/v2/experiments", json=body)).status_code == 201
        with monkeypatch.context() as patched:
            costs[count] = Costs(patched)
            told = await ax.ask("get_experiment", experiment=f"v{count}", failures_first=failures_first, limit=10)
            costs[count].end()
        assert len(told["runs"]) == 10
    assert costs[900].statements == costs[60].statements
    assert len(costs[900].sizes) == len(costs[60].sizes)
    assert sum(costs[900].sizes) < sum(costs[60].sizes) * 1.1


async def test_the_data_of_a_comparison_are_a_page_at_any_number_of_rows(ax: Caller) -> None:
    sizes: list[int] = []
    async with rest(ax.settings.home) as client:
        space = (await client.get("/v2/spaces")).json()["spaces"][0]["id"]
        for count in (100, 2000):
            for name in ("old", "new"):
                runs = [
                    {"example_id": f"q{n:04}", "output": "o", "eval.a.score": (n * len(name) + (name == "new")) % 2}
                    for n in range(count)
                ]
                body = {"name": f"{name}{count}", "space_id": space, "experiment_runs": runs[:1000]}
                made = (await client.post("/v2/experiments", json=body)).json()["id"]
                if more := runs[1000:]:
                    added = await client.post(f"/v2/experiments/{made}/runs", json={"experiment_runs": more})
                    assert added.status_code == 201
            data = await ax.ask("compare_experiments", experiments=[f"old{count}", f"new{count}"])
            (finding,) = data["comparison"]["findings"]
            assert finding["n"] == count
            assert len(finding["rose"]) == len(finding["fell"]) == 10
            assert finding["ids_left_out"]["rose"] == count // 2 - 10
            sizes.append(len(json.dumps(data)))
    assert sizes[1] < sizes[0] + 1500

"""Refusals after the first effect: nothing new is left behind, and whatever is at work is told."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from tests.caller import Caller, serving
from tests.engines import KEY, Engines
from tests.forwarding import Forwarder
from tests.loopback import Served
from tests.scripted_model import ScriptedModel
from tests.tools.test_backfills import held
from tests.traces import send, span

from assaykit.server import create_server
from assaykit.settings import Settings

pytestmark = pytest.mark.embedded

Refuses = Callable[[str, int], int | None]
"""From `POST /v2/datasets` and the number of such calls so far to the status of a refusal."""


class Refusing(Forwarder):
    """A stand-in for Arize AX that refuses some calls."""

    refuses: Refuses | None = None

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        ends = request.url.path.rsplit("/", 1)[-1]
        kind = f"{request.method} {ends}" if request.method != "DELETE" else "DELETE"
        number = sum(one.startswith(request.method) and (one.endswith(ends)) for one in self.asked)
        status = None if self.refuses is None else self.refuses(kind, number)
        if status is not None:
            body = {"title": "x", "status": status, "type": "about:blank", "detail": "maintenance"}
            await JSONResponse(body, status, media_type="application/problem+json")(scope, receive, send)
            self.asked.append(f"{request.method} {request.url.path}")
            return
        await super().answer(scope, receive, send)


@asynccontextmanager
async def like_ax(folder: Path, engines: Engines, refuses: Refuses) -> AsyncGenerator[tuple[Caller, Refusing]]:
    home = folder / "home"
    await send(home, [span(f"s{at}", "x", minutes_ago=10 + at) for at in range(6)])
    with engines.serving(Settings(home=home)) as url:
        forwarder = Refusing(url, like_ax=True)
        with Served(forwarder, lifespan=True) as served:
            there = Settings(
                backend="ax", ax_key=KEY, ax_url=served.address, home=home, toolsets=("all",), structured=True
            )
            async with Client(create_server(there)) as client:
                ax = Caller(client, there)
                await ax.ask("create_judge", name="j", code="JSON_PARSEABLE")
                forwarder.asked.clear()
                forwarder.refuses = refuses
                yield ax, forwarder


@pytest.mark.slow
async def test_the_runs_before_a_refused_one_are_told(tmp_path: Path, engines: Engines) -> None:
    def third(kind: str, number: int) -> int | None:
        return 403 if kind == "POST trigger" and number == 2 else None

    async with like_ax(tmp_path, engines, third) as (ax, forwarder):
        given = {"project": "bot", "evaluators": ["j"], "max_spans": 2}
        refusal = await ax.refused("trigger_backfill", **given)
        runs = (await ax.ask("list_runs", task="j on bot"))["runs"]
        ids = ",".join(run["id"] for run in reversed(runs))
        assert len(runs) == 2
        assert f"2 of 3 runs of task 'j on bot' were started before: {ids}." in refusal["message"]
        assert refusal["next"].startswith(f"wait_for_run(run='{ids}')")
        forwarder.refuses = None
        await ax.ask("wait_for_run", run=ids, timeout=60)
        rest = await ax.ask("trigger_backfill", **given, wait=60)
        assert rest["run"]["num_successes"] == 2


@pytest.mark.slow
async def test_a_task_whose_first_run_is_refused_is_deleted_again_or_told(tmp_path: Path, engines: Engines) -> None:
    def first(kind: str, _: int) -> int | None:
        return 403 if kind == "POST trigger" else None

    async with like_ax(tmp_path, engines, first) as (ax, forwarder):
        given = {"project": "bot", "evaluators": ["j"]}
        await ax.refused("trigger_backfill", **given)
        assert (await ax.ask("list_tasks"))["tasks"] == []
        forwarder.refuses = lambda kind, _: 403 if kind in {"POST trigger", "DELETE"} else None
        refusal = await ax.refused("trigger_backfill", **given)
        assert "The task 'j on bot'" in refusal["message"]
        assert "could not be deleted" in refusal["message"]
        (task,) = (await ax.ask("list_tasks"))["tasks"]
        assert task["id"] in refusal["message"]


@pytest.mark.slow
@pytest.mark.parametrize(("gone", "is_told"), [(None, False), (403, True), (404, False), (500, True)])
async def test_half_a_dataset_that_cannot_be_deleted_is_told_with_the_cause(
    tmp_path: Path, engines: Engines, gone: int | None, is_told: bool
) -> None:
    def refuses(kind: str, _: int) -> int | None:
        return {"POST examples": 422, "DELETE": gone}.get(kind)

    async with like_ax(tmp_path, engines, refuses) as (ax, _):
        refusal = await ax.refused("create_dataset", name="big", rows=[{"n": at} for at in range(1_001)])
        assert "maintenance" in refusal["message"]
        assert ("maintenance. The dataset big (" in refusal["message"]) is is_told


@pytest.mark.parametrize("limits", [{"max_cost": 1.0}, {"max_cost": 1.0, "max_rows": 2}, {"max_cost": 0.01}])
async def test_a_limit_of_dollars_without_a_price_is_refused_before_anything_is_made(
    settings: Settings, limits: dict[str, Any]
) -> None:
    await send(settings.home, [span("s", "x")])
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            judge = {"template": "Is {output} good?", "choices": {"good": 1, "bad": 0}, "model": "unlisted"}
            await ax.ask("create_judge", name="lj", **judge)
            for preview in (True, False):
                given = {"evaluators": ["lj"], "project": "bot", **limits, "preview": preview}
                refusal = await ax.refused("trigger_backfill", **given)
                assert "The price of model 'unlisted' is not known" in refusal["message"]
                assert "prices.json" in refusal["next"]
            assert (await ax.ask("list_tasks"))["tasks"] == []
            assert model.count == 0


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({}, {}, []),
        ({"max_rows": 1}, {}, ["with max_rows=1", "rows beyond max_rows=1"]),
        ({"window": "last 12 minutes"}, {"window": "last 30 days"}, ["Not covered: 20"]),
        ({}, {"override_evaluations": True}, ["labelled rows, which override_evaluations scores anew"]),
    ],
)
async def test_runs_at_work_are_told_with_the_rows_that_they_leave(
    settings: Settings, first: dict[str, Any], second: dict[str, Any], told: Sequence[str]
) -> None:
    async with held(settings) as (ax, _, answers):
        fixed = {"window": "everything"}
        begun = await ax.ask("trigger_backfill", task="policy", **fixed | first)
        text = await ax.read("trigger_backfill", task="policy", **fixed | second)
        assert text.startswith("Task 'policy' is at work on this window; nothing more was triggered.")
        head = text.splitlines()[0]
        assert all(part in head for part in told)
        assert (begun["run"]["id"] in head) is bool(told)
        answers.set()

"""Readers of a store, which leave its runs and continuous tasks to other processes."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import anyio
import anyio.to_thread
import pytest
from tests.caller import serving
from tests.scripted_model import ScriptedModel
from tests.traces import send, span

from assaykit.cli.doctor import run as doctor
from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("the server executes the runs of its own store")

SOON_S = 0.1


@pytest.fixture
async def left(settings: Settings) -> AsyncGenerator[tuple[Settings, ScriptedModel, str]]:
    """A store with a run that its server left, a continuous task with new spans, and a model; the run's id."""
    await send(settings.home, [span(f"s{n}", f"answer {n}", minutes_ago=n + 1) for n in range(3)])
    judge = {"template": "Is {output} good?", "choices": {"good": 1, "bad": 0}}
    with ScriptedModel(lambda _: "good", latency_s=20) as slow:
        async with serving(settings, slow.url) as ax:
            await ax.ask("create_judge", name="helpful", **judge)
            run = (await ax.ask("trigger_backfill", evaluators=["helpful"]))["run"]["id"]
            await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
            await ax.ask("create_task", name="late", evaluators=["json"], is_continuous=True)
    await send(settings.home, [span("new", "{}", minutes_ago=0)])
    with ScriptedModel(lambda _: "good") as model:
        soon = replace(settings, period_s=SOON_S)
        keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url}
        yield replace(soon, environment=keys), model, run


async def test_a_reader_of_the_store_executes_nothing(left: tuple[Settings, ScriptedModel, str]) -> None:
    settings, model, run = left
    async with serving(replace(settings, read_only=True)) as ax:
        waited = await ax.ask("wait_for_run", run=run, timeout=2)
        assert (waited["still_running"], waited["run"]["num_successes"]) == (True, 0)
        assert (await ax.ask("list_runs", task="late"))["runs"] == []
        assert "but no process runs it now: `assaykit engine` or a server without" in await ax.read(
            "get_task", task="late"
        )
    assert await anyio.to_thread.run_sync(doctor, settings)
    assert model.count == 0
    async with serving(settings) as ax:
        assert (await ax.ask("wait_for_run", run=run, timeout=60))["run"]["num_successes"] == 3
        with anyio.fail_after(60):
            while not (await ax.ask("list_runs", task="late"))["runs"]:
                pass
        # While a server works, a reader tells so.
        async with serving(replace(settings, read_only=True)) as reader:
            assert "in another process that has the store open" in await reader.read("get_task", task="late")
    assert model.count == 3

"""A disk that is full, or nearly so: what adds is refused with the reason, the rest goes on, and nothing is lost."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import small_disks as disks
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import send, span

from assaykit.engine.store import database
from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("the disk is this process's own")

FULL = "The disk is nearly full:"


@pytest.fixture
async def cites(ax: Caller, bot: None) -> Caller:
    """A task over project "bot" whose evaluator is code."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    return ax


async def test_while_the_disk_is_nearly_full_what_adds_is_refused_and_the_rest_goes_on(
    cites: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(database, "ROOM", 2**62)
        for tool, arguments in {
            "trigger_backfill": {"task": "policy"},
            "create_judge": {"name": "json", "code": "JSON_PARSEABLE"},
            "log_evaluations": {"rows": [{"context.span_id": "0" * 16, "eval.tone.label": "kind"}]},
        }.items():
            refusal = await cites.refused(tool, **arguments)
            assert FULL in refusal["message"], tool
            assert refusal["next"].startswith("Free some space, or set ASSAYKIT_HOME")
        assert len((await cites.ask("search_spans"))["spans"]) == 4
        deleted = await cites.ask("delete_task", task="policy", confirm="policy")
        assert deleted["deleted"] is True
    await cites.ask("create_judge", name="json", code="JSON_PARSEABLE")


async def test_a_run_that_the_disk_cannot_take_goes_on_when_there_is_room_and_asks_no_row_again(
    settings: Settings, bot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = database.ROOM

    def fill(_: str) -> str:
        monkeypatch.setattr(database, "ROOM", 2**62)
        return "good"

    with ScriptedModel(fill) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template="Is {output} good?", choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"])
            begun = await ax.ask("trigger_backfill", task="policy", wait=3)
            assert (begun["run"]["status"], begun["run"]["num_successes"]) == ("RUNNING", 0)
            asked = model.count
            monkeypatch.setattr(database, "ROOM", room)
            done = await ax.ask("wait_for_run", run=begun["run"]["id"], timeout=60)
            assert (done["run"]["status"], done["run"]["num_successes"]) == ("COMPLETED", 3)
            assert (asked, model.count) == (3, 3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 24 MB."""
    with disks.small_disk(tmp_path / "disk", "24m") as disk:
        yield disk


@pytest.fixture
async def on_small_disk(
    settings: Settings, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Caller]:
    monkeypatch.setattr(database, "ROOM", 0)
    async with serving(replace(settings, home=small_disk / "home")) as ax:
        yield ax


@pytest.mark.slow
async def test_a_disk_that_is_really_full_loses_nothing_and_goes_on_when_there_is_room(
    on_small_disk: Caller, small_disk: Path
) -> None:
    home = on_small_disk.settings.home
    await send(home, [span(f"s{number}", "See [RET-1].", minutes_ago=number + 1) for number in range(20)])
    await on_small_disk.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await on_small_disk.ask("create_task", name="policy", evaluators=["cites"])
    ballast = disks.fill(small_disk)
    refusal = await on_small_disk.refused("trigger_backfill", task="policy", wait=30)
    assert refusal["code"] == "unavailable"
    assert "full" in refusal["message"]
    assert refusal["next"].startswith("Free some space")
    assert len((await on_small_disk.ask("search_spans"))["spans"]) == 20
    ballast.unlink()
    done = await on_small_disk.ask("trigger_backfill", task="policy", wait=30)
    assert (done["run"]["status"], done["run"]["num_successes"]) == ("COMPLETED", 20)

"""A store that was damaged on the disk is told by the doctor, with what is damaged."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import stores
from tests.engine.door import KEY, Door, opened, span

from assaykit.cli.doctor import run as doctor
from assaykit.engine.store.tables import evals
from assaykit.settings import Settings


async def scored(home: Path) -> None:
    """A store with a verdict of an evaluator, one that came from elsewhere, and one that was replaced."""
    async with opened(home) as door:
        project = await door.send(span(1), span(2))
        task = await door.task(await door.evaluator(), project_id=project)
        for _ in range(2):
            await door.run(task, data_start_time="2000-01-01T00:00:00Z", override_evaluations=True)
        elsewhere = {"name": "tone", "span_id": f"{2:016x}", "score": 1, "explanation": "\u00e9\ud7ff"}
        await door.post("/x/evaluations", {"project_id": project, "evaluations": [elsewhere]})
        assert await checked(door) == {"verdicts": 3, "damaged": 0, "examples": []}


async def checked(door: Door) -> dict[str, object]:
    return await door.get("/x/check")


@pytest.mark.parametrize(
    "damage",
    [
        {"label": "contains "},
        {"score": 0.5},
        {"explanation": "x"},
        {"name": "other"},
        {"checksum": evals.c.checksum + 1},
    ],
    ids=lambda damage: next(iter(damage)),
)
async def test_a_verdict_that_is_not_as_it_was_written_is_found(tmp_path: Path, damage: dict[str, Any]) -> None:
    home = tmp_path / "home"
    await scored(home)
    assert await stores.change(home, sa.update(evals).where(evals.c.name == "tone").values(damage)) == 1
    async with opened(home) as door:
        found = await checked(door)
        assert (found["verdicts"], found["damaged"]) == (3, 1)
        assert "0000000000000002" in str(found["examples"])


async def test_a_verdict_of_an_older_store_is_not_held_against_anything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await scored(home)
    await stores.change(home, sa.update(evals).values(checksum=None))
    async with opened(home) as door:
        assert await checked(door) == {"verdicts": 0, "damaged": 0, "examples": []}


def test_the_doctor_says_that_the_store_is_sound_or_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import anyio  # noqa: PLC0415  (the doctor runs a loop of its own)

    home = tmp_path / "home"
    anyio.run(scored, home)
    settings = Settings(home=home, engine_key=KEY)
    assert doctor(settings)
    assert "3 verdict(s) as they were written" in capsys.readouterr().out
    anyio.run(stores.change, home, sa.update(evals).where(evals.c.name == "tone").values(score=7))
    assert not doctor(settings)
    said = capsys.readouterr().out
    assert "1 damaged, as the verdict 'tone' on span 0000000000000002" in said
    assert "override_evaluations" in said

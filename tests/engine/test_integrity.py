"""A store that was damaged on the disk is told by the doctor, with what is damaged."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import stores
from tests.engine.door import KEY, Door, opened, span

from assaykit.cli.doctor import run as doctor
from assaykit.engine.store.tables import (
    annotations,
    evals,
    evaluator_versions,
    examples,
    experiment_runs,
    prompt_versions,
    run_items,
    spans,
    tasks,
)
from assaykit.engine.store.traces.span_updates import patch_metadata
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
        # Two spans, the version of an evaluator, a task, and four rows of its two runs.
        assert await checked(door) == SOUND


SOUND: dict[str, object] = {"verdicts": 3, "rows": 8, "rows_without_checksum": 0, "damaged": 0, "examples": []}


async def checked(door: Door) -> dict[str, object]:
    return await door.get("/x/check")


@pytest.mark.parametrize(
    "damage",
    [
        {"label": "contains "},
        {"score": 0.5},
        {"explanation": "x"},
        {"name": "other"},
        {"metadata": {"version": 7}},
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
        assert await checked(door) == SOUND | {"verdicts": 0, "rows_without_checksum": 3}


def test_the_doctor_says_that_the_store_is_sound_or_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import anyio  # noqa: PLC0415  (the doctor runs a loop of its own)

    home = tmp_path / "home"
    anyio.run(scored, home)
    settings = Settings(home=home, engine_key=KEY)
    assert doctor(settings)
    assert "3 verdict(s) and 8 other row(s) as they were written" in capsys.readouterr().out
    anyio.run(stores.change, home, sa.update(evals).where(evals.c.name == "tone").values(score=7))
    assert not doctor(settings)
    said = capsys.readouterr().out
    assert "1 damaged, as the verdict 'tone' on span 0000000000000002" in said
    assert "override_evaluations" in said


async def furnished(home: Path) -> None:
    """A store with a row of every kind that has a checksum, written and changed in every way that there is."""
    async with opened(home) as door:
        project = await door.send(span(1), span(2))
        await door.send(span(2))
        patches = {f"{1:016x}": [{"tier": 1.0, "of": {"the": "\u00e9"}}]}
        await door.engine.database.write(lambda connection: patch_metadata(connection, project, patches))
        dataset, (first, *_) = await door.dataset([{"q": "a\u00e9\ud7ff", "n": 1.0}, {"q": None}], "d")
        changed = {"examples": [{"id": first, "q": "b"}]}
        for body in (changed, changed | {"new_version": "second"}):
            answer = await door.http.patch(f"/v2/datasets/{dataset}/examples", json=body)
            assert answer.is_success, answer.text
        await door.experiment(dataset, [{"example_id": first, "output": "x", "eval.tone.score": 1}], "e")
        evaluator = await door.evaluator()
        task = await door.task(evaluator, project_id=project, query_filter="latency_ms > 0")
        answer = await door.http.patch(f"/v2/tasks/{task}", json={"query_filter": "latency_ms >= 0"})
        assert answer.is_success, answer.text
        await door.run(task, data_start_time="2000-01-01T00:00:00Z")
        space = await door.space()
        message = {"role": "USER", "content": "{q}"}
        version = {"commit_message": "m", "provider": "OPEN_AI", "messages": [message], "model": "m"}
        await door.post("/v2/prompts", {"space_id": space, "name": "p", "version": version})
        await door.post(
            "/v2/annotation-configs", {"space_id": space, "name": "note", "annotation_config_type": "FREEFORM"}
        )
        for text in ("seen", "seen again"):
            said = [{"record_id": first, "values": [{"name": "note", "text": text}]}]
            answer = await door.http.post(f"/v2/datasets/{dataset}/examples/annotate", json={"annotations": said})
            assert answer.is_success, answer.text


DAMAGED: list[tuple[sa.Table, dict[str, Any]]] = [
    (spans, {"attributes": {"output.value": "other"}}),
    (spans, {"latency_ms": spans.c.latency_ms + 0.5}),
    (spans, {"end_ns": spans.c.end_ns + 1}),
    (spans, {"status_message": ""}),
    (examples, {"data": {"q": "other"}}),
    (examples, {"updated_ns": examples.c.updated_ns + 1}),
    (experiment_runs, {"data": {"output": "y"}}),
    (experiment_runs, {"example_id": "other"}),
    (evaluator_versions, {"config": {}}),
    (prompt_versions, {"config": {}}),
    (prompt_versions, {"commit_message": "n"}),
    (annotations, {"text": "unseen"}),
    (tasks, {"query_filter": "latency_ms >= 1"}),
    (tasks, {"experiment_ids": []}),
    (run_items, {"target_id": "other"}),
]


async def test_a_row_of_each_kind_that_is_not_as_it_was_written_is_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await furnished(home)
    async with opened(home) as door:
        # Two spans, four examples, one run, one version of an evaluator, one of a prompt, one annotation,
        # one task and two rows of its run.
        assert await checked(door) == SOUND | {"verdicts": 2, "rows": 13}
    for table, damage in DAMAGED:
        copied = tmp_path / f"damaged {table.name} {next(iter(damage))}"
        shutil.copytree(home, copied)
        key = next(iter(table.primary_key))
        one = sa.select(sa.func.max(key)).scalar_subquery()
        changed = await stores.change(copied, sa.update(table).where(key == one).values(damage))
        async with opened(copied) as door:
            found = await checked(door)
            assert changed
            assert (found["rows"], found["damaged"]) == (13, changed), (table.name, damage)

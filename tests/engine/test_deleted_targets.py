"""Rows that are deleted while a run scores them, and rows that come later under the same id."""

from pathlib import Path

import anyio
import pytest
from tests.engine.door import NOW, SECOND, Body, Door, HandClock, counts, opened, span, span_id
from tests.engine.held import held_model
from tests.scripted_model import ScriptedModel

WINDOW = {"data_start_time": "2000-01-01T00:00:00Z"}


async def drop(door: Door, project: str, *numbers: int) -> None:
    body = {"project_id": project, "span_ids": [span_id(number) for number in numbers]}
    (await door.http.request("DELETE", "/v2/spans", json=body)).raise_for_status()


async def asked(model: ScriptedModel) -> None:
    """Wait for the first question."""
    with anyio.fail_after(60):
        while not model.count:  # noqa: ASYNC110  (the model counts in a thread)
            await anyio.sleep(0.02)


def environment(url: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": url}


@pytest.mark.parametrize("granularity", ["SPAN", "TRACE", "SESSION"])
@pytest.mark.parametrize("sent_again", [True, False])
async def test_a_verdict_on_a_row_that_is_deleted_meanwhile_is_not_stored(
    home: Path, granularity: str, *, sent_again: bool
) -> None:
    with held_model(0) as (model, held):
        async with opened(home, environment(model.url), HandClock()) as door:
            first = span(1, "the first answer", session__id="one")
            project = await door.send(first)
            judge = await door.judge(data_granularity=granularity)
            task = await door.task(judge, project_id=project, type="TEMPLATE_EVALUATION")
            run = await door.trigger(task)
            await asked(model)
            await drop(door, project, 1)
            if sent_again:
                await door.send(span(1, "ANOTHER answer", session__id="one"))
            held.let_go()
            ended = await door.until(run["id"], "COMPLETED", "FAILED")
            assert (ended["status"], counts(ended)) == ("COMPLETED", (0, 0, 1))
            assert "was deleted before its verdict was stored" in ended["failure_reason"]
            if not sent_again:
                await door.send(span(1, "ANOTHER answer", session__id="one"))
            (stored,) = await door.spans(project)
            assert stored["evaluations"] == []
            again = await door.run(task, **WINDOW)
            assert (again["status"], counts(again)) == ("COMPLETED", (1, 0, 0))


async def test_a_verdict_on_an_experiment_that_is_deleted_meanwhile_is_not_stored(home: Path) -> None:
    with held_model(0) as (model, held):
        async with opened(home, environment(model.url), HandClock()) as door:
            dataset, (example,) = await door.dataset([{"q": "a"}])
            experiment = await door.experiment(dataset, [{"example_id": example, "output": "x"}])
            task = await door.task(
                await door.judge(), dataset_id=dataset, experiment_ids=[experiment], type="TEMPLATE_EVALUATION"
            )
            run = await door.trigger(task)
            await asked(model)
            await door.delete(f"/v2/experiments/{experiment}")
            held.let_go()
            ended = await door.until(run["id"], "COMPLETED", "FAILED", "CANCELLED")
            assert counts(ended) == (0, 0, 1)
            assert (await door.get("/x/check"))["verdicts"] == 0


async def test_verdicts_on_a_trace_or_session_go_with_its_last_span(door: Door) -> None:
    def sent(number: int) -> Body:
        return {**span(number, session__id="one"), "traceId": f"{7:032x}"}

    project = await door.send(sent(1), sent(2))
    verdicts = [
        {"name": "whole", "level": level, key: value, "label": "ok"}
        for level, key, value in (("TRACE", "trace_id", f"{7:032x}"), ("SESSION", "session_id", "one"))
    ]
    await door.post("/x/evaluations", {"project_id": project, "evaluations": verdicts})
    await drop(door, project, 1)
    (left,) = await door.spans(project)
    assert [one["name"] for one in left["evaluations"]] == ["trace_eval.whole", "session_eval.whole"]
    await drop(door, project, 2)
    await door.send(sent(3))
    (other,) = await door.spans(project)
    assert other["evaluations"] == []


async def test_columns_of_an_example_are_no_verdicts_on_its_runs(door: Door) -> None:
    examples = [{"q": "a", "eval.refunds.label": "true"}, {"q": "b", "eval.refunds.label": "false"}]
    dataset, ids = await door.dataset(examples)
    experiment = await door.experiment(dataset, [{"example_id": key, "output": "a refund"} for key in ids])
    fields: Body = {"dataset_id": dataset, "experiment_ids": [experiment]}
    evaluator = await door.evaluator()
    narrowed = await door.run(
        await door.task(evaluator, "gold", query_filter="dataset.eval.refunds.label = 'true'", **fields)
    )
    assert counts(narrowed) == (1, 0, 0)
    run = await door.run(await door.task(evaluator, **fields))
    assert counts(run) == (1, 0, 0)  # the other one
    assert [row["eval.refunds.label"] for row in await door.runs_of(experiment)] == ["contains"] * 2


async def test_a_run_of_an_example_that_the_dataset_does_not_have_is_kept(door: Door) -> None:
    dataset, (key,) = await door.dataset([{"q": "a"}])
    _, (other,) = await door.dataset([{"q": "a"}], "another")
    for unknown in ("no-such-example", other):
        rows = [{"example_id": key, "output": "x"}, {"example_id": unknown, "output": "x"}]
        made = await door.experiment(dataset, rows, unknown)
        kept = (await door.get(f"/v2/experiments/{made}/runs"))["experiment_runs"]
        assert [one["example_id"] for one in kept] == [key, unknown]
    newer = {"examples": [{"id": key, "q": "b"}], "new_version": "v2"}
    (await door.http.patch(f"/v2/datasets/{dataset}/examples", json=newer)).raise_for_status()
    assert await door.experiment(dataset, [{"example_id": key, "output": "x"}])


async def test_two_patches_of_one_span_merge_in_one_table_as_in_two(door: Door) -> None:
    from assaykit.engine.flight import columns  # noqa: PLC0415  (pyarrow comes with it)
    from assaykit.engine.store.traces import span_updates  # noqa: PLC0415

    project = await door.send(span(1, start_ns=NOW - SECOND))
    rows = [{"context.span_id": span_id(1), "patch_document": text} for text in ('{"a": {"x": 1}}', '{"a": {"y": 2}}')]
    await door.engine.database.write(span_updates.patch_metadata, project, columns.patches(rows).good)
    (stored,) = await door.spans(project)
    assert {key: value for key, value in stored["attributes"].items() if key.startswith("metadata")} == {
        "metadata.a.x": 1,
        "metadata.a.y": 2,
    }

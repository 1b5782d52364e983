"""The rows that a run scores: window, filters, sample, labelled rows, and the cap."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import DAY, NOW, SECOND, Body, Door, HandClock, counts, opened, span, span_id, version
from tests.scripted_model import ScriptedModel

from assaykit.engine.sampling import taken

ALWAYS: Body = {"data_start_time": "2000-01-01T00:00:00Z"}


async def scored(door: Door, project: str, column: str = "refunds") -> list[int]:
    """The numbers of the spans with a verdict, newest first."""
    rows = await door.spans(project, start_time="2000-01-01T00:00:00Z")
    labelled = [row for row in rows if any(verdict["name"] == column for verdict in row["evaluations"])]
    return [int(row["context"]["span_id"], 16) - 1 for row in labelled]


async def spans_and_task(door: Door, *numbers: int, **fields: Any) -> tuple[str, str]:
    """A project with spans of these numbers, and a task that scores them."""
    project = await door.send(*(span(number) for number in numbers))
    return project, await door.task(await door.evaluator(), project_id=project, **fields)


async def test_a_first_run_looks_seven_days_back(door: Door) -> None:
    week = 7 * DAY // SECOND
    project, task = await spans_and_task(door, 0, week, week + 1)
    run = await door.run(task)
    assert (run["data_start_time"], run["data_end_time"]) == ("2025-12-25T00:00:00Z", "2026-01-01T00:00:00Z")
    assert counts(run) == (2, 0, 0)
    assert await scored(door, project) == [0, week]


async def test_a_later_run_goes_on_where_the_last_one_ended(door: Door, clock: HandClock) -> None:
    project, task = await spans_and_task(door, 10)
    await door.run(task)
    clock.now += 60 * SECOND
    await door.send(span(50, start_ns=NOW + 10 * SECOND), span(20))
    run = await door.run(task)
    assert (run["data_start_time"], run["data_end_time"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z")
    assert await scored(door, project) == [50, 10]
    found = await door.get(f"/v2/tasks/{task}")
    assert found["last_run_at"] == "2026-01-01T00:01:00Z"


async def test_a_run_that_did_not_get_through_is_no_mark_for_the_next(door: Door, clock: HandClock) -> None:
    project, task = await spans_and_task(door, 10)
    clock.now += SECOND
    nothing = await door.run(task, data_end_time="2025-12-31T00:00:00Z")
    assert nothing["status"] == "CANCELLED"
    run = await door.run(task)
    assert run["data_start_time"] == "2025-12-25T00:00:01Z"
    assert await scored(door, project) == [10]


async def test_a_backfill_of_the_past_does_not_hide_what_came_after_it(door: Door) -> None:
    day = DAY // SECOND
    project, task = await spans_and_task(door, 10, 2 * day)
    await door.run(task, data_start_time="2025-12-20T00:00:00Z", data_end_time="2025-12-31T00:00:00Z")
    run = await door.run(task)
    assert run["data_start_time"] == "2025-12-31T00:00:00Z"
    assert await scored(door, project) == [10, 2 * day]


async def test_a_backfill_to_an_earlier_end_takes_the_week_before_it(door: Door) -> None:
    _, task = await spans_and_task(door, 10)
    await door.run(task)
    run = await door.run(task, data_end_time="2025-12-31T00:00:00Z")
    assert run["data_start_time"] == "2025-12-24T00:00:00Z"


async def test_both_ends_of_the_window_belong_to_it(door: Door) -> None:
    project, task = await spans_and_task(door, 4, 5, 10, 11)
    await door.run(task, data_start_time="2025-12-31T23:59:50Z", data_end_time="2025-12-31T23:59:55Z")
    assert await scored(door, project) == [5, 10]


async def test_the_furthest_times_are_a_window_of_everything(door: Door) -> None:
    project, task = await spans_and_task(door, 4, 400 * DAY // SECOND)
    run = await door.run(task, data_start_time="0001-01-01T00:00:00Z", data_end_time="9999-12-31T00:00:00Z")
    assert run["num_successes"] == len(await scored(door, project)) == 2


async def test_a_first_window_that_ends_at_the_first_moment_there_is_holds_nothing(door: Door) -> None:
    _, task = await spans_and_task(door, 4)
    assert (await door.run(task, data_end_time="0001-01-01T00:00:00Z"))["status"] == "CANCELLED"


async def test_a_window_that_ends_before_it_starts_is_refused(door: Door) -> None:
    _, task = await spans_and_task(door, 4)
    body = {"data_start_time": "2026-01-01T00:00:00Z", "data_end_time": "2025-01-01T00:00:00Z"}
    assert "lies after" in await door.refused(422, "POST", f"/v2/tasks/{task}/trigger", json=body)
    assert (await door.get(f"/v2/tasks/{task}/runs"))["task_runs"] == []


async def test_the_task_s_filter_and_the_evaluator_s_must_both_take_a_row(door: Door) -> None:
    texts = {0: "mild", 1: "mild", 2: "hot", 3: "hot"}
    project = await door.send(*(span(n, llm__model_name=f"m{n % 2}", tag=text) for n, text in texts.items()))
    own = await door.evaluator("own", query_filter="attributes.tag = 'hot'")
    plain = await door.evaluator("plain")
    entries: list[Body] = [
        {"evaluator_id": own},
        {"evaluator_id": plain, "query_filter": "name != 'call 0'"},
    ]
    model = "attributes.llm.model_name = 'm0'"
    task = await door.task(own, project_id=project, query_filter=model, evaluators=entries)
    assert counts(await door.run(task)) == (2, 0, 0)
    assert await scored(door, project, "own") == [2]
    assert await scored(door, project, "plain") == [2]


async def test_a_row_that_only_one_evaluator_wants_is_not_given_to_the_other(door: Door) -> None:
    project = await door.send(span(0), span(1))
    first, second = await door.evaluator("first"), await door.evaluator("second")
    entries: list[Body] = [
        {"evaluator_id": first, "query_filter": "name = 'call 0'"},
        {"evaluator_id": second, "query_filter": "name = 'call 1'"},
    ]
    task = await door.task(first, project_id=project, evaluators=entries)
    assert counts(await door.run(task, max_spans=2)) == (2, 0, 0)
    assert (await scored(door, project, "first"), await scored(door, project, "second")) == ([0], [1])


async def test_a_smaller_sample_lies_inside_a_larger_one_and_is_always_the_same(door: Door) -> None:
    project = await door.send(*(span(number) for number in range(300)))
    samples: list[set[int]] = []
    for rate in (0.05, 0.1, 0.1):
        name = f"sample {len(samples)}"
        task = await door.task(await door.evaluator(name), name, project_id=project, sampling_rate=rate)
        await door.run(task)
        samples.append(set(await scored(door, project, name)))
    small, large, again = samples
    assert small < large == again
    assert large == {number for number in range(300) if taken(span_id(number), 0.1)}


def test_a_sample_has_about_the_size_that_was_asked_for() -> None:
    number = Counter(rate for rate in (0.0, 0.05, 0.5, 1.0) for n in range(4000) if taken(f"unit {n}", rate))
    assert number[0.0] == 0
    assert 140 < number[0.05] < 260
    assert 1850 < number[0.5] < 2150
    assert number[1.0] == 4000


async def test_the_newest_rows_are_taken_and_labelled_ones_do_not_use_up_the_cap(door: Door) -> None:
    project, task = await spans_and_task(door, 3, 1, 5, 2, 4)
    assert counts(await door.run(task, max_spans=2, **ALWAYS)) == (2, 0, 0)
    assert await scored(door, project) == [1, 2]
    assert counts(await door.run(task, max_spans=2, **ALWAYS)) == (2, 0, 0)
    assert await scored(door, project) == [1, 2, 3, 4]
    assert counts(await door.run(task, max_spans=2, **ALWAYS)) == (1, 0, 0)


async def test_the_cap_counts_rows_and_not_verdicts(door: Door) -> None:
    project = await door.send(*(span(number) for number in range(4)))
    entries = [{"evaluator_id": await door.evaluator(name)} for name in ("first", "second")]
    task = await door.task("", project_id=project, evaluators=entries)
    assert counts(await door.run(task, max_spans=3)) == (6, 0, 0)
    assert await scored(door, project, "second") == [0, 1, 2]


async def test_labelled_rows_are_scored_anew_only_on_request(door: Door) -> None:
    project, task = await spans_and_task(door, 0, 1)
    await door.run(task)
    await door.send(span(0, "no more"), span(1))
    run = await door.run(task, **ALWAYS)
    assert (run["status"], counts(run)) == ("CANCELLED", (0, 0, 0))
    assert "All 2 matching rows are labelled" in run["failure_reason"]
    assert "override_evaluations=true" in run["failure_reason"]
    run = await door.run(task, override_evaluations=True, **ALWAYS)
    assert (run["status"], counts(run)) == ("COMPLETED", (2, 0, 0))
    assert [row["evaluations"][0]["label"] for row in await door.spans(project)] == ["missing", "contains"]


@pytest.mark.parametrize(
    ("fields", "request_", "word"),
    [
        ({"query_filter": "name = 'nobody'"}, {}, "none of the 2 spans in the window matches"),
        ({}, {"data_end_time": "2001-01-01T00:00:00Z"}, "no span started in the window"),
        ({"sampling_rate": 0}, {}, "sampling rate takes none of the 2"),
        ({"filter": "name = 'nobody'"}, {}, "no evaluator's own filter matches any of the 2"),
    ],
)
async def test_a_run_with_nothing_to_score_is_cancelled_and_says_why(
    door: Door, fields: Body, request_: Body, word: str
) -> None:
    project = await door.send(span(0), span(1))
    evaluator = await door.evaluator()
    entry = {"evaluator_id": evaluator, "query_filter": fields.pop("filter", None)}
    task = await door.task(evaluator, project_id=project, evaluators=[entry], **fields)
    run = await door.run(task, **request_)
    assert (run["status"], counts(run)) == ("CANCELLED", (0, 0, 0))
    assert word in run["failure_reason"]


async def test_a_pinned_version_is_run_and_without_a_pin_the_newest(door: Door) -> None:
    project = await door.send(span(0, "a refund"))
    evaluator = await door.evaluator("pinned")
    old = (await door.get(f"/v2/evaluators/{evaluator}"))["version"]["id"]
    entries: list[Body] = [{"evaluator_id": evaluator, "evaluator_version_id": old}]
    pinned = await door.task(evaluator, "pinned", project_id=project, evaluators=entries)
    newest = await door.task(evaluator, "newest", project_id=project)
    new = await door.post(f"/v2/evaluators/{evaluator}/versions", version("renamed", variables=["input"]))
    await door.run(pinned)
    await door.run(newest)
    ((first, second),) = [row["evaluations"] for row in await door.spans(project)]
    assert (first["name"], first["label"], first["metadata"]["evaluator_version_id"]) == ("pinned", "contains", old)
    assert (second["name"], second["label"]) == ("renamed", "missing")
    assert second["metadata"]["evaluator_version_id"] == new["id"]


async def test_two_evaluators_that_came_to_write_one_column_fail_the_run(door: Door) -> None:
    project = await door.send(span(0))
    first, second = await door.evaluator("first"), await door.evaluator("second")
    entries = [{"evaluator_id": first}, {"evaluator_id": second}]
    task = await door.task(first, project_id=project, evaluators=entries)
    await door.post(f"/v2/evaluators/{second}/versions", version("first"))
    run = await door.run(task)
    assert (run["status"], counts(run)) == ("FAILED", (0, 0, 0))
    assert "write the column 'first'" in run["failure_reason"]


async def experiment_and_task(door: Door, runs: list[Body], **fields: Any) -> tuple[str, str]:
    """An experiment with these runs, one for each example, and a task that compares output and expected."""
    dataset, examples = await door.dataset([{"expected": f"a{number}"} for number in range(len(runs))])
    rows = [{"example_id": key, **run} for key, run in zip(examples, runs, strict=True)]
    experiment = await door.experiment(dataset, rows)
    same = await door.evaluator(
        "same", managed_evaluator="EXACT_MATCH", variables=["output", "expected"], static_params=None
    )
    return experiment, await door.task(same, dataset_id=dataset, experiment_ids=[experiment], **fields)


async def test_a_dataset_task_writes_its_columns_beside_the_uploaded_ones(door: Door) -> None:
    uploaded: Body = {"eval.tone.label": "good", "eval.tone.score": 0.5, "latency": 3}
    experiment, task = await experiment_and_task(door, [{"output": "a0", **uploaded}, {"output": "no", **uploaded}])
    run = await door.run(task)
    assert (run["status"], counts(run)) == ("COMPLETED", (2, 0, 0))
    assert "data_start_time" not in run
    first, second = await door.runs_of(experiment)
    assert (first["eval.same.label"], first["eval.same.score"]) == ("match", 1)
    assert (second["eval.same.label"], second["eval.same.score"]) == ("different", 0)
    assert all(row | uploaded == row for row in (first, second))


async def test_an_uploaded_verdict_counts_and_a_blank_one_does_not(door: Door) -> None:
    cells: list[Body] = [{"label": "match"}, {"score": 0.5}, {"label": None, "score": None}, {"label": ""}, {}]
    runs = [{"output": "x", **{f"eval.same.{field}": value for field, value in cell.items()}} for cell in cells]
    experiment, task = await experiment_and_task(door, runs)
    assert counts(await door.run(task)) == (3, 0, 0)
    rows = await door.runs_of(experiment)
    assert [row.get("eval.same.label") for row in rows] == ["match", None, "different", "different", "different"]
    assert [row.get("eval.same.score") for row in rows] == [None, 0.5, 0, 0, 0]


async def test_a_new_verdict_takes_the_place_of_an_uploaded_one_whole(home: Path) -> None:
    uploaded: Body = {"eval.tone.label": "old", "eval.tone.extra": 1, "eval.tone.explanation": "old", "eval.tone": 2}
    with ScriptedModel(lambda _: "good") as model:
        async with opened(home, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}) as door:
            dataset, (example,) = await door.dataset([{"q": 1}])
            experiment = await door.experiment(dataset, [{"example_id": example, "output": "o", **uploaded}])
            judge = await door.judge(include_explanations=False)
            fields: Body = {"dataset_id": dataset, "experiment_ids": [experiment], "type": "TEMPLATE_EVALUATION"}
            await door.run(await door.task(judge, **fields), override_evaluations=True)
            (row,) = await door.runs_of(experiment)
    assert (row["eval.tone.label"], row["eval.tone.extra"], row["eval.tone"]) == ("good", 1, 2)
    assert "eval.tone.explanation" not in row


async def test_a_dataset_task_filters_by_outputs_examples_and_earlier_verdicts(door: Door) -> None:
    runs = [{"output": f"a{number % 2}"} for number in range(4)]
    experiment, task = await experiment_and_task(door, runs, query_filter="dataset.expected != 'a3'")
    assert counts(await door.run(task)) == (3, 0, 0)
    labels = [row.get("eval.same.label") for row in await door.runs_of(experiment)]
    assert labels == ["match", "match", "different", None]
    dataset = (await door.get(f"/v2/experiments/{experiment}"))["dataset_id"]
    again = await door.task(
        await door.evaluator("second"), "second", dataset_id=dataset, experiment_ids=[experiment],
        query_filter="eval.same.label = 'different' OR output = 'nowhere'",
    )  # fmt: skip
    assert counts(await door.run(again)) == (1, 0, 0)
    nobody = await door.task(
        await door.evaluator("third"), "third", dataset_id=dataset, experiment_ids=[experiment],
        query_filter="output = 'nowhere'",
    )  # fmt: skip
    assert "none of the 4 runs of the experiments matches" in (await door.run(nobody))["failure_reason"]


async def test_more_runs_than_are_read_at_a_time_are_all_scored(door: Door) -> None:
    experiment, task = await experiment_and_task(door, [{"output": f"a{number}"} for number in range(500)])
    dataset = (await door.get(f"/v2/experiments/{experiment}"))["dataset_id"]
    (example, *_) = [row["example_id"] for row in await door.runs_of(experiment)]
    second = await door.experiment(dataset, [{"example_id": example, "output": "a0"}] * 501, "second")
    run = await door.run(task, experiment_ids=[second, experiment, second])
    assert counts(run) == (1001, 0, 0)
    rows = await door.all_of(f"/v2/experiments/{second}/runs", "experiment_runs", 500)
    assert {row["eval.same.label"] for row in [*rows, *await door.runs_of(experiment)]} == {"match"}


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (422, {"data_start_time": "2026-01-01T00:00:00Z"}, "window belongs to a project task"),
        (404, {"experiment_ids": ["x"]}, "experiment with the id 'x'"),
        (400, {"max_spans": 0}, "max_spans"),
        (400, {"experiment_name": "x"}, "experiment_name"),
    ],
)
async def test_a_trigger_that_does_not_fit_a_dataset_task_is_refused(
    door: Door, status: int, body: Body, word: str
) -> None:
    _, task = await experiment_and_task(door, [{"output": "a0"}])
    assert word in await door.refused(status, "POST", f"/v2/tasks/{task}/trigger", json=body)


async def test_a_trigger_with_experiments_does_not_fit_a_project_task_or_another_dataset(door: Door) -> None:
    _, task = await spans_and_task(door, 0)
    experiment, same = await experiment_and_task(door, [{"output": "a0"}], name="same")
    other, (example,) = await door.dataset([{"q": 1}], "other")
    foreign = await door.experiment(other, [{"example_id": example, "output": "o"}])
    body = {"experiment_ids": [experiment]}
    assert "belong to a dataset task" in await door.refused(422, "POST", f"/v2/tasks/{task}/trigger", json=body)
    body = {"experiment_ids": [foreign]}
    assert "another dataset" in await door.refused(422, "POST", f"/v2/tasks/{same}/trigger", json=body)

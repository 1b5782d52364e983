"""Annotations over REST: configs, answers that fit them, and where the answers are seen."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.engine.door import DAY, NOW, SECOND, Body, span_id
from tests.engine.rest import Rest, at, opened, span, trace_id

from assaykit.engine.store.tables import annotations
from assaykit.wire import ids

VALUES = [{"label": "good", "score": 1}, {"label": "bad", "score": 0}, {"label": "unclear"}]


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


def config_body(rest: Rest, kind: str, name: str, **fields: Any) -> Body:
    return {"space_id": rest.space, "annotation_config_type": kind, "name": name} | fields


async def configs(rest: Rest) -> dict[str, str]:
    """One config of each type: quality, rating and note."""
    return {
        "quality": await rest.config("CATEGORICAL", "quality", values=VALUES, optimization_direction="MAXIMIZE"),
        "rating": await rest.config("CONTINUOUS", "rating", minimum_score=1, maximum_score=5),
        "note": await rest.config("FREEFORM", "note"),
    }


def record(record_id: str, *values: Body) -> Body:
    return {"record_id": record_id, "values": list(values)}


def said(given: Sequence[Body]) -> list[Body]:
    """What annotations hold, without when they were made."""
    return [{key: value for key, value in each.items() if key != "updated_at" and value is not None} for each in given]


async def annotate(rest: Rest, project: str, *records: Body, **fields: Any) -> None:
    body = {"project_id": project, "annotations": list(records), **fields}
    response = await rest.door.http.post("/v2/spans/annotate", json=body)
    assert (response.status_code, response.content) == (202, b""), response.text


async def refused(rest: Rest, status: int, project: str, *records: Body, **fields: Any) -> str:
    body = {"project_id": project, "annotations": list(records), **fields}
    return await rest.refused(status, "POST", "/v2/spans/annotate", body)


# Configs


async def test_a_config_of_each_type_has_its_own_fields_alone(rest: Rest) -> None:
    made = await configs(rest)
    quality, rating, note = [await rest.get(f"/v2/annotation-configs/{made[name]}") for name in made]
    assert ids.kind_of(quality["id"]) == "AnnotationConfig"
    shared = {"id", "name", "space_id", "created_at", "type"}
    assert quality.keys() == shared | {"values", "optimization_direction"}
    assert (quality["type"], quality["values"], quality["optimization_direction"]) == (
        "CATEGORICAL",
        VALUES,
        "MAXIMIZE",
    )
    assert rating.keys() == shared | {"minimum_score", "maximum_score", "optimization_direction"}
    assert (rating["minimum_score"], rating["maximum_score"], rating["optimization_direction"]) == (1, 5, "NONE")
    assert note.keys() == shared


async def test_configs_are_listed_newest_first_and_found_by_a_part_of_the_name(rest: Rest) -> None:
    await configs(rest)
    page = await rest.get("/v2/annotation-configs", limit=2)
    assert [config["name"] for config in page["annotation_configs"]] == ["note", "rating"]
    page = await rest.get("/v2/annotation-configs", cursor=page["pagination"]["next_cursor"])
    assert [config["name"] for config in page["annotation_configs"]] == ["quality"]
    page = await rest.get("/v2/annotation-configs", name="RAT", space_id=rest.space)
    assert [config["name"] for config in page["annotation_configs"]] == ["rating"]


@pytest.mark.parametrize(
    ("kind", "fields", "status", "word"),
    [
        ("CATEGORICAL", {}, 400, "values"),
        ("CATEGORICAL", {"values": [{"label": "one"}]}, 400, "values"),
        ("CATEGORICAL", {"values": VALUES, "minimum_score": 0}, 400, "minimum_score"),
        ("CATEGORICAL", {"values": [{"label": "a"}, {"label": "a"}]}, 422, "twice"),
        ("CONTINUOUS", {"minimum_score": 0}, 400, "maximum_score"),
        ("CONTINUOUS", {"minimum_score": 5, "maximum_score": 1}, 422, "5 and 1"),
        ("FREEFORM", {"values": VALUES}, 400, "values"),
        ("FREEFORM", {"optimization_direction": "NONE"}, 400, "optimization_direction"),
        ("OTHER", {}, 400, "annotation_config_type"),
    ],
)
async def test_a_config_that_cannot_work_is_refused(
    rest: Rest, kind: str, fields: Body, status: int, word: str
) -> None:
    body = config_body(rest, kind, "new", **fields)
    assert word in await rest.refused(status, "POST", "/v2/annotation-configs", body)


async def test_a_config_is_changed_only_where_it_is_said(rest: Rest) -> None:
    path = f"/v2/annotation-configs/{(await configs(rest))['quality']}"
    kind = {"annotation_config_type": "CATEGORICAL"}
    changed = await rest.ask("PATCH", path, kind | {"name": "tone"})
    assert (changed["name"], changed["values"], changed["optimization_direction"]) == ("tone", VALUES, "MAXIMIZE")
    newer = [{"label": "yes"}, {"label": "no"}]
    changed = await rest.ask("PATCH", path, kind | {"values": newer, "optimization_direction": "minimize"})
    assert (changed["name"], changed["values"], changed["optimization_direction"]) == ("tone", newer, "MINIMIZE")
    assert "changes nothing" in await rest.refused(400, "PATCH", path, kind)
    assert "annotation_config_type" in await rest.refused(400, "PATCH", path, {"name": "x"})
    assert "CATEGORICAL" in await rest.refused(400, "PATCH", path, {"annotation_config_type": "FREEFORM", "name": "x"})
    assert "name cannot be null" in await rest.refused(400, "PATCH", path, kind | {"name": None})
    assert "'note'" in await rest.refused(409, "PATCH", path, kind | {"name": "note"})
    assert (await rest.get(path))["name"] == "tone"


async def test_a_name_is_taken_once_in_a_space(rest: Rest) -> None:
    await configs(rest)
    detail = await rest.refused(409, "POST", "/v2/annotation-configs", config_body(rest, "FREEFORM", "quality"))
    assert "'quality'" in detail


async def test_a_deleted_config_leaves_its_annotations(rest: Rest) -> None:
    made = await configs(rest)
    project = await rest.door.send(span(1))
    await annotate(rest, project, record(span_id(1), {"name": "note", "text": "odd"}))
    await rest.ask("DELETE", f"/v2/annotation-configs/{made['note']}", status=204)
    assert "'" + made["note"] in await rest.refused(404, "GET", f"/v2/annotation-configs/{made['note']}")
    assert said((await rest.door.spans(project))[0]["annotations"]) == [{"name": "note", "text": "odd"}]
    again = record(span_id(1), {"name": "note", "text": "even"})
    assert "'note'" in await refused(rest, 422, project, again)


# Spans, traces and sessions


async def test_annotations_of_a_span_are_answered_with_it(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1), span(2))
    quality = {"name": "quality", "label": "good", "text": "clear"}
    await annotate(rest, project, record(span_id(1), quality, {"name": "rating", "score": 4.5}))
    spans = {each["context"]["span_id"]: each for each in await rest.door.spans(project)}
    assert said(spans[span_id(1)]["annotations"]) == [
        {"name": "quality", "label": "good", "score": 1.0, "text": "clear"},
        {"name": "rating", "score": 4.5},
    ]
    assert spans[span_id(1)]["annotations"][0]["updated_at"].startswith(at(NOW)[:19])
    assert spans[span_id(2)]["annotations"] == []
    assert spans[span_id(1)]["trace_annotations"] == []


async def test_what_is_not_said_again_stays_and_null_takes_it_away(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))

    async def after(*values: Body) -> list[Body]:
        await annotate(rest, project, record(span_id(1), *values))
        return said((await rest.door.spans(project))[0]["annotations"])

    assert await after({"name": "quality", "label": "good"}) == [{"name": "quality", "label": "good", "score": 1.0}]
    note = await after({"name": "quality", "text": "sure"})
    assert note == [{"name": "quality", "label": "good", "score": 1.0, "text": "sure"}]
    changed = await after({"name": "quality", "label": "unclear"})
    assert changed == [{"name": "quality", "label": "unclear", "text": "sure"}]
    assert await after({"name": "quality", "text": None}) == [{"name": "quality", "label": "unclear"}]
    await after({"name": "quality", "label": "bad"})
    assert await after({"name": "quality", "label": None, "text": "no idea"}) == [
        {"name": "quality", "text": "no idea"}
    ]


async def test_annotating_twice_alike_changes_nothing(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    given = record(span_id(1), {"name": "quality", "label": "good"})
    await annotate(rest, project, given)
    first = await rest.door.spans(project)
    await annotate(rest, project, given)
    assert await rest.door.spans(project) == first


async def test_a_trace_is_annotated_by_its_root_span_or_its_id(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1), span(2, trace=1, parent=1), span(3))
    await annotate(rest, project, record(span_id(1), {"name": "note", "text": "a"}), granularity="TRACE")
    await annotate(rest, project, record(trace_id(3), {"name": "note", "text": "b"}), granularity="trace")
    spans = {each["context"]["span_id"]: each for each in await rest.door.spans(project)}
    texts = [spans[span_id(number)]["trace_annotations"][0]["text"] for number in (1, 2, 3)]
    assert texts == ["a", "a", "b"]
    assert all(each["annotations"] == [] for each in spans.values())
    child = record(span_id(2), {"name": "note", "text": "c"})
    assert span_id(2) in await refused(rest, 404, project, child, granularity="TRACE")


async def test_a_session_is_annotated_by_its_id(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1, session__id="chat-1"))
    note = {"name": "note", "text": "a"}
    await annotate(rest, project, record("chat-1", note), granularity="SESSION")
    assert "chat-2" in await refused(rest, 404, project, record("chat-2", note), granularity="SESSION")


async def test_one_unknown_record_refuses_the_whole_request(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    note = {"name": "note", "text": "a"}
    detail = await refused(rest, 404, project, record(span_id(1), note), record(span_id(9), note))
    assert span_id(9) in detail
    assert "1 of 2" in detail
    assert (await rest.door.spans(project))[0]["annotations"] == []


async def test_a_span_of_another_project_is_unknown(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    other = await rest.door.send(span(2), project="other")
    await refused(rest, 404, other, record(span_id(1), {"name": "note", "text": "a"}))
    assert "'x'" in await refused(rest, 404, "x", record(span_id(1), {"name": "note", "text": "a"}))
    assert (await rest.door.spans(project))[0]["annotations"] == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"name": "qality", "label": "good"}, ["'qality'", "'quality'"]),
        ({"name": "quality"}, ["sets nothing"]),
        ({"name": "quality", "label": "Good"}, ["'Good'", "'good', 'bad', 'unclear'"]),
        ({"name": "quality", "score": 1}, ["no label"]),
        ({"name": "quality", "label": "good", "score": 0}, ["'good'", "has the score 1"]),
        ({"name": "rating", "score": 5.1}, ["5.1", "from 1 to 5"]),
        ({"name": "rating", "score": 0}, ["from 1 to 5"]),
        ({"name": "rating", "label": "good"}, ["no label"]),
        ({"name": "note", "score": 1, "label": "x"}, ["no label and no score"]),
    ],
)
async def test_a_value_that_its_config_does_not_offer_is_refused(rest: Rest, value: Body, words: list[str]) -> None:
    await configs(rest)
    project = await rest.door.send(span(1), span(2))
    fine = record(span_id(2), {"name": "note", "text": "fine"})
    detail = await refused(rest, 422, project, fine, record(span_id(1), value))
    assert all(word in detail for word in words), detail
    assert all(each["annotations"] == [] for each in await rest.door.spans(project))


@pytest.mark.parametrize("score", [1, 5, 2.5])
async def test_the_bounds_themselves_are_within(rest: Rest, score: float) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    await annotate(rest, project, record(span_id(1), {"name": "rating", "score": score}))
    assert (await rest.door.spans(project))[0]["annotations"][0]["score"] == score


async def test_a_record_or_a_name_that_is_there_twice_is_refused(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    note = {"name": "note", "text": "a"}
    assert "more than once" in await refused(rest, 400, project, record(span_id(1), note, note))
    assert "more than once" in await refused(rest, 400, project, record(span_id(1), note), record(span_id(1), note))


async def test_records_are_looked_for_in_the_last_31_days_unless_a_window_is_given(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1, ago_ns=30 * DAY), span(2, ago_ns=40 * DAY))
    note = {"name": "note", "text": "a"}
    await annotate(rest, project, record(span_id(1), note))
    assert "start_time" in await refused(rest, 404, project, record(span_id(2), note))
    await annotate(rest, project, record(span_id(2), note), end_time=at(NOW - 39 * DAY))
    wide = {"start_time": at(NOW - 40 * DAY), "end_time": at(NOW)}
    assert "31 days" in await refused(rest, 400, project, record(span_id(2), note), **wide)
    exact = {"start_time": at(NOW - 41 * DAY), "end_time": at(NOW - 10 * DAY)}
    await annotate(rest, project, record(span_id(2), note), **exact)


@pytest.mark.parametrize("bound", ["start_time", "end_time"])
async def test_a_window_does_not_reach_into_the_future(rest: Rest, bound: str) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    about = record(span_id(1), {"name": "note", "text": "a"})
    assert "in the future" in await refused(rest, 400, project, about, **{bound: at(NOW + SECOND)})
    await annotate(rest, project, about, end_time=at(NOW))


async def test_sessions_have_a_shorter_window_and_come_by_the_hundred(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1, ago_ns=8 * DAY, session__id="old"))
    note = {"name": "note", "text": "a"}
    await refused(rest, 404, project, record("old", note), granularity="SESSION")
    many = [record(f"chat-{number}", note) for number in range(101)]
    assert "101" in await refused(rest, 400, project, *many, granularity="SESSION")


async def test_a_thousand_records_are_taken_and_no_more(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(*(span(number) for number in range(1000)))
    records = [record(span_id(number), {"name": "rating", "score": 3}) for number in range(1000)]
    await annotate(rest, project, *records)
    body = {"project_id": project, "filter": "annotation.rating.score = 3"}
    assert len((await rest.ask("POST", "/v2/spans", body, limit=500))["spans"]) == 500
    extra = record(span_id(1000), {"name": "rating", "score": 3})
    assert "annotations" in await refused(rest, 400, project, *records, extra)


async def test_filters_see_annotations(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1), span(2), span(3))
    await annotate(
        rest,
        project,
        record(span_id(1), {"name": "quality", "label": "good", "text": "Crisp"}, {"name": "rating", "score": 2}),
        record(span_id(2), {"name": "quality", "label": "bad"}, {"name": "rating", "score": 5}),
    )

    async def found(text: str) -> list[str]:
        return sorted(each["context"]["span_id"] for each in await rest.door.spans(project, filter=text))

    assert await found("annotation.quality.label = 'good'") == [span_id(1)]
    assert await found("annotation.rating.score > 2") == [span_id(2)]
    assert await found("annotation.quality.text contains 'crisp'") == [span_id(1)]
    assert await found("annotation.quality.label is null") == [span_id(3)]
    assert await found("annotation.quality.label != 'good'") == [span_id(2)]


async def test_columns_left_out_are_left_out_of_annotations_too(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    given = record(span_id(1), {"name": "quality", "label": "good"}, {"name": "note", "text": "long text"})
    await annotate(rest, project, given)
    (kept,) = await rest.door.spans(project, included_columns=["annotation.note.text"], truncate_string_length=4)
    assert said(kept["annotations"]) == [{"name": "note", "text": "long"}]
    (kept,) = await rest.door.spans(project, included_columns=["name"])
    assert kept["annotations"] == []


async def test_a_judge_sees_annotations_as_columns(rest: Rest) -> None:
    await configs(rest)
    project = await rest.door.send(span(1))
    await annotate(rest, project, record(span_id(1), {"name": "note", "text": "ask for a refund"}))
    evaluator = await rest.door.evaluator()
    mapped = {"evaluator_id": evaluator, "column_mappings": {"output": "annotation.note.text"}}
    body = {"name": "t", "type": "CODE_EVALUATION", "project_id": project, "evaluators": [mapped]}
    task = (await rest.create("/v2/tasks", body))["id"]
    await rest.door.run(task)
    (scored,) = await rest.door.spans(project)
    assert [verdict["name"] for verdict in scored["evaluations"]] == ["refunds"]


# Runs and examples


async def test_runs_are_annotated_and_answered_with_it(rest: Rest) -> None:
    await configs(rest)
    dataset, (example,) = await rest.door.dataset([{"question": "q"}])
    experiment, runs = await rest.experiment(dataset, *({"example_id": example, "output": out} for out in "ab"))
    path = f"/v2/experiments/{experiment}/runs"
    records = [record(runs[0], {"name": "quality", "label": "bad"})]
    await rest.ask("POST", f"{path}/annotate", {"annotations": records}, 202)
    found = (await rest.get(path))["experiment_runs"]
    assert [said(run["annotations"]) for run in found] == [[{"name": "quality", "label": "bad", "score": 0.0}], []]
    body = {"annotations": [*records, record("nobody", {"name": "note", "text": "x"})]}
    assert "'nobody'" in await rest.refused(404, "POST", f"{path}/annotate", body)
    assert "'x'" in await rest.refused(404, "POST", "/v2/experiments/x/runs/annotate", {"annotations": records})


async def test_examples_are_annotated_and_answered_with_it(rest: Rest) -> None:
    await configs(rest)
    dataset, examples = await rest.door.dataset([{"question": "q"}, {"question": "r"}])
    path = f"/v2/datasets/{dataset}/examples"
    records = [record(examples[1], {"name": "rating", "score": 2}, {"name": "note", "text": "odd"})]
    await rest.ask("POST", f"{path}/annotate", {"annotations": records}, 202)
    found = (await rest.get(path))["examples"]
    assert [said(example["annotations"]) for example in found] == [
        [],
        [{"name": "note", "text": "odd"}, {"name": "rating", "score": 2.0}],
    ]
    other, (stranger,) = await rest.door.dataset([{"question": "s"}], name="other")
    body = {"annotations": [record(stranger, {"name": "note", "text": "x"})]}
    assert stranger in await rest.refused(404, "POST", f"{path}/annotate", body)
    assert "[]" in str((await rest.get(f"/v2/datasets/{other}/examples"))["examples"][0]["annotations"])


async def test_a_column_of_that_name_is_refused(rest: Rest) -> None:
    body: Body = {"name": "d", "space_id": rest.space, "examples": [{"annotations": "mine"}]}
    assert "annotations" in await rest.refused(422, "POST", "/v2/datasets", body)
    body = {"name": "e", "space_id": rest.space, "experiment_runs": [{"output": "a", "annotations": "mine"}]}
    assert "annotations" in await rest.refused(422, "POST", "/v2/experiments", body)


async def test_annotations_go_with_what_they_are_about(rest: Rest) -> None:
    await configs(rest)
    note = {"name": "note", "text": "x"}
    project = await rest.door.send(span(1, ago_ns=SECOND))
    await annotate(rest, project, record(span_id(1), note))
    dataset, (example,) = await rest.door.dataset([{"question": "q"}])
    experiment, (run,) = await rest.experiment(dataset, {"example_id": example, "output": "a"})
    lone, (lone_run,) = await rest.experiment(dataset, {"example_id": example, "output": "a"}, name="second")
    for path, target in [
        (f"/v2/datasets/{dataset}/examples", example),
        (f"/v2/experiments/{experiment}/runs", run),
        (f"/v2/experiments/{lone}/runs", lone_run),
    ]:
        await rest.ask("POST", f"{path}/annotate", {"annotations": [record(target, note)]}, 202)
    assert await count(rest) == 4
    await rest.ask("DELETE", f"/v2/experiments/{lone}", status=204)
    assert await count(rest) == 3
    await rest.ask("DELETE", f"/v2/datasets/{dataset}", status=204)
    assert await count(rest) == 1
    await rest.ask("DELETE", f"/v2/projects/{project}", status=204)
    assert await count(rest) == 0


async def count(rest: Rest) -> int:
    def stored(connection: sa.Connection) -> int:
        return connection.execute(sa.select(sa.func.count()).select_from(annotations)).scalar_one()

    return await rest.door.engine.database.read(stored)

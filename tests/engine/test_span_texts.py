"""Spans read without making objects of them: the page as text, and the rows of a run."""

from itertools import accumulate
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.engine.door import DAY, NOW, Body, Door, attribute, span, span_id

from assaykit.engine.store.traces import span_rows, spans
from assaykit.errors import ContractBroken
from assaykit.judge.columns import resolve, span_row
from assaykit.tools.span_files import file_row, row_of_span
from assaykit.wire.spans import Span

ALL = {"start_time": "2000-01-01T00:00:00Z"}
NO_COLUMN = ["attributes.that.no.span.has"]
"""Excluded columns make the engine answer by way of span objects."""

QUOTED = 'a "quoted" \\ name\nof two lines \N{PILE OF POO}'


def odd_spans() -> list[Body]:
    """Spans with every part that a span can have, and with values that JSON text writes in its own way."""
    whole = span(1, QUOTED, session__id="chat", metadata='{"tier": "pro", "deep": {"n": [1, 2]}}')
    whole |= {"name": QUOTED, "parentSpanId": span_id(0), "status": {"code": 2, "message": "it broke: NaN"}}
    whole["events"] = [
        {"name": "exception", "timeUnixNano": str(NOW), "attributes": [attribute("exception.message", "odd")]},
        {"name": "later", "timeUnixNano": str(NOW + 1000)},
    ]
    numbers = span(2, "Infinity is a word", session__id="chat")
    doubles = {"not": "NaN", "most": "Infinity", "least": "-Infinity", "some": 1.5}
    numbers["attributes"] += [{"key": key, "value": {"doubleValue": value}} for key, value in doubles.items()]
    numbers["attributes"] += [{"key": "llm.token_count.total", "value": {"intValue": "12"}}]
    bare: Body = {"traceId": f"{9:032x}", "spanId": span_id(8), "startTimeUnixNano": str(NOW - 1)}
    bare["endTimeUnixNano"] = bare["startTimeUnixNano"]
    early = span(3, start_ns=NOW - 300 * DAY + 1)
    return [whole, numbers, bare, early, span(4, "NaN", openinference__span__kind="LLM")]


@pytest.fixture
async def project(door: Door) -> str:
    project = await door.send(*odd_spans())
    body = {"space_id": await door.space(), "annotation_config_type": "FREEFORM", "name": "note"}
    assert (await door.http.post("/v2/annotation-configs", json=body)).status_code == 201
    said = [{"record_id": span_id(n), "values": [{"name": "note", "text": QUOTED}]} for n in (1, 4)]
    asked = {"project_id": project, "annotations": said}
    assert (await door.http.post("/v2/spans/annotate", json=asked)).status_code == 202
    verdicts = [
        {"name": "tone", "span_id": span_id(1), "label": "bad", "score": 0.25, "explanation": QUOTED},
        {"name": "tone", "span_id": span_id(2), "score": 1},
        {"name": "done", "level": "TRACE", "trace_id": f"{2:032x}", "label": "yes"},
        {"name": "happy", "level": "SESSION", "session_id": "chat", "label": "no"},
    ]
    await door.post("/x/evaluations", {"project_id": project, "evaluations": verdicts})
    return project


async def test_a_page_of_whole_spans_is_the_page_of_span_objects(door: Door, project: str) -> None:
    asked = {"project_id": project} | ALL
    for limit in (500, 2):
        written = await door.http.post("/v2/spans", json=asked, params={"limit": limit})
        made = await door.http.post("/v2/spans", json={**asked, "excluded_columns": NO_COLUMN}, params={"limit": limit})
        assert written.text == made.text
    listed = {one["context"]["span_id"]: one for one in (await door.spans(project, **ALL))}
    assert len(listed) == 5
    whole = listed[span_id(1)]
    assert [one["name"] for one in whole["evaluations"]] == ["tone", "trace_eval.done", "session_eval.happy"]
    assert (whole["annotations"][0]["text"], len(listed[span_id(4)]["annotations"])) == (QUOTED, 1)
    assert (whole["name"], [one["name"] for one in whole["events"]]) == (QUOTED, ["exception", "later"])


async def test_a_row_of_a_file_is_the_row_of_the_span_object(door: Door, project: str) -> None:
    listed = await door.spans(project, **ALL)
    for told in listed:
        assert list(file_row(told).items()) == list(row_of_span(Span.model_validate(told)).items())
    usual = file_row(listed[0])
    for change in ({"kind": listed[0]["kind"].lower()}, {"start_time": usual["start_time"].replace("Z", "+00:00")}):
        assert file_row(listed[0] | change) == usual
    others: list[Body] = [{"context": None}, {"attributes": [1]}, {"name": 7}, {"end_time": ""}, {"evaluations": [{}]}]
    for broken in others:
        with pytest.raises(ContractBroken):
            file_row(listed[0] | broken)


async def test_a_run_reads_the_same_values_as_from_span_objects(door: Door, project: str) -> None:
    ids = [span_id(number) for number in (1, 2, 3, 4, 8)]

    def both(connection: sa.Connection) -> tuple[int, int]:
        whole = {key: span_row(one) for key, one in spans.by_ids(connection, project, ids).items()}
        columns = dict.fromkeys(column for row in whole.values() for column in row)
        paths = {"input", "output", "metadata.deep.n.1", "metadata.tier", "deep", "eval", "annotation.note"}
        paths |= {".".join(head) for column in columns for head in accumulate([[part] for part in column.split(".")])}
        paths |= {path.removeprefix("attributes.") for path in paths}
        for path in paths:
            found = span_rows.of(connection, project, ids, [path])
            assert found.keys() == set(ids)
            for key, row in whole.items():
                assert same(resolve(found[key].row, path), resolve(row, path)), path
        return len(paths), sum(path.startswith("eval.") for path in paths)

    read, of_verdicts = await door.engine.database.read(both)
    assert read > 40
    assert of_verdicts > 2


def same(one: Any, other: Any) -> bool:
    return one == other or (one != one and other != other)  # noqa: PLR0124  (NaN)


async def test_a_run_makes_no_span_objects(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await door.send(span(0), span(1, "nothing"))
    task = await door.task(await door.evaluator(), project_id=project)

    def refuse(*_: object) -> None:
        raise AssertionError("a run makes span objects")

    monkeypatch.setattr(spans, "full", refuse)
    run = await door.run(task)
    assert (run["status"], run["num_successes"]) == ("COMPLETED", 2)


async def test_the_statements_of_a_run_grow_with_its_batches_and_not_with_its_rows(door: Door) -> None:
    """A run of 600 rows makes as many statements as its three reads and its few writes need."""
    project = await door.send(*(span(number) for number in range(600)))
    task = await door.task(await door.evaluator(), project_id=project)
    made: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        made.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        run = await door.run(task, data_start_time=ALL["start_time"])
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count)
    assert run["num_successes"] == 600
    writes = [one for one in made if one.startswith(("INSERT", "UPDATE"))]
    assert len([one for one in made if " FROM spans" in one]) < 30
    assert len(writes) < 60

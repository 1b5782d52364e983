"""Traces over REST: found by any of their spans, listed by their roots."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import DAY, NOW, SECOND, Body, span_id
from tests.engine.rest import Rest, at, opened, span, trace_id


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


async def listed(rest: Rest, project: str, limit: int = 50, **body: Any) -> list[Body]:
    return (await rest.ask("POST", "/v2/traces", {"project_id": project, **body}, limit=limit))["traces"]


def roots(traces: list[Body]) -> list[str]:
    return [trace["root_span_id"] for trace in traces]


async def test_a_trace_has_all_its_spans_with_the_oldest_first(rest: Rest) -> None:
    project = await rest.door.send(
        span(3, trace=1, parent=1, ago_ns=2 * SECOND, session__id="chat"),
        span(1, ago_ns=5 * SECOND),
        span(2, trace=1, parent=1, ago_ns=4 * SECOND),
        span(9, ago_ns=60 * SECOND),
    )
    first, second = await listed(rest, project)
    assert (first["trace_id"], first["root_span_id"]) == (trace_id(1), span_id(1))
    assert [each["context"]["span_id"] for each in first["spans"]] == [span_id(1), span_id(2), span_id(3)]
    assert (first["start_time"], first["end_time"]) == (
        first["spans"][0]["start_time"],
        first["spans"][2]["end_time"],
    )
    assert first["spans_truncated"] is False
    assert second["root_span_id"] == span_id(9)
    by_list = {each["context"]["span_id"]: each for each in await rest.door.spans(project)}
    assert all(each == by_list[each["context"]["span_id"]] for trace in (first, second) for each in trace["spans"])


async def test_a_trace_matches_when_any_of_its_spans_does(rest: Rest) -> None:
    project = await rest.door.send(
        span(1, tier="gold"), span(2, trace=1, parent=1, input__value="refund please"), span(3, input__value="hello")
    )
    assert roots(await listed(rest, project, filter="input contains 'refund'")) == [span_id(1)]
    (found,) = await listed(rest, project, filter="attributes.tier = 'gold'")
    assert len(found["spans"]) == 2
    both = "attributes.tier = 'gold' and input contains 'refund'"
    assert await listed(rest, project, filter=both) == []
    assert await listed(rest, project, filter="name = 'call 7'") == []


async def test_a_filter_sees_verdicts_and_annotations_of_any_span(rest: Rest) -> None:
    project = await rest.door.send(span(1), span(2, trace=1, parent=1), span(3))
    await rest.config("FREEFORM", "note")
    record = {"record_id": span_id(2), "values": [{"name": "note", "text": "odd"}]}
    await rest.ask("POST", "/v2/spans/annotate", {"project_id": project, "annotations": [record]}, 202)
    (found,) = await listed(rest, project, filter="annotation.note.text = 'odd'")
    assert [len(each["annotations"]) for each in found["spans"]] == [0, 1]


async def test_a_trace_with_two_roots_is_there_under_each(rest: Rest) -> None:
    project = await rest.door.send(span(1, ago_ns=2 * SECOND), span(2, trace=1))
    traces = await listed(rest, project)
    assert roots(traces) == [span_id(2), span_id(1)]
    assert [len(trace["spans"]) for trace in traces] == [2, 2]


async def test_spans_without_a_root_make_no_trace(rest: Rest) -> None:
    project = await rest.door.send(span(2, parent=1))
    assert await listed(rest, project) == []


async def test_pages_go_through_every_trace_once_in_order(rest: Rest) -> None:
    project = await rest.door.send(*(span(number, ago_ns=(number // 2 + 1) * SECOND) for number in range(7)))
    found: list[str] = []
    query: Body = {"limit": 2}
    while True:
        page = await rest.ask("POST", "/v2/traces", {"project_id": project}, **query)
        found += roots(page["traces"])
        if not page["pagination"]["has_more"]:
            break
        assert len(page["traces"]) == 2
        query["cursor"] = page["pagination"]["next_cursor"]
    assert found == [span_id(number) for number in (1, 0, 3, 2, 5, 4, 6)]


async def test_a_page_has_25_traces_unless_asked_and_50_at_most(rest: Rest) -> None:
    project = await rest.door.send(*(span(number) for number in range(55)))
    body = {"project_id": project}
    assert len((await rest.ask("POST", "/v2/traces", body))["traces"]) == 25
    assert len(await listed(rest, project)) == 50
    assert "50" in await rest.refused(400, "POST", "/v2/traces", body, limit=51)


async def test_only_spans_of_the_window_count(rest: Rest) -> None:
    project = await rest.door.send(
        span(1, ago_ns=DAY), span(2, trace=1, parent=1, ago_ns=3 * DAY, tier="gold"), span(3, ago_ns=8 * DAY)
    )
    week = await listed(rest, project)
    assert [(trace["root_span_id"], len(trace["spans"])) for trace in week] == [(span_id(1), 2)]
    (short,) = await listed(rest, project, start_time=at(NOW - 2 * DAY))
    assert len(short["spans"]) == 1
    assert await listed(rest, project, start_time=at(NOW - 2 * DAY), filter="attributes.tier = 'gold'") == []
    assert roots(await listed(rest, project, end_time=at(NOW - 7 * DAY))) == [span_id(3)]


async def test_a_trace_of_more_than_a_thousand_spans_is_cut_and_says_so(rest: Rest) -> None:
    children = [span(number, trace=0, parent=0, ago_ns=SECOND) for number in range(1, 1001)]
    project = await rest.door.send(span(0, ago_ns=2 * SECOND), *children)
    (trace,) = await listed(rest, project)
    assert (len(trace["spans"]), trace["spans_truncated"]) == (1000, True)
    assert trace["spans"][0]["context"]["span_id"] == span_id(0)


async def test_what_cannot_be_listed_is_explained(rest: Rest) -> None:
    project = await rest.door.send(span(1))
    path = "/v2/traces"
    assert "'x'" in await rest.refused(404, "POST", path, {"project_id": "x"})
    assert "blank" in await rest.refused(400, "POST", path, {"project_id": project, "filter": " "})
    assert "latency" in await rest.refused(422, "POST", path, {"project_id": project, "filter": "latency < 5"})
    assert "cursor" in await rest.refused(400, "POST", path, {"project_id": project}, cursor="x")
    assert "project_id" in await rest.refused(400, "POST", path, {})


async def test_traces_of_another_project_are_not_seen(rest: Rest) -> None:
    project = await rest.door.send(span(1))
    other = await rest.door.send(span(2, trace=1, input__value="refund"), project="other")
    assert await listed(rest, project, filter="input = 'refund'") == []
    (found,) = await listed(rest, other)
    assert len(found["spans"]) == 1

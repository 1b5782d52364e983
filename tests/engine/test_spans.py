"""Spans: from OTLP in to `POST /v2/spans` out."""

import gzip
import json
import math
from typing import Any

import pytest
from tests.engine.door import DAY, KEY, NOW, SECOND, Body, Door, HandClock, all_pages, attribute, span, span_id


async def test_a_span_sent_over_otlp_is_listed_with_its_attributes_flat(door: Door) -> None:
    project = await door.send(span(3, "an answer", llm__model_name="m-1", openinference__span__kind="LLM"))
    (found,) = await door.spans(project)
    assert found["context"] == {"trace_id": f"{4:032x}", "span_id": span_id(3)}
    assert (found["name"], found["kind"], found["status_code"]) == ("call 3", "LLM", "UNSET")
    assert (found["start_time"], found["end_time"]) == ("2025-12-31T23:59:57Z", "2025-12-31T23:59:58Z")
    assert found["attributes"]["input.value"] == "question 3"
    assert found["attributes"]["output.value"] == "an answer"
    assert found["attributes"]["llm.model_name"] == "m-1"
    assert "parent_id" not in found


async def test_one_request_may_carry_spans_for_several_projects(door: Door) -> None:
    first = await door.send(span(0), project="first")
    second = await door.send(span(0), span(1), project="second")
    assert len(await door.spans(first)) == 1
    assert len(await door.spans(second)) == 2
    assert (await door.get("/x/status"))["spans"] == 3


async def test_a_span_sent_again_replaces_the_first_and_keeps_its_verdicts(door: Door) -> None:
    project = await door.send(span(0, "a refund"), span(1))
    task = await door.task(await door.evaluator(), project_id=project)
    await door.run(task)
    await door.send(span(0, "another text", extra="x"))
    rows = await door.spans(project)
    assert [row["context"]["span_id"] for row in rows] == [span_id(0), span_id(1)]
    assert rows[0]["attributes"] == {
        "input.value": "question 0",
        "output.value": "another text",
        "extra": "x",
        "resource.service.name": "shop",
    }
    assert rows[0]["evaluations"][0]["label"] == "contains"


async def test_a_span_whose_id_another_trace_has_is_refused_with_the_reason(door: Door) -> None:
    first, twin, again = span(1, "first"), {**span(2, "twin"), "spanId": span_id(1)}, span(1, "first again")
    resource = {"attributes": [attribute("service.name", "shop")]}

    async def send(*spans: Body) -> Body:
        return await door.post(
            "/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
        )

    refused = {
        "partialSuccess": {
            "rejectedSpans": "1",
            "errorMessage": f"another trace of the project has a span with the id {span_id(1)}; "
            "give each span an id of its own",
        }
    }
    assert await send(first, twin) == refused
    project = (await door.get("/v2/projects"))["projects"][0]["id"]
    body = {"project_id": project, "evaluations": [{"name": "tone", "span_id": span_id(1), "label": "bad"}]}
    await door.post("/x/evaluations", body)
    assert await send(twin) == refused
    assert await send(span(3), twin, again) == refused
    rows = {row["attributes"]["output.value"]: row for row in await door.spans(project)}
    assert len(rows) == 2
    assert [one["label"] for one in rows["first again"]["evaluations"]] == ["bad"]
    # Another project may have the id.
    assert await door.send(twin, project="other") != project
    assert (await door.get("/x/status"))["spans"] == 3
    # A deleted span gives its id free.
    deleted = await door.http.request("DELETE", "/v2/spans", json={"project_id": project, "span_ids": [span_id(1)]})
    assert deleted.is_success, deleted.text
    assert await send(twin) == {}


async def test_an_evaluation_is_listed_with_the_span_and_says_what_made_it(door: Door) -> None:
    project = await door.send(span(0, "a refund"), span(1, "no"))
    evaluator = await door.evaluator()
    run = await door.run(await door.task(evaluator, project_id=project))
    first, second = [row["evaluations"][0] for row in await door.spans(project)]
    assert (first["name"], first["label"], first["score"]) == ("refunds", "contains", 1)
    assert (second["label"], second["score"]) == ("missing", 0)
    assert "refund" in first["explanation"]
    pinned = (await door.get(f"/v2/evaluators/{evaluator}"))["version"]["id"]
    assert first["metadata"] == {"run_id": run["id"], "evaluator_version_id": pinned, "version": 1}


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_spans_are_listed_newest_start_first_whatever_came_first(door: Door, limit: int) -> None:
    same = [span(number, start_ns=NOW - 5 * SECOND) for number in (20, 21, 22)]
    project = await door.send(span(9), span(1), *same, span(4))

    async def page(query: Body) -> Body:
        return await door.post("/v2/spans", {"project_id": project}, limit=limit, **query)

    rows = await all_pages(page, "spans", limit)
    newest_first = [1, 4, 22, 21, 20, 9]
    assert [row["context"]["span_id"] for row in rows] == [span_id(number) for number in newest_first]


async def test_spans_that_arrive_between_two_pages_move_nothing(door: Door) -> None:
    project = await door.send(*(span(number) for number in range(10, 14)))
    arriving = [[span(1), span(12, "sent again"), span(30)], [span(2)], []]

    async def page(query: Body) -> Body:
        found = await door.post("/v2/spans", {"project_id": project}, limit=2, **query)
        await door.send(*arriving.pop(0))
        return found

    rows = await all_pages(page, "spans", 2)
    assert [row["context"]["span_id"] for row in rows] == [span_id(number) for number in (10, 11, 12, 13, 30)]


async def test_without_a_window_the_last_week_is_listed(door: Door, clock: HandClock) -> None:
    edge = NOW - 7 * DAY
    times = [NOW, edge, edge - 1, NOW + 1]
    project = await door.send(*(span(number, start_ns=start) for number, start in enumerate(times)))
    assert [row["context"]["span_id"] for row in await door.spans(project)] == [span_id(0), span_id(1)]
    clock.now += SECOND
    assert [row["context"]["span_id"] for row in await door.spans(project)] == [span_id(3), span_id(0)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2025-12-31T23:59:50Z", "2025-12-31T23:59:55Z", [5, 10]),
        ("2026-01-01T01:59:50+02:00", "2025-12-31T23:59:55", [5, 10]),
        ("2025-12-31T23:59:50.000001Z", "2025-12-31T23:59:54.999999Z", []),
    ],
)
async def test_both_ends_of_a_window_belong_to_it(door: Door, start: str, end: str, expected: list[int]) -> None:
    # The second one starts within the last microsecond of the window, which the wire cannot tell from its end.
    project = await door.send(span(4), span(5, start_ns=NOW - 5 * SECOND + 999), span(10), span(11))
    rows = await door.spans(project, start_time=start, end_time=end)
    assert [row["context"]["span_id"] for row in rows] == [span_id(number) for number in expected]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"included_columns": ["attributes.input.value"]}, {"context", "start_time", "end_time", "attributes"}),
        (
            {"included_columns": ["name", "span_kind", "status_code"]},
            {"context", "start_time", "end_time", "name", "kind", "status_code"},
        ),
        (
            {"excluded_columns": ["name", "attributes.output.value"]},
            {"context", "start_time", "end_time", "kind", "status_code", "attributes", "evaluations"},
        ),
        (
            {"included_columns": ["eval.refunds.label"]},
            {"context", "start_time", "end_time", "evaluations"},
        ),
    ],
)
async def test_only_the_columns_asked_for_are_answered(door: Door, columns: Body, expected: set[str]) -> None:
    project = await door.send(span(0))
    await door.run(await door.task(await door.evaluator(), project_id=project))
    (row,) = await door.spans(project, **columns)
    assert {key for key, value in row.items() if value} == expected
    assert "output.value" not in row["attributes"]


async def test_included_and_excluded_columns_exclude_each_other(door: Door) -> None:
    body: Body = {"project_id": await door.send(span(0)), "included_columns": ["name"], "excluded_columns": ["name"]}
    assert "exclude each other" in await door.refused(422, "POST", "/v2/spans", json=body)


async def test_long_texts_are_cut_to_the_length_asked_for(door: Door) -> None:
    project = await door.send(span(0, "a refund " * 100))
    await door.run(await door.task(await door.evaluator(), project_id=project))
    (row,) = await door.spans(project, truncate_string_length=5)
    assert row["attributes"] == {"input.value": "quest", "output.value": "a ref", "resource.service.name": "shop"}
    assert row["name"] == "call "
    assert len(row["evaluations"][0]["explanation"]) == 5
    assert row["evaluations"][0]["label"] == "contains"
    assert row["context"]["span_id"] == span_id(0)


async def test_a_filter_selects_by_columns_attributes_and_verdicts(door: Door) -> None:
    project = await door.send(span(0, "a refund"), span(1, "no"), span(2, "no", llm__model_name="m"))
    await door.run(await door.task(await door.evaluator(), project_id=project))

    async def found(text: str) -> list[str]:
        return [row["name"] for row in await door.spans(project, filter=text)]

    assert await found("eval.refunds.label = 'missing'") == ["call 1", "call 2"]
    assert await found("eval.refunds.score < 0.5 AND attributes.llm.model_name IS NULL") == ["call 1"]
    assert await found("name = 'call 0' OR input.value CONTAINS '2'") == ["call 0", "call 2"]


@pytest.mark.parametrize(
    ("status", "text"), [(400, ""), (400, " \n"), (422, "name ="), (422, "nme = 'x'"), (422, "name = 'x' --")]
)
async def test_a_filter_that_is_blank_or_cannot_be_read_is_refused(door: Door, status: int, text: str) -> None:
    body = {"project_id": await door.send(span(0)), "filter": text}
    await door.refused(status, "POST", "/v2/spans", json=body)


async def test_the_page_size_is_asked_for_in_the_query_and_ends_at_five_hundred(door: Door) -> None:
    project = await door.send(*(span(number) for number in range(501)))
    body = {"project_id": project}
    assert len((await door.post("/v2/spans", body))["spans"]) == 50
    assert len((await door.post("/v2/spans", body, limit=500))["spans"]) == 500
    assert "1 to 500" in await door.refused(400, "POST", "/v2/spans", json=body, params={"limit": 501})
    await door.refused(400, "POST", "/v2/spans", json=body | {"limit": 5})


async def test_spans_of_an_unknown_project_are_a_404(door: Door) -> None:
    assert "'p'" in await door.refused(404, "POST", "/v2/spans", json={"project_id": "p"})


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (415, {"content-type": "text/plain"}, b"{}"),
        (415, {"content-type": "application/json", "content-encoding": "br"}, b"{}"),
        (422, {"content-type": "application/json"}, b"{"),
        (400, {"content-type": "application/json"}, b"{}"),
        (400, {"content-type": "application/json"}, b'{"spans": []}'),
        (400, {"content-type": "application/json"}, b'{"instrumentationLibrarySpans": []}'),
        (422, {"content-type": "application/x-protobuf"}, b"\xff\xff"),
        (
            413,
            {"content-type": "application/json", "content-encoding": "gzip"},
            gzip.compress(b" " * (2**24 + 1), mtime=0),
        ),
    ],
)
async def test_an_export_that_cannot_be_read_is_refused_whole(
    door: Door, status: int, headers: dict[str, str], body: bytes
) -> None:
    await door.refused(status, "POST", "/v1/traces", content=body, headers=headers)
    assert (await door.get("/x/status"))["projects"] == 0


async def test_an_export_may_be_compressed_and_is_answered_in_its_own_format(door: Door) -> None:
    headers = {"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}
    response = await door.http.post("/v1/traces", content=gzip.compress(b'{"resourceSpans": []}'), headers=headers)
    assert (response.status_code, response.json()) == (200, {})
    response = await door.http.post("/v1/traces", content=b"", headers={"content-type": "application/x-protobuf"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/x-protobuf"


@pytest.mark.parametrize("which", ["included_columns", "excluded_columns"])
@pytest.mark.parametrize("columns", [[], [""], ["name"] * 1001])
async def test_columns_have_names_and_are_a_thousand_at_most(door: Door, which: str, columns: list[str]) -> None:
    body = {"project_id": await door.send(span(0)), which: columns}
    assert which in await door.refused(400, "POST", "/v2/spans", json=body)


@pytest.mark.parametrize(
    "odd",
    [
        {"startTimeUnixNano": "soon"},
        {"attributes": [{"key": "n", "value": {"intValue": "many"}}]},
        {"attributes": [{"key": "n", "value": {"intValue": 2**64}}]},
        {"events": [{"timeUnixNano": -1}]},
        {"name": "\ud800"},
    ],
)
async def test_one_bad_number_does_not_refuse_a_batch(door: Door, odd: dict[str, Any]) -> None:
    spans = [span(1), span(2) | odd, span(3)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    headers = {"content-type": "application/json"}
    told = (await door.http.post("/v1/traces", content=json.dumps(body), headers=headers)).raise_for_status().json()
    assert told["partialSuccess"]["rejectedSpans"] == "1"
    assert "such as text for a number" in told["partialSuccess"]["errorMessage"]
    assert (await door.get("/x/status"))["spans"] == 2


@pytest.mark.parametrize(
    "odd",
    [
        {"resource": {"attributes": [{"key": "n", "value": {"intValue": "many"}}]}},
        {"resource": {"droppedAttributesCount": "few"}},
        {"scopeSpans": [{"scope": {"attributes": [{"key": "n", "value": {"doubleValue": "x"}}]}, "spans": [span(2)]}]},
        {"scopeSpans": [{"spans": [None]}]},
        {"scopeSpans": [{"spans": ["span"]}]},
    ],
)
async def test_a_bad_number_of_a_resource_or_scope_refuses_its_spans_alone(door: Door, odd: dict[str, Any]) -> None:
    every = [{"scopeSpans": [{"spans": [span(number)]}]} for number in (1, 2, 3)]
    body = {"resourceSpans": [every[0], every[1] | odd, every[2]]}
    told = (await door.http.post("/v1/traces", json=body)).raise_for_status().json()
    assert told["partialSuccess"]["rejectedSpans"] == "1"
    assert "its resource or its scope" in told["partialSuccess"]["errorMessage"]
    assert (await door.get("/x/status"))["spans"] == 2


async def test_a_bare_nan_is_no_number_and_refuses_nothing(door: Door) -> None:
    number = {"key": "n", "value": {"doubleValue": math.nan}}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span(1) | {"attributes": [number]}]}]}]})
    headers = {"content-type": "application/json"}
    assert (await door.http.post("/v1/traces", content=body, headers=headers)).json() == {}
    assert (await door.get("/x/status"))["spans"] == 1


async def test_a_slash_and_the_api_key_header_are_accepted(door: Door) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span(1)]}]}]}
    logs: dict[str, Any] = {"resourceLogs": []}
    for header, status in (({"api_key": KEY}, 200), ({"api_key": "wrong"}, 401), ({}, 401)):
        door.http.headers.pop("authorization", None)
        assert (await door.http.post("/v1/traces/", json=body, headers=header)).status_code == status
        assert (await door.http.post("/v1/logs/", json=logs, headers=header)).status_code == status
        assert (await door.http.get("/v2/projects", headers=header)).status_code == status


async def test_a_verdict_on_a_span_that_changed_since_is_marked(door: Door, clock: HandClock) -> None:
    project = await door.send(span(1), span(2))
    task = await door.task(await door.evaluator(), project_id=project)
    await door.run(task, data_start_time="2000-01-01T00:00:00Z")
    clock.now += SECOND
    await door.send(span(1, "another refund"), span(2))

    async def marks() -> dict[str, bool]:
        rows = await door.spans(project)
        return {row["name"]: row["evaluations"][0]["metadata"].get("stale", False) for row in rows}

    assert await marks() == {"call 1": True, "call 2": False}
    clock.now += SECOND
    await door.run(task, data_start_time="2000-01-01T00:00:00Z", override_evaluations=True)
    assert await marks() == {"call 1": False, "call 2": False}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("resource.service.name = 'shop'", [0, 1]),
        ("resource.service.name = ' shop'", []),
        ("resource.service.name = 'other'", []),
        ("attributes.resource.service.name CONTAINS 'sho'", [0, 1]),
        ("scope.name IS NOT NULL", []),
    ],
)
async def test_a_filter_reads_the_resource(door: Door, text: str, numbers: list[int]) -> None:
    project = await door.send(span(0), span(1))
    rows = await door.spans(project, filter=text)
    assert [row["context"]["span_id"] for row in rows] == [span_id(number) for number in numbers]

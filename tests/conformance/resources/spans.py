"""Spans: reading, annotating and deleting."""

from datetime import UTC, datetime, timedelta

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.spans.types import AnnotateRecordInput, AnnotationInput
from ledger import Given, Ledger, play

SPACE = "default"


def reading(calls: Ledger, given: Given) -> None:
    spans = ArizeClient().spans
    project, ids = given["project"], given["spans"]
    listed = calls.call(spans.list, project=project, space=SPACE)
    calls.check("all are there, newest first", [one.context.span_id for one in listed.spans] == ids)
    newest = listed.spans[0]
    calls.check("its kind is read", newest.kind == "LLM")
    calls.check("its attributes are read", newest.attributes["llm.model_name"] == "m-a")
    paged = [one.context.span_id for one in calls.pages("spans", spans.list, project=project, space=SPACE, limit=3)]
    calls.check("two pages have the same", paged == ids)
    project_id = calls.call(ArizeClient().projects.get, project=project, space=SPACE).id
    now = datetime.now(UTC)
    narrow = calls.call(
        spans.list,
        project=project_id,
        start_time=now - timedelta(minutes=25),
        end_time=now,
        filter="span_kind = 'LLM' AND latency_ms < 5000",
        included_columns=["attributes.input.value"],
    )
    calls.check("a window takes the newest two", [one.context.span_id for one in narrow.spans] == ids[:2])
    shown = narrow.spans[0].attributes
    calls.check("only the column asked for is shown", list(shown) == ["input.value"] or "llm.model_name" not in shown)
    cut = calls.call(spans.list, project=project_id, excluded_columns=["attributes.input.value"])
    calls.check("the column is left out", "input.value" not in cut.spans[0].attributes)
    short = calls.call(spans.list, project=project_id, truncate_string_length=4)
    calls.check("text is cut", len(short.spans[0].attributes["output.value"]) < len("Answer of spans 0."))
    calls.refused(ApiException, "422", spans.list, project=project_id, filter="latency_ms <")


def annotating(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    project, ids = given["project"], given["spans"]
    calls.call(client.annotation_configs.create_freeform, name="note on a span", space=SPACE)
    record = AnnotateRecordInput(record_id=ids[0], values=[AnnotationInput(name="note on a span", text="Well put.")])
    calls.call(client.spans.annotate, project=project, space=SPACE, annotations=[record])
    found = calls.call(client.spans.list, project=project, space=SPACE).spans[0]
    calls.check(
        "the note is on the span",
        [(one.name, one.text) for one in found.annotations] == [("note on a span", "Well put.")],
    )
    stranger = AnnotateRecordInput(record_id="f" * 16, values=record.values)
    calls.refused(ApiException, "404", client.spans.annotate, project=project, space=SPACE, annotations=[stranger])


def deleting(calls: Ledger, given: Given) -> None:
    spans = ArizeClient().spans
    project, ids = given["project"], given["spans"]
    gone = calls.call(spans.delete, project=project, space=SPACE, span_ids=[ids[0]])
    calls.check("it says which is gone", gone.deleted_span_ids == [ids[0]])
    left = calls.call(spans.list, project=project, space=SPACE)
    calls.check("the others are left", [one.context.span_id for one in left.spans] == ids[1:])


play(reading, annotating, deleting)

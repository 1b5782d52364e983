from datetime import UTC, datetime
from typing import Any

import pytest

from assaykit.engine.flight import columns
from assaykit.engine.store.traces.span_updates import Said
from assaykit.errors import Invalid
from assaykit.wire.spans import Annotation, Evaluation, Span, SpanContext

ID = {"context.span_id": "a"}


def test_a_span_becomes_columns_called_as_in_filters() -> None:
    span = Span(
        context=SpanContext(trace_id="t", span_id="a"),
        kind="LLM",
        start_time=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        end_time=datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC),
        attributes={"openinference.span.kind": "llm", "input.value": "hi", "metadata.tier": "pro", "metadata.n": 1},
        evaluations=[Evaluation(name="my judge", label="good"), Evaluation(name="trace_eval.whole", label="done")],
        annotations=[Annotation(name="seen", text="yes")],
    )
    row = columns.of_span(span)
    assert {name: value for name, value in row.items() if value is not None} == {
        "context.span_id": "a",
        "context.trace_id": "t",
        "attributes.openinference.span.kind": "LLM",
        "time": 1_000_000_000,
        "start_time": 1_000_000_000,
        "end_time": 3_000_000_000,
        "latency_ms": 2000.0,
        "attributes.input.value": "hi",
        "attributes.metadata.tier": "pro",
        "attributes.metadata.n": 1,
        "attributes.metadata": '{"tier": "pro", "n": 1}',
        "eval.my judge.label": "good",
        "trace_eval.whole.label": "done",
        "annotation.seen.text": "yes",
    }


def test_a_projection_takes_the_names_of_filters_and_adds_the_times() -> None:
    assert columns.projected(["span_id", "span_kind", "input", "name"]) == {
        "context.span_id": "text",
        "attributes.openinference.span.kind": "text",
        "attributes.input.value": None,
        "name": "text",
        "time": "time",
        "start_time": "int",
    }


def test_verdict_columns_say_what_is_not_null() -> None:
    row = {
        "eval.my.judge.label": "x",
        "eval.my.judge.score": None,
        "session_eval.s.score": 1,
        "trace_eval.t.label": None,
    }
    assert columns.verdicts([ID | row]) == [
        Said("a", "my.judge", {"label": "x"}, "SPAN"),
        Said("a", "s", {"score": 1}, "SESSION"),
    ]


def test_annotation_columns_say_parts_and_the_newest_note() -> None:
    row = {
        "annotation.r.label": "ok",
        "annotation.r.updated_by": "SDK",
        "annotation.gone.text": None,
        "annotation.gone.updated_at": 1,
        "annotation.notes": ['{"text": "old"}', '{"text": "new"}'],
    }
    assert columns.annotations([ID | row]) == [Said("a", "r", {"label": "ok"}), Said("a", "notes", {"text": "new"})]


def test_patches_are_merged_by_span_and_bad_ones_named() -> None:
    rows = [("a", '{"x": 1, "y": 1}'), ("a", '{"y": null}'), ("b", "[]"), ("c", '{"x": NaN}'), ("d", None)]
    found = columns.patches([{"context.span_id": key, "patch_document": text} for key, text in rows])
    assert found.good == {"a": [{"x": 1, "y": 1}, {"y": None}], "d": [{}]}
    assert found.bad.keys() == {"b", "c"}


@pytest.mark.parametrize(
    ("read", "row", "said"),
    [
        (columns.verdicts, {"eval.x.label": "y"}, "A row has no context.span_id"),
        (columns.verdicts, ID | {"evals.x.label": "y"}, "'evals.x.label' cannot be written"),
        (columns.verdicts, ID | {"eval.x.score": "high"}, "'eval.x.score' holds str. Write a number"),
        (columns.verdicts, ID | {"eval.x.label": 1}, "'eval.x.label' holds int. Write text"),
        (columns.annotations, ID | {"annotation.x.colour": "y"}, "'annotation.x.colour' cannot be written"),
        (columns.annotations, ID | {"annotation.notes": "plain"}, "does not hold notes"),
        (columns.patches, ID | {"patch": "{}"}, "Send context.span_id and patch_document"),
    ],
)
def test_columns_that_say_something_else_are_refused(read: Any, row: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read([row])

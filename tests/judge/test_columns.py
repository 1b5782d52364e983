import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.column_paths import resolve
from assaykit.judge.columns import as_text, columns, span_row
from assaykit.wire.spans import Evaluation, Span, SpanContext

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SPAN = Span(
    context=SpanContext(trace_id="a" * 32, span_id="b" * 16),
    name="answer",
    kind="LLM",
    parent_id=None,
    start_time=START,
    end_time=START + timedelta(milliseconds=250),
    status_code="OK",
    attributes={
        "input.value": "What is the capital of France?",
        "output.value": "Paris",
        "metadata": json.dumps({"tier": "gold", "limits": {"rows": 10}}),
        "llm.output_messages": [{"message.role": "assistant", "message": {"content": "Paris"}}],
        "llm.token_count.total": 12,
    },
    evaluations=[Evaluation(name="tone", label="neutral", score=0.0, explanation="plain")],
)


def test_a_span_becomes_a_row_of_its_fields_attributes_and_evaluations() -> None:
    row = span_row(SPAN)
    assert row["name"] == "answer"
    assert row["span_kind"] == "LLM"
    assert row["latency_ms"] == 250.0
    assert row["context.span_id"] == "b" * 16
    assert row["start_time"] == "2026-05-01T12:00:00Z"
    assert row["attributes.output.value"] == "Paris"
    assert row["eval.tone.score"] == 0.0


def test_a_span_without_an_end_has_no_latency() -> None:
    assert span_row(SPAN.model_copy(update={"end_time": None}))["latency_ms"] is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("attributes.input.value", "What is the capital of France?"),
        ("input.value", "What is the capital of France?"),
        ("input", "What is the capital of France?"),
        ("output", "Paris"),
        ("llm.token_count.total", 12),
        ("metadata.tier", "gold"),
        ("attributes.metadata.limits.rows", 10),
        ("attributes.llm.output_messages.0.message.content", "Paris"),
        ("llm.output_messages.0.message.role", "assistant"),
        ("eval.tone.label", "neutral"),
        ("context.trace_id", "a" * 32),
    ],
)
def test_a_path_finds_its_value(path: str, value: object) -> None:
    assert resolve(span_row(SPAN), path) == value


@pytest.mark.parametrize(
    "path",
    [
        "reference",
        "metadata.colour",
        "metadata.tier.name",
        "llm.output_messages.1.message.content",
        "llm.output_messages.-1",
        "llm.output_messages.x",
        "llm.output_messages.99999999999999999999",
        "parent_id",
        "",
    ],
)
def test_a_path_to_nothing_is_none(path: str) -> None:
    assert resolve(span_row(SPAN), path) is None


def test_a_column_of_that_name_wins_over_the_short_form() -> None:
    assert resolve({"input": "from the dataset", "attributes.input.value": "from the span"}, "input") == (
        "from the dataset"
    )


def test_a_column_that_is_there_but_empty_gives_way_to_the_short_form() -> None:
    assert resolve({"output": None, "attributes.output.value": "Paris"}, "output") == "Paris"


def test_false_and_zero_are_values() -> None:
    assert resolve({"flag": False, "metadata": {"count": 0}}, "flag") is False
    assert resolve({"flag": False, "metadata": {"count": 0}}, "metadata.count") == 0


def test_text_that_only_looks_like_json_is_not_opened() -> None:
    assert resolve({"note": "{not json", "deep": "[" * 100_000}, "note.a") is None
    assert resolve({"note": "{not json", "deep": "[" * 100_000}, "deep.0") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is ", "as it is "),
        ("  \n", None),
        ("", None),
        (None, None),
        (0, "0"),
        (True, "true"),
        ({"a": ["é", 1]}, '{"a":["é",1]}'),
    ],
)
def test_as_text_says_what_a_judge_reads(value: object, text: str | None) -> None:
    assert as_text(value) == text


def test_columns_lists_what_holds_something_most_frequent_first() -> None:
    rows = [{"a": 1, "b": None, "c": ""}, {"a": 1, "d": 0}, {"d": 2, "a": 3}]
    assert columns(rows) == ["a", "d"]


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists), st.text())
def test_any_path_into_any_value_is_a_value_or_none(value: object, path: str) -> None:
    found = resolve({"x": value}, "x." + path)
    assert found is None or as_text(found) is None or isinstance(as_text(found), str)

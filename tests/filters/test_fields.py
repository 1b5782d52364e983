"""Span fields: one name for each, aliases, near names, and literals that fit."""

from typing import get_args

import pytest

from assaykit.errors import Invalid
from assaykit.filters.fields import SPAN_KINDS, STATUS_CODES, canonical, row_tree, span_tree, verdict
from assaykit.filters.tree import And, Between, Compare, Contains, In, IsNull, Like, Node, Not, Or
from assaykit.wire.spans import SpanKind, SpanStatusCode


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("name", "name"),
        ("status_message", "status_message"),
        ("context.trace_id", "context.trace_id"),
        ("kind", "span_kind"),
        ("span_kind", "span_kind"),
        ("openinference.span.kind", "span_kind"),
        ("attributes.openinference.span.kind", "span_kind"),
        ("span_id", "context.span_id"),
        ("trace_id", "context.trace_id"),
        ("model_name", "attributes.llm.model_name"),
        ("llm.model_name", "attributes.llm.model_name"),
        ("session_id", "attributes.session.id"),
        ("session.id", "attributes.session.id"),
        ("input", "attributes.input.value"),
        ("input.value", "attributes.input.value"),
        ("output", "attributes.output.value"),
        ("metadata.environment", "attributes.metadata.environment"),
        ("tag.tags", "attributes.tag.tags"),
        ("http.status-code", "attributes.http.status-code"),
        ("attributes.name", "attributes.name"),
        ("eval.quality.score", "eval.quality.score"),
        ("trace_eval.my judge.label", "trace_eval.my judge.label"),
        ("session_eval.a.b.explanation", "session_eval.a.b.explanation"),
        ("annotation.tone.text", "annotation.tone.text"),
    ],
)
def test_every_way_to_write_a_field_has_one_name(field: str, name: str) -> None:
    assert canonical(field) == name
    assert canonical(name) == name


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("latency", "Did you mean latency_ms?"),
        ("Status_Code", "Did you mean status_code"),
        ("spankind", "Did you mean span_kind"),
        ("environment", "for an attribute attributes.environment."),
        ("tone", "For the label of a judge write eval.tone.label"),
        ("my judge", 'write "eval.my judge.label", for an attribute "attributes.my judge".'),
        ("evals.tone.label", "Did you mean eval.tone.label? An attribute of this name is attributes.evals.tone.label."),
        ("evaluations.tone.label", "Did you mean eval.tone.label?"),
        ("annotations.my note.label", 'Did you mean "annotation.my note.label"?'),
        ("trace_annotations.quality.label", "Did you mean trace_annotation.quality.label?"),
        ("attribute.input.value", "Did you mean attributes.input.value?"),
        ("span.start_time", "Did you mean start_time?"),
        ("span.level", "Did you mean attributes.level?"),
        ("trace_annotation.quality", "trace_annotation.<name>.<part>"),
        ("zzz", "The fields are name, status_code"),
        ("context.trace", "Did you mean context.trace_id"),
        ("event.attributes", "event.<name>.attributes.<key> or event.<name>.timestamp"),
        ("event.retry.after_s", "event.<name>.attributes.<key>"),
        ("event..attributes.x", "event.<name>.attributes.<key>"),
        ("event.retry.attributes.", "event.<name>.attributes.<key>"),
        ("events.retry.attributes.x", "Did you mean event.retry.attributes.x?"),
        ("attributes", "attributes.<key>"),
        ("attributes.", "attributes.<key>"),
        ('attributes.say "hi"', "not have a double quote"),
        ("attributes.back\\slash", "backslash"),
        ("eval.quality", "label, score, explanation, metadata.version, metadata.model or metadata.stale"),
        ("eval.quality.text", "eval.<name>.<part>"),
        ("eval..score", "eval.<name>.<part>"),
        ("annotation.tone.explanation", "label, score or text"),
    ],
)
def test_an_unknown_field_is_refused_with_what_to_write(field: str, advice: str) -> None:
    with pytest.raises(Invalid) as refusal:
        canonical(field)
    assert advice in refusal.value.next


def test_a_verdict_name_may_hold_dots_and_spaces() -> None:
    assert verdict("trace_eval.my judge.v2.score") == ("trace_eval", "my judge.v2", "score")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("status_code = 'OK'", Compare("status_code", "=", "OK")),
        ("latency_ms < 5000", Compare("latency_ms", "<", 5000)),
        ("span_kind = 'LLM'", Compare("span_kind", "=", "LLM")),
        ("metadata.environment = 'staging'", Compare("attributes.metadata.environment", "=", "staging")),
        ("eval.quality.score < 0.5", Compare("eval.quality.score", "<", 0.5)),
        ("\"attributes.input.value\" contains 'refund'", Contains("attributes.input.value", "refund")),
        ("attributes.http.status-code = 200", Compare("attributes.http.status-code", "=", 200)),
        ("kind in ('llm', 'Tool')", In("span_kind", ("LLM", "TOOL"))),
        ("status_code != 'error'", Compare("status_code", "!=", "ERROR")),
        ("status_code like '%rr%'", Like("status_code", "%rr%")),
        ("parent_id = null", IsNull("parent_id")),
        (
            "not (input is null and name = 5)",
            Not(And((IsNull("attributes.input.value"), Compare("name", "=", 5)))),
        ),
        ("start_time >= '1970-01-02'", Compare("start_time", ">=", 86_400 * 10**9)),
        ("end_time = '1970-01-01T00:00:01.5Z'", Between("end_time", 1_500_000_000, 1_500_000_999)),
        ("end_time = '1970-01-01T01:00:00+01:00'", Between("end_time", 0, 999)),
        ("end_time = '1970-01-01T00:00:00.123456789Z'", Between("end_time", 123_456_789, 123_456_789)),
        ("end_time = '1970-01-01T00:00:00.1234567'", Between("end_time", 123_456_700, 123_456_700)),
        ("end_time != '1970-01-01'", Not(Between("end_time", 0, 999))),
        ("end_time <= '1970-01-01'", Compare("end_time", "<=", 999)),
        ("end_time > '1970-01-01'", Compare("end_time", ">", 999)),
        ("end_time > '1970-01-01T00:00:00.000000001Z'", Compare("end_time", ">", 1)),
        ("end_time in ('1970-01-01')", Between("end_time", 0, 999)),
        (
            "end_time in ('1970-01-01', '1970-01-01T00:00:01')",
            Or((Between("end_time", 0, 999), Between("end_time", 10**9, 10**9 + 999))),
        ),
        ("\"trace_annotation.my note.label\" = 'x'", Compare("trace_annotation.my note.label", "=", "x")),
        ("end_time < '9999-12-31'", Compare("end_time", "<", 2**63 - 1)),
        ("start_time between '0001-01-01' and '1970-01-01'", Between("start_time", -(2**63), 999)),
    ],
)
def test_a_span_filter_is_read_with_its_literals_as_stored(text: str, tree: Node) -> None:
    assert span_tree(text) == tree


@pytest.mark.parametrize(
    ("text", "fact", "advice"),
    [
        ("latency_ms < '5'", "latency_ms holds a number, not '5'", "without quotes: 5."),
        ("latency_ms in (1, true)", "holds a number, not true", "without quotes"),
        ("eval.q.score = 'good'", "eval.q.score holds a number, not 'good'", "without quotes"),
        ("latency_ms contains '5'", "holds a number", "= < <= > >= or BETWEEN"),
        ("start_time like '2026%'", "holds a time", "= < <= > >= or BETWEEN"),
        ("start_time > 'yesterday'", "holds a time, not 'yesterday'", "'2026-11-20T08:00:00Z'"),
        ("end_time between 1 and 2", "holds a time, not 1", "'2026-11-20T08:00:00Z'"),
        ("status_code = 'okay'", "OK, ERROR or UNSET, not 'okay'", "Did you mean 'OK'?"),
        ("status_code = 200", "not 200", "status_code = 'OK'"),
        ("kind in ('LLM', 'Toll')", "not 'Toll'", "Did you mean 'TOOL'?"),
        ("status_code < 'OK'", "no order", "=, != or IN"),
        ("kind between 'A' and 'Z'", "no order", "=, != or IN"),
        ("name = true", "name holds text, not true", "single quotes"),
    ],
)
def test_a_literal_that_cannot_fit_its_field_is_refused(text: str, fact: str, advice: str) -> None:
    with pytest.raises(Invalid) as refusal:
        span_tree(text)
    assert fact in refusal.value.message
    assert advice in refusal.value.next


def test_a_row_filter_takes_any_column_as_it_is() -> None:
    assert row_tree("tag = 'production'") == Compare("tag", "=", "production")
    assert row_tree('"my \\ column" is null') == IsNull("my \\ column")
    assert row_tree("kind = 'llm'") == Compare("kind", "=", "llm")


def test_status_codes_and_span_kinds_are_those_of_the_contract() -> None:
    assert get_args(SpanStatusCode) == STATUS_CODES
    assert get_args(SpanKind) == SPAN_KINDS

"""The fields of spans: their names and aliases, and the literals that fit each field.

A tree from `span_tree` holds only these fields:

- `name`, `status_code`, `status_message`, `latency_ms`, `parent_id`, `start_time`, `end_time`, `span_kind`,
  `context.trace_id`, `context.span_id`;
- `attributes.<key>`, where the key is the whole rest (`attributes.llm.model_name` has the key `llm.model_name`);
- `exception.<key>`, an attribute of the span's last exception event that has it;
- `event.<name>.attributes.<key>` and `event.<name>.timestamp`, of the span's last event of that name that has it;
- `eval.<name>.<part>`, `trace_eval.<name>.<part>`, `session_eval.<name>.<part>`, where the part is label, score,
  explanation, metadata.version or metadata.model, and of `eval` also metadata.stale: true, or missing;
- `annotation.<name>.<part>`, `trace_annotation.<name>.<part>`, where the part is label, score or text.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from assaykit.errors import Invalid, either, quote
from assaykit.filters.parse import parse
from assaykit.filters.text import meant
from assaykit.filters.tree import (
    And,
    Between,
    Compare,
    Contains,
    In,
    IsNull,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Value,
)
from assaykit.filters.values import INT64_MAX, INT64_MIN, decimal

STATUS_CODES: Final = ("OK", "ERROR", "UNSET")
SPAN_KINDS: Final = (
    "LLM", "CHAIN", "RETRIEVER", "EMBEDDING", "AGENT", "TOOL", "RERANKER", "GUARDRAIL", "EVALUATOR",
    "PROMPT", "DECISION", "UNKNOWN",
)  # fmt: skip
"""The OpenInference span kinds."""

ALIASES: Final = {
    "kind": "span_kind",
    "openinference.span.kind": "span_kind",
    "attributes.openinference.span.kind": "span_kind",
    "span_id": "context.span_id",
    "trace_id": "context.trace_id",
    "model_name": "attributes.llm.model_name",
    "session_id": "attributes.session.id",
    "input": "attributes.input.value",
    "output": "attributes.output.value",
}

_Sort: TypeAlias = Literal["text", "number", "time", "choice", "any"]
_SORTS: Final[dict[str, _Sort]] = {
    "name": "text",
    "status_code": "choice",
    "status_message": "text",
    "latency_ms": "number",
    "parent_id": "text",
    "start_time": "time",
    "end_time": "time",
    "context.trace_id": "text",
    "context.span_id": "text",
    "span_kind": "choice",
}
_CHOICES: Final = {"status_code": STATUS_CODES, "span_kind": SPAN_KINDS}
_EVAL_PARTS: Final = ("label", "score", "explanation", "metadata.version", "metadata.model")
_VERDICT_PARTS: Final = {
    "eval": (*_EVAL_PARTS, "metadata.stale"),
    "trace_eval": _EVAL_PARTS,
    "session_eval": _EVAL_PARTS,
    "annotation": ("label", "score", "text"),
    "trace_annotation": ("label", "score", "text"),
}
_NEAR_MISSES: Final = {
    "evals": "eval",
    "evaluation": "eval",
    "evaluations": "eval",
    "verdict": "eval",
    "verdicts": "eval",
    "span_eval": "eval",
    "trace_evals": "trace_eval",
    "session_evals": "session_eval",
    "annotations": "annotation",
    "span_annotation": "annotation",
    "trace_annotations": "trace_annotation",
    "session_annotation": "annotation",
    "attribute": "attributes",
    "span": "attributes",
    "events": "event",
    "exceptions": "exception",
}
"""First words that are none of ours, and the word that was probably meant."""
# A JSON path cannot quote these characters reliably.
_UNREACHABLE: Final = re.compile(r'["\\\x00-\x1f]')
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS: Final = re.compile(r"(?<=[.,]\d{6})\d{1,3}")


def span_tree(text: str) -> Node:
    """The tree of a filter over spans, with canonical field names and literals of each field's type.

    A time becomes nanoseconds since 1970; a time without a zone is UTC. A status or kind becomes upper case.

    Raises:
        Invalid: the filter has a syntax error, an unknown field, or a literal that does not fit its field. For an
            unknown field the error suggests similar names.
    """
    return _checked(parse(text))


def row_tree(text: str) -> Node:
    """The tree of a filter over rows of a dataset or an experiment. Any column name is valid and stays as written.

    Raises:
        Invalid: the filter has a syntax error.
    """
    return parse(text)


def canonical(field: str) -> str:
    """The canonical name of a span field. Any other dotted name is an attribute.

    Raises:
        Invalid: no such field; the error suggests similar names.
    """
    field = ALIASES.get(field, field)
    first, _, rest = field.partition(".")
    if field in _SORTS:
        return field
    if first in _VERDICT_PARTS:
        verdict(field)
        return field
    if first == "attributes":
        return _attribute(field, rest)
    if first == "exception" and rest:
        _attribute(field, rest)
        return field
    if first == "event":
        event(field)
        return field
    # As attributes, a bare name and `context.*` would silently match nothing.
    if not rest or first == "context":
        raise _unknown(field)
    if first in _NEAR_MISSES:
        raise _missed(field, first, rest)
    return _attribute(f"attributes.{field}", field)


def verdict(field: str) -> tuple[str, str, str]:
    """The sort, name and part of a verdict field: `eval.my judge.label` has `eval`, `my judge` and `label`.

    Raises:
        Invalid: the name is missing, or the part is unknown.
    """
    sort, _, rest = field.partition(".")
    parts = _VERDICT_PARTS[sort]
    part = next((one for one in parts if rest.endswith(f".{one}")), "")
    name = rest.removesuffix(f".{part}")
    if not name or not part:
        raise Invalid(
            f"{quote(field)!r} lacks the name or the part of its {sort}.",
            f"Write {sort}.<name>.<part> with the part {either(parts)}, in double quotes if the name has "
            f'spaces: "{sort}.my judge.{parts[0]}".',
        )
    return sort, name, part


def event(field: str) -> tuple[str, str]:
    """The name and part of an event: `event.retry.attributes.after_s` has `retry` and `attributes.after_s`.

    Raises:
        Invalid: the name is missing, or the part is neither an attribute nor the timestamp.
    """
    name, _, key = field.removeprefix("event.").partition(".attributes.")
    if name and key and field.startswith("event."):
        _attribute(field, key)
        return name, f"attributes.{key}"
    name = field.removeprefix("event.").removesuffix(".timestamp")
    if name and field == f"event.{name}.timestamp":
        return name, "timestamp"
    raise Invalid(
        f"{quote(field)!r} lacks the name or the part of its event.",
        "Write event.<name>.attributes.<key> or event.<name>.timestamp, such as event.retry.attributes.after_s.",
    )


def _attribute(field: str, key: str) -> str:
    if not key or _UNREACHABLE.search(key):
        raise Invalid(
            f"{quote(field)!r} is not an attribute that filters can read.",
            "Write attributes.<key>; the key must not have a double quote, backslash or control character.",
        )
    return field


def _missed(field: str, first: str, rest: str) -> Invalid:
    """The error for a name such as `evaluations.tone.label`, which no instrumentation writes as an attribute."""
    near = f"{_NEAR_MISSES[first]}.{rest}"
    if first == "span" and rest in _SORTS:
        near = rest
    return Invalid(
        f"{quote(field)!r} is neither a field of spans nor a usual attribute.",
        f"Did you mean {meant(near)}? An attribute of this name is {meant(f'attributes.{field}')}.",
    )


def _unknown(field: str) -> Invalid:
    known = [*_SORTS, *(alias for alias in ALIASES if not alias.startswith("attributes."))]
    near = get_close_matches(field.lower(), known, n=3, cutoff=0.6)
    hint = f"Did you mean {either(near)}? " if near else f"The fields are {either(tuple(_SORTS))}. "
    verdict, attribute = (meant(one) for one in (f"eval.{field}.label", f"attributes.{field}"))
    return Invalid(
        f"Spans have no field {quote(field)!r}.",
        f"{hint}For the label of a judge write {verdict}, for an attribute {attribute}.",
    )


def _checked(node: Node) -> Node:
    match node:
        case And(items):
            return And(tuple(_checked(item) for item in items))
        case Or(items):
            return Or(tuple(_checked(item) for item in items))
        case Not(item):
            return Not(_checked(item))
        case _:
            return _fitted(replace(node, field=canonical(node.field)))


def _fitted(leaf: Leaf) -> Node:
    """The leaf with its literals converted to the type of its canonical field."""
    field, sort = leaf.field, _sort(leaf.field)
    if sort == "time":
        return _timed(leaf)
    match leaf:
        case Compare(_, sign, value):
            if sort == "choice" and sign not in {"=", "!="}:
                raise _orderless(field)
            return replace(leaf, value=_fit(field, sort, value))
        case In(_, values):
            return replace(leaf, values=tuple(_fit(field, sort, value) for value in values))
        case Between(_, low, high):
            if sort == "choice":
                raise _orderless(field)
            return replace(leaf, low=_fit(field, sort, low), high=_fit(field, sort, high))
        case Contains() | Like():
            if sort == "number":
                raise _unsearchable(field, sort)
            return leaf
        case IsNull():
            return leaf


def _timed(leaf: Leaf) -> Node:
    """A leaf over a time, with literals in nanoseconds.

    A reply shows microseconds, and a span has nanoseconds. A literal without them means its whole microsecond, so the
    time in a reply matches its span.
    """
    field = leaf.field
    match leaf:
        case Compare(_, sign, value):
            low, high = _microsecond(field, value)
            if sign in {"=", "!="}:
                within = Between(field, low, high)
                return within if sign == "=" else Not(within)
            return replace(leaf, value=high if sign in {"<=", ">"} else low)
        case In(_, values):
            each = tuple(Between(field, *_microsecond(field, value)) for value in values)
            return each[0] if len(each) == 1 else Or(each)
        case Between(_, low, high):
            return Between(field, _microsecond(field, low)[0], _microsecond(field, high)[1])
        case Contains() | Like():
            raise _unsearchable(field, "time")
        case IsNull():
            return leaf


def _unsearchable(field: str, sort: str) -> Invalid:
    return Invalid(
        f"{field} holds a {sort}, which CONTAINS and LIKE cannot read.", "Compare it with = < <= > >= or BETWEEN."
    )


def _sort(field: str) -> _Sort:
    if field.startswith(("attributes.", "exception.", "event.")) or field.endswith(".metadata.stale"):
        return "any"
    if field in _SORTS:
        return _SORTS[field]
    return "number" if field.endswith((".score", ".metadata.version")) else "text"


def _fit(field: str, sort: _Sort, value: Value) -> Value:
    if sort == "choice":
        return _choice(field, value)
    if sort == "number" and isinstance(value, str | bool):
        fitting = value if isinstance(value, str) and decimal(value) is not None else "0.5"
        raise Invalid(f"{field} holds a number, not {_shown(value)}.", f"Write it without quotes: {fitting}.")
    if sort == "text" and isinstance(value, bool):
        raise Invalid(
            f"{field} holds text, not {_shown(value)}.",
            f"Write for example: {field} = 'true', in single quotes.",
        )
    return value


def _choice(field: str, value: Value) -> str:
    choices = _CHOICES[field]
    wanted = value.upper() if isinstance(value, str) else ""
    if wanted in choices:
        return wanted
    near = get_close_matches(wanted, choices, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Write for example: {field} = '{choices[0]}'."
    raise Invalid(f"{field} is {either(choices)}, not {_shown(value)}.", hint)


def _orderless(field: str) -> Invalid:
    return Invalid(f"{field} has no order: it is {either(_CHOICES[field])}.", "Use =, != or IN.")


def _microsecond(field: str, value: Value) -> tuple[int, int]:
    """The first and the last nanosecond since 1970 that a literal means, within the range of a signed 64-bit column."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Invalid(
            f"{field} holds a time, not {_shown(value)}.",
            f"Write for example: {field} >= '2026-11-20T08:00:00Z'.",
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # datetime has microseconds only, so the three digits after them are added here.
    finer = _NANOSECONDS.search(str(value))
    low = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    low += int(finer.group().ljust(3, "0")) if finer else 0
    high = low if finer else low + 999
    return min(max(low, INT64_MIN), INT64_MAX), min(max(high, INT64_MIN), INT64_MAX)


def _shown(value: Value) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else repr(quote(value, 60) if isinstance(value, str) else value)
    )

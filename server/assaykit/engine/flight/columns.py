"""Spans as flat rows for export, and flat rows as verdicts, annotations and metadata patches for spans.

Columns have the names of filter fields: `context.span_id`, `attributes.<key>`, `eval.<name>.label`. An export also has
`attributes.metadata`, all metadata as one JSON text, which the SDK turns into a dict.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from assaykit.engine.flight.frames import ArrowRow, ColumnType
from assaykit.engine.store.times import nanoseconds
from assaykit.engine.store.traces.annotations import PARTS, columns
from assaykit.engine.store.traces.span_updates import Said, UnitLevel
from assaykit.engine.store.traces.verdicts import VERDICT_FIELDS
from assaykit.errors import Invalid, quote
from assaykit.filters.fields import ALIASES
from assaykit.wire.spans import Span

SPAN_ID: Final = "context.span_id"
PATCH: Final = "patch_document"
NOTES: Final = "annotation.notes"

FIXED: Final[dict[str, ColumnType]] = {
    "context.span_id": "text",
    "context.trace_id": "text",
    "parent_id": "text",
    "name": "text",
    "attributes.openinference.span.kind": "text",
    "status_code": "text",
    "status_message": "text",
    "time": "time",
    "start_time": "int",
    "end_time": "int",
    "latency_ms": "float",
}
"""The columns of every export. `time` is the start as a timestamp, by which the SDK sorts. `start_time` and `end_time`
are nanoseconds since 1970, which the SDK converts to times."""

_METADATA = "metadata"
_SHOWN = 10
_VERDICT = re.compile(r"(eval|trace_eval|session_eval)\.(.+)\.(label|score|explanation)", re.DOTALL)
_ANNOTATION = re.compile(r"annotation\.(.+)\.(label|score|text|updated_by|updated_at)", re.DOTALL)
_LEVELS: Final[dict[str, UnitLevel]] = {"eval": "SPAN", "trace_eval": "TRACE", "session_eval": "SESSION"}


class Patches(NamedTuple):
    """Metadata patches by span id: `good` ones in order, and the reason that each `bad` one cannot be applied."""

    good: dict[str, list[dict[str, Any]]]
    bad: dict[str, str]


def of_span(span: Span) -> ArrowRow:
    """A span as a row."""
    start, end = nanoseconds(span.start_time), nanoseconds(span.end_time)
    row: ArrowRow = {
        "context.span_id": span.context.span_id,
        "context.trace_id": span.context.trace_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "attributes.openinference.span.kind": span.kind,
        "status_code": span.status_code,
        "status_message": span.status_message,
        "time": start,
        "start_time": start,
        "end_time": end,
        "latency_ms": None if start is None or end is None else (end - start) / 1e6,
    }
    row |= {f"attributes.{key}": value for key, value in span.attributes.items() if key != "openinference.span.kind"}
    if metadata := _metadata(span.attributes):
        row["attributes.metadata"] = json.dumps(metadata, ensure_ascii=False)
    if span.events:
        row["events"] = json.dumps([event.model_dump(mode="json") for event in span.events], ensure_ascii=False)
    for verdict in span.evaluations:
        said = {f"{verdict.column}.{part}": getattr(verdict, part) for part in VERDICT_FIELDS}
        row |= {key: value for key, value in said.items() if value is not None or not verdict.is_shared}
    return {**row, **columns(span.annotations)}


def projected(names: Sequence[str]) -> dict[str, ColumnType]:
    """The columns of an export that asks for `names`, plus `time` and `start_time`, which the SDK needs."""
    wanted = dict.fromkeys([_column(name) for name in names] + ["time", "start_time"])
    return {name: FIXED.get(name) for name in wanted}


def verdicts(rows: Iterable[Mapping[str, Any]]) -> list[Said]:
    """The verdicts in columns `eval|trace_eval|session_eval.<name>.label|score|explanation`. Nulls are skipped.

    Raises:
        Invalid: a column has another name, a row has no span id, or a value has the wrong type.
    """
    said: list[Said] = []
    for row in rows:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for column, value in row.items():
            if column == SPAN_ID:
                continue
            sort, name, part = _taken_apart(_VERDICT, column, "eval.<name>.label, .score or .explanation")
            if value is not None:
                found.setdefault((sort, name), {})[part] = _value(column, part, value)
        span_id = _span_id(row)
        said += [Said(span_id, name, parts, _LEVELS[sort]) for (sort, name), parts in found.items()]
    return said


def annotations(rows: Iterable[Mapping[str, Any]]) -> list[Said]:
    """The annotations in columns `annotation.<name>.label|score|text`; `annotation.notes` becomes one named `notes`.

    The columns `updated_by` and `updated_at` are ignored, because the engine sets the annotator and the time.

    Raises:
        Invalid: a column has another name, a row has no span id, or a value has the wrong type.
    """
    said: list[Said] = []
    for row in rows:
        found: dict[str, dict[str, Any]] = {}
        for column, value in row.items():
            if column == SPAN_ID:
                continue
            if column == NOTES:
                if note := _note(value):
                    found["notes"] = {"text": note}
                continue
            name, part = _taken_apart(_ANNOTATION, column, "annotation.<name>.label, .score or .text")
            if value is not None and part in PARTS:
                found.setdefault(name, {})[part] = _value(column, part, value)
        span_id = _span_id(row)
        said += [Said(span_id, name, parts) for name, parts in found.items()]
    return said


def patches(rows: Iterable[Mapping[str, Any]]) -> Patches:
    """The metadata patches in the column `patch_document`, JSON objects as text.

    Raises:
        Invalid: the columns are not exactly the span id and `patch_document`, or a row has no span id.
    """
    found = Patches({}, {})
    for row in rows:
        if set(row) != {SPAN_ID, PATCH}:
            raise Invalid(
                f"The columns are {', '.join(repr(quote(name, 60)) for name in list(row)[:_SHOWN])}.",
                f"Send {SPAN_ID} and {PATCH}.",
            )
        span_id = _span_id(row)
        try:
            patch = json.loads(row[PATCH] or "{}", parse_constant=_refuse)
        except (TypeError, ValueError, RecursionError):
            patch = None
        if isinstance(patch, dict):
            found.good.setdefault(span_id, []).append(cast("dict[str, Any]", patch))
        else:
            found.bad[span_id] = "parse_failure: the patch is not a JSON object."
    return found


def _metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{_METADATA}."
    return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


def _column(name: str) -> str:
    """The export column of a filter field, which may be an alias."""
    name = ALIASES.get(name, name)
    return "attributes.openinference.span.kind" if name == "span_kind" else name


def _taken_apart(pattern: re.Pattern[str], column: str, there_are: str) -> tuple[str, ...]:
    found = pattern.fullmatch(column)
    if found is None:
        raise Invalid(f"The column {quote(column, 80)!r} cannot be written.", f"Send {there_are}.")
    return found.groups()


def _span_id(row: Mapping[str, Any]) -> str:
    span_id = row.get(SPAN_ID)
    if not isinstance(span_id, str) or not span_id:
        raise Invalid(f"A row has no {SPAN_ID}.", "Send the id of its span with each row.")
    return span_id


def _value(column: str, part: str, value: Any) -> Any:
    fits = isinstance(value, int | float) and not isinstance(value, bool) if part == "score" else isinstance(value, str)
    if not fits:
        wanted = "a number" if part == "score" else "text"
        raise Invalid(f"The column {quote(column, 80)!r} holds {type(value).__name__}.", f"Write {wanted} there.")
    return value


def _note(value: Any) -> str | None:
    """The text of the last note in a list of JSON objects with `text`; None if there are no notes."""
    if value is None or value == []:
        return None
    try:
        text = json.loads(value[-1])["text"]
    except (TypeError, ValueError, KeyError, IndexError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise Invalid(
            f"The column {NOTES!r} does not hold notes.", 'Send lists of JSON objects such as {"text": "good"}.'
        )
    return text


def _refuse(name: str) -> None:
    raise ValueError(name)

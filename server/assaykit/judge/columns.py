"""The rows that judges read: spans, runs and examples as flat mappings of column paths to JSON values."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from assaykit.column_paths import ATTRIBUTES, Row, has_path, resolve
from assaykit.judge import cut_text
from assaykit.wire.bodies import rfc3339
from assaykit.wire.spans import Annotation, Evaluation, Span, SpanEvent

OWN_COLUMNS = frozenset(
    [
        "name",
        "span_kind",
        "status_code",
        "latency_ms",
        "context.span_id",
        "context.trace_id",
        "parent_id",
        "start_time",
        "id",
        "example_id",
    ]
)
"""Columns that exist whatever an application records."""

EVENT = "event."
"""The beginning of the columns of events."""

NULL = "null"
"""The text of a null."""


def span_row(span: Span) -> dict[str, Any]:
    """One span as a row. `latency_ms` is None while the span has no end; times are RFC 3339 text.

    `exception.type`, `.message` and `.stacktrace` are those of the last exception event. Each event is also at
    `event.<name>.timestamp` and `event.<name>.attributes.<key>`; of several with a name, the last that has the part.
    """
    row: dict[str, Any] = {
        "name": span.name,
        "span_kind": span.kind,
        "status_code": span.status_code,
        "latency_ms": _latency_ms(span),
        "context.span_id": span.context.span_id,
        "context.trace_id": span.context.trace_id,
        "parent_id": span.parent_id,
        "start_time": rfc3339(span.start_time) if span.start_time else None,
    }
    if span.status_message:
        row["status_message"] = span.status_message
    row |= {ATTRIBUTES + key: value for key, value in span.attributes.items()}
    for event in span.events:
        row |= _event_columns(event)
    return row | said_columns(span.evaluations, span.annotations, span.trace_annotations)


def _event_columns(event: SpanEvent) -> dict[str, Any]:
    if not event.name:
        return {}
    told = {key: value for key, value in event.attributes.items() if value is not None}
    found = {f"{EVENT}{event.name}.attributes.{key}": value for key, value in told.items()}
    if event.timestamp is not None:
        found[f"{EVENT}{event.name}.timestamp"] = rfc3339(event.timestamp)
    if event.name == "exception":
        found |= {key: value for key, value in told.items() if key.startswith("exception.")}
    return found


def said_columns(
    evaluations: Iterable[Evaluation],
    annotations: Iterable[Annotation],
    trace_annotations: Iterable[Annotation] = (),
) -> dict[str, Any]:
    """The columns of the verdicts and annotations on a span; None where a part has no value.

    `<verdict>.metadata.version` and `.model` name the maker, `.stale` is true if the verdict is older than the text,
    and `.earlier` has the earlier verdicts of other makers as JSON text, where the verdict tells them.
    """
    row: dict[str, Any] = {}
    for verdict in evaluations:
        row[f"{verdict.column}.label"] = verdict.label
        row[f"{verdict.column}.score"] = verdict.score
        row[f"{verdict.column}.explanation"] = verdict.explanation
        made_by = verdict.metadata or {}
        row |= {f"{verdict.column}.metadata.{key}": made_by[key] for key in ("version", "model") if key in made_by}
        if made_by.get("stale"):
            row[f"{verdict.column}.metadata.stale"] = True
        if "earlier" in made_by:
            row[f"{verdict.column}.metadata.earlier"] = json.dumps(made_by["earlier"], ensure_ascii=False)
    for sort, said in (("annotation", annotations), ("trace_annotation", trace_annotations)):
        for annotation in said:
            row[f"{sort}.{annotation.name}.label"] = annotation.label
            row[f"{sort}.{annotation.name}.score"] = annotation.score
            row[f"{sort}.{annotation.name}.text"] = annotation.text
    return row


def seen_by_runs(example: Row) -> dict[str, Any]:
    """The columns of an example that stand among those of an experiment's run.

    The columns `eval.*` and `annotation.*` do not, because on a run they would be taken for verdicts on the run.
    """
    return {column: value for column, value in example.items() if not column.startswith(("eval.", "annotation."))}


def text_at(row: Row, path: str) -> str | None:
    """Return the text at `path` for an evaluator: `null` for a null, and blank text as it is. None without a column.

    The null or blank output of a run or of a span that failed is no output. Such a run has a value in `error`.
    """
    value = resolve(row, path)
    if path == "output" and (row.get("error") or row.get("status_code") == "ERROR"):
        return as_text(value)
    if value is None:
        return NULL if has_path(row, path) else None
    return value if isinstance(value, str) else as_text(value)


def as_text(value: Any) -> str | None:
    """Return the text for the judge: a text unchanged, other values as compact JSON, None for null or blank text.

    The JSON of a value that holds cut text ends in the note of `cut_text` too.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if len(text) * 4 >= cut_text.FIRST_LIMIT and (lost := cut_text.sizes_before(value)):
        return cut_text.noted(text, len(text.encode("utf-8", "replace")) + sum(lost))
    return text


def is_behind_cut(row: Row, path: str) -> bool:
    """Whether a path without a value leads into a text that was cut, such as JSON that lacks its end."""
    parts = path.split(".")
    prefixes = (".".join(parts[:taken]) for taken in range(len(parts) - 1, 0, -1))
    found = (resolve(row, prefix) for prefix in prefixes)
    return any(isinstance(one, str) and cut_text.size_before(one) is not None for one in found)


def columns(rows: Iterable[Row]) -> list[str]:
    """The columns with a value in any row, most frequent first, then in order of appearance."""
    counts = Counter(path for row in rows for path, value in row.items() if value not in (None, ""))
    return [path for path, _ in counts.most_common()]


def _latency_ms(span: Span) -> float | None:
    if span.start_time is None or span.end_time is None:
        return None
    return (span.end_time - span.start_time).total_seconds() * 1000

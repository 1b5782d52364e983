"""Rows and the paths into them.

A row is a flat mapping `{column path: JSON value}`. A path names a column, or continues into the JSON value of
a column: `attributes.llm.output_messages.0.message.content`, `metadata.tier`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from assaykit.wire.bodies import rfc3339
from assaykit.wire.spans import Annotation, Evaluation, Span

ATTRIBUTES = "attributes."
SHORT_FORMS = {"input": "attributes.input.value", "output": "attributes.output.value"}
"""The columns that `input` and `output` stand for on a row without a column of that name."""

Row = Mapping[str, Any]


def span_row(span: Span) -> dict[str, Any]:
    """One span as a row. `latency_ms` is None while the span has no end; times are RFC 3339 text."""
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
    row |= {ATTRIBUTES + key: value for key, value in span.attributes.items()}
    return row | said_columns(span.evaluations, span.annotations)


def said_columns(evaluations: Iterable[Evaluation], annotations: Iterable[Annotation]) -> dict[str, Any]:
    """The columns of the verdicts and annotations on a span; None where a part has no value."""
    row: dict[str, Any] = {}
    for verdict in evaluations:
        row[f"{verdict.column}.label"] = verdict.label
        row[f"{verdict.column}.score"] = verdict.score
        row[f"{verdict.column}.explanation"] = verdict.explanation
    for annotation in annotations:
        row[f"annotation.{annotation.name}.label"] = annotation.label
        row[f"annotation.{annotation.name}.score"] = annotation.score
        row[f"annotation.{annotation.name}.text"] = annotation.text
    return row


def seen_by_runs(example: Row) -> dict[str, Any]:
    """The columns of an example that stand among those of an experiment's run.

    The columns `eval.*` and `annotation.*` do not, because on a run they would be taken for verdicts on the run.
    """
    return {column: value for column, value in example.items() if not column.startswith(("eval.", "annotation."))}


def resolve(row: Row, path: str) -> Any | None:
    """The value at `path`, or None when there is none.

    The first match counts: the column `path`; the column `attributes.<path>`; for `input` and `output` the column that
    the short form stands for; the longest column that is a prefix of the path, followed into its JSON value by keys
    and indexes.
    """
    for column in (path, ATTRIBUTES + path, SHORT_FORMS.get(path)):
        if column is not None and row.get(column) is not None:
            return row[column]
    for whole in (path, ATTRIBUTES + path):
        found = _descend(row, whole.split("."))
        if found is not None:
            return found
    return None


def as_text(value: Any) -> str | None:
    """Return the text for the judge: a text unchanged, other values as compact JSON, None for null or blank text."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def columns(rows: Iterable[Row]) -> list[str]:
    """The columns with a value in any row, most frequent first, then in order of appearance."""
    counts = Counter(path for row in rows for path, value in row.items() if value not in (None, ""))
    return [path for path, _ in counts.most_common()]


def _latency_ms(span: Span) -> float | None:
    if span.start_time is None or span.end_time is None:
        return None
    return (span.end_time - span.start_time).total_seconds() * 1000


def _descend(value: Any, parts: Sequence[str]) -> Any | None:
    """Follow keys and indexes. Keys may contain dots, so the longest existing key is tried first."""
    if not parts:
        return value
    if isinstance(value, str):
        value = _opened(value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        for taken in range(len(parts), 0, -1):
            key = ".".join(parts[:taken])
            found = _descend(mapping[key], parts[taken:]) if key in mapping else None
            if found is not None:
                return found
        return None
    if isinstance(value, list):
        items = cast("list[Any]", value)
        index = parts[0]
        is_index = index.isascii() and index.isdecimal() and len(index) < 10  # noqa: PLR2004  (no list is longer)
        return _descend(items[int(index)], parts[1:]) if is_index and int(index) < len(items) else None
    return None


def _opened(text: str) -> Any | None:
    """The object or list that a JSON string holds; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

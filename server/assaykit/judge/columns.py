"""Rows and the paths into them.

A row is a flat mapping `{column path: JSON value}`. A path names a column, or continues into the JSON value of
a column: `attributes.llm.output_messages.0.message.content`, `metadata.tier`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from assaykit.judge import cut_text, messages
from assaykit.wire.bodies import rfc3339
from assaykit.wire.spans import Span

ATTRIBUTES = "attributes."
SHORT_FORMS = {
    "input": "attributes.input.value",
    "output": "attributes.output.value",
    "reasoning": "attributes.output.reasoning",
}
"""The columns that short names stand for on a row without a column of that name.

On an LLM span with messages, `input`, `output` and `reasoning` stand for the text of the messages instead.
"""

Row = Mapping[str, Any]


def span_row(span: Span) -> dict[str, Any]:
    """One span as a row. `latency_ms` is None while the span has no end; times are RFC 3339 text.

    `exception.type`, `.message` and `.stacktrace` are those of the last exception event.
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
    for event in span.events:
        if event.name == "exception":
            row |= {key: value for key, value in event.attributes.items() if key.startswith("exception.")}
    row |= {ATTRIBUTES + key: value for key, value in span.attributes.items()}
    for verdict in span.evaluations:
        row[f"{verdict.column}.label"] = verdict.label
        row[f"{verdict.column}.score"] = verdict.score
        row[f"{verdict.column}.explanation"] = verdict.explanation
    for annotation in span.annotations:
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

    The first match counts: the column `path`; the column `attributes.<path>`; for a short form the text of an LLM
    span's messages, and then the column that it stands for; the longest column that is a prefix of the path, followed
    into its JSON value by keys and indexes.
    """
    for column in (path, ATTRIBUTES + path):
        if row.get(column) is not None:
            return row[column]
    if path in SHORT_FORMS:
        said = _said(row, path) if row.get("span_kind") == "LLM" else None
        if said is not None or row.get(SHORT_FORMS[path]) is not None:
            return row[SHORT_FORMS[path]] if said is None else said
    for whole in (path, ATTRIBUTES + path):
        found = _descend(row, whole.split("."))
        if found is not None:
            return found
    return None


def _said(row: Row, short: str) -> str | None:
    """The text of the messages of an OpenInference LLM span; None without messages.

    The value that such a span sends as `input.value` or `output.value` is often the whole body of the request or reply.
    """
    way, role = ("input", "user") if short == "input" else ("output", "assistant")
    told = messages.unflattened(row, f"{ATTRIBUTES}llm.{way}_messages")
    if not isinstance(told, list):
        return None
    said = messages.read(told, role)
    if short == "input":
        return messages.joined(said)
    parts = [one.text if short == "output" else one.reasoning for one in said]
    return "\n".join(part for part in parts if part) or None


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

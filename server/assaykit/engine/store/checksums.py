"""Checksums of rows. A row whose checksum does not fit was damaged on the disk after it was written.

A checksum is the CRC-32 of the columns as SQLite stores them. CRC-32 finds every flipped bit and every burst of up to
32 bits. It is no protection against a person who changes the store.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from assaykit.engine import json_text

SUMMED = {
    "examples": ("id", "created_ns", "data", "updated_ns"),
    "experiment_runs": ("id", "created_ns", "experiment_id", "example_id", "data"),
    "evaluator_versions": ("id", "created_ns", "evaluator_id", "commit_hash", "commit_message", "type", "config"),
    "prompt_versions": ("id", "created_ns", "prompt_id", "commit_hash", "commit_message", "config"),
    "annotations": ("scope_id", "level", "target_id", "name", "label", "score", "text", "annotator", "updated_ns"),
    "tasks": (
        "id", "created_ns", "space_id", "name", "type", "project_id", "dataset_id", "experiment_ids", "sampling_rate",
        "is_continuous", "query_filter", "query_filters", "evaluators", "run_configuration",
    ),
    "run_items": ("run_id", "position", "evaluator_id", "target_id", "scope_id"),
}  # fmt: skip
"""The columns in the checksum of a row: those that never change, or whose every change sets the checksum too.

An example's version is left out, because a copy keeps the checksum. So are the outcome of a row of a run and the costs
of a task, which change often.
"""

VERDICT = ("scope_id", "level", "target_id", "name", "label", "score", "explanation")

MAKER = ("evaluator_version_id", "version", "model")
"""The keys of a verdict's metadata that its checksum covers."""
_NULL = "\1"
"""The text of a null."""


def of(values: Iterable[Any]) -> int:
    """The checksum of stored values: text, numbers and nulls. Other values are taken as their JSON text."""
    texts = [
        value if (kind := value.__class__) is str else _NULL if value is None else _TEXTS.get(kind, _text)(value)
        for value in values
    ]
    return zlib.crc32("\0".join(texts).encode("utf-8", "surrogatepass"))


def of_columns(row: Mapping[str, Any], names: Iterable[str]) -> int:
    """The checksum of some columns of a row."""
    return of(map(row.__getitem__, names))


def of_new(names: Iterable[str]) -> Callable[[Any], int]:
    """The default of a checksum column: that of these columns of the row that is inserted."""

    def computed(context: Any) -> int:
        given: Mapping[str, Any] = context.get_current_parameters()
        return of(map(given.get, names))

    return computed


def stored(table: sa.Table, names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    """Columns to select as they are stored: JSON as its text."""
    columns = (table.c[name] for name in names)
    return [
        sa.type_coerce(column, sa.String).label(column.name) if isinstance(column.type, sa.JSON) else column
        for column in columns
    ]


def seal(connection: sa.Connection, table: sa.Table, row_id: str, names: Iterable[str]) -> None:
    """Set the checksum of a row to that of these columns as they are stored now."""
    row = connection.execute(sa.select(*stored(table, names)).where(table.c.id == row_id)).one()
    connection.execute(table.update().where(table.c.id == row_id).values(checksum=of(row)))


def of_verdict(verdict: Mapping[str, Any]) -> int:
    """The checksum of a verdict's target, name, label, score, explanation, and of its maker in `metadata`."""
    made_by = verdict["metadata"]
    return _of_said([*(verdict[name] for name in VERDICT), *(made_by.get(key) for key in MAKER)])


def fits_verdict(verdict: Mapping[str, Any]) -> bool:
    """Whether the `checksum` of a stored verdict fits. One from before schema 0025 does not cover the maker."""
    of_before = _of_said([verdict[name] for name in VERDICT])
    return verdict["checksum"] in {of_verdict(verdict), of_before}


def _of_said(said: list[Any]) -> int:
    # SQLite returns 1.0 for a stored score of 1; both must have the same checksum.
    said = [float(value) if isinstance(value, int) else value for value in said]
    return zlib.crc32(repr(said).encode("utf-8", "surrogatepass"))


def _text_of_float(value: float) -> str:
    # SQLite returns 1.0 for a 1 in a column of floating-point numbers; both must have the same checksum.
    return str(int(value)) if value.is_integer() else repr(value)


def _text(value: Any) -> str:
    """The text of a value of a class that is rare."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _text_of_float(value)
    return str(int(value)) if isinstance(value, int) else json_text.written(value)


_TEXTS: dict[type, Callable[[Any], str]] = {int: str, float: _text_of_float}

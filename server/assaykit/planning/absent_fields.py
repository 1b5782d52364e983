"""Fields that a filter over spans names and no span has."""

from collections.abc import Iterable, Sequence

from assaykit.column_paths import ATTRIBUTES, WHOLES, Row, resolve
from assaykit.errors import Invalid
from assaykit.filters.fields import span_tree
from assaykit.filters.tree import fields
from assaykit.foreign import as_word, exactly
from assaykit.judge.missing_values import near

_OPTIONAL = (
    ATTRIBUTES,
    "event.",
    "exception.",
    "eval.",
    "trace_eval.",
    "session_eval.",
    "annotation.",
    "trace_annotation.",
)
"""The beginnings of the fields that a span may lack. Every span has the others."""


def unseen(filter_text: str | None, rows: Iterable[Row]) -> list[str]:
    """The fields that a filter names and none of the rows has, in the filter's order."""
    try:
        asked = dict.fromkeys(fields(span_tree(filter_text or "")))
    except Invalid:
        return []  # the backend's filter language may have syntax that ours lacks
    missing = {name for name in asked if name.startswith(_OPTIONAL)}
    for row in rows:
        missing -= {name for name in missing if _has(row, name)}
    return [name for name in asked if name in missing]


def _has(row: Row, name: str) -> bool:
    is_whole = name.removeprefix(ATTRIBUTES) in WHOLES
    return (resolve(row, name) if is_whole else row.get(name)) is not None


def told(missing: Iterable[str], rows: Sequence[Row], there: str = "No span there") -> list[str]:
    """One sentence for each missing field, with similar columns of its kind that have a value in the rows."""
    alike = {name: ", ".join(map(as_word, near(name, _of_kind(name, rows)))) for name in missing}
    return [f"{there} has {exactly(name)}{f'; near it: {found}' if found else ''}." for name, found in alike.items()]


def _of_kind(name: str, rows: Sequence[Row]) -> list[Row]:
    """The columns of the rows that begin with the first word of a name, such as `attributes.` or `eval.`."""
    kind = name.partition(".")[0] + "."
    return [{column: value for column, value in row.items() if column.startswith(kind)} for row in rows]


def absent(filter_text: str, rows: Sequence[Row]) -> list[str]:
    """One sentence for each field that a filter names and no row has."""
    return told(unseen(filter_text, rows), rows)

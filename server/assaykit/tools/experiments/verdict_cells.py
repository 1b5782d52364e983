"""Verdicts in the cells of a result file, such as a column `scores` with `{"correct": 1}` in each row.

A cell is a list of `{name, score or value or label, explanation or comment}`, one such object, or `{name: score}`. A
column `scores.correct` holds the verdicts of one evaluator.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from assaykit.errors import Invalid, quote
from assaykit.files.columns import is_evaluator_name, number_in_text
from assaykit.files.exports.shared_columns import opened
from assaykit.foreign import as_word, exactly
from assaykit.matching import text_of
from assaykit.runner.assaykit_worker.verdicts import Unreadable, Verdict, verdict

COLUMNS: Final = ("evaluations", "evals", "evaluation_results", "scores", "feedback", "assessments")
"""The usual names of a column with verdicts."""

_NAMES = ("name", "key", "metric", "metric_name", "evaluator", "evaluator_name", "scorer", "criterion")
_VALUES = ("value", "rating", "grade", "result", "verdict", "stringValue", "string_value")
_FIELDS = frozenset({"score", "label", "pass", "passed", "success", "is_correct", *_VALUES})
_EXPLANATIONS = frozenset({"explanation", "reason", "comment", "rationale", "reasoning", "justification"})
_PARTS = _FIELDS | _EXPLANATIONS
_BELOW = re.compile(rf"({'|'.join(COLUMNS)})\.(.+)", re.DOTALL)
_BOOLS = {"true": True, "false": False}
_DEEPEST = 3

Named = tuple[str, Verdict]


class _NoVerdict(Exception):
    """The cell holds something other than verdicts."""


class VerdictColumns(NamedTuple):
    """The columns of a row with verdicts: whole cells, and columns below one name as (column, evaluator, part)."""

    cells: Sequence[str]
    below: Sequence[tuple[str, str, str | None]]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.cells or self.below)


def verdict_columns(columns: Sequence[str], others: Sequence[str]) -> VerdictColumns:
    """The columns with verdicts, without those that `others` name or lead into."""
    free = [one for one in columns if not any(other == one or other.startswith(f"{one}.") for other in others)]
    below: list[tuple[str, str, str | None]] = []
    for column in free:
        if match := _BELOW.fullmatch(column):
            name, _, part = match[2].rpartition(".")
            below.append((column, name, part) if name and part in _PARTS else (column, match[2], None))
    return VerdictColumns([one for one in COLUMNS if one in free], below)


def opened_cells(
    values: Mapping[str, Any], columns: VerdictColumns, line: int, file: str
) -> tuple[dict[str, Any], list[str]]:
    """The row with its verdicts as columns `eval.<name>.<part>`, and the columns whose cell holds no verdict.

    Such a cell stays under its name.

    Raises:
        Invalid: two columns hold different verdicts of one evaluator.
    """
    told = {name: value for name, value in values.items() if name not in columns.cells}
    unread: list[str] = []
    for column in columns.cells:
        if values[column] is None:
            continue
        try:
            found = [one for one in _numbered(_in_cell(opened(values[column]))) if one[1]]
        except (_NoVerdict, Unreadable):
            told[column] = values[column]
            unread.append(column)
            continue
        for name, one in found:
            _add(told, column, name, one, line, file)
    for name, parts in _grouped(values, columns.below).items():
        try:
            _add(told, _column_of(name, columns.below), name, _verdict(parts), line, file)
        except (_NoVerdict, Unreadable):
            unread += [column for column, named, _ in columns.below if named == name]
            continue
        for column, named, _ in columns.below:
            if named == name:
                told.pop(column, None)
    return told, unread


def _grouped(values: Mapping[str, Any], below: Sequence[tuple[str, str, str | None]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for column, name, part in below:
        if values[column] is not None and is_evaluator_name(name):
            found.setdefault(name, {})[part or "value"] = values[column]
    return found


def _column_of(name: str, below: Sequence[tuple[str, str, str | None]]) -> str:
    return next(column for column, named, _ in below if named == name)


def _in_cell(cell: Any, depth: int = 0) -> Iterator[Named]:
    if depth > _DEEPEST:
        raise _NoVerdict
    if isinstance(cell, list):
        items = cast("list[Any]", cell)
        if any(not isinstance(one, Mapping) for one in items):
            raise _NoVerdict
        for one in items:
            yield from _in_cell(one, depth + 1)
        return
    if not isinstance(cell, Mapping):
        raise _NoVerdict
    fields = {str(key): value for key, value in cast("Mapping[Any, Any]", cell).items()}
    if isinstance(fields.get("results"), list) and not _FIELDS & fields.keys():
        yield from _in_cell(fields["results"], depth + 1)
        return
    name = next((fields[one] for one in _NAMES if isinstance(fields.get(one), str)), None)
    if name is not None and _PARTS & fields.keys():
        yield _name(name), _verdict({key: value for key, value in fields.items() if key not in _NAMES})
        return
    yield from _by_name(fields)


def _by_name(fields: Mapping[str, Any]) -> Iterator[Named]:
    """The verdicts of `{name: score}`. An explanation beside them belongs to each."""
    named = {key: value for key, value in fields.items() if key not in _EXPLANATIONS}
    beside = {key: value for key, value in fields.items() if key in _EXPLANATIONS and isinstance(value, str)}
    if fields and not named:
        raise _NoVerdict
    for key, value in named.items():
        one = opened(value)
        if isinstance(one, Mapping):
            yield _name(key), _verdict({**beside, **cast("Mapping[str, Any]", one)})
        elif isinstance(one, list):
            raise _NoVerdict
        elif value is not None:
            yield _name(key), _verdict({**beside, "value": value})


def _name(given: str) -> str:
    name = given.strip()
    if not name or not is_evaluator_name(name):
        raise _NoVerdict
    return name


def _verdict(fields: Mapping[str, Any]) -> Verdict:
    """One verdict; empty if the fields hold no value and no explanation."""
    value = next((fields[one] for one in _VALUES if fields.get(one) not in (None, "")), None)
    others = {key: one for key, one in fields.items() if key not in _VALUES and one is not None}
    if value is not None:
        others["value"] = value
    if not _PARTS & others.keys():
        if set(fields) <= _PARTS:
            return {}
        raise _NoVerdict
    told = verdict({key: _plain(one) if key in _FIELDS else one for key, one in others.items()})
    return told | {"label": str(told["label"]).lower()} if told.get("label") in {"True", "False"} else told


def _plain(value: Any) -> Any:
    """A number, true or false in a text as that; any other value unchanged."""
    if isinstance(value, (list, dict)):
        raise _NoVerdict
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    number = number_in_text(text)
    return value if number is None else number


def _numbered(found: Iterator[Named]) -> Iterator[Named]:
    """The verdicts; of several with one name, the second and later ones have their number."""
    times: Counter[str] = Counter()
    for name, one in found:
        times[name] += 1
        yield (name if times[name] == 1 else f"{name} {times[name]}"), one


def _add(told: dict[str, Any], column: str, name: str, one: Verdict, line: int, file: str) -> None:
    """Add the columns of a verdict."""
    metadata: dict[str, Any] = one.get("metadata") or {}
    parts: dict[str, Any] = {key: value for key, value in one.items() if key != "metadata"}
    parts |= {f"metadata.{key}": value for key, value in metadata.items()}
    for part, value in parts.items():
        wire = f"eval.{name}.{part}"
        there = told.setdefault(wire, value)
        if there is None:
            told[wire] = value
        elif there != value and text_of(there) != text_of(value):
            raise Invalid(
                f"Line {line} of {exactly(file)} has two verdicts of {as_word(name)}: {quote(text_of(there), 60)!r} "
                f"and, in {as_word(column)}, {quote(text_of(value), 60)!r}.",
                "Keep one of the two.",
            )

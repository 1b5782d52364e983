"""Which column of a result file means what: from the rows of a file to the rows of an experiment upload.

On the wire a row is flat: `example_id`, `output` (text), `eval.<name>.label`, `.score`, `.explanation`,
`.metadata.<key>`, and any further columns under their own names. A missing value is left out of the row: a
row without a score is unscored, which is not the same as a score of zero.
"""

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assaykit.errors import Invalid, quote
from assaykit.files.rows import Row

LISTED = 5  # lines named in an error
COLUMNS_LISTED = 30
FIELDS = ("label", "score", "explanation")

_WIRE_COLUMN = re.compile(r"eval\.(?P<name>.+?)\.(?P<field>label|score|explanation|metadata\..+)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT_DIGITS = 15  # a whole number of so many digits is the same as a float
_BOOLS = {"true": 1, "false": 0}


@dataclass(frozen=True, slots=True)
class EvaluatorColumns:
    """The columns of one evaluator's results; at least a label or a score. `metadata`: key -> column."""

    label: str | None = None
    score: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ExperimentColumns:
    """The columns of a result file. Those already named `eval.<name>.<field>` need no entry."""

    example_id: str = "example_id"
    output: str = "output"
    evaluators: Mapping[str, EvaluatorColumns] = field(default_factory=dict[str, EvaluatorColumns])


@dataclass(frozen=True, slots=True)
class Filled:
    """How many rows one evaluator labelled and scored."""

    labelled: int = 0
    scored: int = 0


@dataclass(frozen=True, slots=True)
class ExperimentRows:
    """The rows to upload and what they hold.

    `examples` counts distinct example ids: fewer than rows means repetitions, which are allowed.
    """

    rows: list[dict[str, object]]
    examples: int
    evaluators: dict[str, Filled]


def experiment_rows(rows: Iterable[Row], columns: ExperimentColumns, path: str) -> ExperimentRows:
    """The rows of the file `path` in the shape of the wire.

    Raises:
        Invalid: a mapped column is missing or would meet another of its new name; a row lacks its example id
            or its output; a score is no number; a mapped evaluator has no result; there are no rows.
    """
    read = list(rows)
    if not read:
        raise Invalid(f"{quote(path)!r} holds no rows.", "Give a file with one row per result.")
    existing = list(dict.fromkeys(name for row in read for name in row.values))
    places = _places(columns, existing, path)
    _require_filled(read, columns.example_id, "example id", path)
    _require_filled(read, columns.output, "output", path)
    targets = [(wire, column, _kind(wire)) for wire, column in places.items()]
    mapped = set(places.values())
    flat = [_flat(row, targets, mapped, path) for row in read]
    found = _found(flat, places)
    for name in columns.evaluators:
        if found[name] == Filled():
            raise Invalid(
                f"No row of {quote(path)!r} holds a label or a score of evaluator {quote(name)!r}.",
                "Map the columns that hold its results, or leave the evaluator out.",
            )
    return ExperimentRows(flat, len({row["example_id"] for row in flat}), found)


def _places(columns: ExperimentColumns, existing: Sequence[str], path: str) -> dict[str, str]:
    """Wire name -> column of the file, for every column that is mapped or already carries a wire name."""
    places = {"example_id": columns.example_id, "output": columns.output}
    for name, evaluator in columns.evaluators.items():
        places.update(_evaluator_places(name, evaluator))
    for wire, column in places.items():
        if column not in existing:
            raise _missing(wire, column, existing, path)
        if wire != column and wire in existing:
            raise Invalid(
                f"{quote(path)!r} has a column {quote(wire)!r}, and {quote(column)!r} is mapped to it too.",
                f"Rename one of the two, or map {quote(wire)!r} itself.",
            )
    return places | {column: column for column in existing if _WIRE_COLUMN.fullmatch(column)}


def _evaluator_places(name: str, columns: EvaluatorColumns) -> Iterator[tuple[str, str]]:
    match = _WIRE_COLUMN.fullmatch(f"eval.{name}.score")
    if match is None or match["name"] != name:
        raise Invalid(
            f"{quote(name)!r} cannot be the name of an evaluator: its columns could not be told apart.",
            "Use letters, digits, spaces, dots, hyphens or underscores.",
        )
    if columns.label is None and columns.score is None:
        raise Invalid(
            f"Evaluator {quote(name)!r} names neither a label nor a score column.",
            "Name at least one of the two.",
        )
    for kind, column in zip(FIELDS, (columns.label, columns.score, columns.explanation), strict=True):
        if column is not None:
            yield f"eval.{name}.{kind}", column
    for key, column in (columns.metadata or {}).items():
        yield f"eval.{name}.metadata.{key}", column


def _missing(wire: str, column: str, existing: Sequence[str], path: str) -> Invalid:
    listed = ", ".join(repr(quote(name)) for name in existing[:COLUMNS_LISTED])
    more = f" and {len(existing) - COLUMNS_LISTED} more" if len(existing) > COLUMNS_LISTED else ""
    near = difflib.get_close_matches(column, existing, n=3)
    hint = f"Did you mean {' or '.join(repr(quote(name)) for name in near)}? " if near else ""
    return Invalid(
        f"{quote(path)!r} has no column {quote(column)!r} for {quote(wire)!r}; it has {listed}{more}.",
        f"{hint}Map {quote(wire)!r} to the column that holds it.",
    )


def _require_filled(rows: Sequence[Row], column: str, meaning: str, path: str) -> None:
    empty = [row.line for row in rows if row.values.get(column) is None]
    if empty:
        first = ", ".join(str(line) for line in empty[:LISTED]) + (", ..." if len(empty) > LISTED else "")
        raise Invalid(
            f"{len(empty):,} of {len(rows):,} rows of {quote(path)!r} have no {meaning} in {quote(column)!r}:"
            f" line {first}.",
            f"Give every row its {meaning}, or leave these rows out.",
        )


def _kind(wire: str) -> str:
    """`example_id`, `output`, `label`, `score`, `explanation` or `metadata.<key>`."""
    match = _WIRE_COLUMN.fullmatch(wire)
    return match["field"] if match else wire


def _flat(row: Row, targets: list[tuple[str, str, str]], mapped: set[str], path: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for wire, column, kind in targets:
        value = row.values.get(column)
        if value is not None:
            flat[wire] = _cell(kind, value, row.line, column, path)
    rest = {name: value for name, value in row.values.items() if name not in mapped and value is not None}
    return flat | rest


def _cell(kind: str, value: object, line: int, column: str, path: str) -> object:
    match kind:
        case "example_id":
            return _example_id(value, line, column, path)
        case "score":
            return score_of(value, line, column, path)
        case "label":
            return label_of(value, line, column, path)
        case "output" | "explanation":
            return text_of(value)
        case _:
            return value


def text_of(value: object) -> str:
    """Text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def label_of(value: object, line: int, column: str, path: str) -> str:
    """The label in a cell.

    Raises:
        Invalid: it is an object or a list.
    """
    if isinstance(value, str | bool | int | float):
        return text_of(value)
    kind = "an object" if isinstance(value, dict) else "a list"
    raise Invalid(
        f"Line {line} of {quote(path)!r} holds {kind} as a label in {quote(column)!r}.",
        "A label is a short text.",
    )


def _example_id(value: object, line: int, column: str, path: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise Invalid(
        f"Line {line} of {quote(path)!r} has the example id {quote(repr(value), 60)} in {quote(column)!r}.",
        "An example id is the text by which the dataset knows its row.",
    )


def score_of(value: object, line: int, column: str, path: str) -> float | int:
    """The score in a cell; true is 1 and false is 0.

    Raises:
        Invalid: it is no finite number.
    """
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise Invalid(
            f"Line {line} of {quote(path)!r} holds {quote(repr(value), 60)} as a score in {quote(column)!r},"
            " which is no number.",
            "Write a number with a decimal point, true or false, or nothing. Words belong in a label.",
        )
    return number


def _number(value: object) -> float | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    # float() alone would take '1_000', 'nan' and 'infinity' as well.
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.lstrip("+-")
    return int(text) if digits.isdigit() and len(digits) <= _EXACT_DIGITS else float(text)


def _found(rows: Sequence[Mapping[str, object]], places: Iterable[str]) -> dict[str, Filled]:
    matches = [match for wire in places if (match := _WIRE_COLUMN.fullmatch(wire))]
    names = list(dict.fromkeys(match["name"] for match in matches))
    return {name: Filled(_filled(rows, name, "label"), _filled(rows, name, "score")) for name in names}


def _filled(rows: Iterable[Mapping[str, object]], name: str, kind: str) -> int:
    return sum(f"eval.{name}.{kind}" in row for row in rows)

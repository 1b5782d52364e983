"""The mapping of a result file's columns: from the rows of a file to the rows of an experiment upload.

On the wire a row is flat: `example_id`, `output` (text), `eval.<name>.label`, `.score`, `.explanation`,
`.metadata.<key>`, and any further columns under their own names. The row leaves out missing values: a row without a
score is unscored, which differs from a score of zero.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from assaykit.column_paths import opened_json, resolve
from assaykit.errors import Invalid, quote
from assaykit.files.formats import format_of
from assaykit.files.rows import FileRow

LISTED = 5  # line numbers in an error
COLUMNS_LISTED = 30
SHAPES_KEPT = 1000  # cached column sets
FIELDS = ("label", "score", "explanation")

_WIRE_COLUMN = re.compile(r"eval\.(?P<name>.+?)\.(?P<field>label|score|explanation|metadata\..+)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT_DIGITS = 15  # a float represents every whole number with this many digits exactly
_BOOLS = {"true": 1, "false": 0}
_NUMBER_TYPES = (bool, int, float)


@dataclass(frozen=True, slots=True)
class EvaluatorColumns:
    """The columns of one evaluator's results: at least a label or a score. `metadata` maps keys to columns."""

    label: str | None = None
    score: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ExperimentColumns:
    """The columns of a result file. Columns already named `eval.<name>.<field>` need no entry.

    `example_id` is None if each row is an example of its own. With `is_key` it names a column that file and dataset
    share, and its values stay unchanged.
    """

    example_id: str | None = "example_id"
    output: str = "output"
    is_key: bool = False
    evaluators: Mapping[str, EvaluatorColumns] = field(default_factory=dict[str, EvaluatorColumns])


@dataclass(slots=True)
class Filled:
    """The number of rows with a label and with a score of one evaluator."""

    labelled: int = 0
    scored: int = 0


class ExperimentRows:
    """The rows of the file `path`, one at a time, as pairs of the file's row and the wire's row.

    After iteration, `count` has the number of rows, `failed` the number of rows with an error and no output, and
    `evaluators` the labels and scores of each evaluator. Repeated example ids are allowed, because a repetition is a
    run of its own.
    """

    def __init__(self, rows: Iterable[FileRow], columns: ExperimentColumns, path: str) -> None:
        self.count = 0
        self.failed = 0
        self.evaluators: dict[str, Filled] = {}
        self._rows = rows
        self._columns = columns
        self._path = path
        self._mapped = _mapped(columns)
        self._known: dict[str, None] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._needed = ["output"] if columns.example_id is None else ["example_id", "output"]
        self._empty: dict[str, list[int]] = {wire: [] for wire in self._needed}

    def __iter__(self) -> Iterator[tuple[FileRow, dict[str, object]]]:
        """Yield the rows. Rows without an example id, or without an output and an error, are reported at the end.

        Raises:
            Invalid: a cell has the wrong type, or a column is mapped to the name of another column. At the end: a
                mapped column is missing, rows lack their example id or their output, a mapped evaluator has no
                result, or there are no rows.
        """
        written_as = format_of(self._path)
        is_table = written_as is not None and written_as.same_columns
        needed, empty = set(self._needed), self._empty
        for row in self._rows:
            self.count += 1
            shape = self._shapes.get(tuple(row.values)) or self._new_shape(row.values)
            if is_table and self.count == 1:
                self._require_columns()
            flat = shape.flat(row, self._path)
            if not flat.get("output") and _has_failed(flat):
                # The contract demands an output. A run that failed has an empty one.
                flat |= {"output": "", "execution_status": "FAILED"}
                self.failed += 1
            if needed <= flat.keys():
                yield row, flat
            else:
                for wire in self._needed:
                    if wire not in flat:
                        empty[wire].append(row.line)
        self._finish()

    @property
    def columns(self) -> list[str]:
        """The columns of the rows so far, in order of appearance."""
        return list(self._known)

    def _new_shape(self, row: Mapping[str, object]) -> "_Shape":
        """Return the converter for rows with these columns, and cache it."""
        for wire, column in self._mapped.items():
            if wire != column and wire in row and not column.startswith(f"{wire}."):
                raise Invalid(
                    f"{quote(self._path)!r} has a column {quote(wire)!r}, and {quote(column)!r} is mapped to it too.",
                    f"Rename one of the two, or map {quote(wire)!r} itself.",
                )
        self._known |= dict.fromkeys(row)
        readers = _READERS | ({"example_id": _text} if self._columns.is_key else {})
        shape = _Shape(self._mapped, row, readers, self.evaluators)
        if len(self._shapes) < SHAPES_KEPT:
            self._shapes[tuple(row)] = shape
        return shape

    def _require_columns(self) -> None:
        for wire, column in self._mapped.items():
            if not _has(column, self._known):
                raise _missing(wire, column, list(self._known), self._path)

    def _finish(self) -> None:
        if not self.count:
            raise Invalid(f"{quote(self._path)!r} holds no rows.", "Give a file with one row per result.")
        self._require_columns()
        for wire, empty in self._empty.items():
            if empty:
                meaning = "key" if wire == "example_id" and self._columns.is_key else wire.replace("_", " ")
                first = ", ".join(str(line) for line in empty[:LISTED]) + (", ..." if len(empty) > LISTED else "")
                raise Invalid(
                    f"{len(empty):,} of {self.count:,} rows of {quote(self._path)!r} have no {meaning} in "
                    f"{quote(self._mapped[wire])!r}: line {first}.",
                    f"Give every row its {meaning}, or leave these rows out.",
                )
        for name in self._columns.evaluators:
            if self.evaluators.get(name, Filled()) == Filled():
                raise Invalid(
                    f"No row of {quote(self._path)!r} has a label or a score of evaluator {quote(name)!r}.",
                    "Map the columns with its results, or leave the evaluator out.",
                )


class _Shape:
    """Converts rows with the same columns to rows of the wire, and counts labels and scores by evaluator in `found`."""

    def __init__(
        self,
        mapped: Mapping[str, str],
        row: Mapping[str, object],
        readers: Mapping[str, "_Reader"],
        found: dict[str, Filled],
    ) -> None:
        wires: dict[str, str] = {**mapped, **{one: one for one in row if _WIRE_COLUMN.fullmatch(one)}}
        self._cells = [(wire, column, readers.get(_kind(wire))) for wire, column in wires.items() if column in row]
        self._paths = [
            (wire, column, readers.get(_kind(wire)))
            for wire, column in wires.items()
            if column not in row and _has(column, row)
        ]
        taken = set(wires.values())
        self._rest = [column for column in row if column not in taken and column not in wires]
        # The wire's column takes the name of the object that a path leads into. The object's other values stay.
        self._opened = [column for column in row if column in wires and column not in taken]
        self._counts: list[tuple[str, str, Filled]] = []
        for wire in wires:
            if match := _WIRE_COLUMN.fullmatch(wire):
                counted = found.setdefault(match["name"], Filled())
                if match["field"] in {"label", "score"}:
                    self._counts.append((wire, match["field"], counted))

    def flat(self, row: FileRow, path: str) -> dict[str, object]:
        """Return one row for the wire, without missing values."""
        line, values = row.line, row.values
        flat: dict[str, object] = {}
        for wire, column, read in self._cells:
            value = values[column]
            if value is not None:
                flat[wire] = value if read is None else read(value, line, column, path)
        if self._paths:
            self._read_paths(row, path, flat)
        for column in self._rest:
            value = values[column]
            if value is not None:
                flat[column] = value
        for wire, kind, counted in self._counts:
            if wire in flat:
                if kind == "label":
                    counted.labelled += 1
                else:
                    counted.scored += 1
        return flat

    def _read_paths(self, row: FileRow, path: str, flat: dict[str, object]) -> None:
        """Add the values at paths into columns, and the other values of a column whose name the wire takes."""
        line, values = row.line, row.values
        for wire, path_in_row, read in self._paths:
            value = resolve(values, path_in_row)
            if value is not None:
                flat[wire] = value if read is None else read(value, line, path_in_row, path)
        for column in self._opened:
            flat |= _others(column, values[column], self._paths)


def _has(path: str, columns: Container[str]) -> bool:
    """Whether a column has this name, or is one that the path leads into."""
    parts = path.split(".")
    return any(".".join(parts[:taken]) in columns for taken in range(len(parts), 0, -1))


def _others(column: str, value: object, paths: Iterable[tuple[str, str, object]]) -> dict[str, object]:
    """The values of an object under `column.key`, without those that a path takes."""
    opened = opened_json(value)
    if not isinstance(opened, Mapping):
        return {}
    inner = cast("Mapping[str, object]", opened)
    taken = {path for _, path, _ in paths}
    return {f"{column}.{key}": one for key, one in inner.items() if one is not None and f"{column}.{key}" not in taken}


def _has_failed(flat: Mapping[str, object]) -> bool:
    error = flat.get("error")
    return error is not None and bool(str(error).strip())


def _mapped(columns: ExperimentColumns) -> dict[str, str]:
    """Map the wire name to the file's column, for every mapped column."""
    places = {} if columns.example_id is None else {"example_id": columns.example_id}
    places["output"] = columns.output
    for name, evaluator in columns.evaluators.items():
        places.update(_evaluator_places(name, evaluator))
    return places


def is_evaluator_name(name: str) -> bool:
    """Whether the columns of an evaluator of this name can be told apart."""
    match = _WIRE_COLUMN.fullmatch(f"eval.{name}.score")
    return match is not None and match["name"] == name


def _evaluator_places(name: str, columns: EvaluatorColumns) -> Iterator[tuple[str, str]]:
    if not is_evaluator_name(name):
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
    of = "" if wire == column else f" for {quote(wire)!r}"
    or_key = ", or pass key= with a column that file and dataset share" if wire == "example_id" else ""
    return Invalid(
        f"{quote(path)!r} has no column {quote(column)!r}{of}; it has {listed}{more}.",
        f"{hint}Map {quote(wire)!r} to the column that holds it{or_key}.",
    )


def _kind(wire: str) -> str:
    """`example_id`, `output`, `label`, `score`, `explanation` or `metadata.<key>`."""
    match = _WIRE_COLUMN.fullmatch(wire)
    return match["field"] if match else wire


def text_of(value: object) -> str:
    """Return text unchanged, other values as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def label_of(value: object, line: int, column: str, path: str) -> str:
    """Return the label in a cell.

    Raises:
        Invalid: the cell is an object or a list.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, _NUMBER_TYPES):
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
        "Give the id of an example of the dataset, as text.",
    )


def score_of(value: object, line: int, column: str, path: str) -> float | int:
    """Return the score in a cell; true is 1 and false is 0.

    Raises:
        Invalid: the cell is not a finite number.
    """
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise Invalid(
            f"Line {line} of {quote(path)!r} holds {quote(repr(value), 60)} as a score in {quote(column)!r},"
            " which is not a number.",
            "Write a number with a decimal point, true or false, or nothing. Words belong in a label.",
        )
    return number


def _number(value: object) -> float | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, _NUMBER_TYPES):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip()
    return _BOOLS.get(text.lower()) if (number := number_in_text(text)) is None else number


def number_in_text(text: str) -> float | int | None:
    """The number that a text is, without white space around it; None for any other text."""
    # float() alone would also accept '1_000', 'nan' and 'infinity'.
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.lstrip("+-")
    return int(text) if digits.isdigit() and len(digits) <= _EXACT_DIGITS else float(text)


def _text(value: object, _line: int, _column: str, _path: str) -> str:
    return value if isinstance(value, str) else text_of(value)


_Reader: TypeAlias = Callable[[object, int, str, str], object]

_READERS: dict[str, _Reader] = {
    "example_id": _example_id,
    "score": score_of,
    "label": label_of,
    "output": _text,
    "explanation": _text,
}
"""The reader for each kind of cell. Cells of other kinds stay unchanged."""

# pyright: basic
"""One example of a dataset as task functions and evaluators see it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

INPUTS = ("input", "attributes.input.value", "inputs")
OUTPUTS = ("expected", "reference", "output", "attributes.output.value")
METADATA = ("metadata", "attributes.metadata")
ANSWERS = (
    *("expected_output", "expected_answer", "expected_response", "reference_output", "reference_outputs"),
    *("reference_answer", "ground_truth", "expectations", "outputs", "correct_answer", "ideal", "target", "gold"),
    *("label", "answer", "completion", "response", "solution"),
)
"""Further columns of the right answer; the first that the dataset has is the answer if it has none of `OUTPUTS`."""

_SYSTEM = frozenset({"id", "created_at", "updated_at"})
_BEGINNINGS = ("expected", "reference", "groundtruth", "gold", "correct", "annotation.", "traceannotation.", "eval.")
_PARENTS = ("input", "inputs", "attributes.input.value", *METADATA)


class DatasetShape(NamedTuple):
    """The columns of a dataset: those that any example has, and the paths of values inside objects by their last name.

    `answers` are the paths of values inside objects that hold the right answer.
    """

    columns: frozenset[str] = frozenset()
    nested: Mapping[str, str] = {}
    answers: Mapping[str, str] = {}


def shape_of(rows: Iterable[Mapping[str, Any]]) -> DatasetShape:
    """The shape of a dataset with these examples."""
    columns: dict[str, None] = {}
    nested: dict[str, str] = {}
    answers: dict[str, str] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
        for parents, found in ((_PARENTS, nested), ((*OUTPUTS, *ANSWERS), answers)):
            for parent in parents:
                value = opened(row.get(parent))
                if isinstance(value, dict):
                    for key in value:
                        found.setdefault(key, f"{parent}.{key}")
    return DatasetShape(frozenset(columns), nested, answers)


class Example(dict):  # type: ignore[type-arg]  # a row is read by key and by attribute
    """A row of the dataset. Its parts `id`, `input`, `output` and `metadata` can be read by key and by attribute.

    A part without a column in the dataset is the row itself without its system columns; for `input` and `metadata` also
    without the columns of answers. So `input["question"]` reads the column "question" of a dataset that has no column
    "input". A part whose column has no value in this row is None.
    """

    def __init__(self, columns: dict[str, Any], shape: DatasetShape | None = None) -> None:
        super().__init__(columns)
        known = frozenset(columns) if shape is None else shape.columns
        rest = {key: value for key, value in columns.items() if key not in _SYSTEM}
        asked = {key: value for key, value in rest.items() if not is_answer(key)}
        self.columns = dict(columns)
        self.id = columns.get("id", "")
        self.input = part(columns, INPUTS, known, asked)
        self.output = part(columns, OUTPUTS, known, part(columns, ANSWERS, known, rest))
        self.metadata = part(columns, METADATA, known, asked)
        self.has_metadata = part(columns, METADATA, known) is not None
        self.has_output = not known.isdisjoint((*OUTPUTS, *ANSWERS))
        for name in ("input", "output", "metadata"):
            self.setdefault(name, getattr(self, name))

    @property
    def expected(self) -> Any:
        """The same as `output`."""
        return self.output

    @property
    def reference(self) -> Any:
        """The same as `output`."""
        return self.output


def is_answer(column: str) -> bool:
    """Whether a column of this name may hold the right answer."""
    if column in OUTPUTS or column in ANSWERS:
        return True
    name = column.lower().replace("_", "").replace("-", "").replace(" ", "")
    return name.startswith(_BEGINNINGS) or name.rstrip("s") in _PLAIN_ANSWERS


_PLAIN_ANSWERS = {name.replace("_", "").rstrip("s") for name in (*OUTPUTS, *ANSWERS)}


def part(columns: dict[str, Any], names: tuple[str, ...], known: frozenset[str], otherwise: Any = None) -> Any:
    """The value of the first of these columns that has one in the row; `otherwise` if the dataset has none of them."""
    there = [name for name in names if name in known or name in columns]
    values = (columns.get(name) for name in there)
    return next((value for value in values if value is not None), None) if there else otherwise


def at_path(columns: Mapping[str, Any], path: str) -> Any:
    """The value at a path of `DatasetShape`: a column, or a key of its object. None if there is none."""
    if path in columns:
        return columns[path]
    parent, _, key = path.rpartition(".")
    for taken in (parent, path.partition(".")[0]):
        value = opened(columns.get(taken))
        rest = path[len(taken) + 1 :] if taken != parent else key
        if isinstance(value, dict) and rest in value:
            return value[rest]
    return None


def opened(value: Any) -> Any:
    """The object that a JSON text holds; other values unchanged."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def as_mapping(value: Any, key: str) -> Any:
    """The value as Phoenix passes it, always a mapping: a JSON object is parsed, any other value is put under `key`."""
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        value = read if isinstance(read, dict) else {key: value}
    return value if isinstance(value, dict) else {key: value}


def fresh(value: Any) -> Any:
    """A deep copy, so that a call cannot change the arguments of the next one."""
    return copy.deepcopy(value)

"""The columns that the readers of all exports give, and the steps that several readers share.

`id`, `input`, `expected`, `context` and `metadata` belong to an example; all others belong to a run. A reader gives
`eval.<name>.label`, `.score` and `.explanation` for each evaluator, and `variant` if a file may hold several variants.
"""

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from assaykit.files.rows import FileRow

EXAMPLE_COLUMNS = ("id", "input", "expected", "context", "metadata")
"""The columns of an example. The others belong to its run."""

VARIANT = "variant"
"""The column with the name of the variant: the provider and the prompt, or the model."""

_LONGEST = 100_000
"""Characters of a text of Python that is opened."""

EXPECTED = ("expected", "expected_output", "expected_answer", "answer", "reference", "ground_truth", "target")
"""The names of a value that the user expects, among other values of a test."""

Values = dict[str, Any]
Translate = Callable[[Iterable[FileRow]], Iterator[tuple[int, Values]]]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """The export of one tool. `fits` looks at the first row of a file, and `translate` reads all rows.

    `left_out` are the columns of the tool that are not stored.
    """

    tool: str
    fits: Callable[[Mapping[str, Any]], bool]
    translate: Translate
    left_out: tuple[str, ...] = ()


def each(one: Callable[[Values], Values | None]) -> Translate:
    """A reader that translates each row on its own; it leaves out a row for which `one` gives None."""

    def translate(rows: Iterable[FileRow]) -> Iterator[tuple[int, Values]]:
        for row in rows:
            if (values := one(dict(row.values))) is not None:
                yield row.line, values

    return translate


def opened(value: Any) -> Any:
    """The object or list in a text of JSON, or of Python as pandas writes it; any other value unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value.strip()) if len(value) <= _LONGEST else value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def mapping_of(value: Any) -> Values:
    """The object in a cell, or an empty one."""
    found = opened(value)
    return (
        {str(key): one for key, one in cast("Mapping[Any, Any]", found).items()} if isinstance(found, Mapping) else {}
    )


def list_of(value: Any) -> list[Any]:
    """The list in a cell, or an empty one."""
    found = opened(value)
    return cast("list[Any]", found) if isinstance(found, list) else []


def alone(values: Mapping[str, Any]) -> Any:
    """The only value of an object, or the object if it has several; None without any."""
    return next(iter(values.values())) if len(values) == 1 else dict(values) or None


def number_of(value: Any) -> float | int | None:
    """A number, also from a text; None for anything else, and for NaN."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        return None
    return found if found == found else None  # noqa: PLR0124  (NaN alone differs from itself)


def verdict(name: str, value: Any, explanation: Any = None, *, passed: Any = None) -> Values:
    """The columns of one verdict: a number is a score, true and false are both, and any other value is a label."""
    found: Values = {}
    if isinstance(value, bool) or str(value).lower() in {"true", "false"}:
        is_true = value is True or str(value).lower() == "true"
        found |= {"label": "true" if is_true else "false", "score": int(is_true)}
    elif (number := number_of(value)) is not None:
        found["score"] = number
    elif value not in (None, ""):
        found["label"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(passed, bool):
        found["label"] = "pass" if passed else "fail"
    if explanation not in (None, ""):
        found["explanation"] = explanation
    return {f"eval.{name}.{part}": one for part, one in found.items()} if {"label", "score"} & found.keys() else {}


def unused(row: Mapping[str, Any], *used: str) -> Values:
    """The columns of the tool that have no place of their own. They stay under their names."""
    own = {"id", "input", "output", "expected", "context", "metadata", "error"}
    return {name: value for name, value in row.items() if name not in used and name not in own and value is not None}


def filled(values: Mapping[str, Any]) -> Values:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}

"""Rows and the paths into them.

A row is a flat mapping `{column path: JSON value}`. A path names a column, or continues into the JSON value of
a column: `attributes.llm.output_messages.0.message.content`, `metadata.tier`. A path means the same in mappings,
filters, keys, strata, slices and the columns of a file.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, cast

from assaykit import messages, model_texts

ATTRIBUTES = "attributes."
_INPUT = "input"
_ROWS_OF_PATHS, _MOST_PATHS, _DEEPEST_PATH = 20, 1000, 3
SHORT_FORMS = {
    "input": "attributes.input.value",
    "output": "attributes.output.value",
    "reasoning": "attributes.output.reasoning",
}
"""The columns that short names stand for on a row without a column of that name.

On a span of a model call, `input`, `output` and `reasoning` stand for the text that OpenInference tells apart from the
body of the request or reply: of messages and prompts, of embedded texts, of the query and the documents of a reranker.
"""

WHOLES = (
    "metadata",
    "retrieval.documents",
    "reranker.input_documents",
    "reranker.output_documents",
    "llm.input_messages",
    "llm.output_messages",
    "embedding.embeddings",
)
"""The OpenInference lists and objects whose parts are attributes of their own. A path may name the whole."""

ASKED = ("question", "query", "prompt")
"""The usual names of a column of inputs; on a row without an input, `input` stands for the first that has a value."""

Row = Mapping[str, Any]


def resolve(row: Row, path: str) -> Any | None:
    """The value at `path`, or None when there is none.

    The first match counts: the column `path`; the column `attributes.<path>`; for a short form the text of a
    model call, and then the column that it stands for; the longest column that is a prefix of the path, followed
    into its JSON value by keys and indexes; a list or object of `WHOLES`, put together from its parts; for `input`
    the first of `ASKED`.
    """
    for column in (path, ATTRIBUTES + path):
        if row.get(column) is not None:
            return row[column]
    if path in SHORT_FORMS:
        said = model_texts.text_of(row, path)
        if said is not None or row.get(SHORT_FORMS[path]) is not None:
            return row[SHORT_FORMS[path]] if said is None else said
    for whole in (path, ATTRIBUTES + path):
        found = _descend(row, whole.split("."))
        if found is not None and found is not _ABSENT:
            return found
    if path == _INPUT:
        return None if _INPUT in row else next((row[one] for one in ASKED if row.get(one) is not None), None)
    return _of_whole(row, path.removeprefix(ATTRIBUTES))


def _of_whole(row: Row, path: str) -> Any | None:
    """The value at a path to a list or object of `WHOLES`, or into it."""
    for name in WHOLES:
        if path == name or path.startswith(f"{name}."):
            rest = path[len(name) + 1 :]
            found = _descend(messages.unflattened(row, ATTRIBUTES + name), rest.split(".") if rest else [])
            return None if found is _ABSENT else found
    return None


def input_told(columns: Iterable[str]) -> str:
    """The column that `input` stands for, in words, with a space before; empty if the rows have an `input` or none."""
    there = set(columns)
    asked = None if _INPUT in there else next((one for one in ASKED if one in there), None)
    return "" if asked is None else f" {_INPUT} stands for {asked}."


def reader_of(row: Row) -> Callable[[str], Any]:
    """A function from a path to its value in the row, as filters take it."""
    return partial(resolve, row)


def is_there(path: str, rows: Iterable[Row]) -> bool:
    """Whether a row has the column `path`, or a value at this path."""
    return any(path in row or resolve(row, path) is not None for row in rows)


def paths_in(rows: Iterable[Row]) -> list[str]:
    """The columns of the first 20 rows, then the paths to values below the objects in them, at most 3 names deep."""
    columns: dict[str, None] = {}
    below: dict[str, None] = {}
    for row in islice(rows, _ROWS_OF_PATHS):
        columns.update(dict.fromkeys(row))
        for column, value in row.items():
            below.update(dict.fromkeys(_below(column, value)))
    return [*columns, *(path for path in below if path not in columns)][:_MOST_PATHS]


def _below(path: str, value: Any, depth: int = 1) -> Iterator[str]:
    opened = opened_json(value)
    if depth < _DEEPEST_PATH and isinstance(opened, Mapping):
        for key, inner in cast("Mapping[str, Any]", opened).items():
            yield f"{path}.{key}"
            yield from _below(f"{path}.{key}", inner, depth + 1)


def has_path(row: Row, path: str) -> bool:
    """Whether the column or the key that a path names is there, whatever its value."""
    if any(column is not None and column in row for column in (path, ATTRIBUTES + path, SHORT_FORMS.get(path))):
        return True
    if path == _INPUT and any(one in row for one in ASKED):
        return True
    return any(_descend(row, whole.split(".")) is not _ABSENT for whole in (path, ATTRIBUTES + path))


_ABSENT = object()


def _descend(value: Any, parts: Sequence[str]) -> Any:
    """Follow keys and indexes; `_ABSENT` if they lead nowhere, None if they lead to a null.

    Keys may contain dots, so the longest existing key is tried first.
    """
    if not parts:
        return value
    value = opened_json(value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        closest: Any = _ABSENT
        for taken in range(len(parts), 0, -1):
            key = ".".join(parts[:taken])
            found = _descend(mapping[key], parts[taken:]) if key in mapping else _ABSENT
            if found is not None and found is not _ABSENT:
                return found
            closest = None if found is None else closest
        return closest
    if isinstance(value, list):
        items = cast("list[Any]", value)
        index = parts[0]
        is_index = index.isascii() and index.isdecimal() and len(index) < 10  # noqa: PLR2004  (no list is longer)
        return _descend(items[int(index)], parts[1:]) if is_index and int(index) < len(items) else _ABSENT
    return _ABSENT


def opened_json(value: Any) -> Any | None:
    """The object or list that a JSON text holds, None for any other text; other values unchanged."""
    if not isinstance(value, str):
        return value
    text = value
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

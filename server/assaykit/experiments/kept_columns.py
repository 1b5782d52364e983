"""The names under which a dataset keeps columns of a file that belong to the server, such as the user's own `id`."""

from collections.abc import Collection, Mapping
from typing import Any

from assaykit.column_paths import Row, resolve
from assaykit.experiments.provenance import SOURCE_EXAMPLE
from assaykit.foreign import as_word
from assaykit.wire.datasets import SYSTEM_COLUMNS

KEY = "key"
"""The column of an example's key: the `id` in the user's file."""

KEYS = (KEY, SOURCE_EXAMPLE)
"""The columns that may hold the `id` of a file, in the order in which they are tried."""

Renames = Mapping[str, str]
"""The new name of a column, or of the value at a path, by the old one."""


def kept_names(columns: Collection[str]) -> dict[str, str | None]:
    """The name of each system column among `columns`; None if the dataset has no place left for it.

    `id` becomes `key`. A file that has a `key` is a copy of other examples, so there `id` becomes the id of the source.
    """
    found: dict[str, str | None] = {}
    for column in sorted(SYSTEM_COLUMNS.intersection(columns)):
        places = KEYS if column == "id" else (f"source_{column}",)
        found[column] = next((place for place in places if place not in columns), None)
    return found


def renamed(row: Row, renames: Renames, kept: Mapping[str, str | None]) -> dict[str, Any]:
    """The row under the names of a dataset: first the user's `renames`, then the names of `kept_names`.

    A rename of a path adds a column, and the column that the path leads into stays.
    """
    told = {renames.get(column, column): value for column, value in row.items()} if renames else dict(row)
    for path, name in renames.items():
        if path not in row and (value := resolve(row, path)) is not None:
            told[name] = value
    if not kept:
        return told
    return {name: value for column, value in told.items() if (name := kept.get(column, column)) is not None}


def told_of(kept: Mapping[str, str | None]) -> str:
    """The kept columns in words, with a space before; empty without any."""
    there = [f"{as_word(column)} is kept as {as_word(name)}" for column, name in kept.items() if name is not None]
    gone = [f"{as_word(column)} is left out" for column, name in kept.items() if name is None]
    if not there and not gone:
        return ""
    said = ", ".join([*there, *gone])
    return f" The server gives ids and times of its own: {said}."


def facts_of(kept: Mapping[str, str | None]) -> dict[str, Any]:
    """The kept columns as data; empty without any."""
    return {"kept_as": [{"column": column, "as": name} for column, name in kept.items()]} if kept else {}

"""The columns by which the rows of a result file belong to examples, where the caller names none that fits."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import anyio.to_thread

from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.column_paths import ASKED, Row
from assaykit.errors import Invalid
from assaykit.experiments.kept_columns import KEY, KEYS
from assaykit.experiments.provenance import SOURCE_EXAMPLE
from assaykit.files.folders import Folders
from assaykit.files.formats import format_of
from assaykit.files.reading import read_rows
from assaykit.foreign import as_word, exactly
from assaykit.matching import text_of
from assaykit.session import Session
from assaykit.spelling import value_key
from assaykit.wire.datasets import ExamplePage

EXAMPLE_ID = "example_id"
IDS_SHOWN = 3
ID_COLUMNS = (EXAMPLE_ID, KEY, "id", SOURCE_EXAMPLE)
"""The columns of a file that may name an example, in the order in which they are tried."""

INPUTS = ("input", *ASKED)
"""The usual names of a column of inputs; its texts match rows and examples where no column of ids does."""

_RENAMED = {"id": "row_id", "annotations": "source_annotations"}

OUTPUTS = ("output", "response", "completion", "prediction", "actual_output", "generated_text", "answer")
"""The usual names of a column of outputs; the first that the file has counts."""


class MatchingColumns(NamedTuple):
    """The column of the file, and that of the dataset; None for the ids of its examples."""

    of_file: str
    of_dataset: str | None

    def told(self) -> str:
        """The two columns in words."""
        there = "the ids of examples" if self.of_dataset is None else f"{as_word(self.of_dataset)} of the dataset"
        return f" Rows are matched by {as_word(self.of_file)} and {there}."


def sides(key: str, file: str, folders: Folders) -> MatchingColumns:
    """The two columns that `key` names: one for both sides, or `file=dataset`, unless the file has such a column."""
    columns = next(_rows(file, folders), dict[str, object]())
    of_file, separator, of_dataset = key.partition("=")
    if separator and key not in columns and of_file and of_dataset:
        return MatchingColumns(of_file, of_dataset)
    return MatchingColumns(key, key)


async def kept_key(here: Session, dataset_id: str, column: str | None) -> str | None:
    """The column of the dataset for this one: an `id` is kept under another name, or it is the example's own, None."""
    if column != "id":
        return column
    at = path("v2", "datasets", dataset_id, "examples")
    page = await here.api.get(at, ExamplePage, limit=1)
    known = {name for example in page.examples for name in example.model_extra or {}}
    return next((name for name in KEYS if name in known), None)


async def usual_columns(
    here: Session, dataset_id: str, rows: Callable[[], Iterable[Row]], named_by: str
) -> MatchingColumns | None:
    """The usual columns, or `named_by`, by which most rows name an example; None if no row does."""
    named = await anyio.to_thread.run_sync(_names, rows, [named_by, *ID_COLUMNS, *INPUTS])
    known: dict[str | None, set[str]] = {None: set(), **{column: set[str]() for column in (*KEYS, *INPUTS)}}
    async for example in examples_of(here.api, dataset_id):
        for column, values in known.items():
            value = example.id if column is None else (example.model_extra or {}).get(column)
            if value is not None:
                values.add(value_key(text_of(value)))
    pairs = [
        (MatchingColumns(one, other), len(named[one] & known[other]))
        for one in named
        for other in known
        if (one in INPUTS) == (other in INPUTS)
    ]
    best, matched = max(pairs, key=lambda pair: pair[1])
    return best if matched else None


def no_such_examples(file: str, dataset: str, rows: Iterable[Row]) -> Invalid | None:
    """The error that the ids of a file are unknown, with the first of them; None without a usual column of ids.

    The dataset is known to have none of them.
    """
    first = list(islice(rows, IDS_SHOWN))
    column = next((one for one in ID_COLUMNS for row in first if row.get(one) is not None), None)
    if column is None:
        return None
    ids = ", ".join(exactly(text_of(row[column]), 60) for row in first if row.get(column) is not None)
    return Invalid(
        f"No example of dataset {exactly(dataset)} has an id of {exactly(file)}, such as {ids} in {as_word(column)}; "
        "nothing was written.",
        "Match by key='column of the file=column of the dataset', or pass new_dataset=[columns].",
    )


def _names(rows: Callable[[], Iterable[Row]], columns: Iterable[str]) -> dict[str, set[str]]:
    """The values of these columns of a file."""
    named: dict[str, set[str]] = {column: set() for column in columns}
    for row in rows():
        for column, values in named.items():
            if (value := row.get(column)) is not None:
                values.add(value_key(text_of(value)))
    return named


def _rows(file: str, folders: Folders) -> Iterator[Row]:
    """The rows of a file; of a table the first alone, because it has every column."""
    written_as = format_of(file)
    for row in read_rows(file, folders):
        yield row.values
        if written_as is not None and written_as.same_columns:
            return


def output_column(wanted: str, file: str, folders: Folders) -> str:
    """The column of the outputs: the one that is wanted, or the first usual name where no row has a column `output`.

    A row that failed has no output, so its columns do not count.
    """
    if wanted != OUTPUTS[0]:
        return wanted
    columns: dict[str, None] = {}
    for row in _rows(file, folders):
        if wanted in row:
            return wanted
        if not row.get("error"):
            columns.update(dict.fromkeys(row))
    return next((one for one in OUTPUTS if one in columns), wanted)


def under_own_names(run: dict[str, object]) -> dict[str, object]:
    """The run without the columns of the server. Those of the file stay under another name."""
    for column, name in _RENAMED.items():
        if column in run:
            run.setdefault(name, run[column])
            del run[column]
    return run

"""A result file as parts of an upload: runs in the form of the contract, with the examples of a new dataset.

The file is read as a stream, some rows at a time, and can be read more than once.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.api.batches import batches, characters
from assaykit.column_paths import is_there, paths_in, resolve
from assaykit.errors import Invalid
from assaykit.experiments.kept_columns import KEY, kept_names
from assaykit.experiments.provenance import SOURCE_EXAMPLE
from assaykit.files.columns import ExperimentColumns, ExperimentRows
from assaykit.files.exports.shared_columns import VARIANT
from assaykit.files.folders import Folders
from assaykit.files.formats import format_of
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow
from assaykit.foreign import exactly
from assaykit.matching import text_of
from assaykit.session import Session
from assaykit.toolkit.columns import near_paths
from assaykit.toolkit.replies import one_line, quoted
from assaykit.tools.experiments.file_cells import FileCells
from assaykit.tools.experiments.file_looks import FileLook
from assaykit.tools.experiments.matching_columns import (
    EXAMPLE_ID,
    ID_COLUMNS,
    MatchingColumns,
    no_such_examples,
    under_own_names,
    usual_columns,
)
from assaykit.tools.experiments.repetitions import Repetitions, RetriedRows
from assaykit.wire.experiments import ExperimentRunInput
from assaykit.wire.run_columns import PREFIX, is_kept

MOST_ROWS = 100_000
"""Rows of one upload."""

COLUMNS_SHOWN = 20

READ_COLUMNS = frozenset({EXAMPLE_ID, SOURCE_EXAMPLE, "output", "error", "repetition", "execution_status"})
"""The columns that an upload reads without being told."""


class UploadTarget(NamedTuple):
    """The target of an upload: the dataset `dataset_id`, or a new one in the space if that is None, and the options.

    With `is_free` the experiment belongs to the space and to no dataset.

    `key` is the column by which runs and examples are matched. Without a key they are matched by id.
    """

    name: str
    dataset_id: str | None
    space_id: str
    experiment: str
    key: str | None
    skip_unmatched: bool
    repetitions: bool
    is_free: bool = False


class Pair(NamedTuple):
    """A run, and the example that is created with it."""

    example: dict[str, Any] | None
    run: ExperimentRunInput


PairBatch = Sequence[Pair]


class Results:
    """A result file as parts of an upload. It can be read more than once; `found` is the result of the last reading.

    `of_dataset` are the columns for the examples of a new dataset. `repetitions` is set if an example may have several
    rows.
    """

    def __init__(
        self,
        file: str,
        folders: Folders,
        columns: ExperimentColumns,
        key: str | None,
        of_dataset: Sequence[str] | None,
        *,
        repetitions: bool,
    ) -> None:
        self.file = file
        self.key = key
        self.repetitions = Repetitions(file) if repetitions else None
        self.tries = RetriedRows()
        self.guessed: MatchingColumns | None = None
        self._look: FileLook | None = None
        self._variant: str | None = None
        self._folders = folders
        self._columns = columns
        self._of_dataset: list[str] | None = None
        if of_dataset is not None:
            wanted: list[str] = [*of_dataset, *([key] if key else [])]
            self._of_dataset = list(dict.fromkeys(wanted))
        kept = kept_names(self._of_dataset or ())
        self._kept = {column: name or column for column, name in kept.items()}
        self.key = key and self._kept.get(key, key)
        self.found = ExperimentRows([], columns, file)
        self.cells = FileCells(file, (), {})
        self.examples = 0

    def take(self, look: FileLook, variant: str | None) -> None:
        """Take the units that a look at the file has found, and the rows of this variant alone."""
        self._look = look
        self._variant = variant

    def take_own_ids(self) -> None:
        """Keep the ids of the file's first usual column of ids, for an experiment without a dataset.

        Raises:
            NotFound, Invalid: as `read_rows`, of the first row.
        """
        with closing(self._rows()) as read:
            there = next(read, None)
        if there is not None and self._columns.example_id not in there.values:
            column = next((one for one in ID_COLUMNS if there.values.get(one) is not None), None)
            self._columns = replace(self._columns, example_id=column, is_key=column is not None)

    def look_for_ids(self) -> None:
        """Match the rows of a new dataset by the file's example ids. If it has none, each row becomes an example.

        Raises:
            NotFound, Invalid: as `read_rows`, of the first row.
        """
        with closing(self._rows()) as read:
            there = next(read, None)
        column = self._columns.example_id
        if there is not None and column not in there.values:
            self._columns = replace(self._columns, example_id=None)
        else:
            self.key = SOURCE_EXAMPLE

    def parts(self) -> Generator[PairBatch]:
        """The rows in the form of the contract, some at a time."""
        with closing(self._opened()) as read:
            self.found = ExperimentRows(read, self._columns, self.file)
            self.examples = 0
            self.repetitions = None if self.repetitions is None else Repetitions(self.file)
            self.tries = RetriedRows()
            pairs = self._pairs() if self._of_dataset is not None else self._runs()
            yield from batches(pairs, _characters)

    def _rows(self) -> Generator[FileRow]:
        for row in read_rows(self.file, self._folders, max_rows=MOST_ROWS):
            if self._variant is None or _text_at(row, self._variant_column) == self._variant:
                yield row

    def _opened(self) -> Generator[FileRow]:
        """The rows with their verdicts and amounts in columns of their own."""
        units: Mapping[str, float] = {} if self._look is None else self._look.units
        self.cells = FileCells(self.file, [*self._meant(), *(self._of_dataset or [])], units)
        for row in self._rows():
            yield row if row.tool is not None else self.cells.opened(row)

    @property
    def _variant_column(self) -> str:
        return (self._look.variant if self._look is not None else None) or VARIANT

    def _meant(self) -> list[str]:
        """The columns of the file to which the caller has given a meaning."""
        columns = self._columns
        named = [columns.output, *([] if columns.example_id is None else [columns.example_id])]
        for one in columns.evaluators.values():
            named += [
                column for column in (one.label, one.score, one.explanation, *(one.metadata or {}).values()) if column
            ]
        return named

    def kept_unread(self) -> list[str]:
        """The columns of the file that stay with the runs and have no meaning for an upload, in order."""
        taken = {*self._meant(), *(self._of_dataset or []), *self.cells.used, *READ_COLUMNS, self._variant_column}
        taken |= {self.key or KEY}
        tops = {column.split(".")[0] for column in taken}
        there = [one for one in self.found.columns if one not in taken and one not in tops]
        return [one for one in there if not is_kept(one) and not one.startswith(PREFIX)]

    def _runs(self) -> Iterator[Pair]:
        for row, flat in self.found:
            yield Pair(None, ExperimentRunInput.model_validate(self._numbered(row, flat)))

    def rows(self) -> Generator[Mapping[str, object]]:
        """The rows of the file as they are."""
        return (row.values for row in self._rows())

    def match_by(self, columns: MatchingColumns, *, guessed: bool = False) -> None:
        """Name examples by this column of the file."""
        self.guessed = columns if guessed else None
        self.key = columns.of_dataset
        self._columns = replace(self._columns, example_id=columns.of_file, is_key=True)

    async def look_for_key(self, here: Session, dataset_id: str, *, if_absent: bool) -> bool:
        """Match by the usual columns of file and dataset, and say whether there are any.

        With `if_absent`, only if the file has no column of example ids.
        """
        with closing(self._rows()) as read:
            first = await anyio.to_thread.run_sync(next, read, None)
        if first is None or (if_absent and self._columns.example_id in first.values):
            return False
        columns = await usual_columns(here, dataset_id, self.rows, self._columns.example_id or EXAMPLE_ID)
        if columns is not None:
            self.match_by(columns, guessed=True)
        return columns is not None

    def refuse_unknown_ids(self, dataset: str) -> None:
        """Raises: Invalid: the file has no example ids, and a column of other ids, of which the dataset has none."""
        with closing(self._rows()) as read:
            first = next(read, None)
        if first is None or EXAMPLE_ID in first.values:
            return
        with closing(self.rows()) as rows:
            if (error := no_such_examples(self.file, dataset, rows)) is not None:
                raise error

    def _numbered(self, row: FileRow, flat: dict[str, object]) -> dict[str, object]:
        flat = under_own_names(flat)
        if self.key not in {None, SOURCE_EXAMPLE} and "example_id" in flat:
            flat.setdefault(KEY, flat["example_id"])
        self.tries.add(flat)
        if self.repetitions is None or "example_id" not in flat:
            return flat
        return self.repetitions.numbered(row, flat)

    def _pairs(self) -> Iterator[Pair]:
        """The rows with their examples. If several rows share an example, it comes with the first of them."""
        taken = self._of_dataset or []
        known: dict[str, tuple[int, int]] = {}
        lacking = set(taken)
        row = FileRow(0, {})
        written_as = format_of(self.file)
        same_columns = written_as is not None and written_as.same_columns
        for row, flat in self.found:
            lacking = {column for column in lacking if not is_there(column, [row.values])}
            if lacking and same_columns:
                raise self._no_column(lacking, list(row.values))
            of_row = {column: resolve(row.values, column) for column in taken}
            example = {self._kept.get(column, column): value for column, value in of_row.items() if value is not None}
            name = flat.get("example_id")
            if self._columns.example_id is None and (own := row.values.get("id")) is not None:
                example.setdefault(KEY, own)
            if name is not None and self.key == SOURCE_EXAMPLE:
                example[SOURCE_EXAMPLE] = name
            self._refuse_unfit(example, row.line)
            run = ExperimentRunInput.model_validate(
                {column: value for column, value in self._numbered(row, flat).items() if column not in taken}
            )
            if name is not None and self._is_known(text_of(name), example, row.line, known):
                yield Pair(None, run)
            else:
                self.examples += 1
                yield Pair(example, run)
        if lacking:
            raise self._no_column(lacking, list(row.values))

    def _refuse_unfit(self, example: Mapping[str, Any], line: int) -> None:
        if not example:
            columns = ", ".join(repr(one_line(one, 60)) for one in (self._of_dataset or [])[:COLUMNS_SHOWN])
            raise Invalid(
                f"Line {line} of {exactly(self.file)} has nothing in {columns}, of which the new dataset is made.",
                "Name columns that every row fills, or leave the row out.",
            )

    def _is_known(self, name: str, example: dict[str, Any], line: int, known: dict[str, tuple[int, int]]) -> bool:
        said = hash(text_of(example))
        first = known.setdefault(name, (line, said))
        if first[1] != said:
            raise Invalid(
                f"Lines {first[0]} and {line} of {exactly(self.file)} make two different examples of "
                f"{one_line(name, 60)!r}.",
                "Name only columns that belong to the example, not to its answer, or correct one of the rows.",
            )
        return first[0] != line

    def _no_column(self, lacking: set[str], there: Sequence[str]) -> Invalid:
        shown = ", ".join(repr(one_line(one, 60)) for one in sorted(lacking))
        with closing(self._rows()) as read:
            paths = paths_in(row.values for row in read)
        has = ", ".join(repr(one_line(one, 60)) for one in there[:20])
        near = [path for one in sorted(lacking) for path in near_paths(one, paths)]
        hint = f"Did you mean {quoted(near[0], 60)}?" if near else "Name columns that the file has."
        return Invalid(f"{exactly(self.file)} has no column {shown}; it has {has}.", hint)


def _text_at(row: FileRow, column: str) -> str | None:
    value = resolve(row.values, column)
    return None if value is None else text_of(value).strip()


def _characters(pair: Pair) -> int:
    run = characters(pair.run.model_extra or {}) + len(pair.run.output)
    return run + (0 if pair.example is None else characters(pair.example))

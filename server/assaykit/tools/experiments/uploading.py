"""Upload of a variant's results: the rows of a file become an experiment, all of them or none.

A file is read as a stream, some rows at a time. The engine stages the rows until the upload is complete. On AX every
request writes, so the file is read once to check all rows, and once more to send them.
"""

from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.api.batches import batches, characters
from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.api.staging import Body, ahead, staged
from assaykit.column_paths import is_there, resolve
from assaykit.errors import Invalid
from assaykit.experiments.kept_columns import KEY, kept_names
from assaykit.experiments.provenance import SOURCE_EXAMPLE
from assaykit.files.columns import ExperimentColumns, ExperimentRows
from assaykit.files.exports.shared_columns import VARIANT
from assaykit.files.folders import Folders
from assaykit.files.formats import format_of
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow
from assaykit.foreign import as_word, exactly
from assaykit.matching import Matching, is_refused, text_of
from assaykit.session import Session
from assaykit.toolkit.replies import one_line, quoted
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.experiments.matching_columns import (
    EXAMPLE_ID,
    IDS_SHOWN,
    MatchingColumns,
    no_such_examples,
    under_own_names,
    usual_columns,
)
from assaykit.tools.experiments.repetitions import Repetitions, RetriedRows
from assaykit.wire.datasets import (
    CreateDatasetRequest,
    Dataset,
    DatasetVersionWithExampleIds,
    InsertDatasetExamplesRequest,
)
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    ExperimentRunInput,
    ExperimentWithRunIds,
    InsertExperimentRunsRequest,
)
from assaykit.wire.local import Matches, NewDataset, Uploaded

MOST_ROWS = 100_000
"""Rows of one upload."""

ROWS_PER_PAGE = 500
SHOWN = 5
COLUMNS_SHOWN = 20


class UploadTarget(NamedTuple):
    """The target of an upload: the dataset `dataset_id`, or a new one in the space if that is None, and the options.

    `key` is the column by which runs and examples are matched. Without a key they are matched by id.
    """

    name: str
    dataset_id: str | None
    space_id: str
    experiment: str
    key: str | None
    skip_unmatched: bool
    repetitions: bool


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
        self.variant: str | None = None
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
        self.examples = 0

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
        with closing(self._rows()) as read:
            self.found = ExperimentRows(read, self._columns, self.file)
            self.examples = 0
            self.repetitions = None if self.repetitions is None else Repetitions(self.file)
            self.tries = RetriedRows()
            pairs = self._pairs() if self._of_dataset is not None else self._runs()
            yield from batches(pairs, _characters)

    def _rows(self) -> Generator[FileRow]:
        for row in read_rows(self.file, self._folders, max_rows=MOST_ROWS):
            if self.variant is None or row.values.get(VARIANT) == self.variant:
                yield row

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
        has = ", ".join(repr(one_line(one, 60)) for one in there[:20])
        return Invalid(f"{exactly(self.file)} has no column {shown}; it has {has}.", "Name columns that the file has.")


def _characters(pair: Pair) -> int:
    run = characters(pair.run.model_extra or {}) + len(pair.run.output)
    return run + (0 if pair.example is None else characters(pair.example))


async def upload(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    """Write the results, all of them or none.

    Raises:
        Invalid: a row cannot be read, or rows match no example of the dataset; the message gives lines or ids.
        Conflict: a name is taken.
    """
    told = await _once(here, place, results)
    matches = told.matches or Matches()
    is_foreign = not told.is_written and place.key is None and not matches.covered and bool(matches.examples)
    # The ids may be those of another dataset, of which this one is a copy.
    if is_foreign and place.dataset_id and await results.look_for_key(here, place.dataset_id, if_absent=False):
        place = place._replace(key=results.key)
        told = await _once(here, place, results)
    if not told.is_written and results.tries.are_all(told.matches):
        # Each row but the last of an example failed and was tried again, or the file numbers its repetitions.
        told = await _once(here, place._replace(repetitions=True), results)
    here.names.forget()
    if not told.is_written:
        raise _misfit(told.matches or Matches(), place, results)
    return told


async def _once(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    if await here.api.has_engine_routes():
        return await _at_once(here, place, results)
    return await _in_steps(here, place, results)


async def _at_once(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    asked: dict[str, Any] = {
        "dataset_id": place.dataset_id,
        "new_dataset": None if place.dataset_id else NewDataset(name=place.name, space_id=place.space_id),
        "experiment": place.experiment,
        "key": place.key,
        "skip_unmatched": place.skip_unmatched,
        "repetitions": place.repetitions,
    }
    return await staged(here.api, asked, _bodies(results))


async def _bodies(results: Results) -> AsyncGenerator[Body]:
    async with aclosing(ahead(results.parts())) as parts:
        async for part, is_last in parts:
            examples = [pair.example for pair in part if pair.example is not None]
            yield Body(examples, [pair.run for pair in part], is_last)


async def _in_steps(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    """Upload to a backend where each request writes: check all rows first, and undo the writes if a request fails."""
    matches = await _looked_at(here, place, results)
    if is_refused(matches, skip_unmatched=place.skip_unmatched, repetitions=place.repetitions):
        return Uploaded(matches=matches)
    dataset_id = place.dataset_id or await _new_dataset(here, place, results)
    try:
        experiment_id, runs = await _sent(here, place, dataset_id, results)
    except BaseException as error:
        if place.dataset_id is None:
            await take_back(here, "datasets", dataset_id, place.name, error)
        raise
    return Uploaded(
        is_written=True,
        dataset_id=dataset_id,
        experiment_id=experiment_id,
        examples=results.examples,
        runs=runs,
        matches=matches,
    )


async def _looked_at(here: Session, place: UploadTarget, results: Results) -> Matches:
    """Match the whole file to the dataset, or to its own examples if the dataset is new. Reads the file to its end."""
    matching, _ = await _known(here, place, place.dataset_id)
    number = 0
    async for part, _ in ahead(results.parts()):
        for pair in part:
            of_its_own = None
            if pair.example is not None:
                number += 1
                of_its_own = f"example {number}"
                matching.add(of_its_own, pair.example)
            matching.id_of(pair.run.example_id, of_its_own)
    return matching.found()


async def _known(here: Session, place: UploadTarget, dataset_id: str | None) -> tuple[Matching, list[str]]:
    """The dataset's examples, ready for matching, and their ids in order."""
    matching, ids = Matching(place.key), list[str]()
    if dataset_id is not None:
        async for example in examples_of(here.api, dataset_id):
            matching.add(example.id, example.model_extra or {})
            ids.append(example.id)
    return matching, ids


async def _new_dataset(here: Session, place: UploadTarget, results: Results) -> str:
    dataset_id = ""
    try:
        async for part, _ in ahead(results.parts()):
            examples = [pair.example for pair in part if pair.example is not None]
            if examples and not dataset_id:
                body = CreateDatasetRequest(name=place.name, space_id=place.space_id, examples=examples)
                dataset_id = (await here.api.post("/v2/datasets", Dataset, body)).id
            elif examples:
                more = InsertDatasetExamplesRequest(examples=examples)
                at = path("v2", "datasets", dataset_id, "examples")
                await here.api.post(at, DatasetVersionWithExampleIds, more)
    except BaseException as error:
        if dataset_id:
            await take_back(here, "datasets", dataset_id, place.name, error)
        raise
    return dataset_id


async def _sent(here: Session, place: UploadTarget, dataset_id: str, results: Results) -> tuple[str, int]:
    """Send the runs. Returns the experiment's id and the number of runs."""
    matching, ids = await _known(here, place, dataset_id)
    following = iter(ids)
    experiment_id, sent = "", 0
    try:
        async for part, _ in ahead(results.parts()):
            runs: list[ExperimentRunInput] = []
            for pair in part:
                of_its_own = None if pair.example is None else next(following, None)
                if example_id := matching.id_of(pair.run.example_id, of_its_own):
                    runs.append(pair.run.model_copy(update={"example_id": example_id}))
            sent += len(runs)
            if runs and not experiment_id:
                body = CreateExperimentRequest(name=place.experiment, dataset_id=dataset_id, experiment_runs=runs)
                experiment_id = (await here.api.post("/v2/experiments", ExperimentWithRunIds, body)).id
            elif runs:
                more = InsertExperimentRunsRequest(experiment_runs=runs)
                await here.api.post(path("v2", "experiments", experiment_id, "runs"), ExperimentWithRunIds, more)
    except BaseException as error:
        # A part of the results would be compared as if it were all of them.
        if experiment_id:
            await take_back(here, "experiments", experiment_id, place.experiment, error)
        raise
    return experiment_id, sent


def facts_of(told: Uploaded, place: UploadTarget, results: Results) -> dict[str, Any]:
    """The upload as data."""
    matches = told.matches or Matches()
    return {
        "experiment": {"id": told.experiment_id, "name": place.experiment},
        "dataset": place.name,
        "examples_created": told.examples,
        "runs": told.runs,
        "failed": results.found.failed,
        "examples_covered": matches.covered,
        "examples_without_run": matches.examples - matches.covered,
        "examples_with_several_runs": matches.repeated,
        "rows_tried_again": (results.repetitions or results.tries).tried_again,
        "skipped": {"rows": matches.unmatched, "examples": matches.unmatched_ids},
        "evaluators": list(results.found.evaluators),
    }


def told_of(told: Uploaded, place: UploadTarget, results: Results) -> str:
    """The upload in words."""
    matches = told.matches or Matches()
    scored = "; ".join(
        f"{quoted(evaluator, 60)}: {filled.labelled} labels, {filled.scored} scores"
        for evaluator, filled in list(results.found.evaluators.items())[:COLUMNS_SHOWN]
    )
    made = (
        f"Created dataset {exactly(place.name)} with {told.examples} example(s). " if place.dataset_id is None else ""
    )
    text = (
        f"{made}Uploaded experiment {exactly(place.experiment)} ({told.experiment_id}) on {exactly(place.name)}: "
        f"{told.runs} runs over {matches.covered} of {matches.examples} examples. "
        f"Evaluators in the file: {scored or 'none'}."
    )
    if without := matches.examples - matches.covered:
        text += f" {without} example(s) have no run."
    if results.found.failed:
        text += f" {results.found.failed} row(s) failed: they have an error and no output, and count as failures."
    if matches.repeated:
        text += f" {matches.repeated} example(s) have several runs"
        text += f"{(results.repetitions or results.tries).told()}."
    if results.guessed is not None:
        text += results.guessed.told()
    if matches.unmatched:
        text += f" Skipped {matches.unmatched} row(s) that match no example, such as {_some(matches.unmatched_ids)}."
    return text


def _misfit(matches: Matches, place: UploadTarget, results: Results) -> Invalid:
    """The error that nothing was written, with the number of unfit rows and some of their ids."""
    dataset, key = place.name, place.key or "example_id"
    if matches.columns is not None:
        known = ", ".join(as_word(column) for column in matches.columns[:COLUMNS_SHOWN])
        first = ", ".join(exactly(one, 60) for one in matches.unmatched_ids[:IDS_SHOWN])
        unknown = f", so it has no example of {first}" if first else ""
        return Invalid(
            f"The dataset has no column {exactly(key)}{unknown}; it has {known}.",
            "Use one of these as key, or key='file column=dataset column'.",
        )
    if matches.ambiguous:
        return Invalid(
            f"The dataset has {_shown(matches.ambiguous_ids, matches.ambiguous)} in {exactly(key)} more than once, "
            "so it cannot be the key.",
            "Match by example_id, or by a column with a value of its own in each example.",
        )
    said: list[str] = []
    helps: list[str] = []
    if matches.unmatched:
        said.append(
            f"{matches.unmatched:,} of {results.found.count:,} rows of {exactly(results.file)} match no example of "
            f"dataset {exactly(dataset)}, with {exactly(key)} {_some(matches.unmatched_ids)}"
        )
        skip = ", or skip_unmatched=true to leave these rows out" if matches.covered else ""
        helps.append(f"Use the ids of the dataset's examples, or key= with a column that both share{skip}.")
    if matches.repeated and not place.repetitions:
        said.append(
            f"{matches.repeated:,} example(s) have several rows, with {exactly(key)} "
            f"{_shown(matches.repeated_ids, matches.repeated)}"
        )
        helps.append(
            "Leave out repeated rows; if a run was tried again, keep its last row. Or pass repetitions=true if each "
            "row is a run of its own."
        )
    return Invalid(f"{'; '.join(said)}; nothing was written.", " ".join(helps))


def _shown(ids: Sequence[str], count: int) -> str:
    return f"{_listed(ids)} and {count - SHOWN} more" if count > SHOWN else _listed(ids)


def _some(ids: Sequence[str]) -> str:
    """The first ids. Their total is unknown: the matches count rows, and several rows may have one id."""
    return f"{_listed(ids)}, ..." if len(ids) > SHOWN else _listed(ids)


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(exactly(one, 60) for one in ids[:SHOWN])

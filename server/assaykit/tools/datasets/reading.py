"""Sources of a dataset: rows, a file, the spans of a project, or the examples of another dataset.

Every source can be read twice: once to check all rows, and once to send them.
"""

import json
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import IO, Any, NamedTuple

import anyio.to_thread

from assaykit.api.experiments import examples_of
from assaykit.api.pages import rows
from assaykit.column_paths import is_there, paths_in, reader_of
from assaykit.errors import Invalid
from assaykit.experiments.kept_columns import Renames, kept_names, renamed
from assaykit.experiments.provenance import SOURCE_EXAMPLE, SOURCE_SPAN, SOURCE_TRACE, source_of
from assaykit.files.exports.shared_columns import EXAMPLE_COLUMNS
from assaykit.files.folders import Folders
from assaykit.files.formats import format_of
from assaykit.files.reading import other_sheets, read_rows
from assaykit.files.rows import FileRow
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import fields
from assaykit.foreign import as_word, exactly
from assaykit.judge.columns import span_row
from assaykit.matching import text_of
from assaykit.names import Named
from assaykit.planning.absent_fields import absent as absent_fields
from assaykit.planning.periods import Period, parse
from assaykit.planning.queries import SpanQuery
from assaykit.planning.spans import sample_rows
from assaykit.session import Session
from assaykit.toolkit.columns import listed, no_column, sheets_told
from assaykit.toolkit.replies import one_line
from assaykit.tools.runs.why_nothing_scored import counted, matching_none, page_of, told_of_none
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.spans import Annotation, ListSpansRequest, Span, SpanPage

MOST_ROWS = 100_000
"""Spans or examples that are copied at once."""

ROWS_PER_PAGE = 500
ROWS_KEPT = 20
"""Examples whose columns an error lists."""

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of copied rows before they go to a temporary file."""

WHERE_AND_WHEN = frozenset({SOURCE_EXAMPLE, SOURCE_SPAN, SOURCE_TRACE, "start_time", "latency_ms"})
"""Columns that differ between two copies of the same thing."""

VERDICTS = ("eval.", "trace_eval.", "session_eval.")
"""The beginnings of the columns of verdicts."""

_SHORT = {"attributes.input.value": "input", "attributes.output.value": "output"}
_LEFT = frozenset({"context.span_id", "context.trace_id", "parent_id"})
_NOT_COPIED = ("annotation.", "trace_annotation.", "event.", *VERDICTS)

ExampleRow = dict[str, Any]


class ExampleSource(NamedTuple):
    """The arguments of `create_dataset` for the source of the examples. `columns` renames columns of a file or rows."""

    file: str | None = None
    rows: list[ExampleRow] | None = None
    dataset: str | None = None
    project: str | None = None
    filter: str | None = None
    window: str | None = None
    columns: Renames | None = None


class Source(NamedTuple):
    """Rows that can be read again, their origin in words and as data, and the new names of the server's columns.

    `left_out` has the parts of a file that are not read, in words.
    """

    read: Callable[[], Iterator[ExampleRow]]
    told: str = ""
    facts: Mapping[str, Any] = {}
    kept: Mapping[str, str | None] = {}
    left_out: str = ""


@asynccontextmanager
async def source(here: Session, within: Named, asked: ExampleSource) -> AsyncGenerator[Source]:
    """Open the source of the examples. The rows of a file are read only when needed.

    Raises:
        NotFound, Ambiguous: a name does not resolve to one project or dataset.
        Invalid: not exactly one source is named, or it has no row or more than 100,000.
    """
    is_filter_of_spans = asked.filter is not None and asked.dataset is None
    is_spans = asked.project is not None or asked.window is not None or is_filter_of_spans
    if sum([asked.file is not None, asked.rows is not None, asked.dataset is not None, is_spans]) != 1:
        raise Invalid(
            "A dataset comes from exactly one of file, rows, dataset, and the spans of a project.",
            "Pass one of them; window chooses spans, and filter chooses spans or the examples of a dataset.",
        )
    if not is_spans and asked.dataset is None:
        yield await given(here, asked.file, asked.rows, asked.columns)
        return
    renames = asked.columns or {}
    _refuse_verdicts(renames)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as kept:
        if asked.dataset is None:
            told, facts = await _keep_spans(here, within, asked, kept)
        else:
            told, facts = await _keep_examples(here, within, asked.dataset, asked.filter, kept)
        if not renames:
            yield Source(lambda: _lines(kept), told, facts)
            return
        looked = partial(_kept, lambda: _numbered(kept), renames, is_table=False)
        names = await anyio.to_thread.run_sync(looked, abandon_on_cancel=True)
        yield Source(lambda: (renamed(row, renames, names) for row in _lines(kept)), told, facts, names)


async def given(here: Session, file: str | None, rows: Sequence[ExampleRow] | None, renames: Renames | None) -> Source:
    """The rows of the file, or else the given ones, under the names that a dataset can have.

    Raises:
        NotFound, Invalid: the file cannot be read, or a rename fits no column, or two columns get one name. When the
            rows are read: one is empty.
    """
    told = renames or {}
    placed = _placed(here, file, rows)
    is_table = file is not None and (written_as := format_of(file)) is not None and written_as.same_columns
    kept = await anyio.to_thread.run_sync(partial(_kept, placed, told, is_table=is_table), abandon_on_cancel=True)
    left_out = ""
    if file is not None:
        left_out = await anyio.to_thread.run_sync(_left_out, file, Folders(here.settings.folders))
    return Source(
        lambda: (renamed(_usable(row, place), told, kept) for place, row in placed()), kept=kept, left_out=left_out
    )


def _left_out(file: str, folders: Folders) -> str:
    """The sheets of a workbook that are not read, or the tool and the columns of runs of an export, in words."""
    with closing(read_rows(file, folders)) as found:
        first = next(found, None)
    if first is None or first.tool is None:
        return sheets_told(other_sheets(file, folders))
    of_runs = [column for column in first.values if column not in EXAMPLE_COLUMNS]
    return f" The file is read as an export of {first.tool}, without the columns of its runs: {listed(of_runs)}."


def edited_rows(here: Session, file: str | None, rows: Sequence[ExampleRow] | None) -> list[tuple[str, ExampleRow]]:
    """Each row of the file, or else each given one, with its place for sentences.

    Raises:
        NotFound, Invalid: as `read_rows`, or there are more than 100,000 rows.
    """
    with closing(_placed(here, file, rows)()) as found:
        every = list(islice(found, MOST_ROWS + 1))
    _require_few(len(every), "rows are in one edit", "Edit some of them at a time.")
    return every


def _placed(
    here: Session, file: str | None, rows: Sequence[ExampleRow] | None
) -> Callable[[], Generator[tuple[str, ExampleRow]]]:
    """A function that reads each row with its place."""
    if file is None:
        return lambda: ((f"Row {number}", row) for number, row in enumerate(rows or [], start=1))
    folders = Folders(here.settings.folders)
    return lambda: ((f"Line {row.line} of {exactly(file)}", values) for row, values in _examples(file, folders))


def _examples(file: str, folders: Folders) -> Generator[tuple[FileRow, ExampleRow]]:
    """The rows of a file. Those of another tool's export without their runs, and each example once."""
    seen: set[str] = set()
    for row in read_rows(file, folders):
        if row.tool is None:
            yield row, row.values
        elif (name := text_of(row.values["id"])) not in seen:
            seen.add(name)
            yield row, {column: value for column, value in row.values.items() if column in EXAMPLE_COLUMNS}


def _kept(
    placed: Callable[[], Generator[tuple[str, ExampleRow]]], renames: Renames, *, is_table: bool
) -> dict[str, str | None]:
    """The new names of the server's columns. Every row of a table has the columns of the first."""
    columns: dict[str, None] = {}
    absent = list(renames)
    with closing(placed()) as found:
        for _, row in found:
            columns.update(dict.fromkeys(row))
            absent = [path for path in absent if not is_there(path, [row])]
            if is_table and not absent:
                break
    if columns and absent:
        with closing(placed()) as found:
            raise no_column(absent[0], paths_in(row for _, row in found))
    names = [renames.get(column, column) for column in columns] + [
        name for path, name in renames.items() if path not in columns
    ]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Invalid(f"Two columns would be named {as_word(twice)}.", "Give them different names in columns.")
    return kept_names(names)


def _usable(row: ExampleRow, place: str) -> ExampleRow:
    """Raises: Invalid: the row cannot be an example."""
    if all(value is None for value in row.values()):
        raise Invalid(f"{place} is empty.", "Give each example at least one value, or leave the row out.")
    return row


async def _keep_spans(
    here: Session, within: Named, asked: ExampleSource, kept: IO[bytes]
) -> tuple[str, Mapping[str, Any]]:
    target = await here.names.project(asked.project, within)
    now = here.now()
    period = parse(asked.window, now) if asked.window else Period(now - timedelta(days=7), now)
    start, end = period
    body = ListSpansRequest(project_id=target.id, start_time=start, end_time=end, filter=asked.filter)
    found = rows(here.api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)
    count = 0
    async with aclosing(found):
        async for span in found:
            count += 1
            _require_few(
                count, f"spans of {exactly(target.name)} {period.told} match", "Narrow the window or the filter."
            )
            _keep(kept, _of_span(span, asked.columns or {}))
    if not count:
        raise await _none(here, target, period, asked.filter)
    return f" of {count} span(s) of {exactly(target.name)} {period.told}", {"project": target.name, "spans": count}


async def _keep_examples(
    here: Session, within: Named, dataset: str, filter_text: str | None, kept: IO[bytes]
) -> tuple[str, Mapping[str, Any]]:
    tree = None if filter_text is None else row_tree(filter_text)
    target = await here.names.dataset(dataset, within)
    first: list[ExampleRow] = []
    absent = [] if tree is None else list(dict.fromkeys(fields(tree)))
    there = count = 0
    async with aclosing(examples_of(here.api, target.id)) as found:
        async for example in found:
            there += 1
            row = _of_example(example)
            seen = {**row, "id": example.id}
            if there <= ROWS_KEPT:
                first.append(seen)
            absent = [field for field in absent if not is_there(field, [seen])]
            if tree is None or matches(tree, reader_of(seen)):
                count += 1
                _require_few(
                    count, f"examples are in {exactly(target.name)}", "Export it with get_dataset(save_to=...)."
                )
                _keep(kept, row)
    if not there:
        raise Invalid(f"Dataset {exactly(target.name)} has no example.", "Name another one.")
    facts = {"dataset": target.name, "examples": there}
    if tree is None:
        return f" of {there} example(s) of {exactly(target.name)}", facts
    if not count:
        raise no_column(absent[0], paths_in(first)) if absent else _no_example(target, there, filter_text or "")
    return f" of the {count} of {there} example(s) of {exactly(target.name)} that match", {**facts, "matched": count}


def _no_example(target: Named, there: int, filter_text: str) -> Invalid:
    """The error that no example matches."""
    return Invalid(
        f"None of the {there} example(s) of {exactly(target.name)} matches {one_line(filter_text)!r}.",
        "Look at its examples with get_dataset, and correct the filter.",
    )


def _require_few(count: int, what: str, next_step: str) -> None:
    if count > MOST_ROWS:
        raise Invalid(f"More than {MOST_ROWS:,} {what}, which is the limit of one copy.", next_step)


async def _none(here: Session, project: Named, period: Period, filter_text: str | None) -> Invalid:
    """The error that no span matches."""
    there = await page_of(here, project.id, period)
    if not there.spans or filter_text is None:
        told = f"No span of {exactly(project.name)} started {period.told}."
        return Invalid(told, "Pass a wider window, such as window='everything'.")
    alone = await matching_none(here, project.id, period, filter_text)
    sample = await sample_rows(here.api, SpanQuery(project.id, period))
    there_is = f"None of the {counted(there)} spans of {exactly(project.name)} {period.told}"
    said = f"{there_is} matches {one_line(filter_text)!r}."
    return Invalid(
        " ".join([said + told_of_none(alone), *absent_fields(filter_text, sample)]), "Try the filter with search_spans."
    )


def _of_span(span: Span, renames: Renames) -> ExampleRow:
    """A span as an example: `input` and `output` first, then annotations by people, then the other columns.

    Verdicts of judges are left out unless they are renamed: a column `eval.<name>.label` would be taken for a verdict
    on a run's output.
    """
    row = {_SHORT.get(column, column): value for column, value in span_row(span).items()}
    first = {column: row.pop(column, None) for column in _SHORT.values()}
    said = {**said_by_people(span.annotations), **said_by_people(span.trace_annotations, "trace_annotation")}
    own = {
        column: value
        for column, value in row.items()
        if column not in _LEFT and (column in renames or not column.startswith(_NOT_COPIED))
    }
    ids = {SOURCE_SPAN: span.context.span_id, SOURCE_TRACE: span.context.trace_id}
    every = {**first, **said, **own, "status_message": span.status_message or None, **ids}
    return {column: value for column, value in every.items() if value is not None}


def _of_example(example: DatasetExample) -> ExampleRow:
    """An example as a row for another dataset: without the server's columns, with the id of its source."""
    own = dict(example.model_extra or {})
    return {**own, **said_by_people(example.annotations), SOURCE_EXAMPLE: source_of(example.id, own)}


def said_by_people(annotations: Sequence[Annotation], prefix: str = "annotation") -> ExampleRow:
    """Labels, scores and notes as columns `annotation.<name>.label`, `.score` and `.text`."""
    return {
        f"{prefix}.{one.name}.{part}": value
        for one in annotations
        for part in ("label", "score", "text")
        if (value := getattr(one, part)) is not None
    }


def _keep(kept: IO[bytes], row: ExampleRow) -> None:
    kept.write(json.dumps(row).encode() + b"\n")


def _refuse_verdicts(renames: Renames) -> None:
    """Raises: Invalid: a column gets the name of a verdict."""
    if name := next((one for one in renames.values() if one.startswith(VERDICTS)), None):
        raise Invalid(
            f"{as_word(name)} would be taken for a verdict on the output of a run.", "Give it a name without eval."
        )


def _numbered(kept: IO[bytes]) -> Generator[tuple[str, ExampleRow]]:
    return ((f"Row {number}", row) for number, row in enumerate(_lines(kept), start=1))


def _lines(kept: IO[bytes]) -> Iterator[ExampleRow]:
    kept.seek(0)
    for line in kept:
        yield json.loads(line)

"""Search in the rows of a dataset or an experiment. Rows are read in batches and filtered in memory."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import sqlalchemy as sa

from assaykit.column_paths import is_there, reader_of
from assaykit.engine.store.definitions import datasets, experiments
from assaykit.engine.store.pages import PageRequest, encode_cursor
from assaykit.engine.store.tables import examples, experiment_runs
from assaykit.engine.store.traces import annotations
from assaykit.errors import Invalid, quote
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import Node, fields
from assaykit.wire.bodies import Page, Pagination
from assaykit.wire.datasets import DatasetExample, ExamplePage
from assaykit.wire.experiments import ExperimentRun, ExperimentRunPage

_ROWS_PER_READ = 500

FoundT = TypeVar("FoundT", DatasetExample, ExperimentRun)


def search_examples(
    connection: sa.Connection, dataset_id: str, version_id: str | None, filter_text: str | None, at: PageRequest
) -> ExamplePage:
    """Examples that match a filter, in the order of `datasets.example_page`.

    Raises:
        NotFound: no such dataset or version.
        Invalid: the filter cannot be read, or names a column that no example has.
    """

    def read(part: PageRequest) -> ExamplePage:
        return datasets.example_page(connection, dataset_id, version_id, part)

    if filter_text is None:
        return read(at)
    found, more = _search(read, row_tree(filter_text), at)
    if not more:
        return ExamplePage(examples=found)
    version = datasets.page_version(connection, dataset_id, version_id, at.cursor)
    c = examples.c
    last = connection.execute(sa.select(c.n).where(c.version_id == version.id, c.id == found[-1].id)).scalar_one()
    return ExamplePage(examples=found, pagination=_goes_on(version.n, last))


def search_runs(
    connection: sa.Connection, experiment_id: str, filter_text: str | None, at: PageRequest
) -> ExperimentRunPage:
    """Runs that match a filter, in the order of `experiments.run_page`.

    Raises:
        NotFound: no such experiment.
        Invalid: the filter cannot be read, or names a column that no run has.
    """

    def read(part: PageRequest) -> ExperimentRunPage:
        return experiments.run_page(connection, experiment_id, part)

    if filter_text is None:
        return read(at)
    found, more = _search(read, row_tree(filter_text), at)
    if not more:
        return ExperimentRunPage(experiment_runs=found)
    c = experiment_runs.c
    last = connection.execute(sa.select(c.n).where(c.id == found[-1].id)).scalar_one()
    return ExperimentRunPage(experiment_runs=found, pagination=_goes_on(last))


def _search(read: Callable[[PageRequest], Page[FoundT]], node: Node, at: PageRequest) -> tuple[list[FoundT], bool]:
    """At most `at.limit` rows that match, and whether there is one more.

    Raises:
        Invalid: nothing matches, and a column of the filter is in no row.
    """
    found: list[FoundT] = []
    seen: set[str] = set()
    unknown = list(dict.fromkeys(fields(node)))
    cursor = at.cursor
    while True:
        part = read(PageRequest(_ROWS_PER_READ, cursor))
        for row in part.rows:
            columns = _columns(row)
            seen |= columns.keys()
            unknown = [field for field in unknown if not is_there(field, [columns])]
            if matches(node, reader_of(columns)):
                if len(found) == at.limit:
                    return found, True
                found.append(row)
        if not part.pagination.has_more:
            break
        cursor = part.pagination.next_cursor
    if seen and unknown and not found and at.cursor is None:
        raise _no_column(unknown[0], seen)
    return found, False


def _columns(row: DatasetExample | ExperimentRun) -> Mapping[str, Any]:
    """The columns of a row for a filter, with its annotations as columns."""
    return row.model_dump(mode="json", exclude={"annotations"}) | annotations.columns(row.annotations)


def _no_column(field: str, seen: set[str]) -> Invalid:
    near = get_close_matches(field, seen, n=3, cutoff=0.5) or sorted(seen)[:10]
    return Invalid(
        f"Nothing matches, and no row has the column {quote(field)!r}.",
        f"Columns are {', '.join(repr(quote(each, 60)) for each in near)}.",
    )


def _goes_on(*key: int) -> Pagination:
    return Pagination(has_more=True, next_cursor=encode_cursor(*key))

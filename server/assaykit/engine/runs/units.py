"""Runs over whole traces or sessions: their candidate units, and the texts that evaluators read of a unit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.store.traces import units
from assaykit.engine.store.traces.spans import Arrivals, TimeRange
from assaykit.filters.expressions import expression_tree
from assaykit.judge.columns import span_row
from assaykit.judge.units import Choice, Gathering, Reading, Unit, reading
from assaykit.wire.tasks import Task, TaskEvaluator

UNITS_PER_READ = 10
"""Far less than `ROWS_PER_READ`: one unit may have several texts of 4 MiB."""


def readings(task: Task, entry: TaskEvaluator, filters: Sequence[str], variables: Sequence[str]) -> dict[str, Reading]:
    """The reading of each variable of an evaluator. Its spans must match `filters`, the evaluator's own.

    With lettered filters or query mappings, those choose the spans of each variable. Otherwise every variable reads the
    spans that match the task's filter, by the column mappings.
    """
    if task.query_filters is not None or entry.query_mappings is not None:
        named = {name: reading(name, task.query_filters, entry.query_mappings) for name in variables}
        own = tuple(filters)
        return {
            name: one._replace(among=tuple((*choice, *own) for choice in one.among) or ((own,) if own else ()))
            for name, one in named.items()
        }
    choice = tuple(text for text in (task.query_filter, *filters) if text)
    mapped = entry.column_mappings or {}
    return {name: Reading(mapped.get(name, name), (choice,) if choice else ()) for name in variables}


def candidates(
    connection: sa.Connection,
    task: Task,
    unit: Unit,
    window: TimeRange | Arrivals,
    evaluators: Sequence[tuple[str, Sequence[str]]],
) -> Iterator[tuple[Any, ...]]:
    """Yield the candidate units of a task, as rows of `store.traces.units.matching`."""
    texts = {one.id: one.filter for one in task.query_filters.filters} if task.query_filters else {}
    wanted = task.query_filters.expression if task.query_filters else None
    expression = expression_tree(wanted or next(iter(texts)), texts) if texts else None
    query = units.Query(task.query_filter, texts, expression)
    return units.matching(connection, task.project_id or "", unit, window, query, evaluators)


def texts_of(
    connection: sa.Connection, project_id: str, unit: Unit, unit_id: str, wanted: Mapping[str, Mapping[str, Reading]]
) -> dict[str, Mapping[str, str | None]]:
    """The texts that each evaluator reads of a unit, by evaluator id and variable. `wanted` has the readings."""
    choices: list[Choice] = list(
        dict.fromkeys(choice for of in wanted.values() for one in of.values() for choice in one.among)
    )
    gathered = {evaluator_id: Gathering(unit, of) for evaluator_id, of in wanted.items()}
    for span, takes, is_top in units.spans_of(connection, project_id, unit, unit_id, choices):
        row = span_row(span)
        for gathering in gathered.values():
            gathering.add(row, takes.__getitem__, is_top=is_top)
    return {evaluator_id: gathering.values() for evaluator_id, gathering in gathered.items()}

"""Integrity of the store: SQLite's own check of the file, and the checksum of each row that has one."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.store import checksums
from assaykit.engine.store.checksums import SUMMED
from assaykit.engine.store.tables import (
    annotations,
    earlier_evals,
    evals,
    evaluator_versions,
    examples,
    experiment_runs,
    prompt_versions,
    run_items,
    spans,
    tasks,
)
from assaykit.engine.store.traces.spans import SUMMED as OF_A_SPAN
from assaykit.errors import quote
from assaykit.wire.local import StoreCheck

SHOWN = 5
"""The most damaged places that a check lists."""

_ROWS_PER_READ = 5_000

_Fits = Callable[[Mapping[str, Any]], bool]


class _Kind(NamedTuple):
    """A table with checksums, the noun of its rows, the columns of the checksum, and the one that names a row."""

    table: sa.Table
    noun: str
    summed: tuple[str, ...]
    named: str = "id"

    @property
    def fits(self) -> _Fits:
        """Whether the checksum of a row is that of its columns."""
        if self.table in {evals, earlier_evals}:
            return _is_whole_verdict
        return lambda row: checksums.of_columns(row, self.summed) == row["checksum"]

    def told(self, row: Mapping[str, Any]) -> str:
        """The row in words."""
        if "level" in row:
            return f"the {self.noun} {quote(row['name'], 60)!r} on {row['level'].lower()} {quote(row['target_id'], 60)}"
        return f"the {self.noun} {quote(row[self.named], 60)}"


_KINDS = (
    _Kind(evals, "verdict", (*checksums.VERDICT, "metadata")),
    _Kind(earlier_evals, "earlier verdict", (*checksums.VERDICT, "metadata")),
    _Kind(spans, "span", OF_A_SPAN, "span_id"),
    _Kind(examples, "example", SUMMED["examples"]),
    _Kind(experiment_runs, "run of an experiment", SUMMED["experiment_runs"]),
    _Kind(evaluator_versions, "version of a judge", SUMMED["evaluator_versions"]),
    _Kind(prompt_versions, "version of a prompt", SUMMED["prompt_versions"]),
    _Kind(annotations, "annotation", SUMMED["annotations"]),
    _Kind(tasks, "task", SUMMED["tasks"]),
    _Kind(run_items, "row of a run", SUMMED["run_items"], "target_id"),
)


def check(connection: sa.Connection) -> StoreCheck:
    """Check every page and index of the file, and every row that has a checksum.

    It reads the whole store, so it takes seconds for each gigabyte.
    """
    found = [row[0] for row in connection.exec_driver_sql(f"PRAGMA integrity_check({SHOWN})") if row[0] != "ok"]
    checked = dict.fromkeys((kind.noun for kind in _KINDS), 0)
    without = 0
    for kind in _KINDS:
        for row in _rows(connection, kind):
            if row["checksum"] is None:
                without += 1
                continue
            checked[kind.noun] += 1
            if not kind.fits(row):
                found.append(kind.told(row))
    return StoreCheck(
        verdicts=checked.pop("verdict"),
        rows=sum(checked.values()),
        rows_without_checksum=without,
        damaged=len(found),
        examples=found[:SHOWN],
    )


def _is_whole_verdict(row: Mapping[str, Any]) -> bool:
    try:
        made_by = json.loads(row["made_by"])
    except ValueError:
        return False
    return isinstance(made_by, dict) and checksums.fits_verdict({**row, "metadata": made_by})


def _rows(connection: sa.Connection, kind: _Kind) -> Iterator[Mapping[str, Any]]:
    """Every row of the table, with JSON columns as their text."""
    asked = sa.select(*checksums.stored(kind.table, (*kind.summed, "checksum")))
    with connection.execute(asked) as rows:
        for some in rows.mappings().partitions(_ROWS_PER_READ):
            yield from ({**row} for row in some)

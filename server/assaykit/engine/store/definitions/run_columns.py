"""The columns of all runs of an experiment, kept in parts beside the runs, because comparisons read nothing else.

Runs never change and are only added. So the parts hold the oldest runs, and runs that came later are read one by one.
Verdicts that the engine computed are in a table of their own, and are put in place of uploaded ones when they are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine import json_text
from assaykit.engine.store.definitions.column_counts import summary_of
from assaykit.engine.store.definitions.column_parts import PartGroup, RowPart, packed, page_of, text_of
from assaykit.engine.store.keys import row_of
from assaykit.engine.store.pages import PageRequest, decode_cursor, encode_cursor
from assaykit.engine.store.tables import evals, experiments, run_columns
from assaykit.engine.store.traces.verdicts import MAKER_FIELDS, VERDICT_FIELDS
from assaykit.wire.run_columns import PREFIX

ROWS_PER_PART = 1000

_RUNS = "SELECT n, example_id, data FROM experiment_runs WHERE experiment_id = ? AND n > ? ORDER BY n LIMIT ?"
_IS_PART = "SELECT n FROM experiment_runs WHERE experiment_id = ? AND n > ? ORDER BY n LIMIT 1 OFFSET ?"
_PARTS = (
    "SELECT last_n, ns, example_ids, row_groups FROM run_columns WHERE experiment_id = ? AND last_n > ? "
    "ORDER BY last_n LIMIT ?"
)
_VERDICTS = (
    "SELECT experiment_runs.n, evals.name, evals.label, evals.score, evals.explanation IS NOT NULL, evals.made_by "
    "FROM experiment_runs JOIN evals "
    "ON evals.scope_id = ? AND evals.level = 'RUN' AND evals.target_id = experiment_runs.id "
    "WHERE experiment_runs.experiment_id = ? AND experiment_runs.n BETWEEN ? AND ? "
    "ORDER BY experiment_runs.n, evals.name"
)
"""SQL text for the driver, as a comparison reads 100,000 rows."""


class Summarised(NamedTuple):
    """The summary of a part up to the run `last_n`, and the part itself if it is not stored."""

    last_n: int
    summary: Mapping[str, Any]
    part: RowPart | None = None


def keep(connection: sa.Connection, experiment_id: str) -> None:
    """Keep the columns of the runs that no part holds yet, if there are enough of them for a part."""
    after = _last(connection, experiment_id)
    while connection.exec_driver_sql(_IS_PART, (experiment_id, after, ROWS_PER_PART - 1)).first():
        rows = connection.exec_driver_sql(_RUNS, (experiment_id, after, ROWS_PER_PART)).fetchall()
        keep_part(connection, experiment_id, rows)
        after = rows[-1][0]


def keep_part(connection: sa.Connection, experiment_id: str, rows: Sequence[Sequence[Any]]) -> None:
    """Keep the columns of new runs, given as number, example id and JSON text; parts hold all runs before them."""
    part = _packed(rows)
    columns = {
        "experiment_id": experiment_id,
        "last_n": rows[-1][0],
        "summary": summary_of(part),
        "ns": json_text.written(part.ns),
        "example_ids": json_text.written(part.example_ids),
        "row_groups": json_text.written([one._asdict() for one in part.groups]),
    }
    connection.execute(run_columns.insert(), columns)


def evaluators(connection: sa.Connection, experiment_id: str) -> list[str]:
    """The names of all evaluators with a column in the experiment, sorted."""
    names = {name for one in summaries(connection, experiment_id) for name in one.summary["evaluators"]}
    computed = sa.select(evals.c.name).where(evals.c.scope_id == experiment_id, evals.c.level == "RUN").distinct()
    return sorted(names.union(connection.execute(computed).scalars()))


def summaries(connection: sa.Connection, experiment_id: str) -> list[Summarised]:
    """A summary of each part, in order of arrival, without computed verdicts."""
    c = run_columns.c
    query = sa.select(c.last_n, c.summary).where(c.experiment_id == experiment_id).order_by(c.last_n)
    found = [Summarised(row.last_n, row.summary) for row in connection.execute(query)]
    tail = _stored(connection, experiment_id, found[-1].last_n if found else 0)
    return found + [Summarised(part.ns[-1], summary_of(part), part) for part in tail]


def part_at(connection: sa.Connection, experiment_id: str, last_n: int) -> RowPart:
    """The part that ends with the run `last_n`, without computed verdicts."""
    return next(_stored(connection, experiment_id, last_n - 1))


def page(connection: sa.Connection, experiment_id: str, at: PageRequest) -> bytes:
    """A `ColumnPage` as JSON text, because most of it is stored as such. A page has whole parts, at least one.

    Raises:
        NotFound: no such experiment.
    """
    row_of(connection, experiments, experiment_id, "experiment", "/v2/experiments")
    after = 0 if at.cursor is None else decode_cursor(at.cursor, 1)[0]
    most = max(1, at.limit // ROWS_PER_PART)
    found: list[str] = []
    if not is_judged(connection, experiment_id):
        rows = connection.exec_driver_sql(_PARTS, (experiment_id, after, most)).fetchall()
        found = [f'{{"ns":{ns},"example_ids":{ids},"groups":{groups}}}' for _, ns, ids, groups in rows]
        after = rows[-1][0] if rows else after
    for part in islice(parts(connection, experiment_id, after), most - len(found)) if len(found) < most else ():
        found.append(text_of(part))
        after = part.ns[-1]
    return page_of(found, encode_cursor(after) if len(found) == most else None)


def parts(connection: sa.Connection, experiment_id: str, after: int = 0) -> Iterator[RowPart]:
    """Yield the runs of an experiment after the number `after`, in order of arrival, with computed verdicts."""
    has_verdicts = is_judged(connection, experiment_id)
    for part in _stored(connection, experiment_id, after):
        yield _with_verdicts(connection, experiment_id, part) if has_verdicts else part


def _stored(connection: sa.Connection, experiment_id: str, after: int) -> Iterator[RowPart]:
    while row := connection.exec_driver_sql(_PARTS, (experiment_id, after, 1)).first():
        after = row[0]
        ns, example_ids, groups = map(json_text.read, row[1:])
        yield RowPart(ns, example_ids, [PartGroup(**one) for one in groups])
    while rows := connection.exec_driver_sql(_RUNS, (experiment_id, after, ROWS_PER_PART)).fetchall():
        after = rows[-1][0]
        yield _packed(rows)


def _packed(rows: Sequence[Sequence[Any]]) -> RowPart:
    """The part of rows that are given as number, example id and JSON text."""
    return RowPart([row[0] for row in rows], [row[1] for row in rows], packed(json_text.read(row[2]) for row in rows))


def _last(connection: sa.Connection, experiment_id: str) -> int:
    query = sa.select(sa.func.max(run_columns.c.last_n)).where(run_columns.c.experiment_id == experiment_id)
    return connection.execute(query).scalar() or 0


def is_judged(connection: sa.Connection, experiment_id: str) -> bool:
    """Whether the engine computed a verdict on a run of the experiment."""
    query = sa.select(evals.c.name).where(evals.c.scope_id == experiment_id, evals.c.level == "RUN").limit(1)
    return connection.execute(query).first() is not None


def _with_verdicts(connection: sa.Connection, experiment_id: str, part: RowPart) -> RowPart:
    """The part with computed verdicts, each in place of all uploaded columns of the same name."""
    computed = _computed(connection, experiment_id, part.ns)
    if not computed:
        return part
    rows: list[dict[str, Any]] = [{}] * len(part.ns)
    for group in part.groups:
        values = [[None] * len(part.ns) if column is None else column for column in group.columns]
        for place, row in zip(group.places or range(len(part.ns)), zip(*values, strict=False), strict=False):
            rows[place] = dict(zip(group.names, row, strict=True))
    merged = (replaced(row, computed.get(n, {})) for n, row in zip(part.ns, rows, strict=True))
    return part._replace(groups=packed(merged))


def replaced(row: Mapping[str, Any], verdicts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a run. A computed verdict replaces all columns of an uploaded verdict of the same name."""
    if not verdicts:
        return dict(row)
    names = {column.rpartition(".")[0] for column in verdicts}
    uploaded = {
        column: value
        for column, value in row.items()
        if column.rpartition(".")[0] not in names or column.rpartition(".")[2] not in VERDICT_FIELDS
    }
    return {**uploaded, **verdicts}


def _computed(connection: sa.Connection, experiment_id: str, ns: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The computed verdicts of consecutive runs as columns, by the number of the run."""
    found: dict[int, dict[str, Any]] = {}
    makers: dict[str, tuple[Any, ...]] = {}
    for row in connection.exec_driver_sql(_VERDICTS, (experiment_id, experiment_id, ns[0], ns[-1])):
        n, name, label, score, is_explained, made_by = row
        if made_by not in makers:
            told: dict[str, Any] = json_text.read(made_by) or {}
            makers[made_by] = tuple(told.get(key) for key in MAKER_FIELDS)
        values = (label, score, "" if is_explained else None, *makers[made_by])
        columns = found.setdefault(n, {})
        columns.update({key: value for key, value in zip(_columns(name), values, strict=True) if value is not None})
    return found


def _columns(name: str) -> list[str]:
    keys = (*VERDICT_FIELDS, *(f"metadata.{key}" for key in MAKER_FIELDS))
    return [f"{PREFIX}{name}.{key}" for key in keys]

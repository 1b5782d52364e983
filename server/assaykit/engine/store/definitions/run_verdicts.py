"""Verdicts of a user's functions on the runs of an experiment, written after the runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.keys import row_of
from assaykit.engine.store.tables import experiment_runs, experiments
from assaykit.engine.store.traces import verdicts
from assaykit.engine.store.traces.verdicts import OWN, VERDICT_FIELDS
from assaykit.errors import NotFound, quote
from assaykit.wire.run_columns import METADATA, PREFIX, VERSION_KEYS
from assaykit.wire.run_verdicts import RunVerdict, RunVerdictCounts

_IDS_PER_QUERY = 500


def write(
    connection: sa.Connection, experiment_id: str, wanted: Sequence[RunVerdict], clock: Clock
) -> RunVerdictCounts:
    """Write verdicts on runs. One that equals the stored verdict is left, and one of another maker is kept as earlier.

    An uploaded verdict is a column of its run, which never changes. It becomes an earlier verdict too.

    Raises:
        NotFound: no such experiment, or it has no such run.
    """
    row_of(connection, experiments, experiment_id, "experiment", "/v2/experiments")
    ids = list(dict.fromkeys(one.run_id for one in wanted))
    runs = _runs(connection, experiment_id, ids)
    if missing := [one for one in ids if one not in runs]:
        raise NotFound(
            f"{len(missing)} of the runs are not in the experiment, the first is {quote(missing[0], 60)!r}.",
            "GET /v2/experiments/{id}/runs lists them. Nothing was written.",
        )
    there = {
        (run_id, one.name): one
        for run_id, every in verdicts.of(connection, experiment_id, "RUN", ids).items()
        for one in every
    }
    counts = {"new": 0, "replaced": 0, "unchanged": 0}
    now, before, rows = clock.now_ns(), list[dict[str, Any]](), list[dict[str, Any]]()
    for one in wanted:
        uploaded, stored = _uploaded(runs[one.run_id], one.name), there.get((one.run_id, one.name))
        words = {field: getattr(one, field) for field in VERDICT_FIELDS}
        made_by = {**({"version": one.code} if one.code else {}), **({OWN: one.metadata} if one.metadata else {})}
        row = {"scope_id": experiment_id, "level": "RUN", "target_id": one.run_id, "name": one.name}
        if stored is not None and _is_same(stored.model_dump(), words, stored.metadata, made_by):
            counts["unchanged"] += 1
            continue
        if stored is None and uploaded is not None:
            before.append({**row, **uploaded, "updated_ns": now})
        counts["new" if stored is None and uploaded is None else "replaced"] += 1
        rows.append({**row, **words, "metadata": made_by, "updated_ns": now})
    verdicts.put(connection, before)
    verdicts.put(connection, rows)
    return RunVerdictCounts(**counts)


def _runs(connection: sa.Connection, experiment_id: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    c = experiment_runs.c
    for start in range(0, len(ids), _IDS_PER_QUERY):
        some = c.id.in_(ids[start : start + _IDS_PER_QUERY])
        query = sa.select(c.id, c.data).where(c.experiment_id == experiment_id, some)
        found |= {row.id: row.data for row in connection.execute(query)}
    return found


def _is_same(
    stored: Mapping[str, Any], words: Mapping[str, Any], known: Mapping[str, Any] | None, made_by: Mapping[str, Any]
) -> bool:
    if any(stored[field] != words[field] for field in VERDICT_FIELDS):
        return False
    return all((known or {}).get(key) == made_by.get(key) for key in ("version", OWN))


def _uploaded(columns: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The verdict that the columns of a run hold, as a row of verdicts; None if they hold neither label nor score."""
    told = dict(_told(columns, name))
    if told.get("label") is None and told.get("score") is None:
        return None
    at = f"{PREFIX}{name}{METADATA}"
    version = next((columns[at + key] for key in VERSION_KEYS if columns.get(at + key)), None)
    return {**dict.fromkeys(VERDICT_FIELDS), **told, "metadata": {} if version is None else {"version": str(version)}}


def _told(columns: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    for field in VERDICT_FIELDS:
        value = columns.get(f"{PREFIX}{name}.{field}")
        if value in (None, ""):
            continue
        if field != "score":
            yield field, str(value)
        elif isinstance(value, int | float):
            yield field, float(value)

"""Reading and writing of verdicts. A new verdict replaces the stored one with its target and name."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

import sqlalchemy as sa

from assaykit.engine import json_text
from assaykit.engine.store.change_times import keep_up
from assaykit.engine.store.checksums import of_verdict
from assaykit.engine.store.keys import on_targets
from assaykit.engine.store.tables import earlier_evals, evals, spans
from assaykit.wire.run_columns import ASKED_KEYS
from assaykit.wire.spans import Evaluation

VerdictLevel = Literal["SPAN", "TRACE", "SESSION", "RUN"]

SharedLevel = Literal["TRACE", "SESSION"]
"""Levels whose verdicts several spans share."""

VERDICT_FIELDS = ("label", "score", "explanation")

MAKER_FIELDS = ("evaluator_version_id", "version", "model", "shortened")
"""The fields of a verdict; each is the last part of a column's name."""

UP_TO = "spans_up_to"
"""The key in `made_by` of the ingest sequence's end when a trace or session was scored."""

AGAIN = "scored_again"
"""The key in `made_by` that says that a trace or session was scored anew after it had grown."""

EARLIER = "earlier"
"""The key in the metadata of the list of earlier verdicts by other versions or models, newest first."""

OWN = "own"
"""The key in the metadata of the metadata that a function gave with its verdict."""

_ROWS_PER_QUERY = 500
"""Target ids per SELECT: below SQLite's oldest limit of bound parameters."""

_OF, _EARLIER = on_targets(evals), on_targets(earlier_evals)
"""The statements of `of`, which take longer to build than to execute."""


def _ends(key: sa.ColumnElement[Any]) -> sa.Select[Any, Any, Any]:
    of_units = sa.select(key, sa.func.max(spans.c.n), sa.func.max(spans.c.changed_ns)).group_by(key)
    return of_units.where(spans.c.project_id == sa.bindparam("scope"), key.in_(sa.bindparam("units", expanding=True)))


_ENDS: dict[SharedLevel, sa.Select[Any, Any, Any]] = {
    "TRACE": _ends(spans.c.trace_id),
    "SESSION": _ends(spans.c.session_id),
}
"""The last span of some traces or sessions, and the last change of any of their spans."""

# Written out, because binding by position takes half the time of binding by name.
_KEY = [column.name for column in evals.primary_key]
_GIVEN = ("scope_id", "level", "target_id", "name", "label", "score", "explanation", "updated_ns")
_COLUMNS = (*_GIVEN, evals.c.metadata.name, "checksum", "version_id", "model")
_PUT = (
    f"INSERT INTO {evals.name} ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)
)
_given: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*_GIVEN)


def of(
    connection: sa.Connection,
    scope_id: str,
    level: VerdictLevel,
    target_ids: Sequence[str],
    changed: Mapping[str, int] | None = None,
) -> dict[str, list[Evaluation]]:
    """The verdicts on some targets, by target id; each list is sorted by name.

    `changed` has the times, in nanoseconds, at which targets were sent again with other attributes. The metadata of an
    older verdict has `stale`.
    """
    changed = changed or {}
    found: dict[str, list[Evaluation]] = defaultdict(list)
    for start in range(0, len(target_ids), _ROWS_PER_QUERY):
        asked = {"scope": scope_id, "of_level": level, "targets": target_ids[start : start + _ROWS_PER_QUERY]}
        earlier = _earlier(connection, asked)
        for row in connection.execute(_OF, asked):
            made_by = _with_age(row, changed)
            if (row.target_id, row.name) in earlier:
                made_by = {**made_by, EARLIER: earlier[row.target_id, row.name]}
            found[row.target_id].append(
                Evaluation(
                    name=row.name,
                    label=row.label,
                    score=row.score,
                    explanation=row.explanation,
                    metadata=made_by or None,
                )
            )
    return found


def _earlier(connection: sa.Connection, asked: Mapping[str, Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The earlier verdicts on some targets, by target and name, newest first."""
    found: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for row in connection.execute(_EARLIER, asked):
        told = {field: getattr(row, field) for field in VERDICT_FIELDS}
        told |= {field: row.metadata.get(field) for field in MAKER_FIELDS}
        one = {key: value for key, value in told.items() if value is not None}
        found[row.target_id, row.name].append((row.updated_ns, one))
    newest_first = {key: sorted(some, key=itemgetter(0), reverse=True) for key, some in found.items()}
    return {key: [one for _, one in some] for key, some in newest_first.items()}


def _with_age(row: sa.Row[Any], changed: Mapping[str, int]) -> dict[str, Any]:
    is_older = row.updated_ns < changed.get(row.target_id, 0)
    return {**row.metadata, "stale": True} if is_older else row.metadata


def shared(
    connection: sa.Connection, scope_id: str, level: SharedLevel, target_ids: Sequence[str]
) -> dict[str, list[Evaluation]]:
    """The verdicts on some traces or sessions, by their ids, under the names that spans show.

    The names are `trace_eval.<name>` and `session_eval.<name>`. The metadata of a verdict has `stale` if spans have
    been added since, or sent again with other attributes.
    """
    found = of(connection, scope_id, level, target_ids)
    if not found:
        return {}
    ends = connection.execute(_ENDS[level], {"scope": scope_id, "units": list(found)})
    rows: list[tuple[str, int, int | None]] = [tuple(row) for row in ends]
    last = {unit: place for unit, place, _ in rows}
    if changed := {unit: at for unit, _, at in rows if at is not None}:
        found = of(connection, scope_id, level, target_ids, changed)
    return {
        target: [_of_unit(one, level, last.get(target, 0)) for one in verdicts] for target, verdicts in found.items()
    }


def _of_unit(verdict: Evaluation, level: SharedLevel, last: int) -> Evaluation:
    made_by = verdict.metadata or {}
    stale = {"stale": True} if last > made_by.get(UP_TO, last) else {}
    change = {"name": f"{level.lower()}_eval.{verdict.name}", "metadata": {**made_by, **stale} or None}
    return verdict.model_copy(update=change)


def words(
    connection: sa.Connection, scope_id: str, level: VerdictLevel, target_ids: Sequence[str]
) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Yield target id, name and `VERDICT_FIELDS` of the verdicts on some targets. Cheaper than `of` for many."""
    for start in range(0, len(target_ids), _ROWS_PER_QUERY):
        some = target_ids[start : start + _ROWS_PER_QUERY]
        columns = [evals.c[column] for column in ("target_id", "name", *VERDICT_FIELDS)]
        query = sa.select(*columns).where(
            evals.c.scope_id == scope_id, evals.c.level == level, evals.c.target_id.in_(some)
        )
        for row in connection.execute(query):
            target, name, *said = tuple(row)
            yield target, name, tuple(said)


def flat_columns(
    connection: sa.Connection, scope_id: str, level: VerdictLevel, target_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The verdicts on some targets as columns `eval.<name>.label|score|explanation`, by target id.

    `eval.<name>.metadata.evaluator_version_id`, `.version` and `.model` name the judge, `.shortened` says that it saw
    only a part of a value, and `.earlier` has the earlier verdicts of other versions as JSON text. The keys of
    `ASKED_KEYS` are about the question.
    """
    return {
        target: {key: value for verdict in verdicts for key, value in _flat(verdict) if value is not None}
        for target, verdicts in of(connection, scope_id, level, target_ids).items()
    }


def _flat(verdict: Evaluation) -> Iterator[tuple[str, Any]]:
    for field in VERDICT_FIELDS:
        yield f"eval.{verdict.name}.{field}", getattr(verdict, field)
    for field in (*MAKER_FIELDS, *ASKED_KEYS):
        yield f"eval.{verdict.name}.metadata.{field}", (verdict.metadata or {}).get(field)
    for key, value in (verdict.metadata or {}).get(OWN, {}).items():
        yield f"eval.{verdict.name}.metadata.{key}", value
    if earlier := (verdict.metadata or {}).get(EARLIER):
        yield f"eval.{verdict.name}.metadata.{EARLIER}", json_text.written(earlier)


def made_with(
    scope_id: str,
    level: VerdictLevel,
    target: sa.ColumnElement[str],
    name: str,
    grown_to: sa.ColumnElement[int] | None = None,
) -> sa.ColumnElement[str | None]:
    """The id of the version that gave a target's verdict of this name; empty if unknown, null without a verdict.

    A verdict is a label or a score, as an explanation alone is none. With `grown_to`, the place of a unit's last span,
    a verdict from before that span does not count, unless the unit was scored anew once already.
    """
    found = sa.select(evals.c.version_id).where(
        evals.c.scope_id == scope_id, evals.c.level == level, evals.c.target_id == target, evals.c.name == name
    )
    found = found.where(evals.c.label.is_not(None) | evals.c.score.is_not(None))
    if grown_to is None:
        return found.scalar_subquery()
    up_to, again = evals.c.metadata[UP_TO].as_integer(), evals.c.metadata[AGAIN].as_boolean()
    return found.where(up_to.is_(None) | (up_to >= grown_to) | again.is_(True)).scalar_subquery()


def put(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write verdicts, given as rows of the table. A stored verdict with the same target and name is replaced."""
    if not rows:
        return
    connection.exec_driver_sql(_PUT, [_written(row) for row in rows])
    if experiment_ids := {row["scope_id"] for row in rows if row["level"] == "RUN"}:
        keep_up(connection, experiment_ids, max(row["updated_ns"] for row in rows))


def _written(row: Mapping[str, Any]) -> tuple[Any, ...]:
    made_by: Mapping[str, Any] = row["metadata"]
    # The code of a user's function is its version, and it has no id.
    maker = made_by.get("evaluator_version_id") or made_by.get("version") or "", made_by.get("model") or ""
    return (*_given(row), json_text.written(made_by), of_verdict(row), *maker)


def forget(connection: sa.Connection, scope_id: str, level: VerdictLevel, target_ids: Sequence[str]) -> None:
    """Remove the verdicts on some targets."""
    for start in range(0, len(target_ids), _ROWS_PER_QUERY):
        some = target_ids[start : start + _ROWS_PER_QUERY]
        connection.execute(
            evals.delete().where(evals.c.scope_id == scope_id, evals.c.level == level, evals.c.target_id.in_(some))
        )

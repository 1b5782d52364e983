"""Bulk writes of verdicts, annotations and metadata to spans by id. The caller learns which ids are unknown."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError

from assaykit.engine import openinference
from assaykit.engine.clock import Clock
from assaykit.engine.store import checksums
from assaykit.engine.store.definitions import annotation_configs, projects, spaces
from assaykit.engine.store.tables import spans
from assaykit.engine.store.traces import annotations, verdicts
from assaykit.engine.store.traces.spans import SUMMED
from assaykit.errors import Invalid, NotFound, quote
from assaykit.wire.annotations import AnnotationInput
from assaykit.wire.local import EvaluationInput
from assaykit.wire.projects import Project
from assaykit.wire.validation import describe

UnitLevel = Literal["SPAN", "TRACE", "SESSION"]

_IDS_PER_QUERY = 500
_COLUMNS: Final[dict[UnitLevel, sa.Column[Any]]] = {
    "SPAN": spans.c.span_id,
    "TRACE": spans.c.trace_id,
    "SESSION": spans.c.session_id,
}
_METADATA = "metadata"


class Said(NamedTuple):
    """A verdict or an annotation under one name. `parts` are some of label, score, and explanation or text.

    `level` is the unit that a verdict is on. `key` is an id of the kind `by`: a span id may stand for the span's trace
    or session.
    """

    key: str
    name: str
    parts: Mapping[str, Any]
    level: UnitLevel = "SPAN"
    by: UnitLevel = "SPAN"


class Fitted(NamedTuple):
    """Verdicts as rows of the table, and the unknown ids as `{by: ids}`, in order."""

    rows: list[dict[str, Any]]
    unknown: dict[UnitLevel, list[str]]


def project_named(connection: sa.Connection, space_id: str, name: str) -> Project:
    """The project of this name.

    Raises:
        NotFound: no such space, or it has no such project.
    """
    spaces.get(connection, space_id)
    found = projects.find(connection, space_id, name)
    if found is None:
        raise NotFound(
            f"This space has no project named {quote(name, 60)!r}.",
            "GET /v2/projects lists them; the first span sent to a project creates it.",
        )
    return found


def put_verdicts(connection: sa.Connection, project_id: str, said: Sequence[Said], clock: Clock) -> set[str]:
    """Write verdicts, each replacing the stored one of its name. Returns the ids of the spans that were found.

    Raises:
        Invalid: a verdict is on the session of a span without a session, or `EvaluationInput` refuses one.
    """
    for one in said:
        with _explained("verdict", one):
            EvaluationInput(name=one.name, level=one.level, span_id=one.key, **one.parts)
    fitted = fit(connection, project_id, said, clock.now_ns())
    latest = {(row["level"], row["target_id"], row["name"]): row for row in fitted.rows}
    verdicts.put(connection, list(latest.values()))
    return {one.key for one in said}.difference(*fitted.unknown.values())


def fit(connection: sa.Connection, project_id: str, said: Sequence[Said], now_ns: int) -> Fitted:
    """Convert verdicts to rows of the table, in order, without writing them.

    Raises:
        Invalid: a verdict is on the session of a span without a session.
    """
    known = {by: _known(connection, project_id, [one.key for one in said if one.by == by], by) for by in _COLUMNS}
    fitted = Fitted([], {})
    for one in said:
        if one.key not in known[one.by]:
            fitted.unknown.setdefault(one.by, []).append(one.key)
            continue
        row: dict[str, Any] = {
            "scope_id": project_id,
            "level": one.level,
            "target_id": _target(one, known[one.by][one.key]),
            "name": one.name,
            "metadata": {},
            "updated_ns": now_ns,
        }
        fitted.rows.append(row | {part: one.parts.get(part) for part in verdicts.VERDICT_FIELDS})
    return fitted


def put_annotations(connection: sa.Connection, project: Project, said: Sequence[Said], clock: Clock) -> set[str]:
    """Write annotations; absent parts keep their values. Returns the ids of the spans that were found.

    If the name has a config, the value must fit it; a name without a config accepts any value.

    Raises:
        Invalid: the config of the name does not allow the value, or `AnnotationInput` does not.
    """
    known = _known(connection, project.id, (one.key for one in said))
    configs = annotation_configs.of_space(connection, project.space_id or "")
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in said:
        if one.key in known:
            with _explained("annotation", one):
                given = AnnotationInput(name=one.name, **one.parts)
            fitted = annotation_configs.parts(given, configs) if one.name in configs else one.parts
            found[one.key, one.name] = fitted
    annotations.put(connection, project.id, "SPAN", found, clock.now_ns())
    return set(known)


@contextmanager
def _explained(noun: str, said: Said) -> Generator[None]:
    try:
        yield
    except ValidationError as error:
        raise Invalid(
            f"The {noun} {quote(said.name, 60)!r} of {quote(said.key, 60)!r} cannot be written: {describe(error)}.",
            "Correct it and send all rows again; nothing was written.",
        ) from error


def patch_metadata(
    connection: sa.Connection, project_id: str, patches: Mapping[str, Sequence[Mapping[str, Any]]]
) -> set[str]:
    """Merge patches into the metadata of spans, one after the other and objects key by key. Returns the ids found.

    A null is stored.
    """
    done: set[str] = set()
    ids = list(patches)
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = sa.select(spans).where(
            spans.c.project_id == project_id, spans.c.span_id.in_(ids[start : start + _IDS_PER_QUERY])
        )
        for row in connection.execute(query).mappings().fetchall():
            merged = reduce(_merged, patches[row["span_id"]], row["attributes"])
            checksum = checksums.of_columns({**row, "attributes": merged}, SUMMED)
            change = spans.update().where(spans.c.n == row["n"])
            connection.execute(change.values(attributes=merged, checksum=checksum))
            done.add(row["span_id"])
    return done


def _merged(attributes: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with the patch applied. A patched key replaces its dotted prefixes and extensions."""
    new = openinference.storable(openinference.flattened(patch, f"{_METADATA}."))
    kept = {key: value for key, value in attributes.items() if not any(_in_the_way(key, other) for other in new)}
    return kept | new


def _in_the_way(old: str, new: str) -> bool:
    return old.startswith(f"{new}.") or new.startswith(f"{old}.")


def _target(one: Said, span: sa.Row[Any]) -> str:
    if one.level == one.by:
        return one.key
    target = span.trace_id if one.level == "TRACE" else span.session_id
    if target is None:
        raise Invalid(
            f"The span {quote(one.key, 60)!r} belongs to no session.",
            f"Write eval.{one.name} for it, or leave its session_eval.{one.name} empty.",
        )
    return target


def _known(
    connection: sa.Connection, project_id: str, keys: Iterable[str], by: UnitLevel = "SPAN"
) -> dict[str, sa.Row[Any]]:
    """The rows of the ids that exist, by id. The row of a span also has its trace and session id."""
    ids = list(dict.fromkeys(keys))
    column = _COLUMNS[by]
    asked = (column, spans.c.trace_id, spans.c.session_id) if by == "SPAN" else (column,)
    known: dict[str, sa.Row[Any]] = {}
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = sa.select(*asked).where(
            spans.c.project_id == project_id, column.in_(ids[start : start + _IDS_PER_QUERY])
        )
        known |= {row[0]: row for row in connection.execute(query.distinct())}
    return known

"""Reading and writing of annotations. A write keeps the parts that it does not mention."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.store.change_times import touch_annotated
from assaykit.engine.store.keys import on_targets
from assaykit.engine.store.tables import annotations
from assaykit.engine.store.times import moment
from assaykit.wire.spans import Annotation, AnnotatorUser

AnnotationLevel = Literal["SPAN", "TRACE", "SESSION", "RUN", "EXAMPLE"]

PARTS = ("label", "score", "text")
"""The parts of an annotation; each is the last part of a column's name."""

_ROWS_PER_QUERY = 500
"""Target ids per SELECT: below SQLite's oldest limit of bound parameters."""

_OF = on_targets(annotations)
"""The statement of `of`, which takes longer to build than to execute."""


def of(
    connection: sa.Connection, scope_id: str, level: AnnotationLevel, target_ids: Sequence[str]
) -> dict[str, list[Annotation]]:
    """The annotations of some targets, by target id; each list is sorted by name."""
    found: dict[str, list[Annotation]] = defaultdict(list)
    for some in _batches(target_ids):
        for row in connection.execute(_OF, {"scope": scope_id, "of_level": level, "targets": some}):
            found[row.target_id].append(_annotation(row))
    return found


def columns(given: Sequence[Annotation]) -> dict[str, Any]:
    """The annotations of one row as its columns `annotation.<name>.label|score|text`."""
    return {
        f"annotation.{annotation.name}.{part}": value
        for annotation in given
        for part in PARTS
        if (value := getattr(annotation, part)) is not None
    }


def put(
    connection: sa.Connection,
    scope_id: str,
    level: AnnotationLevel,
    said: Mapping[tuple[str, str], Mapping[str, Any]],
    now: int,
) -> None:
    """Write `{(target id, config name): parts}`. An absent part keeps its value; None removes the value."""
    stored: dict[tuple[str, str], dict[str, Any]] = {}
    for some in _batches(list({target for target, _ in said})):
        query = sa.select(annotations).where(_of_targets(scope_id, level, some))
        for row in connection.execute(query).mappings():
            stored[row["target_id"], row["name"]] = {part: row[part] for part in PARTS}
    rows = [
        {"scope_id": scope_id, "level": level, "target_id": target, "name": name, "updated_ns": now}
        | dict.fromkeys(PARTS)
        | stored.get((target, name), {})
        | dict(parts)
        for (target, name), parts in said.items()
    ]
    if rows:
        statement = insert(annotations)
        replaced = {part: statement.excluded[part] for part in (*PARTS, "updated_ns", "checksum")}
        keys = list(annotations.primary_key)
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced), rows)
        touch_annotated(connection, level, scope_id, now)


def forget(connection: sa.Connection, scope_id: str, level: AnnotationLevel, target_ids: Sequence[str]) -> None:
    """Remove the annotations of some targets."""
    for some in _batches(target_ids):
        connection.execute(annotations.delete().where(_of_targets(scope_id, level, some)))


def forget_scopes(connection: sa.Connection, scope_ids: sa.Select[Any] | Sequence[str]) -> None:
    """Remove every annotation in some projects, datasets or experiments."""
    connection.execute(annotations.delete().where(annotations.c.scope_id.in_(scope_ids)))


def _of_targets(scope_id: str, level: AnnotationLevel, target_ids: Sequence[str]) -> sa.ColumnElement[bool]:
    c = annotations.c
    return sa.and_(c.scope_id == scope_id, c.level == level, c.target_id.in_(target_ids))


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _ROWS_PER_QUERY] for start in range(0, len(ids), _ROWS_PER_QUERY)]


def _annotation(row: sa.Row[Any]) -> Annotation:
    return Annotation(
        name=row.name,
        label=row.label,
        score=row.score,
        text=row.text,
        updated_at=moment(row.updated_ns),
        annotator=None if row.annotator is None else AnnotatorUser(id=row.annotator),
    )

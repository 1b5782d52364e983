"""Verdicts computed elsewhere, written in one transaction and counted as new, replaced or unchanged."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import projects
from assaykit.engine.store.traces import span_updates, verdicts
from assaykit.engine.store.traces.span_updates import Said, UnitLevel
from assaykit.errors import Invalid, NotFound, quote
from assaykit.foreign import exactly

SHOWN = 5
_NOUNS: dict[UnitLevel, str] = {"SPAN": "span", "TRACE": "trace", "SESSION": "session"}

_Place = tuple[UnitLevel, str, str]
_Words = tuple[Any, ...]


class Logged(NamedTuple):
    """The number of new, replaced and unchanged verdicts, and the unknown ids in order."""

    new: int
    replaced: int
    unchanged: int
    unmatched: Sequence[str]


def log(
    connection: sa.Connection,
    project_id: str,
    parts: Iterable[Sequence[Said]],
    clock: Clock,
    *,
    skip_unmatched: bool,
) -> Logged:
    """Write verdicts. If a verdict equals the stored one, the stored one stays, with its metadata.

    Raises:
        NotFound: no such project; an id is not in it and `skip_unmatched` is false; or no id is in it.
        Invalid: two verdicts contradict each other, or one is on the session of a span without a session.
    """
    project = projects.get(connection, project_id)
    now = clock.now_ns()
    unknown: dict[UnitLevel, dict[str, None]] = {}
    said_of: dict[_Place, bytes] = {}
    counts = {"new": 0, "replaced": 0, "unchanged": 0}
    for said in parts:
        fitted = span_updates.fit(connection, project_id, said, now)
        for by, keys in fitted.unknown.items():
            unknown.setdefault(by, {}).update(dict.fromkeys(keys))
        rows = _agreeing(fitted.rows, said_of)
        there = _there(connection, project_id, rows)
        changed: list[dict[str, Any]] = []
        for row in rows:
            before = there.get(_place(row))
            sort = "new" if before is None else "unchanged" if before == _words(row) else "replaced"
            counts[sort] += 1
            if sort != "unchanged":
                changed.append(row)
        verdicts.put(connection, changed)
    if unknown and not (skip_unmatched and said_of):
        raise _unmatched(unknown, project.name, any_matched=bool(said_of))
    return Logged(**counts, unmatched=[key for keys in unknown.values() for key in keys])


def _agreeing(rows: Iterable[dict[str, Any]], said_of: dict[_Place, bytes]) -> list[dict[str, Any]]:
    """Return the rows without repetitions. `said_of` collects a digest of each verdict, since the texts may be long."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        place, words = _place(row), _digest(_words(row))
        if place not in said_of:
            said_of[place] = words
            kept.append(row)
        elif said_of[place] != words:
            level, target, name = place
            raise Invalid(
                f"The {_NOUNS[level]} {exactly(target, 60)} is given two different verdicts named {quote(name, 60)!r}.",
                "Send one verdict for it. Nothing was written.",
            )
    return kept


def _there(connection: sa.Connection, project_id: str, rows: Iterable[Mapping[str, Any]]) -> dict[_Place, _Words]:
    """The stored verdicts on the targets of these rows."""
    targets: dict[UnitLevel, list[str]] = {}
    for row in rows:
        targets.setdefault(row["level"], []).append(row["target_id"])
    return {
        (level, target, name): words
        for level, ids in targets.items()
        for target, name, words in verdicts.words(connection, project_id, level, list(dict.fromkeys(ids)))
    }


def _place(row: Mapping[str, Any]) -> _Place:
    return cast("_Place", (row["level"], row["target_id"], row["name"]))


def _words(row: Mapping[str, Any]) -> _Words:
    return tuple(row[part] for part in verdicts.VERDICT_FIELDS)


def _digest(words: _Words) -> bytes:
    # 1, 1.0 and True are one score, and so are 0.0 and -0.0. `hash` would give -1 and -2 one number.
    said = repr([float(word) + 0.0 if isinstance(word, int | float) else word for word in words])
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _unmatched(unknown: Mapping[UnitLevel, Iterable[str]], project: str, *, any_matched: bool) -> NotFound:
    told: list[str] = []
    for by, keys in unknown.items():
        ids = list(keys)
        shown = ", ".join(exactly(key, 60) for key in ids[:SHOWN])
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        told.append(f"{len(ids)} {_NOUNS[by]} id(s): {shown}{more}")
    skip = " Or send skip_unmatched=true to write the rest." if any_matched else ""
    return NotFound(
        f"Project {quote(project, 60)!r} does not have {'; '.join(told)}. Nothing was written.",
        f"Check the project, and correct the ids.{skip}",
    )

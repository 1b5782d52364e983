"""Stored answers of judges, so that the same question is not paid for twice."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.store.tables import answers
from assaykit.judge.verdicts import Verdict

MOST = 200_000
"""The most answers kept; the oldest are deleted first."""

_TOLD = ("label", "score", "explanation", "model")

_INSERT = insert(answers)
_KEEP = _INSERT.on_conflict_do_update(index_elements=["key"], set_={name: _INSERT.excluded[name] for name in _TOLD})
_TRIM = answers.delete().where(answers.c.n <= sa.select(sa.func.max(answers.c.n)).scalar_subquery() - MOST)


def known(connection: sa.Connection, keys: Iterable[bytes]) -> Mapping[bytes, Verdict]:
    """The stored answers to these questions, by key. They have no token counts, since nothing is paid again."""
    c = answers.c
    query = sa.select(c.key, c.label, c.score, c.explanation, c.model).where(c.key.in_(list(keys)))
    return {key: Verdict(label, score, why, model=model) for key, label, score, why, model in connection.execute(query)}


def keep(connection: sa.Connection, fresh: Mapping[bytes, Verdict]) -> None:
    """Store answers. Each replaces an older answer to the same question."""
    if not fresh:
        return
    rows = [{"key": key, **{name: getattr(verdict, name) for name in _TOLD}} for key, verdict in fresh.items()]
    connection.execute(_KEEP, rows)
    connection.execute(_TRIM)

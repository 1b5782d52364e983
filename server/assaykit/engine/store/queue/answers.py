"""Stored answers of judges, so that the same question is not paid for twice."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from assaykit.engine.store.tables import answers
from assaykit.judge.verdicts import Verdict

MOST = 200_000
"""The most answers kept; the oldest are deleted first."""

_TOLD = ("label", "score", "explanation", "model")

# Written out, because binding by position takes half the time of binding by name.
_KEEP = (
    f"INSERT INTO {answers.name} (key, {', '.join(_TOLD)}) VALUES (?, ?, ?, ?, ?) "  # noqa: S608
    f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _TOLD)}"
)
_KNOWN = f"SELECT key, {', '.join(_TOLD)} FROM {answers.name} WHERE key IN "  # noqa: S608
_TRIM = answers.delete().where(answers.c.n <= sa.select(sa.func.max(answers.c.n)).scalar_subquery() - MOST)


def known(connection: sa.Connection, keys: Iterable[bytes]) -> Mapping[bytes, Verdict]:
    """The stored answers to these questions, by key. They have no token counts, since nothing is paid again."""
    asked = tuple(keys)
    if not asked:
        return {}
    rows = connection.exec_driver_sql(f"{_KNOWN}({', '.join('?' * len(asked))})", asked)
    return {key: Verdict(label, score, why, model=model) for key, label, score, why, model in rows}


def keep(connection: sa.Connection, fresh: Mapping[bytes, Verdict]) -> None:
    """Store answers. Each replaces an older answer to the same question."""
    if not fresh:
        return
    rows = [(key, one.label, one.score, one.explanation, one.model) for key, one in fresh.items()]
    connection.exec_driver_sql(_KEEP, rows)
    connection.execute(_TRIM)

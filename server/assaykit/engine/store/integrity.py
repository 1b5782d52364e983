"""Integrity of the store: SQLite's own check of the file, and a checksum for each verdict."""

import zlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from assaykit.engine.store.tables import evals
from assaykit.wire.local import StoreCheck

SHOWN = 5
"""The most damaged places that a check lists."""

_SUMMED = ("scope_id", "level", "target_id", "name", "label", "score", "explanation")
_ROWS_PER_READ = 5_000


def checksum(verdict: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a verdict's target, name, label, score and explanation."""
    said = [verdict[name] for name in _SUMMED]
    # SQLite returns 1.0 for a stored score of 1; both must have the same checksum.
    said = [float(value) if isinstance(value, int) else value for value in said]
    return zlib.crc32(repr(said).encode("utf-8", "surrogatepass"))


def check(connection: sa.Connection) -> StoreCheck:
    """Check every page of the file, and every verdict that has a checksum."""
    found = [row[0] for row in connection.exec_driver_sql(f"PRAGMA quick_check({SHOWN})") if row[0] != "ok"]
    verdicts = 0
    query = sa.select(*(evals.c[name] for name in _SUMMED), evals.c.checksum).where(evals.c.checksum.is_not(None))
    with connection.execute(query) as rows:
        for some in rows.mappings().partitions(_ROWS_PER_READ):
            verdicts += len(some)
            wrong = [row for row in some if checksum({**row}) != row["checksum"]]
            found += [f"the verdict {row['name']!r} on {row['level'].lower()} {row['target_id']}" for row in wrong]
    return StoreCheck(verdicts=verdicts, damaged=len(found), examples=found[:SHOWN])

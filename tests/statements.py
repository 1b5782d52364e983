"""Compiled SQL statements, kept for all stores of a test process.

Every test opens a store of its own. SQLAlchemy keeps compiled statements for one store, and to compile them anew is
half the cost of opening a store and asking it once.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

KEPT: Final[LRUCache[Any, Any]] = LRUCache(5_000)


class SharingDialect(SQLiteDialect_pysqlite):
    """The dialect of one store. Stores with equal dialects find each other's statements in `KEPT`."""

    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._options = (SharingDialect, *sorted(options.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharingDialect) and self._options == other._options

    def __hash__(self) -> int:
        return hash(self._options)

    @classmethod
    def engine_created(cls, engine: sa.Engine) -> None:
        engine.update_execution_options(compiled_cache=KEPT)


def share() -> None:
    """Make every store that is opened from here on share its compiled statements."""
    registry.register("sqlite.pysqlite", __name__, SharingDialect.__name__)

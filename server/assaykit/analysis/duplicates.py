"""Removal of duplicate rows."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from assaykit.column_paths import resolve
from assaykit.spelling import key_of

RowT = TypeVar("RowT", bound=Mapping[str, Any])


class Likeness(NamedTuple):
    """The columns on which two rows must agree to be duplicates: `columns`, or all columns; never those in `aside`.

    A missing column equals a null. A named column may be a path into one, and 1, 1.0, true and "1" are one value in it.
    By all columns they are four different values.
    """

    columns: Collection[str] | None
    aside: Collection[str] = ()

    def digest(self, row: Mapping[str, Any]) -> bytes:
        """Return 16 bytes that are equal for duplicates. They stand in for long rows, to save memory."""
        told = row if self.columns is None else {column: _named(row, column) for column in self.columns}
        kept = {column: value for column, value in told.items() if value is not None and column not in self.aside}
        return hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).digest()


def _named(row: Mapping[str, Any], path: str) -> str | None:
    value = resolve(row, path)
    return None if value is None else key_of(value)


def firsts(rows: Iterable[RowT], likeness: Likeness, known: Iterable[bytes] = ()) -> Iterator[RowT]:
    """Yield the rows that duplicate neither an earlier row nor a row whose digest is in `known`."""
    seen = set(known)
    for row in rows:
        digest = likeness.digest(row)
        if digest not in seen:
            seen.add(digest)
            yield row

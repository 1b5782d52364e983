"""Rows that stand there more than once."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

RowT = TypeVar("RowT", bound=Mapping[str, Any])


class Likeness(NamedTuple):
    """By what rows are the same: these columns, or without any all of them but those aside.

    A column that is missing equals one that is null. 1, 1.0, true and "1" are four values.
    """

    columns: Collection[str] | None
    aside: Collection[str] = ()

    def digest(self, row: Mapping[str, Any]) -> bytes:
        """Equal for rows that are the same; short, since the rows may be long and there may be many."""
        told = row if self.columns is None else {column: row.get(column) for column in self.columns}
        kept = {column: value for column, value in told.items() if value is not None and column not in self.aside}
        return hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).digest()


def firsts(rows: Iterable[RowT], likeness: Likeness, known: Iterable[bytes] = ()) -> Iterator[RowT]:
    """The rows without those that equal an earlier one, or one whose digest is known."""
    seen = set(known)
    for row in rows:
        digest = likeness.digest(row)
        if digest not in seen:
            seen.add(digest)
            yield row

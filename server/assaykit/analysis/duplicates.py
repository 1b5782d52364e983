"""Rows that stand there more than once."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Mapping[str, Any])


def firsts(rows: Iterable[Row], columns: Collection[str] | None, aside: Collection[str] = ()) -> Iterator[Row]:
    """The rows without those that equal an earlier one in these columns; in all columns without any, but those aside.

    A column that is missing equals one that is null. 1, 1.0, true and "1" are four values.
    """
    seen: set[bytes] = set()
    for row in rows:
        told = row if columns is None else {column: row.get(column) for column in columns}
        kept = {column: value for column, value in told.items() if value is not None and column not in aside}
        # A digest, since the rows may be long and there may be many.
        digest = hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield row

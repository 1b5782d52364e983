"""Batches of rows that fit the request limits of a backend."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from assaykit.wire.datasets import ROWS_PER_REQUEST

CHARACTERS_PER_REQUEST = 2_500_000
"""Most characters of one batch: a character is at most six bytes of JSON, and a body at most 16 MiB."""

PLAIN = 12
"""The estimated characters of a number, a boolean or null."""

RowT = TypeVar("RowT")

_NUMBERS = (bool, int, float)
"""A tuple, because Python would build a union anew for every row."""


def characters(row: Mapping[str, Any]) -> int:
    """The estimated characters of a row as JSON."""
    total = 0
    for name, value in row.items():
        total += len(name) + 6 + (len(value) if isinstance(value, str) else _length(value))
    return total


def _length(value: Any) -> int:
    return PLAIN if value is None or isinstance(value, _NUMBERS) else len(repr(value))


def batches(rows: Iterable[RowT], size: Callable[[RowT], int] = characters) -> Iterator[list[RowT]]:
    """The rows in order, in batches of at most 1,000 rows and 2.5 million characters; a longer row is a batch alone."""
    batch: list[RowT] = []
    total = 0
    for row in rows:
        length = size(row)
        if batch and (len(batch) == ROWS_PER_REQUEST or total + length > CHARACTERS_PER_REQUEST):
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += length
    if batch:
        yield batch

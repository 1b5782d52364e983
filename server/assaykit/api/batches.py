"""Rows in requests of a size that a backend takes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from assaykit.wire.datasets import ROWS_PER_REQUEST

CHARACTERS_PER_REQUEST = 2_500_000
"""A character is at most six bytes of JSON, and a body may have 16 MiB."""

PLAIN = 12
"""Characters that a number, true or false is taken for."""

RowT = TypeVar("RowT")

_NUMBERS = (bool, int, float)
"""As a tuple: a union is built anew for every row."""


def characters(row: Mapping[str, Any]) -> int:
    """About how many characters a row has as JSON."""
    total = 0
    for name, value in row.items():
        total += len(name) + 6 + (len(value) if isinstance(value, str) else _length(value))
    return total


def _length(value: Any) -> int:
    return PLAIN if value is None or isinstance(value, _NUMBERS) else len(repr(value))


def batches(rows: Iterable[RowT], size: Callable[[RowT], int] = characters) -> Iterator[list[RowT]]:
    """The rows in order, at most 1,000 and 2.5 million characters at a time; a longer row goes alone."""
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

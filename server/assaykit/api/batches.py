"""Rows in requests of a size that a backend takes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from assaykit.wire.datasets import ROWS_PER_REQUEST

CHARACTERS_PER_REQUEST = 4_000_000
"""A character is at most four bytes of UTF-8, and a body may have 16 MiB."""

Row = TypeVar("Row", bound=Mapping[str, Any])


def batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in order, at most 1,000 and 4 million characters at a time; a longer row goes alone."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        length = len(repr(row))
        if batch and (len(batch) == ROWS_PER_REQUEST or size + length > CHARACTERS_PER_REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch

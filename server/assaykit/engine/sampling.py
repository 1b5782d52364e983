"""Sampling by a hash of the unit's id, so that every run takes the same units."""

import hashlib

_RANGE = 2**64


def taken(unit_id: str, rate: float) -> bool:
    """Whether the unit belongs to the sample. `rate` is a fraction, 0 to 1. A larger sample contains a smaller."""
    digest = hashlib.blake2b(unit_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < rate * _RANGE

"""Which units a sampling rate takes: a hash of the unit's id decides, so every run takes the same ones."""

import hashlib

_RANGE = 2**64


def taken(unit_id: str, rate: float) -> bool:
    """Whether the unit belongs to the sample. `rate` is a fraction, 0 to 1; a smaller sample lies inside a larger."""
    digest = hashlib.blake2b(unit_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < rate * _RANGE

"""The sign-flip test by drawn signs, for differences that are too many to try all signs of.

The total of every draw is first known roughly, from whole numbers that are added for all draws at once in a few large
integers. Only the draws whose rough total is too close to the observed one are added up exactly.
"""

import math
import random
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

DRAWS = 9_999
"""Choices of signs drawn where they are too many to count."""

CLOSE = 1e-9
"""Totals that are this close, relative to the sum of all sizes, are alike but for rounding."""

_SEED = 20240229
_BYTE = 8
_CODES = _FINER = 1 << 16
_LANES = -(-DRAWS // 4)
_EVEN: Final = int.from_bytes(b"\xff\x00" * (2 * _LANES), "little")
_LOW: Final = int.from_bytes(b"\xff\xff\x00\x00" * _LANES, "little")
_ONE: Final = int.from_bytes(b"\x01\x00\x00\x00" * _LANES, "little")
_TOP_BIT, _TOP_BYTE = 31, b"\x80"
_TOPS: Final = [
    sum(1 << (32 * lane + _TOP_BIT) for lane in range(_LANES) if 4 * lane + residue < DRAWS) for residue in range(4)
]
"""The highest bit of each lane that stands for a draw: lane l of residue r is draw 4 l + r."""

Eight = tuple[float, ...]
"""Up to eight sizes, whose signs are the bits of one byte: a set bit makes its size negative."""


def drawn_p(sizes: Sequence[float], observed: float) -> float:
    """The share of drawn totals of signed `sizes` that are at least `observed` in size; the observed one is among them.

    Equal sizes in equal order have equal draws. The sizes are positive.
    """
    least = observed - CLOSE * math.fsum(sizes)
    if least <= 0:
        return 1.0
    eights = [tuple(sizes[start : start + _BYTE]) for start in range(0, len(sizes), _BYTE)]
    columns = _columns(len(eights))
    sure, doubtful = _roughly(eights, columns, least)
    exact = (
        sum(_signed(eight, column[draw]) for eight, column in zip(eights, columns, strict=True)) for draw in doubtful
    )
    return (1 + sure + sum(abs(total) >= least for total in exact)) / (DRAWS + 1)


@lru_cache(maxsize=10_000)
def _signed(eight: Eight, signs: int) -> float:
    """The sum of the sizes with their signs."""
    total = 0.0
    for place, size in enumerate(eight):
        total += -size if signs >> place & 1 else size
    return total


@lru_cache(maxsize=8)
def _columns(number: int) -> tuple[bytes, ...]:
    """The signs of all draws: a byte for each draw, once for each table."""
    drawn = random.Random(_SEED).randbytes(DRAWS * number)  # noqa: S311  (a repeatable sample, no secret)
    return tuple(drawn[place * DRAWS : (place + 1) * DRAWS] for place in range(number))


def _roughly(eights: Sequence[Eight], columns: Sequence[bytes], least: float) -> tuple[int, list[int]]:
    """The number of draws whose total is surely `least` or more in size, and the draws that are too close to tell."""
    span = max(map(math.fsum, eights))
    # Sums from -span to span become whole numbers below 65,536. Each is off by a half and a rounding.
    unit = _CODES / 2 - 1
    codes = [_codes([round(size / span * unit * _FINER) for size in eight]) for eight in eights]
    room, middle, away = len(eights) / 2 + 1, len(eights) * (_CODES - 1) / 2, least / span * unit
    sure, doubtful = 0, list[int]()
    for residue, (totals, top) in enumerate(zip(_totals(codes, columns), _TOPS, strict=True)):
        surely = _outside(totals, top, math.floor(middle - away - room), math.ceil(middle + away + room))
        maybe = _outside(totals, top, math.ceil(middle - away + room), math.floor(middle + away - room))
        sure += surely.bit_count()
        if maybe != surely:
            doubtful += [4 * lane + residue for lane in _marked(maybe ^ surely)]
    return sure, doubtful


def _marked(tops: int) -> Iterator[int]:
    """The lanes whose highest bit is set."""
    marks = tops.to_bytes(4 * _LANES, "little")[3::4]
    lane = -1
    while (lane := marks.find(_TOP_BYTE, lane + 1)) >= 0:
        yield lane


def _codes(sizes: Sequence[int]) -> tuple[bytes, bytes]:
    """The high and the low byte of the whole number for the sum of sizes, for each of 256 choices of their signs."""
    sums = [_CODES // 2 * _FINER]
    for size in sizes:
        sums = [one + signed for signed in (size, -size) for one in sums]
    # Fewer than eight sizes leave some choices equal.
    every = struct.pack(f">{len(sums)}I", *sums) * (256 // len(sums))
    return every[0::4], every[1::4]


def _totals(codes: Sequence[tuple[bytes, bytes]], columns: Sequence[bytes]) -> list[int]:
    """The sum of the codes of each draw, in lanes of 32 bits: four integers, one for each residue of the draw by 4."""
    high, low = (_added(each, columns) for each in zip(*codes, strict=True))
    halves = [
        [(one >> shift) & _LOW for one in (big, small)]
        for shift in (0, 16)
        for big, small in zip(high, low, strict=True)
    ]
    return [(big << 8) + small for big, small in halves]


def _added(tables: Sequence[bytes], columns: Sequence[bytes]) -> tuple[int, int]:
    """The sum of the bytes of each draw, in lanes of 16 bits: those of the even draws and those of the odd ones."""
    even = odd = 0
    for table, column in zip(tables, columns, strict=True):
        every = int.from_bytes(column.translate(table), "little")
        even += every & _EVEN
        odd += (every >> 8) & _EVEN
    return even, odd


def _outside(totals: int, top: int, low: int, high: int) -> int:
    """The highest bit of each lane whose total is at most `low`, or at least `high`."""
    return _at_least(totals, top, high) | (top ^ _at_least(totals, top, low + 1))


def _at_least(totals: int, top: int, bound: int) -> int:
    carry = (1 << _TOP_BIT) - min(max(bound, 0), 1 << _TOP_BIT)
    return (totals + carry * _ONE) & top

"""Sampling of rows: at random, by strata, or at even steps. The same seed takes the same rows.

Positions are ascending, so that a sample keeps the order of the rows.
"""

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

Method = Literal["random", "stratified", "systematic"]

Stratum = TypeVar("Stratum", bound=Hashable)


class Drawn(NamedTuple):
    """The positions taken, ascending. `strata` maps each stratum to (rows taken, rows in all); empty without strata."""

    positions: list[int]
    strata: Mapping[Hashable, tuple[int, int]]


def at_random(count: int, size: int, seed: int) -> Drawn:
    """Draw `size` of `count` rows; every subset of this size is equally likely.

    Raises:
        ValueError: `size` exceeds `count`.
    """
    return Drawn(sorted(random.Random(seed).sample(range(count), size)), {})  # noqa: S311  (no secret)


def at_steps(count: int, size: int, seed: int) -> Drawn:
    """Draw `size` of `count` rows at even steps from a random start in the first step. Every row is equally likely.

    Raises:
        ValueError: `size` is not between 1 and `count`.
    """
    if not 0 < size <= count:
        raise ValueError(f"no {size} of {count} rows")
    # Whole numbers: a rounded step could take a row twice or run past the end.
    start = random.Random(seed).randrange(count)  # noqa: S311  (no secret)
    return Drawn([(start + count * place) // size for place in range(size)], {})


def by_strata(strata: Sequence[Hashable], size: int, seed: int) -> Drawn:
    """Draw `size` rows at random within strata, from each stratum in proportion to its share of all rows.

    `strata` names the stratum of each row. A small stratum may get no row; `Drawn.strata` shows it.

    Raises:
        ValueError: `size` is not between 1 and the number of rows.
    """
    places = _places(strata)
    return _drawn(places, allocation({stratum: len(rows) for stratum, rows in places.items()}, size), seed)


def evenly(strata: Sequence[Hashable], size: int, seed: int) -> Drawn:
    """Draw `size` rows at random within strata, from each stratum as many as from the others, as far as it has them.

    `strata` names the stratum of each row.

    Raises:
        ValueError: `size` is below the number of strata, or above the number of rows.
    """
    places = _places(strata)
    return _drawn(places, equal_shares({stratum: len(rows) for stratum, rows in places.items()}, size), seed)


def _places(strata: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    return places


def _drawn(places: Mapping[Hashable, Sequence[int]], shares: Mapping[Hashable, int], seed: int) -> Drawn:
    chance = random.Random(seed)  # noqa: S311  (no secret)
    taken = [place for stratum, rows in places.items() for place in chance.sample(rows, shares[stratum])]
    return Drawn(sorted(taken), {stratum: (shares[stratum], len(rows)) for stratum, rows in places.items()})


def equal_shares(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """Divide `size` places equally; a stratum with fewer rows than its share leaves the rest to the others.

    Of equal strata, the stratum named first gets a place that is left over.

    Raises:
        ValueError: `size` is below the number of strata, or above the sum of the counts.
    """
    if not len(counts) <= size <= sum(counts.values()):
        raise ValueError(f"no {size} of {sum(counts.values())} rows in {len(counts)} strata")
    shares: dict[Stratum, int] = {}
    left = size
    smallest_first = sorted(enumerate(counts), key=lambda one: (counts[one[1]], -one[0]))
    for place, (_, stratum) in enumerate(smallest_first):
        shares[stratum] = min(counts[stratum], left // (len(counts) - place))
        left -= shares[stratum]
    return {stratum: shares[stratum] for stratum in counts}


def allocation(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """Divide `size` places in proportion to `counts`; the places left over go to the largest remainders.

    Of equal remainders, that of the larger stratum comes first, then that of the stratum named first.

    Raises:
        ValueError: `size` is not between 1 and the sum of the counts.
    """
    total = sum(counts.values())
    if not 0 < size <= total:
        raise ValueError(f"no {size} of {total} rows")
    shares = {stratum: size * count // total for stratum, count in counts.items()}
    left = size - sum(shares.values())
    by_remainder = sorted(counts, key=lambda stratum: (-(size * counts[stratum] % total), -counts[stratum]))
    for stratum in by_remainder[:left]:
        shares[stratum] += 1
    return shares

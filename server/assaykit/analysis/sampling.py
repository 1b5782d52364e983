"""Which rows a sample takes: at random, by strata, or at even steps. The same seed takes the same rows.

Positions come back in the order of the rows, so that a sample reads like what it was taken of.
"""

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

Method = Literal["random", "stratified", "systematic"]

Stratum = TypeVar("Stratum", bound=Hashable)


class Drawn(NamedTuple):
    """The positions taken, ascending, and by stratum how many of how many; no strata without a column of them."""

    positions: list[int]
    strata: Mapping[Hashable, tuple[int, int]]


def at_random(count: int, size: int, seed: int) -> Drawn:
    """Any `size` of `count` rows, each set of them as likely as another.

    Raises:
        ValueError: there are not so many rows.
    """
    return Drawn(sorted(random.Random(seed).sample(range(count), size)), {})  # noqa: S311  (no secret)


def at_steps(count: int, size: int, seed: int) -> Drawn:
    """`size` of `count` rows at even steps, the first within the first step by chance; each row is equally likely.

    Raises:
        ValueError: there are not so many rows.
    """
    if not 0 < size <= count:
        raise ValueError(f"no {size} of {count} rows")
    # In whole numbers: a step that is rounded would take a row twice or run over the end.
    start = random.Random(seed).randrange(count)  # noqa: S311  (no secret)
    return Drawn([(start + count * place) // size for place in range(size)], {})


def by_strata(strata: Sequence[Hashable], size: int, seed: int) -> Drawn:
    """`size` rows, of each stratum as many as its share of all rows is worth; within it at random.

    `strata` names the stratum of each row. One that is too small for its share may come out with none: see `strata` of
    the answer.

    Raises:
        ValueError: there are not so many rows.
    """
    places: dict[Hashable, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    shares = allocation({stratum: len(rows) for stratum, rows in places.items()}, size)
    chance = random.Random(seed)  # noqa: S311  (no secret)
    taken = [place for stratum, rows in places.items() for place in chance.sample(rows, shares[stratum])]
    return Drawn(sorted(taken), {stratum: (shares[stratum], len(rows)) for stratum, rows in places.items()})


def allocation(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """`size` places shared out in proportion to `counts`, what is left over to the largest remainders.

    Of equal remainders the larger stratum's goes first, then the one named first.

    Raises:
        ValueError: there is less to take than `size`.
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

"""The sign-flip test: whether the mean of paired differences is zero.

If baseline and challenger are alike, each difference is as likely as its negative. The p-value is the share of all
2^m choices of signs for the m non-zero differences whose sum is at least as far from zero as the sum observed.
Source: Fisher (1935), The Design of Experiments; Phipson and Smyth (2010) for the p-value of drawn signs.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction

from assaykit.analysis.distributions import t_two_sided
from assaykit.analysis.drawn_signs import CLOSE, drawn_p

EXACT_UP_TO = 16
"""Up to so many non-zero differences every choice of signs is counted."""

T_FROM = 200
"""From so many pairs on, the t test stands for the sign-flip test of differences that have no grid."""

_FINEST = 1_000
_MOST_BITS = 2_000_000
_MOST_DENOMINATOR = 10_000


def sign_flip(differences: Sequence[float], large: Callable[[], float] | None = None) -> float:
    """The two-sided p of the sign-flip test of the mean; 1.0 if no pair differs.

    It is exact for up to `EXACT_UP_TO` non-zero differences. It is exact as well if the differences are multiples of
    one number, as those of 1-5 scores and of rates of k tries are. Otherwise signs are drawn, the same for the same
    differences, or from `T_FROM` pairs on the p of the t test is returned, or of the test `large` if one is given. The
    order of the pairs and the swap of the two sides change nothing.
    """
    sizes = [abs(one) for one in differences if one]
    if not sizes:
        return 1.0
    # Even sizes of one unit would be too many to count.
    is_large = (len(sizes) + 1) ** 2 > _MOST_BITS
    sizes = sizes if is_large else sorted(sizes)
    observed = abs(math.fsum(differences))
    grid = None if is_large else _grid(sizes)
    if grid is not None:
        return _counted(grid, round(observed / sizes[-1] * grid[-1]))
    if len(sizes) <= EXACT_UP_TO:
        return _enumerated(sizes, observed)
    if len(differences) >= T_FROM:
        return _t_test(differences) if large is None else large()
    return drawn_p(sizes, observed)


def _grid(sizes: Sequence[float]) -> list[int] | None:
    """The sizes, ascending, as whole multiples of one number; None if they have none, or too many signs to count."""
    largest = sizes[-1]
    # A share of the largest size has no unit, so scores of any size can be tried alike.
    shares: dict[float, Fraction] = {}
    common = 1
    for size in dict.fromkeys(sizes):
        share = shares[size] = Fraction(size / largest).limit_denominator(_FINEST)
        common = math.lcm(common, share.denominator)
        if not share or abs(float(share) - size / largest) > CLOSE or common > _MOST_DENOMINATOR:
            return None
    multiples = {size: int(share * common) for size, share in shares.items()}
    whole = [multiples[size] for size in sizes]
    return whole if (sum(whole) + 1) * (len(whole) + 1) <= _MOST_BITS else None


def _counted(sizes: Sequence[int], observed: int) -> float:
    """The exact p for whole sizes: the coefficients of the product of (1 + x^size) count the sums of positive signs.

    Each coefficient takes m + 1 bits of one large integer, as it is at most 2^m.
    """
    width = len(sizes) + 1
    product = math.prod(((1 << (size * width)) + 1) ** count for size, count in Counter(sizes).items())
    if not observed:
        return 1.0
    # Positive signs that sum to k leave a total of 2k - sum(sizes). Both tails are alike.
    ends = product & ((1 << (((sum(sizes) - observed) // 2 + 1) * width)) - 1)
    return min(1.0, 2 * _digits_summed(ends, width) / (1 << len(sizes)))


def _digits_summed(number: int, width: int) -> int:
    """The sum of the digits of a number that is written in base 2^width."""
    # Summing halves onto each other keeps every digit below the base, because all digits together are below it.
    digits = -(-number.bit_length() // width)
    while digits > 1:
        half = (digits + 1) // 2
        number = (number >> (half * width)) + (number & ((1 << (half * width)) - 1))
        digits = half
    return number


def _enumerated(sizes: Sequence[float], observed: float) -> float:
    sums = [0.0]
    for size in sizes:
        sums = [one + signed for one in sums for signed in (size, -size)]
    least = observed - CLOSE * math.fsum(sizes)
    return sum(abs(one) >= least for one in sums) / len(sums)


def _t_test(differences: Sequence[float]) -> float:
    n = len(differences)
    mean = math.fsum(differences) / n
    away = [one - mean for one in differences]
    squares = math.fsum([one * one for one in away])
    if not squares:
        return 0.0 if mean else 1.0
    return t_two_sided(mean / math.sqrt(squares / (n - 1) / n), n - 1)

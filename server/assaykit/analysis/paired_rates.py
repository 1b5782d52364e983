"""Paired rates of single runs: the mid-p McNemar test, and Tango's score interval of the difference.

Sources: McNemar (1947); Fagerland, Lydersen and Laake (2013) for the mid-p; Tango (1998) for the interval.
"""

import math

from assaykit.analysis.distributions import normal_quantile, root
from assaykit.analysis.statistics import Interval, even_odds, sign_test
from assaykit.errors import Invalid


def mcnemar_mid_p(lost: int, gained: int) -> float:
    """The two-sided mid-p of McNemar's test; `lost` and `gained` count the two kinds of pairs that differ.

    It is the exact p less the probability of min(lost, gained) under even odds, and 1.0 if no pair differs.
    """
    if lost == gained:
        # Twice the lower tail less its last term is one by symmetry.
        return 1.0
    return sign_test(lost, gained) - even_odds(min(lost, gained), lost + gained)


def tango_interval(n: int, *, gained: int, lost: int, level: float = 0.95) -> Interval:
    """The score interval of the difference of two paired rates, also where no pair or every pair differs.

    `gained` and `lost` count the pairs of `n` that only the challenger, or only the baseline, has positive. The ends
    are the two differences D at which |gained - lost - n D| equals z standard errors, each computed at the rates that
    are likeliest under D. They lie within -1 and 1.

    Raises:
        Invalid: the counts are negative, or exceed `n`, or `n` is zero.
    """
    if n < 1 or gained < 0 or lost < 0 or gained + lost > n:
        raise Invalid(f"{gained!r} gained and {lost!r} lost are no counts of {n!r} pairs.", "Count the pairs again.")
    z = normal_quantile((1 + level) / 2)

    def surplus(difference: float, sign: int) -> float:
        """Positive where the difference lies beyond the end of the interval in the direction of `sign`."""
        away = sign * (n * difference - (gained - lost))
        return away - z * math.sqrt(_variance(n, gained, lost, difference))

    estimate = (gained - lost) / n
    # `root` needs a rising function, so the lower end is sought on the axis turned round.
    high = root(lambda d: surplus(d, 1), estimate, 1.0)
    low = -root(lambda d: surplus(-d, -1), -estimate, 1.0)
    return Interval(low, high, level)


def score_p(n: int, *, gained: int, lost: int, difference: float) -> float:
    """The two-sided p of Tango's score test that the true difference of the rates is `difference`.

    It is above 5 % exactly within the 95 % interval of `tango_interval`.
    """
    away = abs(gained - lost - n * difference)
    spread = math.sqrt(_variance(n, gained, lost, difference))
    if away == 0 or spread == 0:
        return 1.0 if away == 0 else 0.0
    return math.erfc(away / spread / math.sqrt(2))


def _variance(n: int, gained: int, lost: int, difference: float) -> float:
    """The variance of `gained - lost` at the likeliest rates with this difference."""
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    spread = math.sqrt(max(0.0, b * b - 4 * a * c))
    # Two forms of the same root; each loses no digits for its sign of b.
    rate = (spread - b) / (2 * a) if b <= 0 else 2 * -c / (b + spread)
    return max(0.0, n * (2 * rate + difference * (1 - difference)))

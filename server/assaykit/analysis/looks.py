"""Evidence that stays valid however often a comparison is looked at, while rows are added to it.

An e-value starts at 1 and, where nothing differs, is a martingale: by Ville's inequality it ever reaches 1 / a with a
probability of at most a. Sources: Robbins (1970) for the mixture over a fair coin; Ramdas and others (2020) for
e-processes of a symmetric null.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.clusters import grouped
from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import digits
from assaykit.analysis.statistics import ALPHA

COIN = 10.0
"""Both parameters of the beta distribution over the chance that a changed pair is a gain."""

BETS = (0.1, 0.2, 0.4, 0.8)
"""Stakes of the mixture for scores, in units of 1 / scale."""

_ROWS_AT_A_TIME = 1000
_DIGEST_BYTES = 16
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}


class Look(NamedTuple):
    """The number of a look, from 1, and the `scale` of the score's differences at the first look, None if unknown."""

    number: int
    scale: float | None


def rate_evidence(gained: int, lost: int) -> float:
    """The e-value of a rate of single runs: 2^(u + d) B(a + u, a + d) / B(a, a), with a = 10; infinite if too large.

    The null hypothesis is that of McNemar's test: a pair that changed is a gain or a loss with even odds.
    """
    total = gained + lost
    log_e = total * math.log(2) + _log_beta(COIN + gained, COIN + lost) - _log_beta(COIN, COIN)
    return _exp(log_e)


def mean_evidence(differences: Sequence[float], scale: float) -> float:
    """The e-value of a mean: the average over stakes s of both signs of the product of 1 + tanh(s d); 1 if scale is 0.

    The null hypothesis is that of the sign-flip test: each difference has either sign with even odds, whatever its
    size. Given the sizes, each factor then has the mean 1. So `scale` has to come from the first look, or from before.
    """
    if not scale > 0 or not differences:
        return 1.0
    logs = [
        math.fsum(_log_factor(side * bet * difference / scale) for difference in differences)
        for bet in BETS
        for side in (1, -1)
    ]
    highest = max(logs)
    return _exp(highest + math.log(math.fsum(math.exp(one - highest) for one in logs) / len(logs)))


def _log_factor(x: float) -> float:
    """ln(1 + tanh x) = ln 2 - ln(1 + exp(-2 x)), without overflow."""
    return math.log(2) + (2 * x - math.log1p(math.exp(2 * x)) if x < 0 else -math.log1p(math.exp(-2 * x)))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _exp(log_e: float) -> float:
    return math.exp(log_e) if log_e < math.log(1e300) else math.inf


def scale_of(differences: Sequence[float]) -> float:
    """The mean size of the differences that are not 0; 0.0 if there is none."""
    sizes = [abs(difference) for difference in differences if difference]
    return math.fsum(sizes) / len(sizes) if sizes else 0.0


def digest(pairs: Mapping[str, tuple[float, float]], *, turned: bool = False) -> str:
    """The digest of paired values, whatever their order. `turned` swaps the sides: either can be the baseline."""
    told = hashlib.sha256()
    rows = ((key, float(before), float(after)) for key, (before, after) in sorted(pairs.items()))
    texts = ((key, after, before) for key, before, after in rows) if turned else rows
    while some := "".join(map(repr, islice(texts, _ROWS_AT_A_TIME))):
        told.update(some.encode())
    return told.hexdigest()[: 2 * _DIGEST_BYTES]


def evidence(finding: Finding, scale: float | None) -> float | None:
    """The e-value of a tested finding: of its table if every pair is an independent 0 or 1, else of the mean.

    That of a mean is None if the scale of the first look is not known.
    """
    if finding.table is not None and not finding.is_clustered:
        return rate_evidence(len(finding.rose), len(finding.fell))
    return None if scale is None else mean_evidence(moves(finding), scale)


def moves(finding: Finding) -> list[float]:
    """The differences of the pairs; for rows in clusters the sum of each cluster, as only clusters are independent."""
    differences = [after - before for before, after in finding.pairs.values()]
    groups = grouped(finding.pairs, finding.clusters)
    return differences if groups is None else list(cluster_mean(differences, groups).sums)


def look_sentence(finding: Finding, look: Look, tests: int) -> str | None:
    """The note on a repeated look; None at the first. The limit is 1 / 5 %, times the number of tests."""
    if look.number < 2:  # noqa: PLR2004  (the first look)
        return None
    found, limit = evidence(finding, look.scale), max(1, tests) / ALPHA
    nth = _ORDINALS.get(look.number, f"{look.number}th")
    told = (
        f"{short(finding.evaluator)}: this is the {nth} look at {short(finding.challenger)} against "
        f"{short(finding.baseline)} on different rows, and a p-value is made for one look. "
    )
    if found is None:
        return f"{told}The first look is not recorded here, so there is no evidence over all looks for a mean."
    rows = "rows" if finding.clusters is None or not finding.is_clustered else f"whole {finding.clusters.noun}s"
    size = "over 1e300" if math.isinf(found) else digits(found, 2)
    outcome = "a difference is shown" if found >= limit else "no difference is shown"
    return (
        f"{told}If {rows} were only added, the evidence over all looks is e = {size}, of {limit:g} needed: {outcome}."
    )

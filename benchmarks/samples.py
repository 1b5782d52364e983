"""Random experiments for `verdicts.py`, and the usual tests that their verdicts are held against.

A draw returns the scores of the baseline and of the candidate, paired by position. With `shift` 0 the true mean
difference is zero.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from scipy import stats

from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant
from assaykit.analysis.rows import Judgement, Outcome

Rng = np.random.Generator
Scores = Sequence[float]
Pairs = tuple[Scores, Scores]
Draw = Callable[[Rng, int], Pairs]

QUALITY = "quality"
SIGNS = 999
RARE_LOSS, RARE_SHARE = 0.8, 0.03
SKEWED_GAIN, SKEWED_SHARE = 0.1, 0.15


@lru_cache(maxsize=4096)
def evaluation(name: str, score: float) -> Judgement:
    return Judgement(name=name, score=score)


def variant(name: str, by_evaluator: Mapping[str, Sequence[Scores | float | None]], **columns: Any) -> Variant:
    """A variant of examples e0, e1, ...: for each evaluator one score per example, or the scores of its repetitions.

    None is a run that failed. `columns` has one value per example for other fields of an outcome.
    """
    if len(by_evaluator) == 1 and not columns:
        return _of_one(name, *by_evaluator.items())
    rows: list[Outcome] = []
    for place, scores in enumerate(zip(*by_evaluator.values(), strict=True)):
        tries = [one if isinstance(one, Sequence) else [one] for one in scores]
        own = {field: values[place] for field, values in columns.items()}
        for repetition, given in enumerate(zip(*tries, strict=True)):
            verdicts = {
                key: evaluation(key, float(score)) for key, score in zip(by_evaluator, given, strict=True)
                if score is not None
            }  # fmt: skip
            failed = None if verdicts else "the call failed"
            rows.append(Outcome(f"e{place:04}", "text", failed, verdicts, str(repetition), **own))
    return Variant(name, rows, frozenset(row.example_id for row in rows))


def _of_one(name: str, given: tuple[str, Sequence[Scores | float | None]]) -> Variant:
    """A variant of one evaluator. Most simulations have no other, and spend their time here."""
    key, scores = given
    rows = [
        Outcome(f"e{place:04}", "text", "the call failed" if one is None else None,
                {} if one is None else {key: evaluation(key, float(one))}, str(repetition))
        for place, tries in enumerate(scores)
        for repetition, one in enumerate(tries if isinstance(tries, Sequence) else (tries,))
    ]  # fmt: skip
    return Variant(name, rows, frozenset(row.example_id for row in rows))


def old_and_new(pairs: Pairs, **columns: Any) -> tuple[Variant, Variant]:
    """The two variants of pairs of scores, by one evaluator."""
    old, new = pairs
    return variant("old", {QUALITY: old}, **columns), variant("new", {QUALITY: new}, **columns)


def timed(name: str, rng: Rng, n: int, tries: int) -> Variant:
    """Runs of unequally long examples with a heavy tail of latency, `tries` of each."""
    own = np.random.default_rng(n).lognormal(7, 1, n)
    rows = [
        row._replace(repetition=str(number), latency_ms=float(own[place] * rng.lognormal(0, 0.7)))
        for place, row in enumerate(variant(name, {QUALITY: [1.0] * n}).outcomes)
        for number in range(tries)
    ]
    return Variant(name, rows)


def recorded(name: str, rng: Rng, n: int) -> Variant:
    """Runs with a score, a latency, tokens, and a cost that follows the tokens."""
    tokens = rng.gamma(2, 200, n)
    return variant(
        name,
        {QUALITY: rng.normal(0, 1, n).tolist()},
        latency_ms=rng.lognormal(7, 1, n).tolist(),
        tokens=tokens.tolist(),
        cost=(0.00001 * tokens).tolist(),
    )


def rates(fixed: float, broken: float, right: float = 0.8) -> Draw:
    """Pass or fail: the shares of pairs that are fixed and that are broken, and of those right on both sides."""

    def draw(rng: Rng, n: int) -> Pairs:
        kinds = rng.choice(4, size=n, p=[fixed, broken, right, 1 - fixed - broken - right])
        return np.isin(kinds, [1, 2]).astype(float).tolist(), np.isin(kinds, [0, 2]).astype(float).tolist()

    return draw


def moved(difference: Callable[[Rng, int], np.ndarray]) -> Draw:
    """Normal scores of the baseline, and the differences added to them."""

    def draw(rng: Rng, n: int) -> Pairs:
        old = rng.normal(0, 1, n)
        return old.tolist(), (old + difference(rng, n)).tolist()

    return draw


def normal(shift: float = 0.0) -> Draw:
    return moved(lambda rng, n: rng.normal(shift, 1, n))


def heavy(shift: float = 0.0) -> Draw:
    """Student's t with two degrees of freedom: symmetric, and its variance is infinite."""
    return moved(lambda rng, n: rng.standard_t(2, n) + shift)


def lognormal(shift: float = 0.0) -> Draw:
    return moved(lambda rng, n: rng.lognormal(0, 1, n) - rng.lognormal(0, 1, n) + shift)


def unit(shift: float = 0.0) -> Draw:
    """Scores from 0 to 1, most of them high. A shift moves the candidate's, within the scale."""

    def draw(rng: Rng, n: int) -> Pairs:
        old, new = rng.beta(3, 1.5, n), rng.beta(3, 1.5, n)
        return old.round(3).tolist(), np.clip(new + shift, 0, 1).round(3).tolist()

    return draw


def ordinal(chances: Sequence[float], raised: float = 0.0) -> Draw:
    """Grades 1 to 5. `raised` is the share of the candidate's grades that are one higher, up to 5."""

    def draw(rng: Rng, n: int) -> Pairs:
        old, new = (rng.choice(5, size=n, p=chances) + 1.0 for _ in range(2))
        return old.tolist(), np.minimum(5, new + (rng.random(n) < raised)).tolist()

    return draw


EVEN = (0.1, 0.2, 0.4, 0.2, 0.1)
TOP_HEAVY = (0.02, 0.05, 0.13, 0.3, 0.5)


def skewed(rng: Rng, n: int) -> Pairs:
    """Mean difference 0: 85 % of the pairs gain 0.1, and the rest lose so much that the gains are used up."""
    lost = SKEWED_GAIN * (1 - SKEWED_SHARE) / SKEWED_SHARE
    old = rng.uniform(0.6, 0.9, n)
    return old.tolist(), (old + np.where(rng.random(n) < SKEWED_SHARE, -lost, SKEWED_GAIN)).tolist()


def disasters(rng: Rng, n: int) -> Pairs:
    """3 % of the rows lose 0.8; the others move a little, by 0 on average."""
    old = rng.uniform(0.8, 0.9, n)
    loss = np.where(rng.random(n) < RARE_SHARE, -RARE_LOSS, rng.normal(0, 0.01, n))
    return old.tolist(), (old + loss).tolist()


def clusters(size: int, icc: float = 0.6) -> Draw:
    """Normal differences of sources that have `size` rows each, with this correlation within a source."""

    def difference(rng: Rng, n: int) -> np.ndarray:
        whole = rng.normal(0, np.sqrt(icc), (n + size - 1) // size).repeat(size)[:n]
        return whole + rng.normal(0, np.sqrt(1 - icc), n)

    return moved(difference)


def clustered_rates(size: int, icc: float = 0.6) -> Draw:
    """Pass or fail of sources of `size` rows: 15 % of the pairs are fixed and 15 % broken, mostly whole sources."""

    def draw(rng: Rng, n: int) -> Pairs:
        sources = n // size
        # A row takes the fate of its source with a chance whose square is the correlation.
        own, common = rng.random(n), rng.random(sources).repeat(size)
        fate = np.where(rng.random(n) < np.sqrt(icc), common, own)
        old = np.where(fate < 0.15, 0.0, np.where(fate < 0.3, 1.0, fate < 0.8))  # noqa: PLR2004
        new = np.where(fate < 0.15, 1.0, np.where(fate < 0.3, 0.0, fate < 0.8))  # noqa: PLR2004
        return old.tolist(), new.tolist()

    return draw


def unequal_sizes(rng: Rng, n: int) -> list[int]:
    """Sizes of sources of 1 to 20 rows, n rows together."""
    sizes: list[int] = []
    while sum(sizes) < n:
        sizes.append(min(int(rng.integers(1, 21)), n - sum(sizes)))
    return sizes


def clusters_of_sizes(rng: Rng, sizes: Sequence[int], icc: float = 0.6) -> Pairs:
    """Normal differences of sources of these sizes."""
    n = sum(sizes)
    whole = rng.normal(0, np.sqrt(icc), len(sizes)).repeat(sizes)
    old = rng.normal(0, 1, n)
    return old.tolist(), (old + whole + rng.normal(0, np.sqrt(1 - icc), n)).tolist()


def of_sources(sizes: Sequence[int]) -> Clusters:
    """The sources of the examples of a variant, which come one after the other."""
    sources = np.repeat(np.arange(len(sizes)), sizes)
    return Clusters("source", {f"e{place:04}": f"s{source}" for place, source in enumerate(sources)})


def tries(rng: Rng, n: int, each: int, *, spread: bool) -> list[Scores]:
    """`each` passes or failures of n examples, 80 % right: all equally hard, or of difficulty Beta(4, 1)."""
    chance = rng.beta(4, 1, n) if spread else np.full(n, 0.8)
    return (rng.random((n, each)) < chance[:, None]).astype(float).tolist()


@cache
def signs(n: int) -> np.ndarray:
    return np.random.default_rng(n).choice([-1.0, 1.0], size=(SIGNS, n))


def t_test(old: Scores, new: Scores) -> bool:
    """Whether Student's paired t test finds a difference at 5 %."""
    return bool(stats.ttest_rel(new, old).pvalue <= 0.05)  # noqa: PLR2004


def sign_flips(old: Scores, new: Scores) -> bool:
    """Whether the sign-flip permutation test of the mean does, by 999 draws."""
    differences = np.subtract(new, old)
    sums = np.abs(signs(len(differences)) @ differences)
    at_least = int((sums >= abs(differences.sum()) * (1 - 1e-12)).sum())
    return (at_least + 1) / (SIGNS + 1) <= 0.05  # noqa: PLR2004


def mid_p(old: Scores, new: Scores) -> bool:
    """Whether McNemar's test does, by the mid-p."""
    up, down = sum(map(float.__gt__, new, old)), sum(map(float.__lt__, new, old))
    one = stats.binom(up + down, 0.5)
    return bool(min(1.0, 2 * one.cdf(min(up, down)) - one.pmf(min(up, down))) <= 0.05)  # noqa: PLR2004

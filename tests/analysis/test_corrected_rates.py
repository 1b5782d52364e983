"""Rates corrected for a judge's errors, and means from few labels and many verdicts: formulas, coverage and limits."""

import random
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest

from assaykit.analysis.corrected_rates import JudgeAccuracy, corrected_rate
from assaykit.analysis.prediction_powered import powered_mean
from assaykit.analysis.reliability import krippendorffs_alpha
from assaykit.errors import Invalid


def draw(rng: np.random.Generator, rate: float, sensitivity: float, specificity: float, n: int) -> tuple[int, int, int]:
    """Of `n` rows: the failures, those of them caught, and the passes cleared."""
    failures = int(rng.binomial(n, rate))
    return failures, int(rng.binomial(failures, sensitivity)), int(rng.binomial(n - failures, specificity))


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.6, 0.99), (0.8, 0.9), (0.99, 0.6), (0.9, 0.95)])
@pytest.mark.parametrize("labels", [30, 100, 500])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 0.5])
def test_corrected_rates_cover_wherever_an_interval_is_given(
    sensitivity: float, specificity: float, labels: int, rate: float
) -> None:
    rng = np.random.default_rng(int(1000 * rate) + labels)
    covered = given = 0
    for _ in range(400):
        failures, caught, cleared = draw(rng, rate, sensitivity, specificity, labels)
        accuracy = JudgeAccuracy(failures, caught, labels - failures, cleared)
        share = rate * sensitivity + (1 - rate) * (1 - specificity)
        told = corrected_rate(int(rng.binomial(1000, share)), 1000, accuracy)
        if told.interval is not None:
            given += 1
            covered += told.interval.low <= rate <= told.interval.high
        else:
            few = min(failures, labels - failures) < 5
            coin = not failures or caught / failures + cleared / max(1, labels - failures) <= 1
            assert few or coin or failures == labels
    # Three standard errors of the simulation below 93 %.
    assert covered >= (0.93 - 3 * (0.93 * 0.07 / max(given, 1)) ** 0.5) * given


def test_the_corrected_rate_inverts_the_errors_of_the_judge() -> None:
    told = corrected_rate(340, 1000, JudgeAccuracy(100, 80, 100, 90))
    assert told.measured == 0.34
    assert told.corrected == pytest.approx((0.34 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert told.interval is not None
    assert told.corrected is not None
    assert told.interval.low < told.corrected < told.interval.high
    # A judge without errors needs labels only to show that; its interval is wider than that of the share alone.
    whole = corrected_rate(340, 1000, JudgeAccuracy(1000, 1000, 1000, 1000))
    assert whole.corrected == pytest.approx(0.34)
    assert whole.interval is not None
    z = NormalDist().inv_cdf(0.975)
    assert whole.interval.high - whole.interval.low > 2 * z * (0.34 * 0.66 / 1000) ** 0.5 * 0.99
    assert whole.effective_n == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize(
    ("accuracy", "more"),
    [
        (JudgeAccuracy(4, 4, 40, 40), 11),
        (JudgeAccuracy(40, 40, 1, 1), 164),
        (JudgeAccuracy(0, 0, 40, 40), None),
        (JudgeAccuracy(5, 5, 5, 5), 0),
    ],
)
def test_too_few_labels_give_no_interval_but_the_number_needed(accuracy: JudgeAccuracy, more: int | None) -> None:
    assert accuracy.more_labels == more
    told = corrected_rate(10, 100, accuracy)
    assert (told.interval is None) is (more != 0)


def test_a_judge_no_better_than_a_coin_corrects_nothing() -> None:
    told = corrected_rate(50, 100, JudgeAccuracy(50, 25, 50, 25))
    assert (told.corrected, told.interval) == (None, None)
    with pytest.raises(Invalid):
        corrected_rate(2, 1, JudgeAccuracy(5, 5, 5, 5))


def test_the_powered_mean_is_that_of_the_paper() -> None:
    """The estimate and the weight of PPI++, written out in numpy."""
    rng = np.random.default_rng(4)
    for n, others, noise in ((20, 200, 0.2), (125, 125, 1.0), (50, 10, 5.0), (30, 300, 0.0)):
        truth = rng.normal(size=n + others)
        judged = truth + noise * rng.normal(size=n + others)
        y, f, unlabelled = truth[:n], judged[:n], judged[n:]
        shared = np.cov(y, f, ddof=0)[0, 1]
        weight = np.clip(shared / ((1 + n / others) * np.var(judged, ddof=1)), 0, 1)
        mean = weight * unlabelled.mean() + (y - weight * f).mean()
        told = powered_mean(list(y), list(f), list(unlabelled))
        assert told.weight == pytest.approx(weight, rel=1e-9)
        assert told.mean == pytest.approx(mean, rel=1e-9, abs=1e-12)
        variance = weight**2 * np.var(unlabelled, ddof=1) / others + np.var(y - weight * f, ddof=1) / n
        assert told.effective_n == pytest.approx(np.var(y, ddof=1) / variance, rel=1e-9)


def test_verdicts_of_no_use_leave_the_labels_alone() -> None:
    labels = [0.0, 1.0, 1.0, 0.0, 1.0]
    for verdicts, others in (([1.0] * 5, [1.0] * 9), ([0.0, 1.0, 1.0, 0.0, 1.0], [])):
        told = powered_mean(labels, verdicts, others)
        assert (told.weight, told.mean) == (0.0, pytest.approx(0.6))
        assert told.effective_n == pytest.approx(5)
    assert powered_mean([1.0, 1.0], [1.0, 1.0], [1.0]).interval is None
    with pytest.raises(Invalid):
        powered_mean([1.0], [1.0], [0.0, 1.0])


def test_the_powered_interval_covers() -> None:
    chance = random.Random(7)  # noqa: S311  (no secret)
    covered = 0
    for _ in range(600):
        rows: list[tuple[float, float]] = []
        for _ in range(300):
            failed = chance.random() < 0.2
            caught = chance.random() < (0.8 if failed else 0.1)
            rows.append((float(failed), float(caught)))
        told = powered_mean([y for y, _ in rows[:60]], [f for _, f in rows[:60]], [f for _, f in rows[60:]])
        assert told.interval is not None
        covered += told.interval.low <= 0.2 <= told.interval.high
    assert covered >= 0.92 * 600


@pytest.mark.parametrize(
    ("items", "values", "alpha"),
    [
        # Krippendorff (2011), example B: two observers, two values.
        ([*zip("0100000010", "1110010000", strict=True)], {}, 0.095),
        ([["a", "a"], ["b", "b"]], {}, 1.0),
        ([["a", "a"], ["a", "a"]], {}, None),
        ([["a"], ["b"]], {}, None),
        ([["1", "2"], ["2", "1"]], {"1": 1.0, "2": 2.0}, -0.5),
        # Seen: one pair of labels a distance of 1 apart; by chance: 16, 16 and 9 for each label and the three fives.
        ([["1", "1", "2"], ["5", "5", "5"]], {"1": 1.0, "2": 2.0, "5": 5.0}, 1 - (2 * 2 / 2) / (2 * (2 + 96 + 27) / 5)),
    ],
)  # fmt: skip
def test_alpha_is_krippendorffs(items: Sequence[Sequence[str]], values: dict[str, float], alpha: float | None) -> None:
    found = krippendorffs_alpha(items, values)
    assert found == (None if alpha is None else pytest.approx(alpha, abs=5e-4))

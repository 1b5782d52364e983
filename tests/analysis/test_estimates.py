"""The figures of one experiment, held against published and hand-computed values."""

from collections.abc import Sequence

import pytest

from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import VerdictReading
from assaykit.analysis.estimates import EvaluatorEstimate, estimates
from assaykit.analysis.rows import Judgement, Outcome


def rows(values: Sequence[float | str | None], runs: int = 1, errors: int = 0) -> list[Outcome]:
    """One row for each value, `runs` of each example, and further failed rows."""
    made = [
        Outcome(
            f"e{n // runs}", "out", None,
            {"x": Judgement("x", label=one) if isinstance(one, str) else Judgement("x", score=one)},
        )
        for n, one in enumerate(values)
    ]  # fmt: skip
    return [*made, *(Outcome(f"f{n}", None, "boom", {}) for n in range(errors))]


def only(outcomes: Sequence[Outcome], clusters: Clusters | None = None, **reading: object) -> EvaluatorEstimate:
    (found,) = estimates(outcomes, VerdictReading(**reading), clusters)  # pyright: ignore[reportArgumentType]
    return found


@pytest.mark.parametrize(
    ("outcomes", "kind", "value", "low", "high"),
    [
        # Newcombe (1998), table I, method 3.
        (rows([1.0] * 81 + [0.0] * 182), "rate", 81 / 263, 0.2553, 0.3662),
        (rows([1.0] * 15 + [0.0] * 133), "rate", 15 / 148, 0.0624, 0.1605),
        (rows([0.0] * 20), "rate", 0.0, 0.0, 0.1611),
        # Student (1908): 3 +- 2.776 * sqrt(2.5 / 5).
        (rows([1, 2, 3, 4, 5]), "mean", 3.0, 1.0368, 4.9632),
        # The example is the unit: four means, not eight scores.
        (rows([1, 3, 2, 4, 3, 5, 4, 6], runs=2), "mean", 3.5, 1.4457, 5.5543),
        # Failed runs count against a rate, and are no score.
        (rows([1.0] * 15, errors=5), "rate", 0.75, 0.5313, 0.8881),
        (rows([1, 2, 3, 4, 5], errors=5), "mean", 3.0, 1.0368, 4.9632),
        # Labels that say themselves which one is better.
        (rows(["pass"] * 15 + ["Fail"] * 5), "rate", 0.75, 0.5313, 0.8881),
        (rows(["True"] * 15 + ["false"] * 5), "rate", 0.75, 0.5313, 0.8881),
        # An abstention is no verdict.
        (rows(["pass"] * 15 + ["fail"] * 5 + ["n/a"] * 9), "rate", 0.75, 0.5313, 0.8881),
    ],
)
def test_a_rate_or_a_mean_has_its_interval(
    outcomes: list[Outcome], kind: str, value: float, low: float, high: float
) -> None:
    found = only(outcomes)
    assert (found.kind, found.value) == (kind, pytest.approx(value))
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(low, abs=6e-5),
        pytest.approx(high, abs=6e-5),
    )


def test_labels_without_an_order_have_shares_and_a_positive_label_makes_a_rate() -> None:
    outcomes = rows(["red"] * 15 + ["blue"] * 5)
    found = only(outcomes)
    assert (found.kind, found.value, found.labels["red"].share) == ("shares", None, 0.75)
    assert found.words.startswith("'red' 75 % (95 % interval 53 % to 89 %), 'blue' 25 %")
    assert only(outcomes, positive={"x": ["blue"]}).value == 0.25
    assert only(outcomes, choices={"x": {"red": 1, "blue": 3}}).value == 1.5


def test_scores_that_are_alike_have_no_interval_and_clusters_widen_one() -> None:
    assert only(rows([3.0, 3.0, 3.0])).interval is None
    assert only(rows([3.0])).interval is None
    outcomes = rows([1.0] * 10 + [0.0] * 10)
    alone = only(outcomes).interval
    pairs = Clusters("source", {f"e{n}": str(n // 5) for n in range(20)})
    together = only(outcomes, pairs)
    assert (alone, together.interval, together.clusters) != (None, None, 0)
    assert alone is not None
    assert together.interval is not None
    assert together.interval.high - together.interval.low > 1.5 * (alone.high - alone.low)
    assert "20 examples from 4 sources" in together.words

"""Evidence over repeated looks: exact where it can be enumerated, and simulated at every look."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.variants import approx, scored
from tests.oracles import Oracle

from assaykit.analysis.compare import compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.looks import Look, digest, evidence, look_sentence, mean_evidence, rate_evidence, scale_of

special = Oracle("scipy.special")
stats = Oracle("scipy.stats")

counts = st.integers(min_value=0, max_value=400)
RUNS = 300


@given(gained=counts, lost=counts)
def test_the_evidence_of_a_rate_is_the_mixture_over_a_beta_distribution(gained: int, lost: int) -> None:
    log_e = (gained + lost) * math.log(2) + special.betaln(10 + gained, 10 + lost) - special.betaln(10, 10)
    found = rate_evidence(gained, lost)
    assert math.isinf(found) if log_e > math.log(1e300) else found == approx(math.exp(log_e), rel=1e-9)


@pytest.mark.parametrize("changed", [0, 1, 7, 40])
def test_the_evidence_of_a_rate_is_one_on_average_where_nothing_differs(changed: int) -> None:
    chances = stats.binom.pmf(range(changed + 1), changed, 0.5)
    mean = sum(chance * rate_evidence(up, changed - up) for up, chance in enumerate(chances))
    assert mean == approx(1, rel=1e-9)


@pytest.mark.parametrize("scale", [0.01, 0.3, 50.0])
def test_the_evidence_of_a_mean_is_one_on_average_over_all_signs(scale: float) -> None:
    sizes = [0.1, 0.1, 0.0, 0.57, 2.5, 1e-9]
    every = [
        mean_evidence([sign * size for sign, size in zip(signs, sizes, strict=True)], scale)
        for signs in itertools.product((1, -1), repeat=len(sizes))
    ]
    assert sum(every) / len(every) == approx(1, rel=1e-9)


def test_the_evidence_of_a_mean_has_extremes_without_an_overflow() -> None:
    assert mean_evidence([1e100] * 5000, 1.0) == math.inf
    assert mean_evidence([1e100, -1e100] * 50, 1.0) == 0.0
    assert mean_evidence([], 1.0) == mean_evidence([0.0] * 9, 0.0) == 1.0


def crossed(differences: list[float], *, rates: bool) -> bool:
    """Whether the evidence reaches 20 at any look, one after each 20 rows."""
    scale = scale_of(differences[:20])
    for n in range(20, len(differences) + 1, 20):
        some = differences[:n]
        e = rate_evidence(some.count(1.0), some.count(-1.0)) if rates else mean_evidence(some, scale)
        if e >= 20:
            return True
    return False


def test_evidence_seldom_reaches_its_limit_at_any_of_ten_looks_and_often_where_something_differs() -> None:
    rng = random.Random(7)  # noqa: S311  (a repeatable sample)

    def normal(shift: float) -> list[float]:
        return [rng.gauss(shift, 1) for _ in range(200)]

    def signs(gain: float) -> list[float]:
        return [rng.choices((1.0, -1.0, 0.0), (gain, 0.1, 0.9 - gain))[0] for _ in range(200)]

    for alike, different, rates in ((normal(0), normal(0.3), False), (signs(0.1), signs(0.3), True)):
        assert len(alike) == len(different) == 200
        draw = signs if rates else normal
        false = sum(crossed(draw(0.1 if rates else 0.0), rates=rates) for _ in range(RUNS)) / RUNS
        true = sum(crossed(draw(0.3), rates=rates) for _ in range(60)) / 60
        assert false <= 0.05
        assert true >= 0.7


def finding(before: list[float], after: list[float]) -> Finding:
    return compare(scored("old", before), [scored("new", after)]).findings[0]


def test_the_digest_is_of_the_rows_and_not_of_their_order_or_of_the_baseline() -> None:
    pairs = {"a": (0.0, 1.0), "b": (1.0, 1.0)}
    assert digest(pairs) == digest(dict(reversed(pairs.items())))
    assert digest(pairs) == digest({key: (after, before) for key, (before, after) in pairs.items()}, turned=True)
    assert digest(pairs) != digest({**pairs, "c": (1.0, 1.0)})
    assert digest(pairs) != digest({**pairs, "b": (1.0, 0.0)})


def test_a_note_is_made_from_the_second_look_on() -> None:
    clear, alike = finding([0.0] * 30, [1.0] * 30), finding([0.0, 1.0] * 15, [1.0, 0.0] * 15)
    assert look_sentence(clear, Look(1, 1.0), 1) is None
    shown = look_sentence(clear, Look(2, 1.0), 1)
    assert shown is not None
    assert "this is the second look at new against old on different rows" in shown
    assert "of 20 needed: a difference is shown." in shown
    assert evidence(clear, 1.0) == rate_evidence(30, 0)
    hidden = look_sentence(alike, Look(12, 1.0), 3)
    assert hidden is not None
    assert "this is the 12th look" in hidden
    assert "of 60 needed: no difference is shown." in hidden
    scores = finding([0.5] * 30, [0.7 + 0.01 * (n % 3) for n in range(30)])
    assert evidence(scores, 0.2) == mean_evidence([after - before for before, after in scores.pairs.values()], 0.2)

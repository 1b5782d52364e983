"""The sign-flip test against scipy's permutation test of paired samples."""

import importlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.drawn_signs import DRAWS, drawn_p
from assaykit.analysis.permutation import EXACT_UP_TO, T_FROM, sign_flip

numpy: Any = importlib.import_module("numpy")
stats = Oracle("scipy.stats")


def exact(gaps: list[float]) -> float:
    """The p of every choice of signs, by scipy, which takes no single difference."""
    if len(gaps) == 1:
        return 1.0
    return float(
        stats.permutation_test(
            (numpy.array(gaps),), numpy.sum,
            permutation_type="samples", n_resamples=numpy.inf, vectorized=True,
        ).pvalue
    )  # fmt: skip


@pytest.mark.parametrize(
    "gaps",
    [
        [1.0],
        [0.25, -0.5, 1.0],
        [0.317, -0.22, 0.9113, 0.5, -0.77, 0.013, 0.4],
        [1, 1, 2, -1, 3, 0, 0, 2, -2, 1],
        [1 / 3, 2 / 3, -1 / 5, 0.6, 0.2, -1 / 3, 1 / 15, 0.4],
    ],
)
def test_few_differences_are_tested_exactly(gaps: list[float]) -> None:
    assert sign_flip(gaps) == approx(exact([one for one in gaps if one]), rel=1e-9)


@settings(max_examples=30)
@given(gaps=st.lists(st.integers(-4, 4), min_size=1, max_size=12), unit=st.sampled_from([1, 0.1, 1 / 3, 1e-6, 1e9]))
def test_differences_on_a_grid_are_counted_and_give_what_all_signs_give(gaps: list[int], unit: float) -> None:
    whole = [float(one) for one in gaps if one]
    assert sign_flip([one * unit for one in gaps]) == approx(exact(whole) if whole else 1.0, rel=1e-9)


def test_many_differences_on_a_grid_are_exact_too() -> None:
    """Differences of one size make the test the sign test, whose p is binomial."""
    gaps = [0.2] * 60 + [-0.2] * 35 + [0.0] * 50
    assert sign_flip(gaps) == approx(stats.binomtest(60, 95).pvalue, rel=1e-9)
    assert sign_flip([1.0] * 100) == approx(2**-99, rel=1e-9)


@pytest.mark.parametrize("n", [EXACT_UP_TO + 1, 60, T_FROM - 1])
def test_more_differences_without_a_grid_are_drawn(n: int) -> None:
    rng = random.Random(n)  # noqa: S311  (a repeatable sample is wanted)
    gaps = [rng.gauss(0.25, 1.0) for _ in range(n)]
    p = sign_flip(gaps)
    oracle = stats.permutation_test(
        (numpy.array(gaps),), numpy.sum, permutation_type="samples",
        n_resamples=DRAWS, vectorized=True, rng=numpy.random.default_rng(3),
    ).pvalue  # fmt: skip
    assert p == approx(oracle, abs=4 * (2 * p * (1 - p) / DRAWS) ** 0.5)
    assert p >= 1 / (DRAWS + 1)


@pytest.mark.parametrize("n", [T_FROM, 2_000])
def test_from_two_hundred_pairs_the_t_test_stands_in(n: int) -> None:
    rng = random.Random(n)  # noqa: S311  (a repeatable sample is wanted)
    gaps = [rng.gauss(0.1, 1.0) for _ in range(n)]
    assert sign_flip(gaps) == approx(stats.ttest_1samp(gaps, 0).pvalue, rel=1e-9)


@settings(max_examples=40)
@given(gaps=st.lists(st.floats(-1e6, 1e6), max_size=40), data=st.data())
def test_order_and_swap_of_the_sides_change_nothing(gaps: list[float], data: st.DataObject) -> None:
    p = sign_flip(gaps)
    assert 0 < p <= 1
    assert sign_flip([-one for one in gaps]) == p
    assert sign_flip(data.draw(st.permutations(gaps))) == p


def test_pairs_without_a_difference_show_nothing() -> None:
    assert sign_flip([0.0] * 30) == sign_flip([]) == 1.0


def added_up(sizes: list[float], observed: float, seed: int = 20240229) -> float:
    """The p of drawn signs, with the total of every draw added up: one bit of a random byte for each size."""
    eights = [sizes[start : start + 8] for start in range(0, len(sizes), 8)]
    drawn = random.Random(seed).randbytes(DRAWS * len(eights))  # noqa: S311  (a repeatable sample is wanted)
    signs = numpy.unpackbits(numpy.frombuffer(drawn, numpy.uint8).reshape(len(eights), DRAWS, 1), axis=2)[:, :, ::-1]
    totals: Any = sum(
        numpy.where(each[:, : len(eight)], -1.0, 1.0) @ numpy.array(eight)
        for eight, each in zip(eights, signs, strict=True)
    )
    return float((1 + (abs(totals) >= observed - 1e-9 * sum(sizes)).sum()) / (DRAWS + 1))


SHAPES: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda rng: rng.gauss(0.2, 1),
    "heavy": lambda rng: rng.gauss(0, 1) / max(0.001, abs(rng.gauss(0, 1))),
    "few sizes": lambda rng: rng.choice([0.1, 0.31415926, 0.7]),
    "nearly alike": lambda rng: rng.choice([0.1, 0.1, 0.1, 0.1 + 1e-7, 0.57]),
    "tiny": lambda rng: rng.random() * 1e-310 + 1e-312,
    "huge": lambda rng: rng.random() * 1e100,
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=8, deadline=None)
@given(n=st.integers(1, 199), seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_draws_known_roughly_give_the_p_of_all_draws_added_up(shape: str, n: int, seed: int, share: float) -> None:
    """From an observed total of zero up to the largest one, ties included."""
    rng = random.Random(seed)  # noqa: S311  (a repeatable sample is wanted)
    sizes = sorted(abs(SHAPES[shape](rng)) for _ in range(n))
    signed = sum(size if rng.random() < share else -size for size in sizes)
    assert drawn_p(sizes, abs(signed)) == added_up(sizes, abs(signed))

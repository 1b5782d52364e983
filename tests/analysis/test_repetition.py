"""Repetitions: each estimator against every way to draw k of n."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.variants import approx

from assaykit.analysis.repetition import Tries, pass_at_k, pass_hat_k, repeated
from assaykit.errors import Invalid


@st.composite
def draws(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 8))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@given(drawn=draws())
def test_pass_at_k_and_pass_hat_k_are_the_shares_of_all_draws(drawn: tuple[int, int, int]) -> None:
    n, passed, k = drawn
    ways = list(itertools.combinations([True] * passed + [False] * (n - passed), k))
    assert pass_at_k(n, passed, k) == approx(sum(map(any, ways)) / len(ways), rel=1e-12, abs=1e-15)
    assert pass_hat_k(n, passed, k) == approx(sum(map(all, ways)) / len(ways), rel=1e-12, abs=1e-15)


@given(drawn=draws())
def test_one_try_is_the_rate_and_more_tries_part_them(drawn: tuple[int, int, int]) -> None:
    n, passed, k = drawn
    assert pass_at_k(n, passed, 1) == approx(passed / n)
    assert pass_hat_k(n, passed, 1) == approx(passed / n)
    assert pass_hat_k(n, passed, k) <= passed / n + 1e-12
    assert pass_at_k(n, passed, k) >= passed / n - 1e-12


@pytest.mark.parametrize(("n", "passed", "k"), [(0, 0, 1), (3, 4, 1), (3, -1, 1), (3, 1, 4), (3, 1, 0)])
def test_what_cannot_be_drawn_is_refused(n: int, passed: int, k: int) -> None:
    for estimate in (pass_at_k, pass_hat_k):
        with pytest.raises(Invalid, match="pass@k needs"):
            estimate(n, passed, k)


def test_the_figures_are_means_over_examples_that_have_so_many_tries() -> None:
    tries = {"a": Tries(3, 3), "b": Tries(3, 1), "c": Tries(2, 0), "d": Tries(1, 1)}
    found = repeated(tries, without_verdict=2)
    assert found is not None
    assert (found.examples, found.without_verdict, found.flaky) == (3, 2, 1)
    assert found.flake_rate == approx(1 / 3)
    assert [(one.k, one.examples) for one in found.at] == [(1, 4), (2, 3), (3, 2)]
    assert [one.pass_at_k for one in found.at] == approx([(1 + 1 / 3 + 0 + 1) / 4, (1 + 2 / 3 + 0) / 3, 1.0])
    assert [one.pass_hat_k for one in found.at] == approx([(1 + 1 / 3 + 0 + 1) / 4, 1 / 3, 0.5])
    last = found.at[-1]
    # Two of two: the interval is no point, and one of two has next to none.
    assert (last.pass_at_k_interval.low, last.pass_at_k_interval.high) == (approx(0.342, abs=0.001), 1.0)
    assert last.pass_hat_k_interval.high - last.pass_hat_k_interval.low > 0.9


def test_examples_that_were_tried_once_repeat_nothing() -> None:
    assert repeated({"a": Tries(1, 1), "b": Tries(1, 0)}) is None
    assert repeated({}) is None


def test_the_order_of_rows_moves_no_interval() -> None:
    tries = {f"e{n}": Tries(4, n % 5) for n in range(30)}
    assert repeated(tries) == repeated(dict(reversed(tries.items())))


def test_eleven_tries_are_told_at_the_usual_k_and_at_eleven() -> None:
    found = repeated({"a": Tries(11, 5)})
    assert found is not None
    assert [one.k for one in found.at] == [1, 2, 3, 5, 10, 11]

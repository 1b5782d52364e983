"""Numbers as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.figures import digits, dollars, rate


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0"), (0.0000012, "$0.0000012"), (0.004999, "$0.005"), (0.996, "$1.00"), (0.12, "$0.12"), (1, "$1.00"),
        (9.96, "$9.96"), (99.6, "$99.60"), (99.999, "$100.00"), (123.4, "$123"), (710, "$710"), (25_000, "$25,000"),
        (3_600.4, "$3,600"),
    ],
)  # fmt: skip
def test_an_estimate_in_dollars(amount: float, shown: str) -> None:
    assert dollars(amount) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0.00001234, "$0.00001234"), (0.12056, "$0.1206"), (1234.5678, "$1,234.57"), (12345.678, "$12,345.68")],
)
def test_an_amount_that_was_spent(amount: float, shown: str) -> None:
    assert dollars(amount, 4) == shown


@pytest.mark.parametrize(
    ("per_second", "shown"),
    [(0, "0"), (0.052, "0.052"), (2.34, "2.3"), (9.94, "9.9"), (24.4, "24"), (2345.6, "2,346"), (99_960, "99,960")],
)
def test_a_rate(per_second: float, shown: str) -> None:
    assert rate(per_second) == shown


@given(st.floats(1e-9, 1e14), st.integers(1, 6))
def test_no_number_of_the_usual_range_has_an_exponent(value: float, count: int) -> None:
    for shown in (digits(value, count), dollars(value, count), rate(value)):
        assert "e" not in shown
        assert float(shown.replace(",", "").lstrip("$")) == pytest.approx(value, rel=0.6)


def test_the_mean_of_large_scores_is_written_out() -> None:
    assert (digits(99_960, 3), digits(0.00001, 3), digits(12_345_678, 3, "+")) == ("99,960", "0.00001", "+12,345,678")

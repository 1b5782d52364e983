"""Rates and p-values as text."""

import math

_MOST_DECIMALS = 6
_WHOLE = 100


def percent(rate: float, parts: int) -> str:
    """Format a rate from 0 to 1 as "84 %", with the decimals of its finest step, which is one of `parts` equal parts.

    "0 %" and "100 %" stand only for exactly 0 and 1. A rate close to them gets further decimals.
    """
    decimals = decimals_of(parts)
    told = f"{_WHOLE * rate:.{decimals}f}"
    while decimals < _MOST_DECIMALS and 0 < rate < 1 and float(told) in {0, _WHOLE}:
        decimals += 1
        told = f"{_WHOLE * rate:.{decimals}f}"
    return f"{told} %"


def passed_of(passed: int, rows: int, failed: int) -> str:
    """Format a rate that counts failed runs as failures: "60 % (36 of 60; 24 failed)"."""
    lost = f"; {failed} failed" if failed else ""
    return f"{percent(passed / rows, rows)} ({passed} of {rows}{lost})"


def decimals_of(parts: int) -> int:
    """Decimals of a percentage whose finest step is one of `parts` equal parts: 0 up to 100 parts, 1 up to 1000."""
    return max(0, math.ceil(math.log10(max(1, parts) / _WHOLE)))


def p_value(p: float) -> str:
    """A p-value as "= 0.012" or "< 0.0001": two digits, but four decimals near 0.05, so that no rounding crosses it."""
    if p < 0.0001:  # noqa: PLR2004  (below this the digits mean nothing)
        return "< 0.0001"
    near = 0.045 < p < 0.055  # noqa: PLR2004  (the neighbourhood of alpha)
    return f"= {p:.4f}" if near else f"= {p:.2g}"

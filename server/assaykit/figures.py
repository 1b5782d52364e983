"""Numbers as text: written out, with their unit, and never with an exponent in the usual range."""

import math

_SMALLEST_WRITTEN_OUT = 1e-9
_LARGEST_WRITTEN_OUT = 1e15
_WHOLE_DOLLARS = 100


def digits(value: float, count: int, sign: str = "") -> str:
    """Format with `count` significant digits, written out: 12,346 and 0.0000123, not 1.23e-05.

    With `sign` "+", positive numbers carry a plus sign.
    """
    told = f"{value:{sign}.{count}g}"
    if "e" not in told or not _SMALLEST_WRITTEN_OUT <= abs(value) < _LARGEST_WRITTEN_OUT:
        return told
    decimals = max(0, count - 1 - math.floor(math.log10(abs(value))))
    told = f"{value:{sign},.{decimals}f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def dollars(amount: float, count: int = 2) -> str:
    """An amount of US dollars: $1,235 and $12.35 and, below a dollar, `count` significant digits: $0.0052."""
    if abs(amount) >= _WHOLE_DOLLARS and count <= len("10"):
        return f"${amount:,.0f}"
    if abs(amount) >= 1:
        return f"${amount:,.2f}"
    told = digits(amount, count)
    # 0.996 with two digits is 1.
    return f"${amount:,.2f}" if told == "1" else f"${told}"


def rate(per_second: float) -> str:
    """Rows per second: 2,345 and 24 and 0.052."""
    return f"{per_second:,.0f}" if per_second >= 10 else digits(per_second, 2)  # noqa: PLR2004  (two digits)


def things(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

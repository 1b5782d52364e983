"""The rules that compare a stored value with a literal. A test checks that memory and SQL follow the same rules.

Every condition is true, false or unknown. Only a true condition matches. The negation of unknown is unknown.

- A missing or null value makes every operator except `IS NULL` unknown, so `!=`, `NOT IN` and `NOT (...)` do not
  match it either.
- Text is compared with text by code point: equality is exact, `<` is the order of code points.
- Numbers are compared with numbers. A number is compared with a text as numbers if the text is a plain decimal
  (`-12.50`), whichever of the two is the literal; the text then becomes a double. Any other such pair is unknown.
- true and false are comparable only with true and false; lists and objects with nothing. Other pairs are unknown.
- `IN` compares every literal that is comparable with the value, and is unknown if there is none.
- `CONTAINS` and `LIKE` apply to text and ignore the case of A-Z only. `CONTAINS` on a list or an object is true if
  any text inside it, except a key, contains the literal.

Doubles have about 15 digits; further digits do not count. Text is compared up to its first NUL character.
"""

import re
import string

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def decimal(text: str) -> float | None:
    """The number of a plain decimal; None for any other text (`1e3`, `+1`, `.5`, ` 1`)."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def number(value: float) -> float:
    """The number as a database stores it: an integer beyond 64 bits becomes a double, infinite if it is too large."""
    if INT64_MIN <= value <= INT64_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def folded(text: str) -> str:
    """The text with A-Z in lower case; other characters stay."""
    return text.translate(_FOLDED)

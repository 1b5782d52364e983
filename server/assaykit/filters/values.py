"""How a stored value meets a literal. Memory and SQL both follow these rules, and a test holds them together.

Every condition is true, false or unknown; only what is true matches, and the opposite of unknown is unknown.

- A missing value and null are unknown to every operator but `IS NULL`: `!=`, `NOT IN` and `NOT (...)` do not
  match either.
- Text meets text by code point: equality is exact, `<` is the order of code points.
- Numbers meet numbers. A number and a text meet as numbers when the text is a plain decimal (`-12.50`),
  whichever of the two is the literal; the text is then a double. Other pairs of number and text are unknown.
- true and false meet only true and false; lists and objects meet nothing. Everything else is unknown.
- `IN` asks every literal the value can meet, and is unknown when there is none.
- `CONTAINS` and `LIKE` are for text and take A-Z and a-z for the same; other letters stay as they are.
  `CONTAINS` on a list or an object is true when some text inside it (not a key) contains it.

Doubles have about 15 digits: further ones decide nothing. Text is compared up to its first NUL character.
"""

import re
import string

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def decimal(text: str) -> float | None:
    """The number a plain decimal stands for; None for every other text (`1e3`, `+1`, `.5`, ` 1`)."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def number(value: float) -> float:
    """The number a database holds for it: an integer beyond 64 bits is a double, infinite if need be."""
    if INT64_MIN <= value <= INT64_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def folded(text: str) -> str:
    """The text with A-Z in lower case and all else as it was."""
    return text.translate(_FOLDED)

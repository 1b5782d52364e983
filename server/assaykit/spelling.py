"""One key for all spellings of a value: `true`, `True`, 1 and `1.0` from CSV, JSON, Parquet and functions are equal.

Stored values keep their spelling. Keys are compared and never shown.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST = 100
"""Characters. A longer text is no number that anybody labels or numbers with."""

_WORDS = {"1": "true", "0": "false"}
_CACHED = 10_000

KeyT = TypeVar("KeyT", bound=Hashable)


@lru_cache(maxsize=_CACHED)
def value_key(text: str) -> str:
    """The key of a text: one for all spellings of a truth value or a number, else the text without outer spaces.

    1 is true and 0 is false. A number with a leading zero, such as 007, is a text.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return text
    if text.lower() in {"true", "false"}:
        return text.lower()
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    if found[2] is None and found[3] is None:
        whole = str(int(text))
        return _WORDS.get(whole, whole)
    number = float(text)
    if not math.isfinite(number):
        return text
    key = str(int(number)) if number.is_integer() else repr(number)
    return _WORDS.get(key, key)


def key_of(value: Any) -> str:
    """The key of any JSON value."""
    return value_key(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))


@lru_cache(maxsize=_CACHED)
def folded(label: str) -> str:
    """The key of a label, in which case does not count either."""
    return value_key(label).casefold()


def common_spellings(texts: Iterable[str], *, fold: bool = False) -> dict[str, str]:
    """The texts whose key another text has too, each with the most common spelling; that one itself has no entry.

    With `fold` the case does not count.
    """
    counts = Counter(texts)
    key = folded if fold else value_key
    best: dict[str, str] = {}
    for text in sorted(counts, key=lambda one: (-counts[one], one)):
        best.setdefault(key(text), text)
    return {text: best[key(text)] for text in counts if best[key(text)] != text}


def unified(values: Mapping[KeyT, str]) -> dict[KeyT, str]:
    """The values, with one spelling for each key: the most common one."""
    spelled = common_spellings(values.values())
    return {key: spelled.get(text, text) for key, text in values.items()} if spelled else dict(values)

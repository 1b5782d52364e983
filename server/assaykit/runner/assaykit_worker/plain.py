# pyright: basic
"""Values on their way out: what JSON can hold, or where in them it is that it cannot."""

from __future__ import annotations

import math
from typing import Any

DEEPEST = 100


class NotJson(Exception):
    """The value holds something that JSON has no word for; the text says where."""


def plain(value: Any, path: str = "output", depth: int = 0) -> Any:
    """The value with tuples as lists and numbers of numpy as numbers.

    Raises:
        NotJson: something in it is no dict, list, text, number, bool or None, or it is endless.
    """
    if depth > DEEPEST:
        raise NotJson(f"{path[:200]} is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return _whole(value, path)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"{path} is {value!r}, which JSON cannot say")
        return value
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise NotJson(f"{path} has the key {strange[0]!r:.60}, which is no text")
        return {_whole(key, path): plain(value[key], f"{path}[{key!r}]", depth + 1) for key in value}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item(), path, depth + 1)
    raise NotJson(
        f"{path} is a {type(value).__name__}, which is no JSON; return dicts, lists, text, numbers, bools or None"
    )


def _whole(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"{path} has half a character at {error.start}: {text[error.start]!a}") from None
    return text


def readable(text: str) -> str:
    """A text with a mark where it has half a character."""
    return text.encode("utf-8", "replace").decode()

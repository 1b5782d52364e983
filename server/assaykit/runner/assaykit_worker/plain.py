# pyright: basic
"""The user's values as JSON values, with an error that names the place of a value that JSON cannot hold."""

from __future__ import annotations

import math
from typing import Any

DEEPEST = 100


class NotJson(Exception):
    """The value holds something that JSON cannot hold. The text names the place."""


def plain(value: Any, path: str = "output", depth: int = 0) -> Any:
    """The value with tuples as lists and scalars of numpy as numbers.

    Raises:
        NotJson: a part is not a dict, list, string, finite number, bool or None, or is nested deeper than 100 levels.
    """
    if depth > DEEPEST:
        raise NotJson(f"{path[:200]} is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return _whole(value, path)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"{path} is {value!r}, which JSON cannot hold")
        return value
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise NotJson(f"{path} has the key {strange[0]!r:.60}, which is not a string")
        return {_whole(key, path): plain(value[key], f"{path}[{key!r}]", depth + 1) for key in value}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item(), path, depth + 1)
    raise NotJson(
        f"{path} is a {type(value).__name__}, which JSON cannot hold; return dicts, lists, text, numbers, bools or None"
    )


def _whole(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"{path} has half a character at {error.start}: {text[error.start]!a}") from None
    return text


def readable(text: str) -> str:
    """The text with a question mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()

"""JSON objects in a reply: the whole reply, an object in a code fence, or an object between sentences.

An object that is not valid JSON ends the search. Its text may quote another object, which is not the model's answer.
"""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

LONGEST_LITERAL = 20_000
"""Characters of an object in the notation of Python that are read."""

_START = re.compile(r"\{(?=\s*[\"'}])")
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_ODD_ESCAPE = re.compile(r"\\[^\\'\"nrt]")
_FENCE = re.compile(r"```[\w-]{0,20}[ \t]*\n")


class FoundObjects(NamedTuple):
    """The outermost objects of a text, the text around them, and whether one of them could not be read.

    `apart` tells whether the objects are no part of a sentence: they begin or end the text, a line or a sentence.
    """

    objects: list[Mapping[str, Any]]
    before: str
    after: str
    apart: bool
    broken: bool


class Twofold(ValueError):
    """An object has one key twice, with different values."""


def find(text: str) -> FoundObjects:
    """Return the objects of the text, in order."""
    bare = text.strip()
    if (opened := _FENCE.match(bare)) is not None:
        bare = bare[opened.end() :]
    bare = bare.removesuffix("```").strip()
    objects: list[Mapping[str, Any]] = []
    position, first, broken = 0, len(bare), False
    while start := _START.search(bare, position):
        first = min(first, start.start())
        read = _read(bare, start.start())
        if read is None:
            broken = True
            break
        value, position = read
        objects.append(value)
    before, after = bare[:first], bare[position:] if objects else ""
    apart = not before.rstrip(" \t") or before.rstrip(" \t")[-1] == "\n" if broken else _is_apart(before, after)
    return FoundObjects(objects, before.strip(), after.strip(), apart, broken)


def _is_apart(before: str, after: str) -> bool:
    left, right = before.rstrip(" \t["), after.lstrip(" \t].`")
    begins = not left or left[-1] in "\n`:!."
    ends = not right or right[0] in "\n<" or right[0].isupper()
    return not right.strip("`.] \n") or (begins and ends)


def whole(text: str) -> Mapping[str, Any] | None:
    """Return the text as one JSON object; None for any other text."""
    try:
        value = _STRICT.decode(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise Twofold(key)
        found[key] = value
    return found


_STRICT = json.JSONDecoder(object_pairs_hook=_once)
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_once)


def _read(text: str, start: int) -> tuple[Mapping[str, Any], int] | None:
    """The object that begins at `start`, with its end. Trailing commas and Python's notation are read too."""
    try:
        return _DECODER.raw_decode(text, start)
    except Twofold:
        return None
    except (ValueError, RecursionError):
        pass
    rest = text[start:]
    end = rest.rfind("}") + 1
    try:
        return _DECODER.decode(_TRAILING_COMMA.sub("", rest[:end])), start + end
    except (ValueError, RecursionError):
        pass
    if end > LONGEST_LITERAL or _ODD_ESCAPE.search(rest):
        return None
    try:
        value = ast.literal_eval(rest[:end])
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return (cast("dict[str, Any]", value), start + end) if isinstance(value, dict) else None

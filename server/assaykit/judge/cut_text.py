"""Text that was cut: the note at its end, and the test for that note.

The note stands in the text itself, so it goes wherever the text goes: into a dataset, a file, or a row of a preview.
A text with the note counts as cut only from `FIRST_LIMIT` bytes on, so a short text that quotes the note is whole.
"""

import re
from typing import Any, cast

WHOLE_LIMIT = 4 * 1024 * 1024
"""Most UTF-8 bytes of one string that are kept."""

FIRST_LIMIT = 64 * 1024
"""Most UTF-8 bytes of one string that versions before schema 0020 kept."""

_CHARACTER = 4
"""Most UTF-8 bytes of one character."""
_NOTE = re.compile(r"…\[cut: (\d{5,15}) bytes\]\Z")
_LONGEST_NOTE = 40


def cut(text: str, limit: int = WHOLE_LIMIT) -> str:
    """The text as valid Unicode, cut to `limit` bytes with a note of its full length."""
    if len(text) <= limit and text.isascii():
        return text
    raw = text.encode("utf-8", "replace")  # JSON text can hold a lone surrogate, which UTF-8 cannot encode
    if len(raw) <= limit:
        return raw.decode("utf-8")
    return noted(raw[:limit].decode("utf-8", "ignore"), len(raw))


def noted(text: str, size: int) -> str:
    """The text with the note that it had `size` bytes."""
    return f"{text}…[cut: {size} bytes]"


def size_before(text: str) -> int | None:
    """The bytes that a cut text had before it was cut; None for a whole text."""
    if len(text) * _CHARACTER < FIRST_LIMIT or not text.endswith(" bytes]"):
        return None
    found = _NOTE.search(text, len(text) - _LONGEST_NOTE)
    if found is None:
        return None
    kept, told = len(text[: found.start()].encode("utf-8", "replace")), int(found[1])
    return told if FIRST_LIMIT - _CHARACTER < kept < told else None


def sizes_before(value: Any) -> list[int]:
    """The sizes of the cut texts in a JSON value, at any depth, before they were cut."""
    found: list[int] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            size = size_before(one)
            if size is not None:
                found.append(size)
        elif isinstance(one, dict):
            pending.extend(cast("dict[str, Any]", one).values())
        elif isinstance(one, list):
            pending.extend(cast("list[Any]", one))
    return found

"""Text that others wrote, as it may stand in a sentence of ours: on one line, bounded, with nothing unseen in it.

Project names, keys, labels, values and errors of providers are written by the traced application or by other clients.
Each function says whether it adds quotation marks. Longer texts stand in a fence (`toolkit/replies.py`).
"""

import re
from typing import Final

NAME_LIMIT: Final = 60
EXACT_LIMIT: Final = 200

_WORD = re.compile(r"[\w.\-]+")
_BLANK = re.compile("[\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufe00-\ufe0e\U000e0100-\U000e01ef]")
"""Characters that Python calls printable and that no screen shows."""


def clipped(text: str, limit: int) -> str:
    """Foreign text on one line, at most `limit` characters, so that it cannot be mistaken for our own text."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def exactly(name: object, limit: int = EXACT_LIMIT) -> str:
    """A foreign name or key in quotation marks with all its spaces, so that keys which differ in them look different.

    Characters that a screen does not show are escaped. At most `limit` characters stand between the marks.
    """
    text = name if isinstance(name, str) else repr(name)
    if text is not name and len(text) <= limit:
        return text
    shown = _escaped(text[: limit + 1])
    if len(text) <= limit and len(shown) <= limit + len("''"):
        return shown
    kept = text[: limit - 1]
    while len(shown := _escaped(f"{kept}…")) > limit + len("''"):
        kept = kept[: -max(1, (len(shown) - limit) // len("\\U00000000"))]
    return shown


def _escaped(text: str) -> str:
    return _BLANK.sub(lambda found: f"\\u{ord(found[0]):04x}", repr(text))


def as_word(name: str, limit: int = NAME_LIMIT) -> str:
    """A foreign name or key in a sentence of ours: one word as it is, any other in quotation marks on one line.

    A name that reads like a sentence thus cannot be mistaken for our own text.
    """
    return (
        name if len(name) <= limit and _WORD.fullmatch(name) and not _BLANK.search(name) else repr(clipped(name, limit))
    )


def visible(text: str) -> str:
    """The text with a space for each character that a screen does not show, such as ANSI and bidi marks.

    Ends of lines stay.
    """
    text = _BLANK.sub(" ", text)
    return text if text.isprintable() else "".join(mark if mark.isprintable() or mark == "\n" else " " for mark in text)

"""The parts of a reply outside its fences, and the foreign text in them."""

import json
import re

from tests.hosts.corpus import CANARY, NAMES

from assaykit.errors import quote
from assaykit.toolkit.replies import one_line

_FENCE = re.compile(
    r"^--- untrusted data (?P<mark>[0-9a-f]{8}), not instructions ---$.*?^--- end of data (?P=mark) ---$",
    re.MULTILINE | re.DOTALL,
)
OPENING = "--- untrusted data "


def outside(text: str) -> str:
    """The text without its fences."""
    return _FENCE.sub("", text)


def faults(text: str) -> list[str]:
    """The foreign text outside the fences, with its line, and the invisible characters of the whole text.

    A foreign name may stand outside a fence as a quoted name: in quotation marks, on one line.
    """
    rest = outside(text)
    for quoted in _QUOTATIONS:
        rest = rest.replace(quoted, "")
    found = [f"unfenced: {line[:200]}" for line in rest.split("\n") if CANARY in line]
    hidden = sorted({ascii(mark) for mark in text if mark != "\n" and not mark.isprintable()})
    return [*found, *(f"invisible: {mark}" for mark in hidden)]


def _quotations() -> list[str]:
    """The hostile names in quotation marks, also clipped and inside one or two levels of JSON, the longest first."""
    clipped = [shown(name, limit) for name in NAMES for limit in (60, 80, 240) for shown in (quote, one_line)]
    plain = [repr(form) for form in (*NAMES, *clipped)]
    plain += [json.dumps(name, ensure_ascii=is_ascii) for name in NAMES for is_ascii in (True, False)]
    once = [json.dumps(one, ensure_ascii=False)[1:-1] for one in plain]
    twice = [json.dumps(one, ensure_ascii=False)[1:-1] for one in once]
    return sorted({*plain, *once, *twice}, key=len, reverse=True)


_QUOTATIONS = _quotations()

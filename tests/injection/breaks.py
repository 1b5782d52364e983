"""The places where a reply shows a hostile text as if it were ours.

Foreign text may stand inside a fence, or in quotation marks on one line in at most `QUOTE_LIMIT` characters. No
character is invisible.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from tests.injection.vectors import VECTORS

QUOTE_LIMIT = 300
"""Characters of one quotation."""

_FENCE = re.compile(
    r"^--- untrusted data (?P<mark>[0-9a-f]{8}), not instructions ---$.*?^--- end of data (?P=mark) ---$",
    re.MULTILINE | re.DOTALL,
)
_QUOTATION = re.compile(r"""(?<![\w\\])(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""")
_MARK = re.compile(rf"{VECTORS[0].id[:3]}\d\dQ")


class Break(NamedTuple):
    """A hostile text outside its fence and its quotation marks."""

    vector: str
    fault: str
    line: str


def marks(text: str) -> set[str]:
    """The ids of the vectors that the text shows."""
    return set(_MARK.findall(text))


def breaks(text: str) -> list[Break]:
    """The breaks in a reply: in the text of a success, or in each part of an error's JSON."""
    return [found for part in _parts(text) for found in _in_part(part)]


def outside(text: str) -> str:
    """The text without its fences."""
    return _FENCE.sub("", text)


def _parts(text: str) -> Iterator[str]:
    """The texts that a model reads. The last line of a success is JSON, and its values are texts of their own."""
    whole = _json(text)
    if whole is not None:
        yield from _values(whole)
        return
    above, _, last = text.rpartition("\n")
    facts = _json(last)
    if facts is None:
        yield text
        return
    yield above
    # A value of the line stands in the quotation marks of JSON. The next call is a text.
    yield from (
        value if key == "next" and isinstance(value, str) else json.dumps(value) for key, value in facts.items()
    )


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _values(facts: dict[str, Any]) -> Iterator[str]:
    for value in facts.values():
        yield from [str(value)] if not isinstance(value, dict) else _values(cast("dict[str, Any]", value))


def _in_part(text: str) -> Iterator[Break]:
    for line in outside(text).split("\n"):
        rest = line
        for quotation in _QUOTATION.findall(line):
            if len(quotation) > QUOTE_LIMIT:
                yield from (Break(mark, "a long quotation", line[:400]) for mark in sorted(marks(quotation)))
            rest = rest.replace(quotation, "", 1)
        yield from (Break(mark, "not quoted", line[:400]) for mark in sorted(marks(rest)))
    hidden = sorted(
        {ascii(mark) for mark in text if mark != "\n" and (not mark.isprintable() or mark in "\u3164\u115f")}
    )
    if hidden:
        yield Break("", f"invisible characters: {' '.join(hidden)}", "")

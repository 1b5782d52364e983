"""The placeholders of templates and prompts, in two notations. One pass replaces them by plain text.

    F_STRING   {name}, {dotted.name}
    MUSTACHE   {{name}}, {{ any column's name }}
    NONE       no placeholders

All other text in braces stays unchanged: JSON, and in F_STRING `{{name}}`. There are no expressions or sections.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, Literal

from assaykit.errors import Invalid
from assaykit.wire.prompts import InputVariableFormat

Writing = Literal["F_STRING", "MUSTACHE"]
"""The notations with placeholders."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_WRITINGS: Final = {
    # The first alternative matches a doubled brace, to skip it. Only the second alternative has the group `name`.
    "F_STRING": re.compile(rf"\{{\{{\s*{_NAME}\s*\}}\}}|\{{(?P<name>{_NAME})\}}"),
    "MUSTACHE": re.compile(r"\{\{\s*(?P<name>[^\s{}\"#^/>!&=][^{}\n\"]*?)\s*\}\}"),
}
_BOTH: Final[tuple[Writing, ...]] = ("F_STRING", "MUSTACHE")
_SECTION = re.compile(r"\{\{\{|\{\{\s*[#^/>!&=][^{}\n]{0,40}")


def names(text: str, written: InputVariableFormat) -> list[str]:
    """The names of the placeholders, each once, in order of appearance."""
    return list(_names(text, written))


@lru_cache(maxsize=64)  # a run parses one template several times per row
def _names(text: str, written: InputVariableFormat) -> tuple[str, ...]:
    pattern = _WRITINGS.get(written)
    if pattern is None:
        return ()
    return tuple(dict.fromkeys(hit["name"] for hit in pattern.finditer(text) if hit["name"]))


def filled(text: str, written: InputVariableFormat, value: Callable[[str], str]) -> str:
    """Return the text with each placeholder replaced by `value(name)`. Placeholders in values are not replaced."""
    return "".join([value(part) if is_name else part for part, is_name in _parts(text, written)])


@lru_cache(maxsize=64)  # as above
def _parts(text: str, written: InputVariableFormat) -> tuple[tuple[str, bool], ...]:
    """The text in parts. A part is the name of a placeholder, or text that stays as it is."""
    pattern = _WRITINGS.get(written)
    found: list[tuple[str, bool]] = []
    end = 0
    for hit in () if pattern is None else pattern.finditer(text):
        if hit["name"]:
            found += [(text[end : hit.start()], False), (hit["name"], True)]
            end = hit.end()
    return (*found, (text[end:], False))


def spelt(name: str, written: Writing) -> str:
    """Return the placeholder for a name."""
    return f"{{{{{name}}}}}" if written == "MUSTACHE" else f"{{{name}}}"


def written_as(text: str) -> Writing | None:
    """The notation of a text whose placeholders are all in one. None without placeholders, or with both."""
    found: list[Writing] = [one for one in _BOTH if names(text, one)]
    return found[0] if len(found) == 1 else None


def rewritten(text: str, written: Writing, wanted: Writing, renamed: Mapping[str, str] | None = None) -> str:
    """Return the text with its placeholders in another notation, or under other names. Other braces stay."""
    return filled(text, written, lambda name: spelt((renamed or {}).get(name, name), wanted))


def refuse_sections(text: str, written: InputVariableFormat) -> None:
    """Refuse Mustache tags other than variables, because they would reach the model unprocessed.

    Raises:
        Invalid: the text has a section, a partial, a comment or a tag of three braces.
    """
    if written == "MUSTACHE" and (hit := _SECTION.search(text)):
        raise Invalid(
            f"{hit.group()!r} begins a Mustache tag that is not supported.", "Use only variables: {{column}}."
        )

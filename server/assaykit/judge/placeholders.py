"""The placeholders of templates and prompts, in two writings; they are filled in one pass, by text and nothing else.

    F_STRING   {name}, {dotted.name}
    MUSTACHE   {{name}}, {{ any column's name }}
    NONE       there are none

Whatever else has braces is left as it stands: JSON, and in F_STRING `{{name}}`. There are no expressions or sections.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal

from assaykit.errors import Invalid
from assaykit.wire.prompts import InputVariableFormat

Writing = Literal["F_STRING", "MUSTACHE"]
"""The writings that have placeholders at all."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_WRITINGS: Final = {
    # A doubled brace is matched first, so that it is passed over; only the second form has a name.
    "F_STRING": re.compile(rf"\{{\{{\s*{_NAME}\s*\}}\}}|\{{(?P<name>{_NAME})\}}"),
    "MUSTACHE": re.compile(r"\{\{\s*(?P<name>[^\s{}\"#^/>!&=][^{}\n\"]*?)\s*\}\}"),
}
_SECTION = re.compile(r"\{\{\{|\{\{\s*[#^/>!&=][^{}\n]{0,40}")


def names(text: str, written: InputVariableFormat) -> list[str]:
    """The names of the placeholders, each once, in order of appearance."""
    return list(_names(text, written))


@lru_cache(maxsize=64)  # a run asks for those of one template several times a row
def _names(text: str, written: InputVariableFormat) -> tuple[str, ...]:
    pattern = _WRITINGS.get(written)
    if pattern is None:
        return ()
    return tuple(dict.fromkeys(hit["name"] for hit in pattern.finditer(text) if hit["name"]))


def filled(text: str, written: InputVariableFormat, value: Callable[[str], str]) -> str:
    """The text with `value(name)` in the place of each placeholder. Values are not scanned for more."""
    pattern = _WRITINGS.get(written)
    if pattern is None:
        return text
    return pattern.sub(lambda hit: value(hit["name"]) if hit["name"] else hit.group(), text)


def spelt(name: str, written: Writing) -> str:
    """A name as a placeholder."""
    return f"{{{{{name}}}}}" if written == "MUSTACHE" else f"{{{name}}}"


def refuse_sections(text: str, written: InputVariableFormat) -> None:
    """Refuse what Mustache has beyond variables: it would go to the model as it stands.

    Raises:
        Invalid: there is a section, a partial, a comment or a tag of three braces.
    """
    if written == "MUSTACHE" and (hit := _SECTION.search(text)):
        raise Invalid(
            f"{hit.group()!r} begins a Mustache tag that is not read here.", "Only variables are: {{column}}."
        )

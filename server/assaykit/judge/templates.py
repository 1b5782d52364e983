"""Judge templates: `{variable}` placeholders, filled in one pass by text and nothing else.

`{name}` and `{dotted.name}` are placeholders. Everything else is left as it stands: the braces of JSON, and
`{{name}}`, which is the writing of another kind of template. There are no expressions, attributes or formats.
"""

import re
from collections.abc import Mapping

from assaykit.errors import Invalid
from assaykit.judge import answer_words, fences

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
# A doubled brace is matched first, so that it is passed over; only the second form has a name.
_PLACEHOLDER = re.compile(rf"\{{\{{\s*{_NAME}\s*\}}\}}|\{{(?P<name>{_NAME})\}}")
_DOUBLED = re.compile(rf"\{{\{{\s*({_NAME})\s*\}}\}}")


def placeholders(template: str) -> list[str]:
    """The names of the placeholders, each once, in order of appearance."""
    return list(dict.fromkeys(hit["name"] for hit in _PLACEHOLDER.finditer(template) if hit["name"]))


def render(template: str, values: Mapping[str, str], nonce: str) -> str:
    """The prompt: the template with every value fenced, between two reminders that the values are data.

    Values are never scanned for placeholders. `nonce` is random text made anew for each call.

    Raises:
        Invalid: a placeholder has no value.
    """
    missing = [name for name in placeholders(template) if name not in values]
    if missing:
        raise Invalid(f"The template's variables {missing!r} have no value.", "Map each of them to a column.")

    def filled(hit: re.Match[str]) -> str:
        name = hit["name"]
        return fences.fence(name, values[name], nonce) if name else hit.group()

    body = _PLACEHOLDER.sub(filled, template)
    return f"{fences.opening(nonce)}\n\n{body}\n\n{fences.closing(nonce)}"


def check(template: str, choices: Mapping[str, float] | None) -> None:
    """Refuse a template that could only be judged wrongly.

    Raises:
        Invalid: there is no placeholder, or the template asks for answers that are not among the choices.
    """
    if not placeholders(template):
        doubled = _DOUBLED.search(template)
        instead = f"{{{doubled[1]}}}" if doubled else "{input}"
        written = f"; {doubled.group()!r} is left as it stands" if doubled else ""
        raise Invalid(
            f"The template has no placeholder{written}, so every row would get the same prompt.",
            f"Write {instead!r}, with single braces, where the row's text belongs.",
        )
    asked = answer_words.contradictions(template, list(choices)) if choices else []
    if asked:
        raise Invalid(
            f"The template asks for the answers {asked!r}, but the choices are {list(choices or ())!r}.",
            "Make the template and the choices name the same answers; only choices are accepted as labels.",
        )

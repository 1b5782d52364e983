"""Judge templates: rendering with a row's values, and checks.

A judge's placeholders are `{name}` and `{dotted.name}`; the template of an experiment has `{{name}}` instead.
"""

import re
from collections.abc import Mapping

from assaykit.errors import Invalid
from assaykit.judge import answer_words, fences
from assaykit.judge.placeholders import Writing, filled, names, refuse_sections, spelt

_OF_THE_OTHER_KIND = {
    "F_STRING": re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}"),
    "MUSTACHE": re.compile(r"\{([A-Za-z_][\w.]*)\}"),
}


def placeholders(template: str) -> list[str]:
    """The names of the placeholders of a judge's template, each once, in order of appearance."""
    return names(template, "F_STRING")


def render(template: str, values: Mapping[str, str], nonce: str, written: Writing = "F_STRING") -> str:
    """Return the prompt: the template with every value fenced, between two reminders that the values are data.

    Placeholders in values are not replaced. `nonce` must be new, unpredictable text for each call.

    Raises:
        Invalid: a placeholder has no value.
    """
    missing = [name for name in names(template, written) if name not in values]
    if missing:
        raise Invalid(f"The template's variables {missing!r} have no value.", "Map each of them to a column.")
    body = filled(template, written, lambda name: fences.fence(name, values[name], nonce))
    return f"{fences.opening(nonce)}\n\n{body}\n\n{fences.closing(nonce)}"


def check(template: str, choices: Mapping[str, float] | None, written: Writing = "F_STRING") -> None:
    """Refuse a template that cannot give correct verdicts.

    Raises:
        Invalid: the template has no placeholder or has Mustache sections, or it asks for answers that are not choices.
    """
    refuse_sections(template, written)
    if not names(template, written):
        stray = _OF_THE_OTHER_KIND[written].search(template)
        instead = spelt(stray[1] if stray else "input", written)
        note = f"; {stray.group()!r} is left as it stands" if stray else ""
        braces = "double" if written == "MUSTACHE" else "single"
        raise Invalid(
            f"The template has no placeholder{note}, so every row would get the same prompt.",
            f"Write {instead!r}, with {braces} braces, where the row's text belongs.",
        )
    asked = answer_words.contradictions(template, list(choices)) if choices else []
    if asked:
        raise Invalid(
            f"The template asks for the answers {asked!r}, but the choices are {list(choices or ())!r}.",
            "Make the template and the choices name the same answers; only choices are accepted as labels.",
        )

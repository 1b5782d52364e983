"""Readable text for pydantic's errors: one line per field, a suggestion for a misspelt name, and no input values."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from assaykit.foreign import as_word
from assaykit.wire.evaluators import COLUMN_NAME
from assaykit.wire.experiments import EXPERIMENT_NAME

MOST_LINES = 8

_RULES = {
    COLUMN_NAME: "use only letters from a to z, digits, spaces and _ - & ( ), at least one of them",
    EXPERIMENT_NAME: "use no double quote and no backslash, and at least one character",
}
"""Patterns of names, in words."""


def describe(error: ValidationError, known: Iterable[str] = ()) -> str:
    """The faults, one line per field, at most 8 lines. `known` are the names to suggest for an unknown one."""
    names = list(known)
    lines = list(dict.fromkeys(_line(detail, names) for detail in _most_specific(error)))
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} more"]
    return "\n".join(lines)


def _most_specific(error: ValidationError) -> Sequence[ErrorDetails]:
    return error.errors(include_url=False, include_context=True, include_input=False)


def _line(detail: ErrorDetails, known: Sequence[str]) -> str:
    where = ".".join(as_word(str(part)) for part in detail["loc"])
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx") or {}
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        return f"{where}: unknown name" + (f", did you mean {near[0]!r}?" if near else "")
    if kind in {"missing", "missing_argument"}:
        return f"{where}: required"
    if kind in {"literal_error", "enum"}:
        return f"{where}: expected one of {context.get('expected')}"
    if kind == "string_pattern_mismatch" and context.get("pattern") in _RULES:
        return f"{where}: {_RULES[context['pattern']]}"
    text = str(context["error"]) if kind == "value_error" and "error" in context else detail["msg"]
    text = text[:1].lower() + text[1:]
    return f"{where}: {text}" if where else text

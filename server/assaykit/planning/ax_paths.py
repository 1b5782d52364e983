"""Paths on Arize AX, which resolves those of attributes alone: no short form, and no column of the engine's own."""

from collections.abc import Iterable, Mapping, Sequence

from assaykit.column_paths import ATTRIBUTES, SHORT_FORMS, Row, resolve
from assaykit.foreign import as_word
from assaykit.wire.evaluators import Granularity

_OF_ENGINE = frozenset(["reasoning", "steps", "conversation", "last_output"])
_EVENTS = ("event.", "exception.")


def on_ax(path: str, rows: Iterable[Row]) -> str:
    """The path of attributes that stands for a path of the engine, if there is one."""
    if path in _OF_ENGINE:
        return path
    if path in SHORT_FORMS:
        return SHORT_FORMS[path]
    whole = ATTRIBUTES + path
    return whole if any(path not in row and whole in row for row in rows) else path


def remarks(mappings: Mapping[str, str], rows: Sequence[Row], level: Granularity) -> list[str]:
    """Sentences about the variables that Arize AX reads otherwise than an engine, or not at all."""
    found: list[str] = []
    for name, path in mappings.items():
        shown = f"{as_word(name)} <- {as_word(path)}"
        if path in _OF_ENGINE or path.startswith(_EVENTS):
            found.append(
                f"Arize AX resolves paths of attributes alone, so {shown} has no value there; an engine has it."
            )
        elif reads_raw(name, path, rows):
            found.append(f"On Arize AX, {shown} is the value as it was sent; an engine reads the text of the messages.")
        if level == "TRACE" and SHORT_FORMS.get(name) == path:
            found.append(f"On Arize AX, {shown} joins the values of all spans of a trace; an engine reads the root's.")
    return found


def reads_raw(name: str, path: str, rows: Iterable[Row]) -> bool:
    """Whether a variable reads a raw value where its short form is the text of messages."""
    if SHORT_FORMS.get(name) != path:
        return False
    return any(row.get(path) is not None and resolve(row, name) != row[path] for row in rows)

"""The experiment that decided for a prompt's version, recorded as a label of the version.

In the contract, versions never change and have no metadata. Only their labels can be written later. A label is on one
version of its prompt, and so is the record of the experiment.
"""

import re
from collections.abc import Iterable, Sequence

from assaykit.names import Named

LONGEST = 255
"""Characters of a label."""

_RECORD = re.compile(r"experiment=(?P<id>\S+) (?P<name>.+)", re.DOTALL)
_ESCAPES = {"%": "%25", "/": "%2F"}
"""Labels are parts of URL paths, where a slash would end them."""


def record(experiment: Named) -> str:
    """The experiment as a label; a name that is too long is cut."""
    text = f"experiment={experiment.id} "
    for char in experiment.name:
        told = _ESCAPES.get(char, char)
        if len(text) + len(told) > LONGEST:
            break
        text += told
    return text


def recorded(labels: Iterable[str]) -> Named | None:
    """The experiment that the labels record; the last one if there are several."""
    found = [match for label in labels if (match := _RECORD.fullmatch(label))]
    if not found:
        return None
    name = found[-1]["name"]
    for char, told in reversed(_ESCAPES.items()):
        name = name.replace(told, char)
    return Named(id=found[-1]["id"], name=name)


def without_records(labels: Iterable[str]) -> list[str]:
    """The labels that record no experiment."""
    return [label for label in labels if not _RECORD.fullmatch(label)]


def records(labels: Sequence[str]) -> list[str]:
    """The labels that record an experiment."""
    return [label for label in labels if _RECORD.fullmatch(label)]

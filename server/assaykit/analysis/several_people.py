"""Labels of several people about one row: each person's under `<name> (<person>)`, and the label of most."""

from collections import Counter
from collections.abc import Mapping

SEEN = "[saw the verdict]"
"""The beginning of the note of a person who had the judge's verdict in sight."""


def of_each(name: str, labels: Mapping[str, str | None]) -> dict[str, str]:
    """The labels of single people, by the names of their annotations, for the annotation `name`."""
    return {key: label for key, label in labels.items() if label is not None and is_of_one(name, key)}


def is_of_one(name: str, annotation: str) -> bool:
    """Whether an annotation has the labels of one person for the annotation `name`."""
    return annotation.startswith(f"{name} (") and annotation.endswith(")")


def of_most(labels: Mapping[str, str]) -> str | None:
    """The label that most people gave; None if there is none, or if two labels have as many people."""
    first, *others = Counter(labels.values()).most_common(2) or [(None, 0)]
    return None if others and others[0][1] == first[1] else first[0]


def reason_of(name: str, notes: Mapping[str, str | None]) -> str | None:
    """The note of the annotation `name`, else those of single people, each after the person's name."""
    if name in notes:
        return notes[name]
    each = [f"{key[len(name) + 2 : -1]}: {note}" for key, note in notes.items() if note and is_of_one(name, key)]
    return "; ".join(each) or None


def saw_verdict(name: str, notes: Mapping[str, str | None]) -> bool:
    """Whether the label of the annotation `name` was given with the judge's verdict in sight.

    `notes` are those of all annotations. If single people gave the label, one of them is enough.
    """
    counted = [name] if name in notes else [key for key in notes if is_of_one(name, key)]
    return any((notes[key] or "").startswith(SEEN) for key in counted)

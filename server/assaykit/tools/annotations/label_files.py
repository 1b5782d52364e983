"""Labels of people, read from rows: an id, label, score or text, and who gave it.

Several people may label one item. Each person's labels are an annotation of their own, `<name> (<person>)`, because a
record has one annotation of a name, on Arize AX too. A later label of the same person replaces the earlier one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from assaykit.analysis.several_people import SEEN
from assaykit.errors import Invalid, quote
from assaykit.files.columns import label_of, score_of, text_of
from assaykit.files.rows import FileRow
from assaykit.spelling import folded
from assaykit.tools.annotations.evaluation_files import SPELLINGS, is_missing
from assaykit.wire.evaluators import Granularity

MOST_PEOPLE = 20
PERSON, SAW = "annotator", "saw_verdict"

_COLUMNS_SHOWN = 12
_PARTS: Final = ("label", "score", "text")
_IDS: Final = {"experiment": ("run_id", "id"), "dataset": ("example_id", "id")}
_YES, _NO = {"true", "yes", "1", "1.0"}, {"false", "no", "0", "0.0", ""}


class PersonsLabel(NamedTuple):
    """One person's answer about one item. `name` is that of the annotation, and `line` the row that has the answer."""

    key: str
    name: str
    parts: dict[str, Any]
    line: int


class LabelFile(NamedTuple):
    """The answers in some rows.

    `level` is the kind of the ids if they are of a project. `silent` counts rows without an answer, `repeated` answers
    that occur again, `seen` answers given with the verdict in sight, and `respelled` labels that got the spelling of
    the choices. `passed_over` are the ignored columns.
    """

    labels: list[PersonsLabel]
    level: Granularity
    people: list[str]
    silent: int
    repeated: int
    seen: int
    passed_over: list[str]
    respelled: int = 0

    @property
    def names(self) -> list[str]:
        """The names of the annotations, in order of appearance."""
        return list(dict.fromkeys(one.name for one in self.labels))

    @property
    def items(self) -> dict[str, list[PersonsLabel]]:
        """The answers by item."""
        found: dict[str, list[PersonsLabel]] = {}
        for one in self.labels:
            found.setdefault(one.key, []).append(one)
        return found


def labels_in(rows: Sequence[FileRow], name: str, place: str, file: str) -> LabelFile:
    """The answers in the rows of `file`. `place` is `experiment`, `dataset` or `project`.

    Raises:
        Invalid: there are no rows, no ids or no answers; a row has an answer and no id or no person; a cell has a wrong
            value; or one person gives one item two answers.
    """
    if not rows:
        raise Invalid(f"{quote(file)!r} holds no rows.", "Give one row for each item and person.")
    existing = list(dict.fromkeys(column for row in rows for column in row.values))
    level, ids = _ids(existing, place, file)
    columns = _columns(existing, name, file)
    kept: dict[tuple[str, str], PersonsLabel] = {}
    people: dict[str, str] = {}
    silent = repeated = seen = 0
    for row in rows:
        parts = {part: _cell(row, column, part, file) for part, column in columns.items() if _has(row, column)}
        if not parts:
            silent += 1
            continue
        saw = _saw(row, file)
        if saw:
            parts["text"] = f"{SEEN} {parts.get('text', '')}".strip()
        key = _word(row, ids, file)
        key = key if level == "SESSION" else key.strip()
        one = PersonsLabel(key, _named(row, name, people, existing, file), parts, row.line)
        before = kept.setdefault((one.name, one.key), one)
        if before.parts != one.parts:
            raise Invalid(
                f"Lines {before.line} and {one.line} of {quote(file)!r} give {quote(one.key, 60)!r} two answers of one "
                "person; nothing was stored.",
                "Keep one of the two rows, or tell several people apart in the column annotator.",
            )
        repeated += before is not one
        seen += saw and before is one
    if not kept:
        raise Invalid(f"No row of {quote(file)!r} holds a label, score or text.", "Fill in the column label.")
    used = {ids, PERSON, SAW, *columns.values()}
    passed_over = [column for column in existing if column not in used]
    return LabelFile(list(kept.values()), level, list(people.values()), silent, repeated, seen, passed_over)


def spelled(found: LabelFile, offered: Sequence[str], file: str) -> LabelFile:
    """The answers with each label as the choices spell it. Letter case and outer spaces do not count.

    Raises:
        Invalid: a label is not among the choices.
    """
    spelling = {folded(label): label for label in offered}
    labels: list[PersonsLabel] = []
    respelled = 0
    for one in found.labels:
        label = one.parts.get("label")
        if label is None:
            labels.append(one)
            continue
        known = label if label in offered else spelling.get(folded(label))
        if known is None:
            shown = ", ".join(repr(quote(choice, 40)) for choice in offered[:_COLUMNS_SHOWN])
            raise Invalid(
                f"Line {one.line} of {quote(file)!r} has the label {quote(label, 60)!r}, which is not offered; "
                "nothing was stored.",
                f"Give one of {shown}.",
            )
        respelled += known != label
        labels.append(one._replace(parts={**one.parts, "label": known}))
    return found._replace(labels=labels, respelled=respelled)


def _ids(existing: Sequence[str], place: str, file: str) -> tuple[Granularity, str]:
    of_spans: dict[Granularity, Sequence[str]] = {**SPELLINGS, "SPAN": (*SPELLINGS["SPAN"], "id")}
    options: Mapping[Granularity, Sequence[str]] = {"SPAN": _IDS[place]} if place in _IDS else of_spans
    for level, spellings in options.items():
        for column in spellings:
            if column in existing:
                return level, column
    asked = " or ".join(spellings[0] for spellings in options.values())
    raise Invalid(f"{quote(file)!r} has no column of ids; it has {_shown(existing)}.", f"Name it {asked}.")


def _columns(existing: Sequence[str], name: str, file: str) -> dict[str, str]:
    """The column of each part: the contract's `annotation.<name>.<part>`, else the part's own name, or `note`."""
    found: dict[str, str] = {}
    for part in _PARTS:
        spellings = (f"annotation.{name}.{part}", part, *(("note",) if part == "text" else ()))
        there = [column for column in spellings if column in existing]
        if there:
            found[part] = there[0]
    if not found:
        raise Invalid(
            f"{quote(file)!r} has no column label, score or text; it has {_shown(existing)}.",
            "Name the column of the labels label.",
        )
    return found


def _named(row: FileRow, name: str, people: dict[str, str], existing: Sequence[str], file: str) -> str:
    if PERSON not in existing:
        return name
    person = " ".join(_word(row, PERSON, file).split())
    person = people.setdefault(folded(person), person)
    if len(people) > MOST_PEOPLE:
        raise Invalid(
            f"{quote(file)!r} names more than {MOST_PEOPLE} people in {PERSON}.", "Give the labels of fewer people."
        )
    return f"{name} ({person})"


def _word(row: FileRow, column: str, file: str) -> str:
    value = row.values.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and not is_missing(value):
        return value
    raise Invalid(
        f"Line {row.line} of {quote(file)!r} has an answer and no text in {quote(column, 60)!r}; nothing was stored.",
        "Fill the cell in, or leave the row out.",
    )


def _saw(row: FileRow, file: str) -> bool:
    value = row.values.get(SAW)
    word = "" if is_missing(value) else str(value).strip().lower()
    if word not in _YES | _NO:
        raise Invalid(
            f"Line {row.line} of {quote(file)!r} has {quote(word, 40)!r} in {SAW}.", "Give true or false, or nothing."
        )
    return word in _YES


def _has(row: FileRow, column: str) -> bool:
    return not is_missing(row.values.get(column))


def _cell(row: FileRow, column: str, part: str, file: str) -> Any:
    value = row.values[column]
    match part:
        case "score":
            return score_of(value, row.line, column, file)
        case "label":
            return label_of(value, row.line, column, file).strip()
        case _:
            return text_of(value)


def _shown(existing: Sequence[str]) -> str:
    more = len(existing) - _COLUMNS_SHOWN
    listed = ", ".join(repr(quote(column, 60)) for column in existing[:_COLUMNS_SHOWN])
    return f"{listed} and {more} more" if more > 0 else listed

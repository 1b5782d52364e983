"""The records of a queue as a person labels them: whose label an item has, its texts, and the call that labels it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from assaykit.analysis.several_people import is_of_one
from assaykit.column_paths import resolve
from assaykit.foreign import as_word
from assaykit.spelling import folded
from assaykit.tools.annotations.queue_items import QueueLevel
from assaykit.tools.runs.why_nothing_scored import window_between
from assaykit.wire.annotation_queues import AnnotationQueueRecord
from assaykit.wire.spans import Annotation, Evaluation

ITEM_LIMIT = 5_000
"""Characters of the texts of one item."""

FEWEST_OF_TEXT = 200
_ABOUT = {"id", "example_id", "created_at", "updated_at", "annotations", "sample_seed", "sample_method"}
_ID_COLUMNS: Mapping[QueueLevel, str] = {
    "SPAN": "context.span_id", "TRACE": "context.trace_id", "SESSION": "attributes.session.id", "EXAMPLE": "id",
    "RUN": "id",
}  # fmt: skip
ID_NAMES: Mapping[QueueLevel, str] = {
    "SPAN": "span_id", "TRACE": "trace_id", "SESSION": "session_id", "EXAMPLE": "example_id", "RUN": "run_id",
}  # fmt: skip
"""The column of ids that `annotate` takes."""

_USUAL_AGE: Mapping[QueueLevel, timedelta] = {"SESSION": timedelta(days=7)}
_WIDEST = timedelta(days=31)


class QueueProgress(NamedTuple):
    """The records of a queue. `left` have no label of the person yet; `gone` are deleted items.

    `by_person` counts the labels of each person, "" those of nobody named.
    """

    records: int
    done: int
    gone: int
    left: Sequence[AnnotationQueueRecord]
    by_person: Mapping[str, int]


def level_of(record: AnnotationQueueRecord) -> QueueLevel:
    """The level of a record: its granularity, or that of a dataset or experiment."""
    match record.source_type:
        case "DATASET":
            return "EXAMPLE"
        case "EXPERIMENT":
            return "RUN"
        case _:
            return record.granularity or "SPAN"


def progress(records: Iterable[AnnotationQueueRecord], label: str, person: str | None) -> QueueProgress:
    """How far the labels of a person are, or of anybody if `person` is None."""
    left: list[AnnotationQueueRecord] = []
    count = done = gone = 0
    by_person: dict[str, int] = {}
    for record in records:
        count += 1
        people = {_person(one, label) for one in _said(record) if one.name == label or is_of_one(label, one.name)}
        for one in people:
            by_person[one] = by_person.get(one, 0) + 1
        if people and (person is None or folded(person) in {folded(one) for one in people}):
            done += 1
        elif record.data is None:
            gone += 1
        else:
            left.append(record)
    return QueueProgress(count, done, gone, left, by_person)


def _said(record: AnnotationQueueRecord) -> Sequence[Annotation]:
    match record.granularity:
        case "TRACE":
            return record.trace_annotations
        case "SESSION":
            return record.session_annotations
        case _:
            return record.annotations


def _person(one: Annotation, label: str) -> str:
    """The person of an annotation: in its name, as `annotate` writes it, else as Arize AX tells it."""
    if one.name != label:
        return one.name[len(label) + 2 : -1]
    return (one.annotator.email if one.annotator is not None else None) or ""


def id_of(record: AnnotationQueueRecord) -> str:
    """The id that `annotate` takes for the item of a record."""
    value = (record.data or {}).get(_ID_COLUMNS[level_of(record)])
    return value if isinstance(value, str) else record.id


def line_of(record: AnnotationQueueRecord, *, has_verdicts: bool) -> str:
    """The item as a row of foreign text: its id, its texts, and its verdicts if the person may see them."""
    texts = texts_of(record)
    room = max(FEWEST_OF_TEXT, ITEM_LIMIT // max(1, len(texts)))
    lines = [f"{ID_NAMES[level_of(record)]}: {id_of(record)}"]
    lines += [f"  {name}: {_cut(text, room)}" for name, text in texts.items()]
    if has_verdicts:
        lines += [f"  verdict of {_verdict(one)}" for one in record.evaluations]
    return "\n".join(lines)


def texts_of(record: AnnotationQueueRecord) -> dict[str, str]:
    """The texts to label: name, input and output of a span, else every column of the item."""
    data = record.data or {}
    if level_of(record) in {"EXAMPLE", "RUN"}:
        shown: dict[str, Any] = {key: value for key, value in data.items() if key not in _ABOUT}
    else:
        shown = {key: resolve(data, key) for key in ("name", "input", "output")}
        if shown["input"] is None and shown["output"] is None:
            shown |= {key: value for key, value in data.items() if key.startswith("attributes.")}
    return {key: value if isinstance(value, str) else str(value) for key, value in shown.items() if value is not None}


def _verdict(one: Evaluation) -> str:
    said = [str(part) for part in (one.label, one.score) if part is not None]
    because = f": {_cut(one.explanation, FEWEST_OF_TEXT)}" if one.explanation else ""
    return f"{as_word(one.name)}: {', '.join(said) or 'none'}{because}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]}… ({len(text) - room} more characters)"


def window_for(records: Sequence[AnnotationQueueRecord], now: datetime) -> str | None:
    """The window that `annotate` needs for these items; None if its usual one has them."""
    starts = [_start(one) for one in records]
    known = [one for one in starts if one is not None]
    if not known:
        return None
    usual = min(_USUAL_AGE.get(level_of(one), _WIDEST) for one in records)
    if now - min(known) < usual - timedelta(days=1):
        return None
    return window_between(min(known), min(max(known), min(known) + usual) + timedelta(seconds=1))


def _start(record: AnnotationQueueRecord) -> datetime | None:
    told = (record.data or {}).get("start_time")
    try:
        return datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None

"""Queues of items that people label: a queue is made once, and then hands out the items that lack a person's label."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import AssayError, Conflict, Invalid, NotFound, Unsupported
from assaykit.foreign import as_word, exactly
from assaykit.names import Named
from assaykit.planning.periods import Period, parse
from assaykit.session import Session
from assaykit.spelling import folded
from assaykit.toolkit.replies import Reply, fitting, quoted
from assaykit.tools.annotations.places import config_of, config_of_anybody
from assaykit.tools.annotations.queue_items import QueueLevel, QueueSource, candidates
from assaykit.tools.annotations.queue_records import (
    ID_NAMES,
    QueueProgress,
    id_of,
    level_of,
    line_of,
    progress,
    texts_of,
    window_for,
)
from assaykit.tools.annotations.queue_samples import QueueSample, QueueWish, drawn
from assaykit.wire import ids
from assaykit.wire.annotation_queues import (
    SESSIONS_PER_QUEUE_REQUEST,
    AnnotationQueue,
    AnnotationQueuePage,
    AnnotationQueueRecord,
    AnnotationQueueRecordPage,
    CreateAnnotationQueueRequest,
    ExampleRecordsInput,
    QueueRecordsInput,
    RunRecordsInput,
    SessionRecordsInput,
    SpanRecordsInput,
    TraceRecordsInput,
)
from assaykit.wire.bodies import composed
from assaykit.wire.evaluators import Granularity

RECORDS_PER_PAGE = 50
ITEMS_SHOWN = 5
USUAL_WINDOW = "last 7 days"
AX_RANGE = timedelta(days=7)
"""The longest range of time of one source of records. Source: AX, `record_sources`."""

PEOPLE_SHOWN = 5
LONGEST_NAME = 255

ANYBODY = "anybody"
"""The annotator of a queue of an engine for which nobody is named, because the contract wants one."""

_TICK = timedelta(seconds=1)


class QueueRequest(NamedTuple):
    """The arguments of `label_queue` that make a queue."""

    label: str | None
    project: str | None
    experiment: str | None
    dataset: str | None
    filter: str | None
    window: str | None
    level: Granularity | None
    wish: QueueWish


class QueueMemo(BaseModel):
    """The last line of a queue's instructions: what is labelled where, and how the items were drawn."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    label: str
    level: QueueLevel
    source: str
    filter: str | None = None
    by: list[str] = []
    n: int
    seed: int = 0


def refuse_name(what: str, text: str | None) -> None:
    """Refuse a name that is blank or too long; None is no name.

    Raises:
        Invalid: the name cannot be.
    """
    if text is not None and (not text.strip() or len(text) > LONGEST_NAME):
        raise Invalid(f"{what} is blank, or longer than {LONGEST_NAME} characters.", "Pass a short name.")


async def queue_of(here: Session, within: Named, name: str) -> AnnotationQueue | None:
    """The queue of this id or name, if the space has one. A name of the same letter case comes first."""
    if ids.kind_of(name) is not None:
        named = await here.names.annotation_queue(name, within)
        return await here.api.get(path("v2", "annotation-queues", named.id), AnnotationQueue)
    every = rows(here.api, "/v2/annotation-queues", AnnotationQueuePage, {"space_id": within.id, "name": name})
    found = [queue async for queue in every if folded(queue.name) == folded(name)]
    exact = [queue for queue in found if queue.name == composed(name)]
    return next(iter(exact or found), None)


async def made(
    here: Session, within: Named, name: str, asked: QueueRequest, person: str | None
) -> tuple[AnnotationQueue, str]:
    """Make a queue; return it with a sentence about it. The label needs no annotation config before its first use.

    Raises:
        NotFound: no queue has the name, and no label says that one is wanted.
        Invalid: the source or the sample cannot be, or Arize AX lacks the person or the annotation config.
        Unsupported: the backend has no such queues.
    """
    if asked.label is None:
        raise await _unknown(here, within, name)
    for what, text in (("queue", name), ("label", asked.label)):
        refuse_name(what, text)
    on_engine = await here.api.has_engine_routes()
    if asked.experiment is not None and not on_engine:
        raise Unsupported(
            "Arize AX has no queues of an experiment's runs.",
            "Make a queue of its dataset, or label runs with annotate(experiment=...).",
        )
    if not on_engine and (person is None or "@" not in person):
        raise Invalid("Arize AX gives a queue to people by e-mail.", "Pass person='name@example.com', a user there.")
    source = await _source(here, within, asked)
    nouns = f"{source.level.lower()}s"
    sample = drawn(await candidates(here, source, asked.wish.path), asked.wish, nouns)
    records = _records(source, sample, on_engine=on_engine)
    config = await config_of(here, asked.label, within)
    if config is None and not on_engine:
        raise Invalid(
            f"Arize AX has no annotation config {exactly(asked.label)} yet, and a queue there needs one.",
            "Label one item with annotate(name=..., choices={...}) first.",
        )
    told = f"{sample.told} of {source.argument} {exactly(source.named.name)}"
    memo = QueueMemo(
        label=asked.label, level=source.level, source=source.named.id, filter=source.filter,
        by=list(asked.wish.by), n=len(sample.items), seed=asked.wish.seed,
    )  # fmt: skip
    body = CreateAnnotationQueueRequest(
        name=name,
        space_id=within.id,
        instructions=f"Label {as_word(asked.label)}: {told}.\n{memo.model_dump_json(exclude_defaults=True)}",
        annotation_config_ids=[] if config is None else [config.id],
        annotator_emails=[person or ANYBODY],
        record_sources=[records],
    )
    queue = await here.api.post("/v2/annotation-queues", AnnotationQueue, body)
    return queue, f"Made queue {exactly(name)} with {told}."


async def _unknown(here: Session, within: Named, name: str) -> AssayError:
    """The error that there is no such queue, with the arguments that would make it."""
    step = "Pass label, and project, dataset or experiment, to make it."
    try:
        await here.names.annotation_queue(name, within)
    except NotFound as error:
        return NotFound(error.message, f"{error.next} {step}".strip())
    return NotFound(f"There is no queue {exactly(name)}.", step)


async def _source(here: Session, within: Named, asked: QueueRequest) -> QueueSource:
    given = {"project": asked.project, "experiment": asked.experiment, "dataset": asked.dataset}
    named = [noun for noun, value in given.items() if value is not None]
    if len(named) > 1:
        raise Invalid(f"{' and '.join(named)} were given; a queue has one source.", "Pass one of them.")
    if named in (["experiment"], ["dataset"]):
        if asked.filter is not None or asked.window is not None or asked.level is not None:
            raise Invalid("filter, window and level belong to a project.", "Leave them out.")
        if named == ["experiment"]:
            return QueueSource("RUN", await here.names.experiment(asked.experiment, within))
        return QueueSource("EXAMPLE", await here.names.dataset(asked.dataset, within))
    period = parse(asked.window or USUAL_WINDOW, here.now())
    return QueueSource(asked.level or "SPAN", await here.names.project(asked.project, within), period, asked.filter)


def _records(source: QueueSource, sample: QueueSample, *, on_engine: bool) -> QueueRecordsInput:
    keys = [one.key for one in sample.items]
    match source.level:
        case "EXAMPLE":
            return ExampleRecordsInput(record_type="EXAMPLE", dataset_id=source.named.id, example_ids=keys)
        case "RUN":
            return RunRecordsInput(record_type="RUN", experiment_id=source.named.id, run_ids=keys)
        case level:
            return _of_spans(source, level, sample, on_engine=on_engine)


def _of_spans(source: QueueSource, level: Granularity, sample: QueueSample, *, on_engine: bool) -> QueueRecordsInput:
    keys = [one.key for one in sample.items]
    if level == "SESSION" and len(keys) > SESSIONS_PER_QUEUE_REQUEST:
        raise Invalid(
            f"A queue takes {SESSIONS_PER_QUEUE_REQUEST} sessions, not {len(keys)}.",
            f"Pass n of at most {SESSIONS_PER_QUEUE_REQUEST}.",
        )
    start = min(one.first for one in sample.items if one.first is not None)
    end = max(one.last for one in sample.items if one.last is not None) + _TICK
    if end - start > AX_RANGE and not on_engine:
        raise Invalid(
            f"The items lie {Period(start, end).told}; a queue of Arize AX takes 7 days.", "Pass a window of 7 days."
        )
    place: dict[str, Any] = {"project_id": source.named.id, "start_time": start, "end_time": end}
    if level == "SPAN":
        return SpanRecordsInput(record_type="SPAN", span_ids=keys, **place)
    if level == "TRACE":
        return TraceRecordsInput(record_type="TRACE", trace_ids=keys, **place)
    return SessionRecordsInput(record_type="SESSION", session_ids=keys, **place)


def refuse_other(queue: AnnotationQueue, asked: QueueRequest, source: str | None) -> None:
    """Refuse arguments that differ from those that an existing queue was made with. `source` is an id.

    Raises:
        Conflict: an argument differs.
    """
    memo = memo_of(queue)
    wish = asked.wish
    pairs: dict[str, tuple[Any, Any]] = {
        "label": (asked.label, label_of(queue)),
        "source": (source, memo and memo.source),
        "level": (asked.level, memo and memo.level),
        "filter": (asked.filter, memo and memo.filter),
        "by": (list(wish.by) or None, memo and memo.by),
        "n": (wish.size, memo and memo.n),
        "seed": (wish.seed or None, memo and memo.seed),
    }
    other = [name for name, (wanted, there) in pairs.items() if wanted is not None and wanted != there]
    if other:
        raise Conflict(
            f"Queue {exactly(queue.name)} exists already with another {' and '.join(other)}.",
            f"Pass queue={quoted(queue.name)} without the arguments of the sample to go on with it, or another name.",
        )


def memo_of(queue: AnnotationQueue) -> QueueMemo | None:
    """The memo in a queue's instructions; None if another client made the queue."""
    try:
        return QueueMemo.model_validate(json.loads((queue.instructions or "").rpartition("\n")[2]))
    except (ValueError, ValidationError):
        return None


def label_of(queue: AnnotationQueue) -> str:
    """The name of the annotation that the items of a queue get."""
    memo = memo_of(queue)
    if memo is not None:
        return memo.label
    return queue.annotation_configs[0].name if queue.annotation_configs else queue.name


async def asked_source(here: Session, within: Named, asked: QueueRequest) -> str | None:
    """The id of the project, dataset or experiment that a call names; None if it names none."""
    if asked.experiment is not None:
        return (await here.names.experiment(asked.experiment, within)).id
    if asked.dataset is not None:
        return (await here.names.dataset(asked.dataset, within)).id
    return None if asked.project is None else (await here.names.project(asked.project, within)).id


async def next_items(
    here: Session,
    within: Named,
    queue: AnnotationQueue,
    person: str | None,
    *,
    show_verdicts: bool,
    before: str = "",
) -> Reply:
    """The next items of a queue without a label of this person, and how far the labels are."""
    at, label = path("v2", "annotation-queues", queue.id, "records"), label_of(queue)
    every = rows(here.api, at, AnnotationQueueRecordPage, limit=RECORDS_PER_PAGE)
    state = progress([one async for one in every], label, person)
    some = state.left[:ITEMS_SHOWN]
    lines = [line_of(one, has_verdicts=show_verdicts) for one in some]
    some = some[: fitting(lines)]
    data: dict[str, Any] = {
        **here.source(within),
        "queue": {"id": queue.id, "name": queue.name},
        "label": label,
        "person": person,
        "records": state.records,
        "done": state.done,
        "left": len(state.left),
        "deleted": state.gone,
        "labelled_by": dict(state.by_person),
        "verdicts_shown": show_verdicts,
        "items": [_told_item(one, show_verdicts=show_verdicts) for one in some],
    }
    head = [before] if before else []
    head.append(_state(queue.name, label, person, state))
    if not some:
        last = f"Next: calibrate_judge(judge=..., truth={exactly(label)}) holds a judge against these labels."
        return Reply(" ".join(head), data, (), last)
    head.append(f"The next {len(some)}{'' if show_verdicts else ', without verdicts'}:")
    after = await _after(here, within, queue, some, person, show_verdicts=show_verdicts)
    return Reply(" ".join(head), data, lines[: len(some)], after)


def _told_item(record: AnnotationQueueRecord, *, show_verdicts: bool) -> dict[str, Any]:
    told: dict[str, Any] = {ID_NAMES[level_of(record)]: id_of(record), "texts": texts_of(record)}
    if show_verdicts:
        told["evaluations"] = [one.model_dump(mode="json", exclude_none=True) for one in record.evaluations]
    return told


def _state(name: str, label: str, person: str | None, state: QueueProgress) -> str:
    by = "" if person is None else f" by {exactly(person)}"
    told = f"Queue {exactly(name)}: {state.done} of {state.records} labelled as {exactly(label)}{by}"
    told += f", {len(state.left)} left"
    if state.gone:
        told += f", {state.gone} deleted since"
    others = [f"{exactly(one)} {count}" for one, count in state.by_person.items() if one and one != person]
    shown = ", ".join(others[:PEOPLE_SHOWN])
    return f"{told}. Others: {shown}." if others else f"{told}."


async def _after(
    here: Session,
    within: Named,
    queue: AnnotationQueue,
    some: Sequence[AnnotationQueueRecord],
    person: str | None,
    *,
    show_verdicts: bool,
) -> str:
    """The call that labels the shown items, and the one that shows the following."""
    level = level_of(some[0])
    row = f"'{ID_NAMES[level]}': {exactly(id_of(some[0]))}, 'label': '...'"
    row += "" if person is None else f", 'annotator': {exactly(person)}"
    row += ", 'saw_verdict': True" if show_verdicts else ""
    place = await _place(here, within, queue, level)
    choices = ""
    if await config_of_anybody(here, label_of(queue), within) is None:
        choices = ", choices={'good': 1, 'bad': 0}"
    window = window_for(some, here.now()) if level not in {"EXAMPLE", "RUN"} else None
    given = f"name={exactly(label_of(queue))}{place}{choices}, rows=[{{{row}}}, ...]"
    given += "" if window is None else f", window={exactly(window)}"
    again = f"queue={exactly(queue.name)}" + ("" if person is None else f", person={exactly(person)}")
    seen = "" if show_verdicts else " Show the user no verdict before the label, or pass saw_verdict=true in its row."
    return f"Next: annotate({given}) with a row for each; then label_queue({again}) shows the following.{seen}"


async def _place(here: Session, within: Named, queue: AnnotationQueue, level: QueueLevel) -> str:
    """The argument of `annotate` that names the source of a queue; nothing if another client made the queue."""
    memo = memo_of(queue)
    if memo is None:
        return ""
    try:
        if level == "RUN":
            return f", experiment={exactly((await here.names.experiment(memo.source, within)).name)}"
        if level == "EXAMPLE":
            return f", dataset={exactly((await here.names.dataset(memo.source, within)).name)}"
        return f", project={exactly((await here.names.project(memo.source, within)).name)}"
    except NotFound:  # deleted since
        return ""

"""Annotations of many items by several people, from a file or from rows: all or nothing."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread

from assaykit.errors import AssayError, Invalid, quote
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow, too_many_rows
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.annotations.label_files import LabelFile, labels_in, spelled
from assaykit.tools.annotations.places import (
    after_labels,
    config_of,
    config_of_anybody,
    new_config,
    place_of,
    refuse_misfit,
    told_of_place,
)
from assaykit.wire.annotations import (
    RECORDS_PER_REQUEST,
    SESSIONS_PER_REQUEST,
    AnnotateRecordInput,
    AnnotationConfig,
    AnnotationInput,
    CreateAnnotationConfigRequest,
)

MOST_LABELS = 20_000
"""Rows of one file of labels. One write takes 1,000 items, each with the labels of up to 20 people."""

_COLUMNS_SHOWN = 12


async def annotate_rows(
    here: Session,
    within: Named,
    name: str,
    given: tuple[str | None, Sequence[dict[str, Any]]],
    named: Mapping[str, str | None],
    choices: Mapping[str, float | None] | None,
    score_range: list[float] | None,
    window: str | None,
) -> Reply:
    """Write the answers in a file or in rows in one request, under one name or one for each person.

    Raises:
        Invalid: the rows cannot be read, or an answer is not among those offered. Nothing is written then.
        NotFound: an id does not exist. Nothing is written then.
    """
    file, rows = given
    source = file or "rows"
    where = next((place for place in ("experiment", "dataset") if named[place] is not None), "project")
    look = functools.partial(_looked_through, file, rows, name, where, Folders(here.settings.folders))
    found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
    there = {one: await config_of(here, one, within) for one in dict.fromkeys([name, *found.names])}
    if not any(there.values()):
        there[name] = await config_of_anybody(here, name, within)
    found, new = _offered(found, there, choices, score_range, within, source)
    records = [
        AnnotateRecordInput(record_id=key, values=[AnnotationInput(name=one.name, **one.parts) for one in some])
        for key, some in found.items.items()
    ]
    most = SESSIONS_PER_REQUEST if found.level == "SESSION" else RECORDS_PER_REQUEST
    if len(records) > most:
        raise Invalid(f"{quote(source)!r} labels {len(records):,} items; a write takes {most:,}.", "Split it.")
    place = await place_of(here, within, records, named, window, found.level)
    made: dict[str, AnnotationConfig] = {}
    try:
        for one in new:
            made[one.name] = await here.api.post("/v2/annotation-configs", AnnotationConfig, one)
        await here.api.send(place.at, place.body)
    except AssayError as error:
        for config in made.values():
            await take_back(here, "annotation-configs", config.id, config.name, error)
        raise told_of_place(error, place) from error
    counts = {one: sum(label.name == one for label in found.labels) for one in found.names}
    data = {
        **here.source(within),
        "place": place.named.name,
        "items": len(records),
        "annotations": counts,
        "configs_created": [one.name for one in new],
        "labelled_by_several": sum(len(some) > 1 for some in found.items.values()),
        "saw_verdict": found.seen,
        "rows_without_label": found.silent,
        "repeated": found.repeated,
        "respelled": found.respelled,
        "passed_over": found.passed_over,
    }
    told = _told(found, f"{place.noun}(s) of {exactly(place.named.name)}", len(records), counts, new)
    has_labels = any(one.parts.keys() & {"label", "score"} for one in found.labels)
    return Reply(told, data, after=after_labels(name, place, has_labels=has_labels))


def _looked_through(
    file: str | None, given: Sequence[dict[str, Any]], name: str, where: str, folders: Folders
) -> LabelFile:
    if file is not None:
        return labels_in(
            list(read_rows(file, folders, max_rows=MOST_LABELS, nan_is_null=True, own_names=True)), name, where, file
        )
    if len(given) > MOST_LABELS:
        raise too_many_rows("rows", MOST_LABELS)
    return labels_in([FileRow(line, values) for line, values in enumerate(given, start=1)], name, where, "rows")


def _offered(
    found: LabelFile,
    there: Mapping[str, AnnotationConfig | None],
    choices: Mapping[str, float | None] | None,
    score_range: list[float] | None,
    within: Named,
    source: str,
) -> tuple[LabelFile, list[CreateAnnotationConfigRequest]]:
    """The answers as their configs spell them, and the configs to create.

    A new person's config offers what the config of the name, or that of another person, offers.
    """
    known = next((config for config in there.values() if config is not None), None)
    if known is not None and known.values:
        offered: dict[str, float | None] = {value.label: value.score for value in known.values}
    else:
        offered = dict(choices or {})
    if offered:
        found = spelled(found, list(offered), source)
    if known is not None and choices is None:
        choices = offered or None
    new: dict[str, CreateAnnotationConfigRequest] = {}
    for one in found.labels:
        said, config = AnnotationInput(name=one.name, **one.parts), there[one.name]
        own = choices if said.label is not None else None
        try:
            if config is not None:
                refuse_misfit(config, said, own, score_range)
                continue
            made = new_config(one.name, within, said, own, score_range)
        except Invalid as error:
            raise Invalid(f"Line {one.line} of {quote(source)!r}: {error.message}", error.next) from error
        if new.setdefault(one.name, made).annotation_config_type != made.annotation_config_type:
            raise Invalid(
                f"Line {one.line} of {quote(source)!r} has a label, and an earlier line has none, or the reverse.",
                "Give all rows a label, or none.",
            )
    return found, list(new.values())


def _told(
    found: LabelFile,
    what: str,
    items: int,
    counts: Mapping[str, int],
    new: Sequence[CreateAnnotationConfigRequest],
) -> str:
    each = ", ".join(f"{quoted(one)}: {count}" for one, count in counts.items())
    lines = [f"Annotated {items} {what}. {each}."]
    if new:
        lines.append(f"Created {len(new)} annotation config(s).")
    for count, told in (
        (found.seen, "answer(s) were given with the verdict in sight; their notes say so."),
        (found.respelled, "label(s) got the spelling of the choices."),
        (found.silent, "row(s) have no label and are left out."),
        (found.repeated, "answer(s) occur more than once."),
    ):
        if count:
            lines.append(f"{count} {told}")
    if found.passed_over:
        lines.append(f"Ignored: {', '.join(quoted(column, 60) for column in found.passed_over[:_COLUMNS_SHOWN])}.")
    return " ".join(lines)

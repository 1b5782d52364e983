"""Toolset annotations: annotations by people on spans, runs and examples, and verdicts computed elsewhere."""

import functools
from collections.abc import Sequence
from typing import Annotated, Any

import anyio.to_thread
from pydantic import Field

from assaykit.api.batches import batches
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow, too_many_rows
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.parameters import File, Here, PeriodText, ProjectName, SpaceName
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.annotations.evaluation_files import Found, verdicts_in
from assaykit.tools.annotations.labelling import annotate_rows
from assaykit.tools.annotations.places import (
    after_labels,
    config_of,
    new_config,
    offers,
    place_of,
    refuse_misfit,
    told_of_place,
)
from assaykit.tools.annotations.queue_samples import QueueWish
from assaykit.tools.annotations.queues import (
    QueueRequest,
    asked_source,
    made,
    next_items,
    queue_of,
    refuse_name,
    refuse_other,
)
from assaykit.wire.annotations import (
    RECORDS_PER_REQUEST,
    AnnotateRecordInput,
    AnnotationConfig,
    AnnotationInput,
)
from assaykit.wire.evaluators import Granularity
from assaykit.wire.local import EvaluationInput, LogEvaluationsRequest, LoggedEvaluations

SHOWN = 5
COLUMNS_SHOWN = 12
MOST_ROWS = 100_000
"""Rows of one upload of verdicts."""

Number = Annotated[float, Field(allow_inf_nan=False)]


@tool("change")
async def annotate(
    here: Here,
    name: str,
    targets: Annotated[list[str] | None, Field(min_length=1, max_length=RECORDS_PER_REQUEST)] = None,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    label: str | None = None,
    score: Number | None = None,
    text: str | None = None,
    project: ProjectName = None,
    experiment: str | None = None,
    dataset: str | None = None,
    choices: Annotated[dict[str, Number] | None, Field(description="{label: score}, all a new name offers")] = None,
    score_range: Annotated[list[Number] | None, Field(description="[0, 1]")] = None,
    window: PeriodText = None,
    space: SpaceName = None,
) -> Reply:
    """Record people's labels, scores or notes on spans, runs or examples, for targets or by row.

    Columns: id, label, score, text, annotator, saw_verdict.

    Source: REST v2 `POST /v2/spans/annotate`, `POST /v2/experiments/{id}/runs/annotate`,
    `POST /v2/datasets/{id}/examples/annotate`, `POST /v2/annotation-configs`.
    Raises: Invalid, NotFound.
    """
    named = {"project": project, "experiment": experiment, "dataset": dataset}
    if targets is None or file is not None or rows is not None:
        if sum(one is not None for one in (targets, file, rows, label, score, text)) != 1 or (
            file is None and rows is None
        ):
            raise Invalid(
                "Annotations come from targets with label, score or text, or from exactly one of file and rows.",
                "Pass targets and label, or file, or rows.",
            )
        within = await here.space(space)
        return await annotate_rows(here, within, name, (file, rows or []), named, choices, score_range, window)
    if label is None and score is None and text is None:
        raise Invalid("There is nothing to record.", "Pass label, score or text.")
    within = await here.space(space)
    wanted = list(dict.fromkeys(targets))
    said = AnnotationInput(**_given(name=name, label=label, score=score, text=text))
    records = [AnnotateRecordInput(record_id=target, values=[said]) for target in wanted]
    place = await place_of(here, within, records, named, window)
    config = await config_of(here, name, within)
    new = None
    if config is None:
        new = new_config(name, within, said, choices, score_range)
        config = await here.api.post("/v2/annotation-configs", AnnotationConfig, new)
    else:
        refuse_misfit(config, said, choices, score_range)
    try:
        await here.api.send(place.at, place.body)
    except AssayError as error:
        if new is not None:
            await take_back(here, "annotation-configs", config.id, name, error)
        raise told_of_place(error, place) from error
    what = ", ".join(f"{part} {exactly(value)}" for part, value in _given(label=label, score=score, text=text).items())
    created = f"Created annotation config {exactly(name)} ({offers(config)}). " if new is not None else ""
    return Reply(
        f"{created}Annotated {len(wanted)} {place.noun}(s) of {exactly(place.named.name)} as {exactly(name)}: {what}.",
        {
            **here.source(within),
            "annotation_config": {"id": config.id, "name": name, "type": config.type, "created": new is not None},
            place.noun.replace(" ", "_") + "s": wanted,
            **_given(label=label, score=score, text=text),
        },
        after=after_labels(name, place, has_labels=label is not None or score is not None),
    )


@tool("add")
async def label_queue(
    here: Here,
    queue: str,
    label: str | None = None,
    project: ProjectName = None,
    experiment: str | None = None,
    dataset: str | None = None,
    filter: str | None = None,  # noqa: A002  (AX's word for it)
    window: PeriodText = None,
    level: Granularity | None = None,
    by: list[str] | None = None,
    n: int | None = None,
    seed: int = 0,
    person: str | None = None,
    show_verdicts: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Make a queue of items to label, or show its next for person.

    by: a path, a judge (each verdict), or two (where they differ).

    Source: REST v2 `POST /v2/annotation-queues`, `GET /v2/annotation-queues/{id}/records`.
    Raises: Invalid, NotFound, Conflict, Unsupported.
    """
    refuse_name("person", person)
    within = await here.space(space)
    wish = QueueWish(by or (), n, seed)
    asked = QueueRequest(label, project, experiment, dataset, filter, window, level, wish)
    there = await queue_of(here, within, queue)
    before = ""
    if there is None:
        there, before = await made(here, within, queue, asked, person)
    else:
        refuse_other(there, asked, await asked_source(here, within, asked))
    return await next_items(here, within, there, person, show_verdicts=show_verdicts, before=before)


@tool("change")
async def log_evaluations(
    here: Here,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    project: ProjectName = None,
    name: Annotated[str | None, Field(description="Evaluator of columns label, score, explanation")] = None,
    skip_unmatched: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Write verdicts computed elsewhere to spans, traces or sessions: all or nothing.

    Columns: context.span_id, context.trace_id or attributes.session.id, and eval.<name>.label, .score, .explanation;
    trace_eval., session_eval. alike. search_spans(save_to=) writes such files.

    Source: on the engine `POST /x/evaluations`; AX has Flight for it.
    Raises: Invalid, NotFound, Unsupported.
    """
    if not await here.api.has_engine_routes():
        raise Unsupported(
            "Arize AX has no REST route that writes evaluations to spans; it takes them over Arrow Flight.",
            "Use its SDK: ArizeClient(...).spans.update_evaluations(space_id=..., project_name=..., dataframe=...).",
        )
    if (file is None) == (rows is None):
        raise Invalid("Evaluations come from exactly one of file and rows.", "Pass one of them.")
    within = await here.space(space)
    target = await here.names.project(project, within)
    folders = Folders(here.settings.folders)
    look = functools.partial(_looked_through, file, rows or [], name, folders)
    found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
    logged = await _write(here, target, found, skip_unmatched=skip_unmatched)
    counts = _counts(found)
    facts = {
        "project": target.name,
        "evaluations": {"new": logged.new, "replaced": logged.replaced, "unchanged": logged.unchanged},
        "evaluators": counts,
        "unmatched": {"ids": logged.unmatched, "examples": logged.unmatched_ids},
        "columns": {**{column: f"{by.lower()} id" for by, column in found.ids.items()}, **found.columns},
        "passed_over": found.passed_over,
        "rows_without_verdict": found.silent,
        "repeated": found.repeated,
    }
    return Reply(_told_of(found, logged, counts, target), {**here.source(within), **facts})


def _looked_through(file: str | None, given: Sequence[dict[str, Any]], name: str | None, folders: Folders) -> Found:
    if file is None:
        if len(given) > MOST_ROWS:
            raise too_many_rows("rows", MOST_ROWS)
        return verdicts_in([FileRow(line, values) for line, values in enumerate(given, start=1)], name, "rows")
    return verdicts_in(list(read_rows(file, folders, max_rows=MOST_ROWS, nan_is_null=True, own_names=True)), name, file)


async def _write(here: Session, project: Named, found: Found, *, skip_unmatched: bool) -> LoggedEvaluations:
    """Send all verdicts, in several requests if needed. The engine writes them with the last request."""
    inputs = [
        {"name": one.name, "level": one.level, f"{one.by.lower()}_id": one.key, **one.parts} for one in found.verdicts
    ]
    *first, last = batches(inputs)
    about = {"project_id": project.id, "skip_unmatched": skip_unmatched}
    upload = None
    for some in first:
        body = _request(some, **about, more=True, upload_id=upload)
        upload = (await here.api.post("/x/evaluations", LoggedEvaluations, body)).upload_id
    return await here.api.post("/x/evaluations", LoggedEvaluations, _request(last, **about, upload_id=upload))


def _request(some: Sequence[dict[str, Any]], **fields: Any) -> LogEvaluationsRequest:
    return LogEvaluationsRequest(evaluations=[EvaluationInput(**one) for one in some], **fields)


def _counts(found: Found) -> dict[str, dict[str, int]]:
    """The number of labels, scores and explanations of each evaluator."""
    counts: dict[str, dict[str, int]] = {}
    for one in found.verdicts:
        of_this = counts.setdefault(one.column, {"labels": 0, "scores": 0, "explanations": 0})
        for part in one.parts:
            of_this[f"{part}s"] += 1
    return counts


def _told_of(found: Found, logged: LoggedEvaluations, counts: dict[str, dict[str, int]], project: Named) -> str:
    each = "; ".join(
        f"{quoted(column)}: " + ", ".join(f"{count} {part}" for part, count in of_this.items() if count)
        for column, of_this in list(counts.items())[:COLUMNS_SHOWN]
    ) + (f"; and {len(counts) - COLUMNS_SHOWN} more evaluators" if len(counts) > COLUMNS_SHOWN else "")
    ids = ", ".join(f"{by.lower()}s by {quoted(column)}" for by, column in found.ids.items())
    wrote = (
        f"Wrote {logged.new + logged.replaced} evaluation(s) to {quoted(project.name)}: {logged.new} new, "
        f"{logged.replaced} replaced; {logged.unchanged} were there already. {each}. Read: {ids}."
    )
    lines = [wrote]
    if logged.unmatched:
        shown = ", ".join(quoted(key, 60) for key in logged.unmatched_ids[:SHOWN])
        lines.append(f"Skipped {logged.unmatched} id(s) that the project does not have, such as {shown}.")
    renamed = [f"{quoted(column)} as {quoted(meant)}" for column, meant in found.columns.items() if column != meant]
    if renamed:
        left = f" and {len(renamed) - COLUMNS_SHOWN} more" if len(renamed) > COLUMNS_SHOWN else ""
        lines.append(f"Taken: {', '.join(renamed[:COLUMNS_SHOWN])}{left}.")
    if found.silent:
        lines.append(f"{found.silent} row(s) have no verdict.")
    if found.repeated:
        lines.append(f"{found.repeated} verdict(s) occur more than once.")
    if found.passed_over:
        some = ", ".join(quoted(column, 60) for column in found.passed_over[:COLUMNS_SHOWN])
        left = len(found.passed_over) - COLUMNS_SHOWN
        lines.append(f"Ignored: {some}{f' and {left} more columns' if left > 0 else ''}.")
    return " ".join(lines)


def _given(**parts: Any) -> dict[str, Any]:
    return {part: value for part, value in parts.items() if value is not None}

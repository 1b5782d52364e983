"""Toolset annotations: annotations by people on spans, runs and examples, and verdicts computed elsewhere."""

import functools
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import anyio.to_thread
from pydantic import Field

from assaykit.api import client, pages
from assaykit.api.batches import batches
from assaykit.errors import AssayError, Invalid, NotFound, Unsupported
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow, too_many_rows
from assaykit.foreign import as_word, exactly
from assaykit.names import Named
from assaykit.planning.periods import past
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.parameters import File, Here, PeriodText, ProjectName, SpaceName
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.annotations.evaluation_files import Found, verdicts_in
from assaykit.wire.annotations import (
    RECORDS_PER_REQUEST,
    AnnotateRecordInput,
    AnnotateRecordsRequest,
    AnnotateSpansRequest,
    AnnotationConfig,
    AnnotationConfigPage,
    AnnotationInput,
    CategoricalValue,
    CreateAnnotationConfigRequest,
)
from assaykit.wire.bodies import RequestBody
from assaykit.wire.datasets import ExamplePage
from assaykit.wire.experiments import ExperimentRunPage
from assaykit.wire.local import EvaluationInput, LogEvaluationsRequest, LoggedEvaluations

ROWS_PER_PAGE = 500
SHOWN = 5
COLUMNS_SHOWN = 12
MOST_ROWS = 100_000
"""Rows of one upload of verdicts."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BOUNDS = 2

Number = Annotated[float, Field(allow_inf_nan=False)]


class AnnotationTarget(NamedTuple):
    """The resource that has the targets, and the request that annotates them."""

    noun: str
    named: Named
    at: str
    body: RequestBody


@tool("change")
async def annotate(
    here: Here,
    name: str,
    targets: Annotated[list[str], Field(min_length=1, max_length=RECORDS_PER_REQUEST, description="Ids")],
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
    """Record a person's label, score or note on spans, an experiment's runs or a dataset's examples.

    Without window, spans of the last 31 days are found.

    Source: REST v2 `POST /v2/spans/annotate`, `POST /v2/experiments/{id}/runs/annotate`,
    `POST /v2/datasets/{id}/examples/annotate`, `POST /v2/annotation-configs`.
    Raises: Invalid, NotFound.
    """
    if label is None and score is None and text is None:
        raise Invalid("There is nothing to record.", "Pass label, score or text.")
    within = await here.space(space)
    wanted = list(dict.fromkeys(targets))
    said = AnnotationInput(**_given(name=name, label=label, score=score, text=text))
    records = [AnnotateRecordInput(record_id=target, values=[said]) for target in wanted]
    place = await _place(
        here, within, records, {"project": project, "experiment": experiment, "dataset": dataset}, window
    )
    config = await _config(here, name, within)
    new = None
    if config is None:
        new = _new_config(name, within, said, choices, score_range)
        config = await here.api.post("/v2/annotation-configs", AnnotationConfig, new)
    else:
        _refuse_misfit(config, said, choices, score_range)
    try:
        await here.api.send(place.at, place.body)
    except AssayError as error:
        if new is not None:
            await take_back(here, "annotation-configs", config.id, name, error)
        raise _told(error, place) from error
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
    )


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
    trace_eval., session_eval. alike. search_spans(save_to=) writes files to add them to.

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
    return verdicts_in(list(read_rows(file, folders, max_rows=MOST_ROWS, nan_is_null=True)), name, file)


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


async def _place(
    here: Session,
    within: Named,
    records: list[AnnotateRecordInput],
    named: dict[str, str | None],
    window: str | None,
) -> AnnotationTarget:
    given = [noun for noun, name in named.items() if name is not None]
    if len(given) > 1:
        raise Invalid(f"{' and '.join(given)} were given; targets are in one place.", "Pass one of them.")
    wanted = [record.record_id for record in records]
    if given in (["experiment"], ["dataset"]) and window is not None:
        raise Invalid("window belongs to spans.", "Leave it out.")
    body = AnnotateRecordsRequest(annotations=records)
    if given == ["experiment"]:
        target = await here.names.experiment(named["experiment"], within)
        at = client.path("v2", "experiments", target.id, "runs")
        there = {run.id async for run in pages.rows(here.api, at, ExperimentRunPage, limit=ROWS_PER_PAGE)}
        _refuse_missing(wanted, there, f"run of experiment {exactly(target.name)}")
        return AnnotationTarget("run", target, f"{at}/annotate", body)
    if given == ["dataset"]:
        target = await here.names.dataset(named["dataset"], within)
        at = client.path("v2", "datasets", target.id, "examples")
        there = {example.id async for example in pages.rows(here.api, at, ExamplePage, limit=ROWS_PER_PAGE)}
        _refuse_missing(wanted, there, f"example of dataset {exactly(target.name)}")
        return AnnotationTarget("example", target, f"{at}/annotate", body)
    if any(_UUID.fullmatch(target) for target in wanted):
        raise Invalid(
            "The targets are ids of runs or examples, not of spans.",
            "Pass experiment or dataset to say whose they are.",
        )
    target = await here.names.project(named["project"], within)
    period = None if window is None else past(window, here.now())
    spans = AnnotateSpansRequest(
        project_id=target.id,
        start_time=None if period is None else period.start,
        end_time=None if period is None else period.end,
        annotations=records,
    )
    return AnnotationTarget("span", target, "/v2/spans/annotate", spans)


def _refuse_missing(wanted: Sequence[str], there: set[str], what: str) -> None:
    # AX ignores an unknown run without an error.
    if missing := [target for target in wanted if target not in there]:
        shown = ", ".join(repr(target) for target in missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        raise NotFound(
            f"{len(missing)} of {len(wanted)} targets are no {what}: {shown}. Nothing was annotated.",
            "Correct the ids.",
        )


async def _config(here: Session, name: str, within: Named) -> AnnotationConfig | None:
    asked = {"space_id": within.id, "name": name}
    found = pages.rows(here.api, "/v2/annotation-configs", AnnotationConfigPage, asked)
    return next((config for config in [config async for config in found] if config.name == name), None)


def _new_config(
    name: str,
    within: Named,
    said: AnnotationInput,
    choices: dict[str, float] | None,
    score_range: list[float] | None,
) -> CreateAnnotationConfigRequest:
    """The config for the first annotation of a name: labels if it has one, else scores if it has one, else notes.

    Raises:
        Invalid: the labels or scores to offer are not given, or the annotation is not among them.
    """
    if (choices is not None and said.label is None) or (
        score_range is not None and (said.label is not None or said.score is None)
    ):
        raise Invalid(
            "choices belongs to a label, and score_range to a score without a label.",
            "Pass label with choices, or score with score_range.",
        )
    if said.label is not None:
        if choices is None or len(choices) <= 1 or said.label not in choices:
            raise Invalid(
                f"There is no annotation config {exactly(name)} yet, and a new one needs every label that it offers.",
                "Pass choices with all labels and their scores, such as choices={'good': 1, 'bad': 0}.",
            )
        values = [CategoricalValue(label=label, score=worth) for label, worth in choices.items()]
        return CreateAnnotationConfigRequest(
            name=name, space_id=within.id, annotation_config_type="CATEGORICAL", values=values
        )
    if said.score is not None:
        low, high = _bounds(score_range)
        if not low <= said.score <= high:
            raise Invalid(
                f"The score {said.score:g} is not within {low:g} to {high:g}, which a new config would take.",
                "Pass score_range=[lowest, highest].",
            )
        return CreateAnnotationConfigRequest(
            name=name,
            space_id=within.id,
            annotation_config_type="CONTINUOUS",
            minimum_score=low,
            maximum_score=high,
        )
    return CreateAnnotationConfigRequest(name=name, space_id=within.id, annotation_config_type="FREEFORM")


def _bounds(score_range: list[float] | None) -> tuple[float, float]:
    low, *rest = score_range or [0, 1]
    if len(rest) + 1 != _BOUNDS or not low < rest[0]:
        raise Invalid("score_range is two numbers, the lower one first.", "Pass for instance score_range=[1, 5].")
    return low, rest[0]


def _refuse_misfit(
    config: AnnotationConfig, said: AnnotationInput, choices: dict[str, float] | None, score_range: list[float] | None
) -> None:
    offered = [value.label for value in config.values or ()]
    differs = (choices is not None and set(choices) != set(offered)) or (
        score_range is not None and _bounds(score_range) != (config.minimum_score, config.maximum_score)
    )
    if differs:
        raise Invalid(
            f"Annotation config {exactly(config.name)} exists already and offers something else: {offers(config)}.",
            "Leave out choices and score_range, or choose another name.",
        )
    low = -math.inf if config.minimum_score is None else config.minimum_score
    high = math.inf if config.maximum_score is None else config.maximum_score
    label_fits = said.label is None or not offered or said.label in offered
    if not label_fits or (said.score is not None and not low <= said.score <= high):
        raise Invalid(f"Annotation config {exactly(config.name)} offers {offers(config)}.", "Use what it offers.")


def offers(config: AnnotationConfig) -> str:
    """The labels or the scores that a config offers. Configs of Arize AX may have one bound or none."""
    if config.type == "CATEGORICAL":
        return "CATEGORICAL: " + " / ".join(as_word(value.label) for value in config.values or ())
    if config.type == "CONTINUOUS":
        low, high = config.minimum_score, config.maximum_score
        if low is None or high is None:
            ends = [f"{word} {end:g}" for word, end in (("from", low), ("up to", high)) if end is not None]
            return f"CONTINUOUS: {' '.join(ends) or 'any score'}"
        return f"CONTINUOUS: {low:g} to {high:g}"
    return "FREEFORM"


def _told(error: AssayError, place: AnnotationTarget) -> AssayError:
    if isinstance(error, NotFound) and place.noun == "span":
        return NotFound(
            error.message,
            "`search_spans` shows ids. Pass window, of at most 31 days, for spans that are older than that.",
        )
    return error

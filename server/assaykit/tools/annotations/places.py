"""The place of annotations, with the request that writes them there, and the configs that they need."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.several_people import is_of_one
from assaykit.api import client, pages
from assaykit.errors import AssayError, Invalid, NotFound
from assaykit.foreign import as_word, exactly
from assaykit.names import Named
from assaykit.planning.periods import past
from assaykit.session import Session
from assaykit.wire.annotations import (
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
from assaykit.wire.evaluators import Granularity
from assaykit.wire.experiments import ExperimentRunPage

ROWS_PER_PAGE = 500
SHOWN = 5

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BOUNDS = 2


class AnnotationTarget(NamedTuple):
    """The resource that has the targets, and the request that annotates them."""

    noun: str
    named: Named
    at: str
    body: RequestBody


async def place_of(
    here: Session,
    within: Named,
    records: list[AnnotateRecordInput],
    named: Mapping[str, str | None],
    window: str | None,
    level: Granularity = "SPAN",
) -> AnnotationTarget:
    """The place that has the targets, and the request that annotates them.

    Raises:
        Invalid: several places are given, or the window does not belong to the place.
        NotFound: a run or an example does not exist. The backend looks for spans.
    """
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
        granularity=None if level == "SPAN" else level,
        annotations=records,
    )
    return AnnotationTarget(level.lower(), target, "/v2/spans/annotate", spans)


def _refuse_missing(wanted: Sequence[str], there: set[str], what: str) -> None:
    # AX ignores an unknown run without an error.
    if missing := [target for target in wanted if target not in there]:
        shown = ", ".join(repr(target) for target in missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        raise NotFound(
            f"{len(missing)} of {len(wanted)} targets are no {what}: {shown}. Nothing was annotated.",
            "Correct the ids.",
        )


async def config_of(here: Session, name: str, within: Named) -> AnnotationConfig | None:
    """The config of this very name, if the space has one."""
    asked = {"space_id": within.id, "name": name}
    found = pages.rows(here.api, "/v2/annotation-configs", AnnotationConfigPage, asked)
    return next((config for config in [config async for config in found] if config.name == name), None)


async def config_of_anybody(here: Session, name: str, within: Named) -> AnnotationConfig | None:
    """The config of this name, else that of one person's labels for it."""
    asked = {"space_id": within.id, "name": name}
    every = [config async for config in pages.rows(here.api, "/v2/annotation-configs", AnnotationConfigPage, asked)]
    own = [config for config in every if config.name == name]
    return next(iter([*own, *(config for config in every if is_of_one(name, config.name))]), None)


def new_config(
    name: str,
    within: Named,
    said: AnnotationInput,
    choices: Mapping[str, float | None] | None,
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


def refuse_misfit(
    config: AnnotationConfig,
    said: AnnotationInput,
    choices: Mapping[str, float | None] | None,
    score_range: list[float] | None,
) -> None:
    """Refuse an answer that the config does not offer. Raises: Invalid."""
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


def told_of_place(error: AssayError, place: AnnotationTarget) -> AssayError:
    """The error of a write, with the next step if the place lacks a target."""
    if isinstance(error, NotFound) and place.noun in {"span", "trace", "session"}:
        return NotFound(
            error.message,
            "`search_spans` shows ids. Pass window, of at most 31 days, for spans that are older than that.",
        )
    return error


def after_labels(name: str, place: AnnotationTarget, *, has_labels: bool) -> str:
    """The next step after annotations: a calibration if they have labels or scores, and further items."""
    source = f", project={exactly(place.named.name)}"
    if place.noun == "run":
        source = f", experiments=[{exactly(place.named.name)}]"
    elif place.noun == "example":
        source = ", experiments=[...]"
    held = f"calibrate_judge(judge=..., truth={exactly(name)}{source}) holds a judge against these labels; "
    return f"Next: {held if has_labels else ''}label_queue(queue=...) shows further items of a queue."

"""The evaluators of experiments as a space, or else the catalogue, defines them."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.judge import catalogue
from assaykit.names import Named
from assaykit.session import Session
from assaykit.wire.annotations import AnnotationConfig, AnnotationConfigPage
from assaykit.wire.evaluators import (
    Direction,
    EvaluatorPage,
    EvaluatorVersion,
    EvaluatorWithVersion,
    TemplateConfig,
)

_TOLD = re.compile(r"\bdirection: (MAXIMIZE|MINIMIZE|NONE)$")
_DIRECTIONS: dict[str, Direction] = {"MAXIMIZE": "MAXIMIZE", "MINIMIZE": "MINIMIZE", "NONE": "NONE"}
_STEM = 5
"""Letters that a label has in common with its judge's name if it names the thing judged, as toxic and toxicity do."""

_TWO = 2


class KnownJudge(NamedTuple):
    """An evaluator or annotation config: the better direction, the scores of its labels, and the ends of its scores.

    `evaluator_id` and `version_id` are those of an evaluator of the space and of its newest version. `of_catalogue` is
    set if the space has no evaluator of this name, and the catalogue has. `is_model` is set for an LLM judge of the
    space.
    """

    direction: Direction | None = None
    choices: Mapping[str, float] = {}
    ends: tuple[float, float] | None = None
    of_catalogue: bool = False
    evaluator_id: str | None = None
    version_id: str | None = None
    is_model: bool = False


def with_direction(message: str, direction: Direction | None) -> str:
    """The commit message of a code evaluator's version, which keeps its direction.

    The contract has a direction for LLM judges alone.
    """
    return message if direction is None else f"{message}, direction: {direction}"


def kept_direction(version: EvaluatorVersion) -> Direction | None:
    """The direction of a version; None for a code evaluator that was created without one."""
    if isinstance(version.config, TemplateConfig):
        return version.config.direction
    told = _TOLD.search(version.commit_message or "")
    return None if told is None else _DIRECTIONS[told[1]]


async def known_judges(here: Session, within: Named, seen: AbstractSet[str]) -> dict[str, KnownJudge]:
    """Of the evaluators with these names those that the space, its annotation configs or the catalogue define."""
    found: dict[str, KnownJudge] = {}
    if not seen:
        return found
    async for judge in rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id}):
        if judge.name not in seen:
            continue
        version = (await here.api.get(path("v2", "evaluators", judge.id), EvaluatorWithVersion)).version
        config = version.config
        if config is not None and config.name in seen:
            choices = config.classification_choices if isinstance(config, TemplateConfig) else None
            is_model = isinstance(config, TemplateConfig)
            found[config.name] = KnownJudge(
                kept_direction(version), choices or {}, evaluator_id=judge.id, version_id=version.id, is_model=is_model
            )
    async for config in rows(here.api, "/v2/annotation-configs", AnnotationConfigPage, {"space_id": within.id}):
        if config.name in seen - found.keys():
            found[config.name] = _of_people(config)
    ready = {name: of_catalogue(name) for name in seen - found.keys()}
    return found | {name: one for name, one in ready.items() if one is not None}


def _of_people(config: AnnotationConfig) -> KnownJudge:
    choices = {one.label: one.score for one in config.values or () if one.score is not None}
    low, high = config.minimum_score, config.maximum_score
    ends = None if low is None or high is None else (low, high)
    return KnownJudge(config.optimization_direction, choices, ends)


def of_catalogue(name: str) -> KnownJudge | None:
    """The judge of the catalogue with this name.

    Its choices have yes, no, true and false too, if one of its two labels names the thing judged: "hallucination: yes"
    means hallucinated.
    """
    ready = catalogue.find(name)
    if ready is None:
        return None
    stems = [label for label in ready.choices if label[:_STEM] == name[:_STEM]]
    if len(ready.choices) != _TWO or len(stems) != 1:
        return KnownJudge(ready.direction, ready.choices, of_catalogue=True)
    (other,) = ready.choices.keys() - set(stems)
    yes, no = ready.choices[stems[0]], ready.choices[other]
    plain = {"yes": yes, "true": yes, "no": no, "false": no}
    return KnownJudge(ready.direction, {**ready.choices, **plain}, of_catalogue=True)


async def directions_of(here: Session, within: Named, seen: AbstractSet[str]) -> dict[str, Direction]:
    """The directions of those of the evaluators that the space defines."""
    return own_directions(await known_judges(here, within, seen))


def own_directions(judges: Mapping[str, KnownJudge]) -> dict[str, Direction]:
    """The directions of the evaluators that the space defines, and not the catalogue."""
    return {name: one.direction for name, one in judges.items() if one.direction is not None and not one.of_catalogue}

"""The origins of compared results: datasets and their versions, dates, and the versions and models of evaluators."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from assaykit.analysis.compare import Variant
from assaykit.analysis.makers import Maker, Makers, described, differing, makers, shortened
from assaykit.analysis.rows import short
from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import NotFound
from assaykit.experiments.known_judges import KnownJudge
from assaykit.session import Session
from assaykit.wire.datasets import Dataset
from assaykit.wire.evaluators import EvaluatorVersionPage
from assaykit.wire.experiments import Experiment

_MOST_TOLD = 10
"""Limit on the experiments and evaluators that are described."""


class Origins(NamedTuple):
    """Lines that describe the compared experiments, and notes on evaluators that are not the same on all of them."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


async def origins(
    here: Session,
    variants: Sequence[Variant],
    made: Sequence[Experiment],
    judges: Mapping[str, KnownJudge],
    same: frozenset[str],
) -> Origins:
    """Describe the experiments. A deleted dataset or evaluator is described by its id.

    The judges of the columns in `same` have one content, so that no note tells their versions.
    """
    found = await _with_numbers(here, makers({one.name: one.outcomes for one in variants}), judges)
    lines = await _of_datasets(here, variants, made)
    notes = differing({name: of for name, of in found.items() if name not in same})
    return Origins((*lines, *described(found)[:_MOST_TOLD]), (*notes, *shortened(found)))


async def _of_datasets(here: Session, variants: Sequence[Variant], made: Sequence[Experiment]) -> list[str]:
    """A line for each version of a dataset, with its experiments and their dates."""
    datasets: dict[str, Dataset | None] = {}
    lines: dict[str, list[str]] = {}
    for variant, one in list(zip(variants, made, strict=True))[:_MOST_TOLD]:
        if one.dataset_id is not None and one.dataset_id not in datasets:
            try:
                datasets[one.dataset_id] = await here.api.get(path("v2", "datasets", one.dataset_id), Dataset)
            except NotFound:
                datasets[one.dataset_id] = None
        place = "without a dataset" if one.dataset_id is None else _dataset(datasets[one.dataset_id], one)
        lines.setdefault(place, []).append(f"{short(variant.name)}{_on(one.created_at)}")
    return [f"{place}: {', '.join(names)}" for place, names in lines.items()]


def _dataset(dataset: Dataset | None, experiment: Experiment) -> str:
    if dataset is None:
        return f"dataset {experiment.dataset_id} (deleted)"
    version = next((one for one in dataset.versions or () if one.id == experiment.dataset_version_id), None)
    if version is None:
        return f"dataset {short(dataset.name)}"
    name = version.name or version.id
    return f"dataset {short(dataset.name)}, version {short(name)}{_on(version.created_at)}"


def _on(when: datetime | None) -> str:
    return "" if when is None else f" of {when:%Y-%m-%d %H:%M} UTC"


async def _with_numbers(here: Session, found: Makers, judges: Mapping[str, KnownJudge]) -> Makers:
    """The makers, with the ids of versions replaced by their numbers, from 1, and their dates."""
    told: dict[str, Mapping[str, Maker]] = {}
    for evaluator, by_experiment in found.items():
        judge = judges.get(evaluator)
        ids = {one for maker in by_experiment.values() for one in maker.versions}
        words: dict[str, str] = {}
        if ids and judge is not None and judge.evaluator_id is not None:
            at = path("v2", "evaluators", judge.evaluator_id, "versions")
            every = [one async for one in rows(here.api, at, EvaluatorVersionPage)]
            for place, one in enumerate(every):
                words[one.id] = f"{len(every) - place}{_on(one.created_at)}"
        told[evaluator] = {
            name: one._replace(versions=tuple(words.get(each, each) for each in one.versions))
            for name, one in by_experiment.items()
        }
    return told

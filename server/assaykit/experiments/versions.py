"""Experiments on different versions of a dataset: the examples whose content differs, and names that are unique."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from assaykit.analysis.compare import Variant
from assaykit.analysis.rows import short
from assaykit.api.client import Api, path
from assaykit.api.experiments import examples_of
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.examples import example_columns
from assaykit.experiments.provenance import OURS, SourceIds
from assaykit.foreign import as_word, exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.wire.datasets import Dataset
from assaykit.wire.experiments import Experiment
from assaykit.wire.local import ExperimentJudges

_IDS_TOLD = 5

_Examples = Mapping[str, Mapping[str, Any]]
"""The columns of each example, by the id that pairs examples."""


async def changed_examples(api: Api, experiments: Sequence[Experiment], sources: Sequence[SourceIds]) -> set[str]:
    """The examples that two of the experiments ran with different content, by the id that pairs them.

    Columns that only one of two datasets has do not count. Nothing is read if all experiments ran on one version. A
    version that is gone is not compared.
    """
    ran = {(one.dataset_id, one.dataset_version_id): ids for one, ids in zip(experiments, sources, strict=True)}
    if len(ran) == 1:
        return set()
    contents: dict[tuple[str | None, str | None], _Examples] = {}
    for (dataset, version), ids in ran.items():
        if dataset is None:
            continue
        try:
            found = await example_columns(api, dataset, version)
        except NotFound:
            continue
        contents[dataset, version] = {ids.get(key, key): columns for key, columns in found.items()}
    keys = list(contents)
    return {
        example_id
        for place, one in enumerate(keys)
        for other in keys[place + 1 :]
        for example_id in contents[one].keys() & contents[other].keys()
        if _differ(contents[one][example_id], contents[other][example_id], of_one=one[0] == other[0])
    }


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], *, of_one: bool) -> bool:
    columns = (one.keys() | other.keys() if of_one else one.keys() & other.keys()) - OURS
    return any(one.get(column) != other.get(column) for column in columns)


async def judges_of_one_content(api: Api, experiments: Sequence[Experiment]) -> frozenset[str]:
    """The evaluation columns whose judge has the same content on all experiments that it scored.

    Only the engine tells the content of a judge that made stored verdicts; on AX there are none.
    """
    if not await api.has_engine_routes():
        return frozenset()
    told = [(await api.get(path("x", "experiments", one.id, "judges"), ExperimentJudges)).judges for one in experiments]
    contents: dict[str, set[Any]] = {}
    for judges in told:
        for name, digests in judges.items():
            contents.setdefault(name, set()).add(repr(digests))
    return frozenset(name for name, digests in contents.items() if len(digests) == 1)


async def notes_on_examples(api: Api, experiments: Sequence[Experiment]) -> list[str]:
    """Sentences about examples that changed in place between two experiments on one version of a dataset."""
    times: dict[tuple[str, str], list[datetime]] = {}
    for one in experiments:
        if one.dataset_id is not None and one.dataset_version_id is not None and one.created_at is not None:
            times.setdefault((one.dataset_id, one.dataset_version_id), []).append(one.created_at)
    told: list[str] = []
    for (dataset_id, version), made in times.items():
        first, last = min(made), max(made)
        try:
            versions = (await api.get(path("v2", "datasets", dataset_id), Dataset)).versions or []
            if not any(one.id == version and (one.updated_at or first) > first for one in versions):
                continue
            every = [one async for one in examples_of(api, dataset_id, version)]
        except NotFound:
            continue
        old = [one for one in every if one.created_at is not None and one.created_at <= first]
        if number := sum(one.updated_at is not None and first < one.updated_at <= last for one in old):
            things = "1 example was" if number == 1 else f"{number} examples were"
            told.append(f"Caution: {things} changed in place between the experiments, so their rows may differ in it.")
    return told


def unknown_examples(variants: Sequence[Variant]) -> list[str]:
    """Sentences about rows that name an example which the newest version of their dataset does not have."""
    told: list[str] = []
    for one in variants:
        unknown = [] if not one.examples else [row for row in one.outcomes if row.example_id not in one.examples]
        if unknown:
            ids = list(dict.fromkeys(row.example_id for row in unknown))
            listed = ", ".join(exactly(each, 60) for each in ids[:_IDS_TOLD]) + (
                ", ..." if len(ids) > _IDS_TOLD else ""
            )
            rows = f"{len(unknown)} row(s) of {as_word(one.name)}"
            told.append(
                f"Caution: {rows} name an example that the dataset does not have, or has no longer: {listed}. "
                "Such rows are paired by this id."
            )
    return told


def without(variant: Variant, changed: set[str]) -> Variant:
    """The variant without the changed examples."""
    if not changed:
        return variant
    examples = None if variant.examples is None else variant.examples - changed
    return variant._replace(
        outcomes=[row for row in variant.outcomes if row.example_id not in changed], examples=examples
    )


def told_of(changed: set[str], variants: Sequence[Variant]) -> tuple[str, ...]:
    """Say how many examples are left out.

    Raises:
        Invalid: no example is left that has equal content.
    """
    if not changed:
        return ()
    left = [{row.example_id for row in variant.outcomes} - changed for variant in variants]
    count = len(changed)
    if not all(left[0] & one for one in left[1:]):
        raise Invalid(
            f"The experiments ran on versions of the dataset that differ in all {count} shared examples.",
            "Run one of them again, on the version of the other.",
        )
    told = f"{count} example{'' if count == 1 else 's'} {'is' if count == 1 else 'are'} left out"
    return (f"Missing: {told}, because the content differs between the versions that the experiments ran on.",)


async def told_apart(
    here: Session, within: Named, named: Sequence[Named], experiments: Sequence[Experiment]
) -> list[str]:
    """A name for each experiment. Experiments of the same name get that of their dataset, or else their id, too."""
    names = [one.name for one in named]
    found: list[str] = []
    for one, made in zip(named, experiments, strict=True):
        if names.count(one.name) == 1:
            found.append(one.name)
            continue
        try:
            place = one.id if made.dataset_id is None else (await here.names.dataset(made.dataset_id, within)).name
        except NotFound:
            place = one.id
        told = f"{one.name} on {short(place)}"
        found.append(told if told not in found else f"{one.name} {one.id}")
    return found

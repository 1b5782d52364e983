"""Experiments compared: their runs read, the evaluators' directions found, and all of it weighed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import anyio.to_thread

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.findings import Comparison
from assaykit.analysis.rows import Outcome, counting, outcomes
from assaykit.api.client import path
from assaykit.api.experiments import experiment_of, runs_of
from assaykit.api.pages import rows
from assaykit.errors import Invalid
from assaykit.names import Named
from assaykit.session import Session
from assaykit.sources import by_source, source_ids
from assaykit.wire.evaluators import Direction, EvaluatorPage, EvaluatorWithVersion, TemplateConfig


class Asked(NamedTuple):
    """What is to be compared, as `compare_experiments` has it."""

    experiments: Sequence[str]
    baseline: str | None = None
    dataset: str | None = None
    evaluators: Sequence[str] | None = None
    directions: Mapping[str, Direction] = {}
    positive: Mapping[str, str] = {}


async def compared(here: Session, within: Named, asked: Asked) -> Comparison:
    """Every experiment against the baseline, which is the first unless one is named.

    Raises:
        Invalid: there are not two, their datasets share no example, or nothing about them can be compared.
        NotFound, Ambiguous: a name does not stand for one experiment.
    """
    dataset_id = None if asked.dataset is None else (await here.names.dataset(asked.dataset, within)).id
    named = [await here.names.experiment(one, within, dataset_id) for one in asked.experiments]
    if asked.baseline is not None:
        first = await here.names.experiment(asked.baseline, within, dataset_id)
        named = [first, *(one for one in named if one.id != first.id)]
    named = list({one.id: one for one in named}.values())
    if len(named) < 2:  # noqa: PLR2004
        raise Invalid("A comparison needs two different experiments.", "Name a second one.")
    datasets = [(await experiment_of(here.api, one.id)).dataset_id for one in named]
    sources = await source_ids(here.api, datasets)
    variants = [
        Variant(one.name, by_source(counting(outcomes(await runs_of(here.api, one.id))), ids))
        for one, ids in zip(named, sources, strict=True)
    ]
    known = await directions_of(here, within, [row for variant in variants for row in variant.outcomes])
    return await anyio.to_thread.run_sync(
        lambda: compare(
            variants[0],
            variants[1:],
            directions={**known, **asked.directions},
            positive=asked.positive,
            evaluators=asked.evaluators,
        ),
        abandon_on_cancel=True,
    )


async def directions_of(here: Session, within: Named, read: Sequence[Outcome]) -> dict[str, Direction]:
    """The directions of evaluators that are judges of this space: a judge says which way is better."""
    seen = {name for row in read for name in row.evaluations}
    found: dict[str, Direction] = {}
    if not seen:
        return found
    async for judge in rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id}):
        if judge.name not in seen:
            continue
        whole = await here.api.get(path("v2", "evaluators", judge.id), EvaluatorWithVersion)
        config = whole.version.config
        if isinstance(config, TemplateConfig) and config.name in seen:
            found[config.name] = config.direction
    return found

"""Comparison of experiments: read their runs, find the evaluators' directions, and compute the findings."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import Details, details
from assaykit.analysis.findings import Comparison
from assaykit.analysis.questions import questions
from assaykit.analysis.rows import Outcome, counting, outcomes
from assaykit.analysis.slices import column
from assaykit.analysis.truth import OUTPUT, judged, truth_of
from assaykit.api.client import path
from assaykit.api.experiments import experiment_of, runs_of
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.examples import example_columns
from assaykit.experiments.provenance import OURS, SourceIds, by_source, source_ids
from assaykit.names import Named
from assaykit.session import Session
from assaykit.wire.evaluators import Direction, EvaluatorPage, EvaluatorWithVersion, TemplateConfig

IDS_TOLD = 10
"""Ids of each kind of change in the brief data of a finding."""

_CHANGES = ("fixed", "broken", "rose", "fell", "unchanged")


class ComparisonRequest(NamedTuple):
    """The arguments of a comparison, as `compare_experiments` takes them."""

    experiments: Sequence[str]
    baseline: str | None = None
    dataset: str | None = None
    evaluators: Sequence[str] | None = None
    directions: Mapping[str, Direction] = {}
    positive: Mapping[str, str] = {}
    slice_by: Sequence[str] = ()
    truth: str | None = None
    predicted: str | None = None


class Compared(NamedTuple):
    """The findings of a comparison, and their details."""

    comparison: Comparison
    details: Details
    questions: Mapping[str, str] = {}
    """The question of each example, by example id."""

    def as_dict(self, *, is_full: bool = True) -> dict[str, Any]:
        """Plain JSON; unless `is_full`, each list of ids has its first 10, and no example has its outputs.

        `ids_left_out` counts the ids that a list lacks, by its key.
        """
        told = {**self.comparison.as_dict(), **self.details.as_dict()}
        return told if is_full else {**told, "findings": [_brief(finding) for finding in told["findings"]]}


def _brief(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding's data without examples, and with a few of each list of ids."""
    ids: dict[str, list[str]] = {key: finding[key] for key in _CHANGES if finding[key] is not None}
    cut = {key: every[:IDS_TOLD] for key, every in ids.items()}
    left_out = {key: len(every) - IDS_TOLD for key, every in ids.items() if len(every) > IDS_TOLD}
    kept = {key: value for key, value in finding.items() if key not in {"examples", "examples_left_out"}}
    return {**kept, **cut, **({"ids_left_out": left_out} if left_out else {})}


async def compared(here: Session, within: Named, asked: ComparisonRequest) -> Compared:
    """Compare every experiment with the baseline, which is the first experiment unless one is named.

    Raises:
        Invalid: there are fewer than two experiments, their datasets share no example, or they have nothing to compare.
        NotFound, Ambiguous: a name does not resolve to one experiment.
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
    by_dataset = await _examples(here, datasets, sources, must=bool(asked.slice_by or asked.truth is not None))
    ids_of = {dataset: frozenset(examples) for dataset, examples in by_dataset.items()}
    variants = [one._replace(examples=ids_of.get(of)) for one, of in zip(variants, datasets, strict=True)]
    examples: dict[str, Mapping[str, Any]] = {}
    for some in by_dataset.values():
        examples = {**examples, **some, **examples}
    return await anyio.to_thread.run_sync(
        lambda: _weighed(asked, variants, {**known, **asked.directions}, examples), abandon_on_cancel=True
    )


async def _examples(
    here: Session, datasets: Sequence[str | None], sources: Sequence[SourceIds], *, must: bool
) -> dict[str | None, dict[str, Mapping[str, Any]]]:
    """The columns of the examples, by dataset and by the id that pairs them. A deleted dataset is left out.

    Raises:
        NotFound: a dataset was deleted, and its examples are needed (`must`).
    """
    by_dataset: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for dataset, ids in dict(zip(datasets, sources, strict=True)).items():
        if dataset is None:
            continue
        try:
            found = await example_columns(here.api, dataset)
        except NotFound:
            if must:
                raise
            continue
        examples = by_dataset.setdefault(dataset, {})
        for example_id, columns in found.items():
            own = {name: value for name, value in columns.items() if name not in OURS}
            examples.setdefault(ids.get(example_id, example_id), own)
    return by_dataset


def _weighed(
    asked: ComparisonRequest,
    variants: list[Variant],
    directions: Mapping[str, Direction],
    examples: Mapping[str, Mapping[str, Any]],
) -> Compared:
    columns = [column(name, examples) for name in dict.fromkeys(asked.slice_by)]
    positive, evaluators, truth = dict(asked.positive), asked.evaluators, None
    if asked.predicted is not None and asked.truth is None:
        raise Invalid("A prediction needs a truth to compare it with.", "Pass `truth` too.")
    if asked.truth is not None:
        truth = truth_of(asked.truth, asked.predicted, positive, examples, variants)
        if truth.predicted is None:
            positive.pop(OUTPUT, None)
        if truth.values is not None:
            variants = [judged(variant, truth) for variant in variants]
            directions = {**directions, truth.evaluator: "MAXIMIZE"}
            evaluators = None if evaluators is None else [*evaluators, truth.evaluator]
    comparison = compare(variants[0], variants[1:], directions=directions, positive=positive, evaluators=evaluators)
    return Compared(comparison, details(variants, comparison, columns, truth), questions(examples))


async def directions_of(here: Session, within: Named, read: Sequence[Outcome]) -> dict[str, Direction]:
    """The directions of those evaluators that are judges of this space. Only a judge has a direction."""
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

"""The figures of one experiment: each evaluator's rate or mean with its interval, and the agreement with a truth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.analysis.clusters import Clusters, known_clusters
from assaykit.analysis.details import Details
from assaykit.analysis.estimates import EvaluatorEstimate, estimates
from assaykit.analysis.rows import Outcome, listed, short
from assaykit.analysis.truth import OUTPUT, classified, judged, repeats, truth_of
from assaykit.analysis.usage import usage
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.columns import key_columns
from assaykit.experiments.comparing import (
    ComparisonRequest,
    ReadExperiments,
    clusters_in,
    needs_examples,
    own_columns,
    read_experiments,
    reading_of,
)
from assaykit.experiments.examples import example_columns
from assaykit.experiments.known_judges import KnownJudge
from assaykit.names import Named
from assaykit.session import Session


class Estimated(NamedTuple):
    """One experiment: its name, its rows, the estimates by evaluator, the usage, the agreement with a truth, notes."""

    name: str
    rows: int
    estimates: Sequence[EvaluatorEstimate]
    details: Details
    notes: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        by_name = {one.evaluator: one.as_dict() for one in self.estimates}
        told = {"experiment": self.name, "rows": self.rows, "evaluators": by_name, "notes": list(self.notes)}
        return {**told, **self.details.as_dict()}


async def estimated(here: Session, within: Named, asked: ComparisonRequest) -> Estimated:
    """The figures of the one experiment that is asked for, read as a comparison reads it.

    Raises:
        Invalid: something is asked for that needs two experiments; or an evaluator, truth or column is not there.
        NotFound, Ambiguous: the name does not resolve to one experiment.
    """
    for name in ("slice_by", "all_pairs"):
        if getattr(asked, name):
            raise Invalid(f"{name} compares experiments, and there is one.", "Name a second one, or leave it out.")
    read = await read_experiments(here, within, asked, must=needs_examples(asked), fewest=1)
    return await anyio.to_thread.run_sync(_weighed, asked, read, abandon_on_cancel=True)


def _weighed(asked: ComparisonRequest, read: ReadExperiments) -> Estimated:
    (variant,), examples = read.variants, own_columns(read)
    reading, classification = reading_of(asked, read.judges), None
    positive, directions = dict(reading.positive), dict(reading.directions)
    if asked.predicted is not None and asked.truth is None:
        raise Invalid("A prediction needs a truth to compare it with.", "Pass `truth` too.")
    if asked.truth is not None:
        truth = truth_of(asked.truth, asked.predicted, positive, examples, [variant])
        classification = classified([variant], truth)
        if truth.predicted is None:
            positive.pop(OUTPUT, None)
        with_truth = judged(variant, truth)
        if truth.values is not None and repeats([with_truth], truth) is None:
            variant, directions[truth.evaluator] = with_truth, "MAXIMIZE"
    reading = reading._replace(directions=directions, positive=positive)
    found = estimates(variant.outcomes, reading, clusters_in(asked, read))
    if asked.evaluators is not None:
        names = [one.evaluator for one in found]
        if unknown := [one for one in asked.evaluators if one not in names]:
            raise Invalid(
                f"The experiment has no verdicts of {short(unknown[0])!r}; there are {listed(names)}.",
                "Pass one of these.",
            )
        found = [one for one in found if one.evaluator in asked.evaluators]
    details = Details(usage=(usage(variant.name, variant.outcomes),), classification=classification)
    return Estimated(variant.name, len(variant.outcomes), found, details, read.origins.notes)


async def estimates_of(
    here: Session, dataset_id: str | None, outcomes: Sequence[Outcome], judges: Mapping[str, KnownJudge]
) -> dict[str, EvaluatorEstimate]:
    """The estimates of the rows of one experiment, by evaluator. Rows that cannot be read have none."""
    clusters = await _clusters(here, dataset_id)
    reading = reading_of(ComparisonRequest([]), judges)
    named = [row for row in outcomes if row.example_id]
    try:
        found = await anyio.to_thread.run_sync(estimates, named, reading, clusters, abandon_on_cancel=True)
    except Invalid:
        return {}
    return {one.evaluator: one for one in found}


async def _clusters(here: Session, dataset_id: str | None) -> Clusters | None:
    """The clusters that the provenance of the examples shows; None if the dataset is gone."""
    if dataset_id is None:
        return None
    try:
        if await here.api.has_engine_routes():
            return known_clusters(await key_columns(here.api, dataset_id, {}))
        return known_clusters(await example_columns(here.api, dataset_id))
    except NotFound:
        return None

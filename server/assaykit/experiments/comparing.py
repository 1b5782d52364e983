"""Comparison of experiments: read their runs, find the evaluators' directions, and compute the findings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.analysis.compare import Failures, Variant, VerdictReading, compare
from assaykit.analysis.details import Details, details
from assaykit.analysis.findings import Comparison
from assaykit.analysis.questions import questions
from assaykit.analysis.rows import counting, outcomes, short
from assaykit.analysis.slices import column
from assaykit.analysis.truth import OUTPUT, judged, repeats, truth_of
from assaykit.api.experiments import experiment_of, runs_of
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.examples import example_columns
from assaykit.experiments.known_judges import KnownJudge, known_judges
from assaykit.experiments.looks import look_notes
from assaykit.experiments.provenance import OURS, SourceIds, by_source, source_ids
from assaykit.experiments.versions import changed_examples, notes_on_change, told_apart, told_of, without
from assaykit.names import Named
from assaykit.session import Session
from assaykit.wire.evaluators import Direction

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
    positive: Mapping[str, Sequence[str]] = {}
    slice_by: Sequence[str] = ()
    truth: str | None = None
    predicted: str | None = None
    failures: Failures = "count"
    primary: str | None = None
    ranges: Mapping[str, tuple[float, float]] = {}


class Compared(NamedTuple):
    """The findings of a comparison, and their details."""

    comparison: Comparison
    details: Details
    questions: Mapping[str, str] = {}
    """The question of each example, by example id."""

    looks: Sequence[str] = ()
    """A note for each finding whose experiments were compared before on other rows."""

    def as_dict(self, *, is_full: bool = True) -> dict[str, Any]:
        """Plain JSON; unless `is_full`, each list of ids has its first 10, and no example has its outputs.

        `ids_left_out` counts the ids that a list lacks, by its key.
        """
        told: dict[str, Any] = {
            **self.comparison.as_dict(),
            **self.details.as_dict(),
            "repeated_looks": list(self.looks),
        }
        return told if is_full else {**told, "findings": [_brief(finding) for finding in told["findings"]]}


def _brief(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding's data without examples, and with a few of each list of ids."""
    ids: dict[str, list[str]] = {key: finding[key] for key in _CHANGES if finding[key] is not None}
    cut = {key: every[:IDS_TOLD] for key, every in ids.items()}
    left_out = {key: len(every) - IDS_TOLD for key, every in ids.items() if len(every) > IDS_TOLD}
    kept = {key: value for key, value in finding.items() if key not in {"examples", "examples_left_out"}}
    return {**kept, **cut, **({"ids_left_out": left_out} if left_out else {})}


def ranges_of(given: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """The declared ranges of scores, by evaluator.

    Raises:
        Invalid: a range is not two finite numbers, the lower first.
    """
    found: dict[str, tuple[float, float]] = {}
    for name, ends in given.items():
        if len(ends) != 2 or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:  # noqa: PLR2004
            raise Invalid(
                f"The range of {short(name)!r} is not two finite numbers, the lower first.", "Write for example [1, 5]."
            )
        found[name] = (ends[0], ends[1])
    return found


async def compared(here: Session, within: Named, asked: ComparisonRequest, *, is_look: bool = True) -> Compared:
    """Compare every experiment with the baseline, which is the first experiment unless one is named.

    A look is recorded, and the repeated ones are told, unless the caller shows no verdict (`is_look`).

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
    made = [await experiment_of(here.api, one.id) for one in named]
    datasets = [one.dataset_id for one in made]
    sources = await source_ids(here.api, datasets)
    variants = [
        Variant(name, by_source(counting(outcomes(await runs_of(here.api, one.id))), ids))
        for name, one, ids in zip(await told_apart(here, within, named, made), named, sources, strict=True)
    ]
    changed = await changed_examples(here.api, made, sources)
    notes = told_of(changed, variants)
    columns = {name for variant in variants for row in variant.outcomes for name in row.evaluations}
    notes += await notes_on_change(here.api, [one.name for one in variants], made, columns)
    judges = await known_judges(here, within, [row for variant in variants for row in variant.outcomes])
    by_dataset = await _examples(here, datasets, sources, must=bool(asked.slice_by or asked.truth is not None))
    ids_of = {dataset: frozenset(examples) for dataset, examples in by_dataset.items()}
    variants = [
        without(one._replace(examples=ids_of.get(of)), changed) for one, of in zip(variants, datasets, strict=True)
    ]
    examples: dict[str, Mapping[str, Any]] = {}
    for some in by_dataset.values():
        examples = {**examples, **some, **examples}
    found = await anyio.to_thread.run_sync(
        lambda: _weighed(asked, variants, judges, examples, notes), abandon_on_cancel=True
    )
    if not is_look:
        return found
    lineages = {variant.name: one.id for variant, one in zip(variants, named, strict=True)}
    looks = await anyio.to_thread.run_sync(look_notes, here.settings, found.comparison, lineages)
    return found._replace(looks=looks)


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
    judges: Mapping[str, KnownJudge],
    examples: Mapping[str, Mapping[str, Any]],
    notes: tuple[str, ...],
) -> Compared:
    columns = [column(name, examples) for name in dict.fromkeys(asked.slice_by)]
    positive, evaluators, truth = dict(asked.positive), asked.evaluators, None
    directions: dict[str, Direction] = {}
    directions |= {name: one.direction for name, one in judges.items() if one.direction is not None}
    directions |= asked.directions
    if asked.predicted is not None and asked.truth is None:
        raise Invalid("A prediction needs a truth to compare it with.", "Pass `truth` too.")
    if asked.truth is not None:
        truth = truth_of(asked.truth, asked.predicted, positive, examples, variants)
        if truth.predicted is None:
            positive.pop(OUTPUT, None)
        if truth.values is not None:
            with_truth = [judged(variant, truth) for variant in variants]
            same = repeats(with_truth, truth)
            if same is None or (evaluators is not None and same not in evaluators):
                variants = with_truth
                directions[truth.evaluator] = "MAXIMIZE"
                evaluators = None if evaluators is None else [*evaluators, truth.evaluator]
            else:
                # The evaluator says the same, so a second finding would only weaken the correction.
                directions.setdefault(same, "MAXIMIZE")
    reading = VerdictReading(
        directions=directions,
        positive=positive,
        choices={name: one.choices for name, one in judges.items() if one.choices},
        by_name=frozenset(name for name, one in judges.items() if one.of_catalogue) - asked.directions.keys(),
        ranges={**{name: one.ends for name, one in judges.items() if one.ends is not None}, **asked.ranges},
        failures=asked.failures,
        primary=asked.primary,
    )
    comparison = replace(compare(variants[0], variants[1:], reading=reading, evaluators=evaluators), notes=notes)
    return Compared(comparison, details(variants, comparison, columns, truth), questions(examples))

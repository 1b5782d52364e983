"""Comparison of experiments: read their runs, find the evaluators' directions, and compute the findings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.analysis.clusters import UNCLUSTERED, Clusters, clusters_of, known_clusters
from assaykit.analysis.compare import Failures, Variant, VerdictReading, compare
from assaykit.analysis.details import Details, details
from assaykit.analysis.findings import Comparison
from assaykit.analysis.questions import keys, questions
from assaykit.analysis.rows import short
from assaykit.analysis.slices import column
from assaykit.analysis.truth import OUTPUT, judged, repeats, truth_of
from assaykit.api.experiments import experiment_of
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.calibration_records import known_calibrations
from assaykit.experiments.columns import ShownRuns, fill_outputs, key_columns, questions_of, runs_read
from assaykit.experiments.examples import example_columns
from assaykit.experiments.judge_standings import standing_lines
from assaykit.experiments.known_judges import KnownJudge, known_judges
from assaykit.experiments.looks import look_notes
from assaykit.experiments.origins import Origins, origins
from assaykit.experiments.provenance import OURS, SourceIds, by_source, source_ids
from assaykit.experiments.versions import (
    changed_examples,
    judges_of_one_content,
    notes_on_examples,
    told_apart,
    told_of,
    unknown_examples,
    without,
)
from assaykit.names import Named
from assaykit.session import Session
from assaykit.wire.evaluators import Direction
from assaykit.wire.experiments import Experiment

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
    all_pairs: bool = False
    cluster_by: str | None = None
    """Column whose equal values make rows a cluster; "id" for none. Else the examples' provenance says it."""

    usage_counts: bool = True
    """Whether the tests of latency, tokens and cost are in the correction."""


class Compared(NamedTuple):
    """The findings of a comparison, and their details."""

    comparison: Comparison
    details: Details
    questions: Mapping[str, str] = {}
    """The question of each example, by example id."""

    keys: Mapping[str, str] = {}
    """The user's own key of each example, by example id; empty if the dataset has none."""

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
        told |= {} if is_full else {"findings": [_brief(finding) for finding in told["findings"]]}
        shown = dict.fromkeys(one for finding in told["findings"] for key in _CHANGES for one in finding[key] or ())
        return {**told, "keys": {one: self.keys[one] for one in shown if one in self.keys}}


class ReadExperiments(NamedTuple):
    """Experiments and what a comparison needs to read them, the baseline first.

    `variants` are without the examples whose content differs between the versions that were run, `whole` with them.
    `sources` has for each experiment the id that pairs an example, by its own id.
    """

    variants: list[Variant]
    whole: list[Variant]
    experiments: Sequence[Experiment]
    sources: Sequence[SourceIds]
    judges: Mapping[str, KnownJudge]
    examples: Mapping[str, Mapping[str, Any]]
    origins: Origins
    shown: Sequence[ShownRuns] = ()
    """The variants whose outcomes have no outputs yet."""

    dataset_id: str | None = None
    """The dataset of all experiments if its examples have nothing but their keys."""


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


async def compared(
    here: Session, within: Named, asked: ComparisonRequest, *, is_look: bool = True, shown: int | None = None
) -> Compared:
    """Compare every experiment with the baseline, which is the first experiment unless one is named.

    A look is recorded, and the repeated ones are told, unless the caller shows no verdict (`is_look`). A caller that
    shows the first few examples of each kind of change alone gives their number (`shown`): others then have no outputs.

    Raises:
        Invalid: there are fewer than two experiments, their datasets share no example, or they have nothing to compare.
        NotFound, Ambiguous: a name does not resolve to one experiment.
    """
    needed = needs_examples(asked)
    as_columns = shown is not None and not needed and await here.api.has_engine_routes()
    read = await read_experiments(here, within, asked, must=needed, as_columns=as_columns)
    found = await anyio.to_thread.run_sync(lambda: _weighed(asked, read), abandon_on_cancel=True)
    if shown is not None and as_columns:
        await fill_outputs(here.api, found.comparison.findings, read.shown, shown)
        if read.dataset_id is not None:
            asked_of = await questions_of(here.api, found.comparison.findings, read.dataset_id, shown)
            found = found._replace(questions=asked_of)
    records = await anyio.to_thread.run_sync(known_calibrations, here.settings, within.id)
    tested = [one.evaluator for one in found.comparison.findings]
    lines = standing_lines(read.whole, read.judges, records, tested)
    comparison = replace(found.comparison, origins=(*found.comparison.origins, *lines))
    found = found._replace(comparison=comparison)
    if not is_look:
        return found
    lineages = {variant.name: one.id for variant, one in zip(read.variants, read.experiments, strict=True)}
    looks = await anyio.to_thread.run_sync(look_notes, here.settings, found.comparison, lineages)
    return found._replace(looks=looks)


async def read_experiments(
    here: Session, within: Named, asked: ComparisonRequest, *, must: bool, fewest: int = 2, as_columns: bool = False
) -> ReadExperiments:
    """Read the experiments that are compared, the baseline first. The examples of their datasets `must` exist or not.

    Read `as_columns`, which only an engine offers, the outcomes have no outputs, and examples of one dataset nothing
    but their keys.

    Raises:
        Invalid: there are fewer than `fewest` experiments, or their datasets share no example.
        NotFound, Ambiguous: a name does not resolve to one experiment.
    """
    named = await _named(here, within, asked, fewest)
    made = [await experiment_of(here.api, one.id) for one in named]
    datasets = [one.dataset_id for one in made]
    sources = await source_ids(here.api, datasets)
    variants: list[Variant] = []
    shown: list[ShownRuns] = []
    known: dict[str, str] = {}
    for name, one, ids in zip(await told_apart(here, within, named, made), named, sources, strict=True):
        runs = await runs_read(here.api, one.id, known if as_columns else None)
        outputs: dict[str, str | None] = {}
        variants.append(Variant(name, by_source(runs.outcomes, ids), outputs=None if runs.ns is None else outputs))
        if runs.ns is not None:
            shown.append(ShownRuns(one.id, variants[-1], runs.ns, outputs))
    changed = await changed_examples(here.api, made, sources)
    notes = told_of(changed, variants)
    notes += tuple(await notes_on_examples(here.api, made))
    seen = {name for variant in variants for row in variant.outcomes for name in row.evaluations}
    judges = await known_judges(here, within, seen)
    keys_of = datasets[0] if as_columns and len(set(datasets)) == 1 else None
    by_dataset = await _examples(here, datasets, sources, must=must, known=None if keys_of is None else known)
    ids_of = {dataset: frozenset(examples) for dataset, examples in by_dataset.items()}
    whole = [one._replace(examples=ids_of.get(of)) for one, of in zip(variants, datasets, strict=True)]
    examples: dict[str, Mapping[str, Any]] = {}
    for some in by_dataset.values():
        examples = {**examples, **some, **examples} if examples else some
    same = await judges_of_one_content(here.api, made)
    of = await origins(here, [without(one, changed) for one in whole], made, judges, same)
    of = of._replace(notes=(*notes, *unknown_examples(whole), *of.notes))
    variants = [without(one, changed) for one in whole]
    found = ReadExperiments(variants, whole, made, sources, judges, examples, of, shown)
    return found if keys_of not in by_dataset else found._replace(dataset_id=keys_of)


async def _named(here: Session, within: Named, asked: ComparisonRequest, fewest: int) -> list[Named]:
    """The experiments, the baseline first, each once."""
    dataset_id = None if asked.dataset is None else (await here.names.dataset(asked.dataset, within)).id
    named = [await here.names.experiment(one, within, dataset_id) for one in asked.experiments]
    if asked.baseline is not None:
        first = await here.names.experiment(asked.baseline, within, dataset_id)
        named = [first, *(one for one in named if one.id != first.id)]
    named = list({one.id: one for one in named}.values())
    if len(named) < fewest:
        raise Invalid("A comparison needs two different experiments.", "Name a second one.")
    return named


def needs_examples(asked: ComparisonRequest) -> bool:
    """Whether a column of the examples is asked for."""
    by_column = asked.cluster_by is not None and asked.cluster_by not in UNCLUSTERED
    return by_column or bool(asked.slice_by) or asked.truth is not None


async def _examples(
    here: Session,
    datasets: Sequence[str | None],
    sources: Sequence[SourceIds],
    *,
    must: bool,
    known: Mapping[str, str] | None,
) -> dict[str | None, dict[str, Mapping[str, Any]]]:
    """The columns of the examples, by dataset and by the id that pairs them. A deleted dataset is left out.

    With ids that are `known`, there are the columns with keys and ids alone.

    Raises:
        NotFound: a dataset was deleted, and its examples are needed (`must`).
    """
    by_dataset: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for dataset, ids in dict(zip(datasets, sources, strict=True)).items():
        if dataset is None:
            continue
        try:
            if known is None:
                found = await example_columns(here.api, dataset)
            else:
                found = await key_columns(here.api, dataset, known)
        except NotFound:
            if must:
                raise
            continue
        examples = by_dataset.setdefault(dataset, {})
        for example_id, columns in found.items():
            examples.setdefault(ids.get(example_id, example_id), columns)
    return by_dataset


def reading_of(asked: ComparisonRequest, judges: Mapping[str, KnownJudge]) -> VerdictReading:
    """The way to read the verdicts: as the caller says, else as the evaluators were defined."""
    kept: dict[str, Direction] = {name: one.direction for name, one in judges.items() if one.direction is not None}
    return VerdictReading(
        directions={**kept, **asked.directions},
        positive=dict(asked.positive),
        choices={name: one.choices for name, one in judges.items() if one.choices},
        by_name=frozenset(name for name, one in judges.items() if one.of_catalogue) - asked.directions.keys(),
        ranges={**{name: one.ends for name, one in judges.items() if one.ends is not None}, **asked.ranges},
        failures=asked.failures,
        primary=asked.primary,
    )


def clusters_in(asked: ComparisonRequest, read: ReadExperiments) -> Clusters | None:
    """The clusters of the examples: by the column that the caller names, else by their provenance.

    Raises:
        Invalid: there is no such column.
    """
    return known_clusters(read.examples) if asked.cluster_by is None else clusters_of(asked.cluster_by, read.examples)


def own_columns(read: ReadExperiments) -> Mapping[str, Mapping[str, Any]]:
    """The columns of each example without those that record its provenance.

    Nothing is left out where only keys were read: no column of ours passes for one.
    """
    if read.dataset_id is not None:
        return read.examples
    return {
        key: row if OURS.isdisjoint(row) else {name: row[name] for name in row if name not in OURS}
        for key, row in read.examples.items()
    }


def _weighed(asked: ComparisonRequest, read: ReadExperiments) -> Compared:
    variants, clusters, examples = read.variants, clusters_in(asked, read), own_columns(read)
    columns = [column(name, examples) for name in dict.fromkeys(asked.slice_by)]
    reading = reading_of(asked, read.judges)
    positive, directions = dict(reading.positive), dict(reading.directions)
    evaluators, truth = asked.evaluators, None
    if asked.predicted is not None and asked.truth is None:
        raise Invalid("A prediction needs a truth to compare it with.", "Pass `truth` too.")
    if asked.truth is not None:
        truth = truth_of(asked.truth, asked.predicted, positive, examples, variants)
        scorer = read.judges.get(truth.prediction) or read.judges.get(truth.name)
        truth = truth if scorer is None else truth._replace(order=scorer.choices)
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
    reading = reading._replace(directions=directions, positive=positive)
    found = compare(
        variants[0],
        variants[1:],
        reading=reading,
        evaluators=evaluators,
        all_pairs=asked.all_pairs,
        clusters=clusters,
        usage_counts=asked.usage_counts,
    )
    comparison = replace(found, notes=read.origins.notes, origins=read.origins.lines)
    asked_of = questions(examples) if read.dataset_id is None else {}
    return Compared(comparison, details(variants, comparison, columns, truth), asked_of, keys(examples))

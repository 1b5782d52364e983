"""A page of an experiment's rows with the counts of all: by the engine's own route, or from the list of runs."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.analysis.estimates import EvaluatorEstimate
from assaykit.analysis.ordering import worst_first
from assaykit.analysis.reading import unpaired_outcomes
from assaykit.analysis.rows import Outcome, tried_again
from assaykit.api.client import path
from assaykit.api.experiments import columns_of, experiment_of
from assaykit.experiments.columns import outcomes_read
from assaykit.experiments.estimating import estimates_of
from assaykit.experiments.examples import example_columns
from assaykit.experiments.known_judges import KnownJudge, known_judges, own_directions
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.tools.experiments.rows import RowCounts, counted_alike, taken, tally
from assaykit.wire.evaluators import Direction
from assaykit.wire.experiments import Experiment, RunColumns
from assaykit.wire.run_columns import ExperimentEvaluators, RankedRows, RankedRowsRequest

MOST_ROWS = 10_000
"""Rows of an engine's experiment up to which a page has figures with intervals, so that no page reads more."""

UNKNOWN_SHOWN = 5


class UnknownExamples(NamedTuple):
    """The number of runs that name an example which the dataset does not have, and the first ids of these examples."""

    runs: int = 0
    ids: Sequence[str] = ()

    def told(self) -> str:
        """The runs in words."""
        listed = ", ".join(exactly(one, 60) for one in self.ids[:UNKNOWN_SHOWN])
        more = ", ..." if len(self.ids) > UNKNOWN_SHOWN else ""
        such = f": {listed}{more}" if listed else ""
        return f"{self.runs} row(s) name an example that the dataset does not have{such}"


class RankedPage(NamedTuple):
    """Some rows in order, each with whether it was tried again; the counts of all rows; and the directions known.

    `every` rows are in the experiment, of which those that the filter takes are `kept`.
    """

    rows: Sequence[tuple[RunColumns, bool]]
    every: int
    kept: int
    tally: RowCounts
    directions: Mapping[str, Direction]
    unknown: UnknownExamples = UnknownExamples()
    estimates: Mapping[str, EvaluatorEstimate] = {}
    """The figures of the evaluators; empty behind the first page."""


class RankedRuns(NamedTuple):
    """All rows of an experiment, in order, as far as a filter takes them."""

    runs: Sequence[RunColumns]
    past: set[int]
    order: Sequence[int]
    tally: RowCounts
    directions: Mapping[str, Direction]
    is_worst_first: bool
    unknown: UnknownExamples
    counted: Sequence[Outcome]
    judges: Mapping[str, KnownJudge]

    def page(self, start: int, limit: int) -> RankedPage:
        """The rows from the position `start` on."""
        shown = [(self.runs[place], place in self.past) for place in self.order[start : start + limit]]
        return RankedPage(shown, len(self.runs), len(self.order), self.tally, self.directions, self.unknown)

    async def each(self) -> AsyncGenerator[RunColumns]:
        """The rows, one by one.

        A try stands before the row that replaced it, so that a reader of the file counts the later one too.
        """
        order = sorted(self.order, key=lambda place: place not in self.past) if self.is_worst_first else self.order
        for place in order:
            yield self.runs[place]


async def ranked_page(
    here: Session, within: Named, experiment: Named, *, failures_first: bool, start: int, limit: int
) -> RankedPage | None:
    """A page that the engine has ranked and counted. None on AX, or if a value is not of the usual type."""
    if not await here.api.has_engine_routes():
        return None
    judges: Mapping[str, KnownJudge] = {}
    if failures_first or not start:
        at = path("x", "experiments", experiment.id, "evaluators")
        names = (await here.api.get(at, ExperimentEvaluators)).evaluators
        judges = await known_judges(here, within, set(names))
    directions = own_directions(judges) if failures_first else {}
    asked = RankedRowsRequest(
        experiment_id=experiment.id, worst_first=failures_first, directions=directions, offset=start, limit=limit
    )
    found = await here.api.post("/x/ranked-rows", RankedRows, asked)
    if not found.is_plain:
        return None
    counts: dict[str, dict[str, Any]] = {
        name: {"labels": counted_alike(one.labels), "labelled": one.labelled, "scored": one.scored}
        for name, one in found.evaluators.items()
    }
    rates = {name: (one.passed, one.tried) for name, one in found.evaluators.items() if one.passed is not None}
    counted = RowCounts(found.total - found.tried_again, found.failed, found.tried_again, counts, rates)
    rows = [(run, place in found.past) for place, run in enumerate(found.experiment_runs)]
    unknown = UnknownExamples(found.unknown_runs, found.unknown_ids)
    page = RankedPage(rows, found.total, found.total, counted, directions, unknown)
    if start or not counts or found.total > MOST_ROWS:
        return page
    outcomes = await outcomes_read(here.api, experiment.id)
    return page._replace(estimates=await estimated_of(here, experiment, outcomes, judges))


async def ranked_runs(
    here: Session, within: Named, experiment: Named, filter_text: str | None, *, failures_first: bool, is_shown: bool
) -> RankedRuns:
    """All rows of an experiment that pass the filter, in order; if they are to be shown, with their unknown examples.

    Raises:
        Invalid: the filter cannot be read or names an unknown column, or a score is not a number.
    """
    runs = await columns_of(here.api, experiment.id)
    outcomes = unpaired_outcomes(runs)
    past = tried_again(outcomes)
    examples = await _examples(here, experiment) if is_shown or filter_text is not None else None
    kept = range(len(runs)) if filter_text is None else taken(runs, examples or {}, filter_text)
    if failures_first:
        # A failed run that was tried again goes to the end: only the later run counts.
        kept = sorted(kept, key=past.__contains__)
    count = [outcomes[place] for place in kept if place not in past]
    names = {name for place in kept for name in outcomes[place].evaluations}
    judges = await known_judges(here, within, names)
    directions = own_directions(judges) if failures_first else {}
    order = kept
    if failures_first:
        order = [*(kept[place] for place in worst_first(count, directions)), *kept[len(count) :]]
    counts = tally(count, len(kept) - len(count))
    unknown = _unknown(runs, examples)
    return RankedRuns(runs, past, order, counts, directions, failures_first, unknown, count, judges)


def _unknown(runs: Sequence[RunColumns], examples: Mapping[str, Any] | None) -> UnknownExamples:
    """The runs of unknown examples; none without a dataset."""
    if not examples:
        return UnknownExamples()
    named = [one for run in runs if (one := run.get("example_id")) and one not in examples]
    return UnknownExamples(len(named), list(dict.fromkeys(named)))


async def estimated_of(
    here: Session, experiment: Named, outcomes: Sequence[Outcome], judges: Mapping[str, KnownJudge]
) -> Mapping[str, EvaluatorEstimate]:
    """The figures of the evaluators over these rows of an experiment."""
    made = await experiment_of(here.api, experiment.id)
    return await estimates_of(here, made.dataset_id, outcomes, judges)


async def _examples(here: Session, experiment: Named) -> dict[str, Mapping[str, Any]]:
    found = await here.api.get(path("v2", "experiments", experiment.id), Experiment)
    return {} if found.dataset_id is None else await example_columns(here.api, found.dataset_id)

"""Experiments and examples read as columns from an engine; outputs and questions of the examples shown come later."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.analysis.column_reading import ColumnReader
from assaykit.analysis.compare import Variant
from assaykit.analysis.findings import Finding
from assaykit.analysis.questions import questions
from assaykit.analysis.reading import outcomes_in, paired
from assaykit.analysis.rows import Outcome, counting, tried_again
from assaykit.api.client import Api
from assaykit.api.experiments import column_parts, each_columns, example_parts, outputs_of, some_examples
from assaykit.errors import Invalid

_NOTHING: Mapping[str, Any] = {}


class RunsRead(NamedTuple):
    """The outcomes of the runs that count, in order of arrival.

    `ns` has the numbers of the runs if they were read as columns. The outcomes then have no outputs.
    """

    outcomes: list[Outcome]
    ns: Sequence[int] | None = None


async def runs_read(api: Api, experiment_id: str, ids: dict[str, str] | None) -> RunsRead:
    """The runs of an experiment, as columns if there is a place for example `ids`. Only an engine has columns.

    `ids` keeps each example id once for all experiments.

    Raises:
        Invalid: a run has no example id, or a score is not a number.
    """
    if ids is None:
        return RunsRead(counting(await outcomes_in(each_columns(api, experiment_id))))
    reader, ns = ColumnReader(ids), array("q")
    outcomes: list[Outcome] = []
    async for part in column_parts(api, experiment_id):
        outcomes += reader.outcomes(part)
        ns.extend(part.ns)
    past = tried_again(paired(outcomes))
    if past:
        ns = array("q", [n for place, n in enumerate(ns) if place not in past])
        outcomes = [row for place, row in enumerate(outcomes) if place not in past]
    return RunsRead(outcomes, ns)


async def outcomes_read(api: Api, experiment_id: str) -> list[Outcome]:
    """The outcomes of the runs that count, without outputs. Only an engine has this route.

    A run may have no example id. A score that is no number makes the list empty.
    """
    reader = ColumnReader({})
    found: list[Outcome] = []
    try:
        async for part in column_parts(api, experiment_id):
            found += reader.outcomes(part)
    except Invalid:
        return []
    return counting(found)


async def key_columns(api: Api, dataset_id: str, known: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """The keys and ids among the columns of every example of a dataset, by the example's id, as `known` if it is."""
    found: dict[str, Mapping[str, Any]] = {}
    async for part in example_parts(api, dataset_id):
        ids = [known.get(one, one) for one in part.example_ids if one is not None]
        for group in part.groups:
            named = range(len(ids)) if group.places is None else group.places
            columns = [column for column in group.columns if column is not None]
            rows = zip(*columns, strict=True) if columns else [()] * len(named)
            for place, row in zip(named, rows, strict=True):
                found[ids[place]] = dict(zip(group.names, row, strict=True)) if row else _NOTHING
    return found


class ShownRuns(NamedTuple):
    """A variant whose outputs are filled in for the examples that are shown, with the numbers of its runs."""

    experiment_id: str
    variant: Variant
    ns: Sequence[int]
    outputs: dict[str, str | None]


async def fill_outputs(api: Api, findings: Sequence[Finding], runs: Sequence[ShownRuns], most: int) -> None:
    """Read the outputs of the first `most` examples of each kind of change."""
    for one in runs:
        wanted = {
            example_id
            for finding in findings
            if one.variant.name in {finding.baseline, finding.challenger}
            for example_id in _shown(finding, most)
        }
        backwards = zip(reversed(one.variant.outcomes), reversed(one.ns), strict=True)
        numbers = {row.example_id: n for row, n in backwards if row.example_id in wanted}
        found = await outputs_of(api, one.experiment_id, sorted(numbers.values()))
        one.outputs.update({example_id: found.get(n) for example_id, n in numbers.items()})


async def questions_of(api: Api, findings: Sequence[Finding], dataset_id: str, most: int) -> dict[str, str]:
    """The questions of the first `most` examples of each kind of change, by example id."""
    ids = dict.fromkeys(example_id for finding in findings for example_id in _shown(finding, most))
    return questions(await some_examples(api, dataset_id, list(ids)))


def _shown(finding: Finding, most: int) -> list[str]:
    return [one for changes in (finding.rose, finding.fell, finding.same) for one in changes.ids[:most]]

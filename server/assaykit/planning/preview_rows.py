"""Rows for a preview: a judge's values in a few spans, traces, sessions, experiment runs or examples of a dataset."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.api.experiments import examples_of
from assaykit.column_paths import Row, reader_of
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.judge.columns import text_at
from assaykit.judge.units import NOUNS
from assaykit.planning.queries import SpanQuery, WantedEvaluator, both, own_filter
from assaykit.planning.spans import SAMPLE, experiment_rows, mappings_for, reads_run, sample_rows
from assaykit.planning.units import sample_units


class PreviewRow(NamedTuple):
    """The id of a row, and the values of a judge's variables in it. A variable without a value is None."""

    id: str
    values: dict[str, str | None]


class PreviewRows(NamedTuple):
    """The first rows of a source with the mapping that a task would have. `noun` names a row."""

    noun: str
    mapping: dict[str, str]
    rows: Sequence[PreviewRow]


async def rows_of_project(api: Api, query: SpanQuery, wanted: WantedEvaluator, most: int) -> PreviewRows:
    """The newest spans, traces or sessions of a query, whichever the evaluator judges.

    Raises:
        Invalid: a filter cannot be read, or a mapping resolves on no row.
    """
    noun = NOUNS[wanted.granularity]
    if wanted.granularity == "SPAN":
        asked = replace(query, query_filter=both(query.query_filter, own_filter(wanted)))
        return _of(noun, wanted, await sample_rows(api, asked), "context.span_id", most)
    units = await sample_units(api, query, wanted.granularity, wanted)
    mapping = mappings_for(wanted, units)
    shown = [
        PreviewRow(unit, {name: units.read(place, name, at) for name, at in mapping.items()})
        for place, unit in enumerate(units.ids[:most])
    ]
    return PreviewRows(noun, mapping, shown)


async def rows_of_examples(
    api: Api, dataset_id: str, wanted: WantedEvaluator, query_filter: str | None, most: int
) -> PreviewRows:
    """The first examples of a dataset that pass a filter.

    Raises:
        Invalid: the filter cannot be read, or a mapping resolves on no row.
    """
    text = both(query_filter, own_filter(wanted))
    tree = None if text is None else row_tree(text)
    taken: list[Row] = []
    async with aclosing(examples_of(api, dataset_id)) as every:
        async for example in every:
            row = {**(example.model_extra or {}), "id": example.id}
            if tree is None or matches(tree, reader_of(row)):
                taken.append(row)
            if len(taken) == SAMPLE:
                break
    return _of("example", wanted, taken, "id", most)


async def rows_of_runs(
    api: Api,
    dataset_id: str,
    experiment_ids: Sequence[str],
    wanted: WantedEvaluator,
    query_filter: str | None,
    most: int,
) -> PreviewRows:
    """The first runs of some experiments that pass a filter.

    Raises:
        Invalid: the filter cannot be read, or a mapping resolves on no row.
    """
    text = both(query_filter, own_filter(wanted))
    tree = None if text is None else row_tree(text)
    every = await experiment_rows(api, dataset_id, experiment_ids)
    taken = [row for row in every if tree is None or matches(tree, reader_of(row))]
    return _of(NOUNS["RUN"], reads_run(wanted), taken[:SAMPLE], "id", most)


def _of(noun: str, wanted: WantedEvaluator, sample: Sequence[Row], key: str, most: int) -> PreviewRows:
    mapping = mappings_for(wanted, sample)
    shown = [
        PreviewRow(str(row[key]), {name: text_at(row, at) for name, at in mapping.items()}) for row in sample[:most]
    ]
    return PreviewRows(noun, mapping, shown)

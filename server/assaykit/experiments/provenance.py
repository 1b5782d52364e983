"""Where examples come from: the columns that keep it, and the ids by which examples of several datasets are the same.

A sample of a dataset has examples of its own. What they were copied from stands in `source_example_id`, so an
experiment on the sample can be held against one on the whole dataset or on another sample of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assaykit.analysis.rows import Outcome
from assaykit.api.client import Api
from assaykit.api.experiments import examples_of
from assaykit.errors import Invalid
from assaykit.matching import text_of

SOURCE_EXAMPLE = "source_example_id"
"""The column in which an example keeps the id that it had where it comes from."""

SOURCE_SPAN = "source_span_id"
SOURCE_TRACE = "source_trace_id"
SEED, SAMPLE = "sample_seed", "sample_method"
"""Columns of every example of a sample: the contract has no other place for them on a dataset."""

OURS = frozenset({SOURCE_EXAMPLE, SOURCE_SPAN, SOURCE_TRACE, SEED, SAMPLE})
"""What says where an example comes from, and nothing of what it asks."""

SourceIds = Mapping[str, str]
"""By the id of an example, the id of the one that it was copied from. One that is missing was copied from none."""


def source_of(example_id: str, columns: Mapping[str, Any]) -> str:
    """The id of the first example in a line of copies."""
    kept = columns.get(SOURCE_EXAMPLE)
    return example_id if kept is None else text_of(kept)


async def source_ids(api: Api, dataset_ids: Sequence[str | None]) -> list[SourceIds]:
    """The source ids of each of these datasets; there is nothing to look up where all are the same one.

    Raises:
        Invalid: one shares no source with the first.
    """
    if len(set(dataset_ids)) == 1:
        return [{} for _ in dataset_ids]
    found: dict[str | None, SourceIds] = {}
    for dataset_id in dict.fromkeys(dataset_ids):
        every = [] if dataset_id is None else [one async for one in examples_of(api, dataset_id)]
        found[dataset_id] = {one.id: source_of(one.id, one.model_extra or {}) for one in every}
    first = set(found[dataset_ids[0]].values())
    if any(first.isdisjoint(ids.values()) for ids in found.values()):
        raise Invalid(
            "The experiments belong to different datasets that share no example, so they cannot be paired.",
            "Compare experiments of one dataset, or of samples of one: create_dataset(dataset=..., size=...).",
        )
    return [found[dataset_id] for dataset_id in dataset_ids]


def by_source(outcomes: Iterable[Outcome], ids: SourceIds) -> list[Outcome]:
    """The outcomes under the ids of their sources."""
    return [outcome._replace(example_id=ids.get(outcome.example_id, outcome.example_id)) for outcome in outcomes]

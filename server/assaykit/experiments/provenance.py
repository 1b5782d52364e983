"""Provenance of examples: the columns that record it, and the source ids that pair examples of several datasets.

A sample of a dataset has copies of examples, under new ids. Each copy keeps the id of its original in
`source_example_id`. So an experiment on the sample can be compared with one on the dataset or on another sample.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assaykit.analysis.rows import Outcome
from assaykit.api.client import Api
from assaykit.api.experiments import examples_of
from assaykit.errors import Invalid
from assaykit.matching import text_of

SOURCE_EXAMPLE = "source_example_id"
"""The column in which a copied example keeps the id of its original."""

SOURCE_SPAN = "source_span_id"
SOURCE_TRACE = "source_trace_id"
SEED, SAMPLE = "sample_seed", "sample_method"
"""Columns of every example of a sample: the contract has no other place for them on a dataset."""

OURS = frozenset({SOURCE_EXAMPLE, SOURCE_SPAN, SOURCE_TRACE, SEED, SAMPLE})
"""Columns that record the provenance of an example. They say nothing about its content."""

SourceIds = Mapping[str, str]
"""The source id of each example, by its id. An example without an entry is its own source."""


def source_of(example_id: str, columns: Mapping[str, Any]) -> str:
    """The id of the original at the start of a line of copies; the own id of an example that is no copy."""
    kept = columns.get(SOURCE_EXAMPLE)
    return example_id if kept is None else text_of(kept)


async def source_ids(api: Api, dataset_ids: Sequence[str | None]) -> list[SourceIds]:
    """The source ids of each of these datasets. If all are the same dataset, nothing is read and the maps are empty.

    Raises:
        Invalid: a dataset shares no source with the first.
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
    """The outcomes, with the id of each example replaced by its source id."""
    if not ids:
        return list(outcomes)
    return [outcome._replace(example_id=ids.get(outcome.example_id, outcome.example_id)) for outcome in outcomes]

"""The examples of a dataset, as experiments read them."""

from collections.abc import Mapping
from typing import Any

from assaykit.api.client import Api
from assaykit.api.experiments import examples_of


async def example_columns(api: Api, dataset_id: str, version: str | None = None) -> dict[str, Mapping[str, Any]]:
    """The columns of every example of a dataset, or of one of its versions, by the example's id."""
    return {example.id: example.model_extra or {} async for example in examples_of(api, dataset_id, version)}

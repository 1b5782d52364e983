"""Reads of experiments, with all their runs and all examples of their datasets."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from assaykit.api.client import Api, path
from assaykit.api.pages import rows
from assaykit.errors import Conflict
from assaykit.wire.datasets import DatasetExample, ExamplePage
from assaykit.wire.experiments import (
    Experiment,
    ExperimentPage,
    ExperimentRun,
    ExperimentRunPage,
    RunColumns,
    RunColumnsPage,
)
from assaykit.wire.run_columns import (
    ColumnPage,
    ColumnPart,
    ExamplesRequest,
    OutputsRequest,
    RunOutputs,
    SomeExamples,
)

ROWS_PER_PAGE = 500
COLUMN_ROWS_PER_PAGE = 10_000


async def experiment_of(api: Api, experiment_id: str) -> Experiment:
    """An experiment by its id.

    Raises:
        NotFound: there is no such experiment.
    """
    return await api.get(path("v2", "experiments", experiment_id), Experiment)


async def named(api: Api, dataset_id: str, name: str) -> Experiment | None:
    """The dataset's experiment of exactly this name, or None."""
    every = rows(api, "/v2/experiments", ExperimentPage, {"dataset_id": dataset_id, "name": name})
    return next((one for one in [one async for one in every] if one.name == name), None)


def taken(dataset_name: str, name: str) -> Conflict:
    """The error for a name that another experiment of the dataset has."""
    return Conflict(
        f"Dataset {dataset_name!r} already has an experiment named {name!r}; nothing was written.",
        "Pass another name, or call retry_experiment to repeat its failed rows.",
    )


async def runs_of(api: Api, experiment_id: str) -> list[ExperimentRun]:
    """Every run of an experiment, in order."""
    at = path("v2", "experiments", experiment_id, "runs")
    return [run async for run in rows(api, at, ExperimentRunPage, limit=ROWS_PER_PAGE)]


async def columns_of(api: Api, experiment_id: str) -> list[RunColumns]:
    """The columns of every run of an experiment, in order."""
    return [run async for run in each_columns(api, experiment_id)]


def each_columns(api: Api, experiment_id: str) -> AsyncGenerator[RunColumns]:
    """The columns of every run of an experiment, in order, read page by page."""
    return rows(api, path("v2", "experiments", experiment_id, "runs"), RunColumnsPage, limit=ROWS_PER_PAGE)


def examples_of(api: Api, dataset_id: str, version: str | None = None) -> AsyncGenerator[DatasetExample]:
    """Every example of a dataset, in order, read page by page. `version` is a version's id; None is the last one."""
    at = path("v2", "datasets", dataset_id, "examples")
    asked = {} if version is None else {"dataset_version_id": version}
    return rows(api, at, ExamplePage, asked, limit=ROWS_PER_PAGE)


def column_parts(api: Api, experiment_id: str) -> AsyncGenerator[ColumnPart]:
    """The runs of an experiment as columns, in order. Only an engine has this route."""
    return rows(api, path("x", "experiments", experiment_id, "columns"), ColumnPage, limit=COLUMN_ROWS_PER_PAGE)


def example_parts(api: Api, dataset_id: str) -> AsyncGenerator[ColumnPart]:
    """The keys of the examples of a dataset's last version as columns, in order. Only an engine has this route."""
    return rows(api, path("x", "datasets", dataset_id, "columns"), ColumnPage, limit=COLUMN_ROWS_PER_PAGE)


async def outputs_of(api: Api, experiment_id: str, ns: Sequence[int]) -> dict[int, str | None]:
    """The outputs of runs by their numbers; the error of a run without an output. Only an engine has this route."""
    found: dict[int, str | None] = {}
    for start in range(0, len(ns), ROWS_PER_PAGE):
        asked = OutputsRequest(experiment_id=experiment_id, ns=list(ns[start : start + ROWS_PER_PAGE]))
        for one in (await api.post("/x/run-outputs", RunOutputs, asked)).runs:
            found[one.n] = f"error: {one.error}" if one.error and not one.output else one.output
    return found


async def some_examples(api: Api, dataset_id: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The columns of some examples of a dataset's last version, by id. Only an engine has this route."""
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), ROWS_PER_PAGE):
        asked = ExamplesRequest(dataset_id=dataset_id, ids=list(ids[start : start + ROWS_PER_PAGE]))
        page = await api.post("/x/some-examples", SomeExamples, asked)
        found |= {one.id: one.model_extra or {} for one in page.examples}
    return found

"""Reads of experiments, with all their runs and all examples of their datasets."""

from collections.abc import AsyncGenerator

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

ROWS_PER_PAGE = 500


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

"""Experiments and their runs. Source: REST v2 `/v2/experiments`."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from assaykit.wire.bodies import Name, OpenBody, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.datasets import ROWS_PER_REQUEST
from assaykit.wire.spans import Annotation

EXPERIMENT_NAME = r'^[^"\\]+$'
"""The pattern of an experiment's name: no double quotes and no backslashes."""


class Experiment(ReplyBody):
    """One experiment. Source: `GET /v2/experiments/{experiment_id}`."""

    id: str
    name: str
    space_id: str | None = None
    dataset_id: str | None = None
    dataset_version_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    experiment_traces_project_id: str | None = None
    integration_id: str | None = None


class ExperimentPage(Page[Experiment]):
    """Source: `GET /v2/experiments`; `limit` at most 100; `dataset_id` and `space_id` exclude each other."""

    experiments: list[Experiment] = []

    @property
    def rows(self) -> Sequence[Experiment]:
        """The experiments of this page."""
        return self.experiments


class ExperimentWithRunIds(Experiment):
    """The answer to a write of runs: the experiment, and the run ids in the order sent."""

    run_ids: list[str] = []


class ExperimentRun(OpenBody):
    """One row of an experiment. `output` is text; verdicts are the flat columns `eval.<name>.<field>`."""

    id: str
    example_id: str | None = None
    output: str | None = None
    error: str | None = None
    annotations: list[Annotation] = []


class ExperimentRunPage(Page[ExperimentRun]):
    """In insertion order. Source: `GET /v2/experiments/{experiment_id}/runs`; `limit` at most 500."""

    keeps_columns = True

    experiment_runs: list[ExperimentRun] = []

    @property
    def rows(self) -> Sequence[ExperimentRun]:
        """The runs of this page."""
        return self.experiment_runs


_TEXTS = ("example_id", "output", "error")


def _run_columns(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row.get("id"), str) or not all(isinstance(row.get(name), str | None) for name in _TEXTS):
        raise ValueError("a run needs an id, and texts for its example_id, output and error")
    return row


RunColumns = Annotated[dict[str, Any], AfterValidator(_run_columns)]
"""All columns of a run, for readers of whole experiments: `ExperimentRun` costs several times as much."""


class RunColumnsPage(Page[RunColumns]):
    """The page of `ExperimentRunPage` with plain rows."""

    keeps_columns = True

    experiment_runs: list[RunColumns] = []

    @property
    def rows(self) -> Sequence[RunColumns]:
        """The runs of this page."""
        return self.experiment_runs


class ExperimentRunInput(OpenBody):
    """One row to write. Extra columns are kept."""

    example_id: str | None = None
    output: str


Runs = Annotated[list[ExperimentRunInput], Field(min_length=1, max_length=ROWS_PER_REQUEST)]


class CreateExperimentRequest(RequestBody):
    """Exactly one of `dataset_id` and `space_id`. Source: `POST /v2/experiments`; 1 to 1,000 runs."""

    name: Annotated[Name, Field(pattern=EXPERIMENT_NAME)]
    dataset_id: str | None = None
    space_id: str | None = None
    experiment_runs: Runs


class InsertExperimentRunsRequest(RequestBody):
    """Source: `POST /v2/experiments/{experiment_id}/runs`."""

    experiment_runs: Runs


class SearchExperimentRunsRequest(RequestBody):
    """A search for runs. Source: `POST /v2/experiments/{experiment_id}/runs/search`; `limit` is 50 by default."""

    filter: str | None = None
    limit: int | None = Field(default=None, ge=1, le=500)
    cursor: str | None = None

"""Task runs: one pass of a task over its rows. Source: REST v2 `/v2/task-runs`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from assaykit.wire.bodies import AnyCase, Page, ReplyBody, RequestBody, Timestamp

RunStatus = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
FINAL_STATUSES: frozenset[RunStatus] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
DEFAULT_MAX_SPANS = 10_000


class TriggerEvaluationRequest(RequestBody):
    """What an evaluation task is run on, once. Source: `POST /v2/tasks/{task_id}/trigger`.

    `data_start_time` defaults to the last run, and to seven days back on the first; `data_end_time` to now;
    `max_spans` to 10,000. `experiment_ids` belongs to dataset tasks only.
    """

    data_start_time: Timestamp | None = None
    data_end_time: Timestamp | None = None
    max_spans: int | None = Field(default=None, ge=1)
    override_evaluations: bool | None = None
    experiment_ids: list[str] | None = None


class TriggerRunExperimentRequest(RequestBody):
    """What a RUN_EXPERIMENT task makes of its dataset: a new experiment of that name.

    `query_filter` narrows the examples of the newest version, or of `dataset_version_id`; `example_ids` names some
    of them, or `max_examples` takes the first. `tracing_metadata` switches tracing on and is put on every span.
    `evaluation_task_ids` start on the new experiment when it is complete.
    Source: `POST /v2/tasks/{task_id}/trigger`.
    """

    experiment_name: str = Field(min_length=1, max_length=255, pattern=r'^[^"\\]+$')
    dataset_version_id: str | None = None
    example_ids: list[str] | None = Field(default=None, min_length=1)
    max_examples: int | None = Field(default=None, ge=1)
    query_filter: str | None = None
    tracing_metadata: dict[str, Any] | None = None
    evaluation_task_ids: list[str] | None = None

    @model_validator(mode="after")
    def _is_either(self) -> "TriggerRunExperimentRequest":
        if self.example_ids is not None and self.max_examples is not None:
            raise ValueError("example_ids and max_examples exclude each other; query_filter goes with either")
        return self


class TaskRun(ReplyBody):
    """One run. Source: `GET /v2/task-runs/{run_id}`. The three counts come from rows and add up while it runs."""

    id: str
    task_id: str | None = None
    experiment_id: str | None = None
    status: Annotated[RunStatus, AnyCase]
    run_started_at: Timestamp | None = None
    run_finished_at: Timestamp | None = None
    data_start_time: Timestamp | None = None
    data_end_time: Timestamp | None = None
    num_successes: int | None = None
    num_errors: int | None = None
    num_skipped: int | None = None
    created_at: Timestamp | None = None
    failure_reason: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the run will not change any more."""
        return self.status in FINAL_STATUSES

    @property
    def rows_done(self) -> int:
        """Rows that have an outcome: scored, failed or skipped."""
        return (self.num_successes or 0) + (self.num_errors or 0) + (self.num_skipped or 0)


class TaskRunPage(Page[TaskRun]):
    """Newest first. Source: `GET /v2/tasks/{task_id}/runs`; `limit` at most 100."""

    task_runs: list[TaskRun] = []

    @property
    def rows(self) -> Sequence[TaskRun]:
        """The runs of this page."""
        return self.task_runs

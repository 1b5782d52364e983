"""Task runs: one pass of a task over its rows. Source: REST v2 `/v2/task-runs`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.experiments import EXPERIMENT_NAME

RunStatus = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
ACTIVE_STATUSES: tuple[RunStatus, ...] = ("PENDING", "RUNNING")
"""In the order in which a run passes them: two lists in this order miss no run that begins between them."""

FINAL_STATUSES: frozenset[RunStatus] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
DEFAULT_MAX_SPANS = 10_000


class TriggerEvaluationRequest(RequestBody):
    """The rows of one run of an evaluation task. Source: `POST /v2/tasks/{task_id}/trigger`.

    `data_start_time` defaults to the last run, or to seven days ago for the first run. `data_end_time` defaults to now
    and `max_spans` to 10,000. `experiment_ids` belongs to dataset tasks only.
    """

    data_start_time: Timestamp | None = None
    data_end_time: Timestamp | None = None
    max_spans: int | None = Field(default=None, ge=1)
    override_evaluations: bool | None = None
    experiment_ids: list[str] | None = Field(default=None, min_length=1)


class TriggerRunExperimentRequest(RequestBody):
    """One run of a RUN_EXPERIMENT task, which creates the experiment `experiment_name`.

    The run takes the examples of `dataset_version_id`, by default of the newest version. `query_filter` narrows them,
    and so does either `example_ids` or `max_examples`, which takes the first ones. `tracing_metadata` switches tracing
    on and is added to every span. The tasks `evaluation_task_ids` start once the experiment is complete.
    Source: `POST /v2/tasks/{task_id}/trigger`.
    """

    experiment_name: Annotated[Name, Field(pattern=EXPERIMENT_NAME)]
    dataset_version_id: str | None = None
    example_ids: list[str] | None = Field(default=None, min_length=1)
    max_examples: int | None = Field(default=None, ge=1)
    query_filter: str | None = None
    tracing_metadata: dict[str, Any] | None = None
    evaluation_task_ids: list[str] | None = None

    @model_validator(mode="after")
    def _limits_examples_once(self) -> "TriggerRunExperimentRequest":
        if self.example_ids is not None and self.max_examples is not None:
            raise ValueError("example_ids and max_examples exclude each other; query_filter goes with either")
        return self


class TaskRun(ReplyBody):
    """One run. The three counts grow while it runs. Source: `GET /v2/task-runs/{run_id}`."""

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
        """Whether the run has ended."""
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

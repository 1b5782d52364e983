"""Tasks: the rows to score, the evaluators that score them, and the schedule. Source: REST v2 `/v2/tasks`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.run_configurations import RunConfiguration

TaskType = Literal["TEMPLATE_EVALUATION", "CODE_EVALUATION", "RUN_EXPERIMENT"]
SamplingRate = Annotated[float | int, Field(ge=0, le=1)]


class TaskQueryFilter(RequestBody):
    """One named filter of a trace or session task; `id` is a letter from A to E."""

    id: str
    filter: str = Field(max_length=2000)


class TaskQueryFilters(RequestBody):
    """The selection of units (traces or sessions): a letter is true of a unit if one of its spans matches the filter.

    `expression` combines the letters with AND, OR, NOT and parentheses; a single filter needs no expression.
    """

    filters: list[TaskQueryFilter] = Field(min_length=1, max_length=5)
    expression: str | None = Field(default=None, max_length=512)


class TaskQueryMapping(RequestBody):
    """One variable of a trace or session evaluator. It reads `attribute_path` of the spans that match a named filter.

    With empty `query_ids` it reads every span.
    """

    variable_name: str = Field(max_length=256)
    query_ids: list[str | None] = Field(max_length=5)
    attribute_path: str = Field(max_length=1024)


class TaskEvaluatorInput(RequestBody):
    """One evaluator of a task. Without `evaluator_version_id` a new run takes the newest version.

    `column_mappings` is `{template variable: column path}`; a variable without a path reads the column of its own name.
    """

    evaluator_id: str
    evaluator_version_id: str | None = None
    query_filter: str | None = None
    column_mappings: dict[str, str] | None = None
    query_mappings: list[TaskQueryMapping] | None = Field(default=None, min_length=1, max_length=50)


_OF_EVALUATION = (
    "project_id", "experiment_ids", "sampling_rate", "is_continuous", "query_filter", "query_filters", "evaluators",
)  # fmt: skip


class CreateTaskRequest(RequestBody):
    """A task of any type. Source: `POST /v2/tasks`.

    This model joins the contract's three variants; `type` decides which fields belong.
    """

    name: Name
    type: Annotated[TaskType, AnyCase]
    project_id: str | None = None
    dataset_id: str | None = None
    experiment_ids: list[str] | None = None
    sampling_rate: SamplingRate | None = None
    is_continuous: bool | None = None
    query_filter: str | None = None
    query_filters: TaskQueryFilters | None = None
    evaluators: list[TaskEvaluatorInput] | None = Field(default=None, min_length=1)
    run_configuration: RunConfiguration | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> "CreateTaskRequest":
        if self.type == "RUN_EXPERIMENT":
            return self._with_configuration()
        if self.run_configuration is not None:
            raise ValueError(f"run_configuration belongs to a RUN_EXPERIMENT task, not to {self.type}")
        return self._with_rows()

    def _with_configuration(self) -> "CreateTaskRequest":
        if self.dataset_id is None or self.run_configuration is None:
            raise ValueError("a RUN_EXPERIMENT task needs dataset_id and run_configuration")
        if foreign := [name for name in _OF_EVALUATION if not any(getattr(self, name) is no for no in (None, False))]:
            raise ValueError(f"a RUN_EXPERIMENT task does not take {', '.join(foreign)}")
        return self

    def _with_rows(self) -> "CreateTaskRequest":
        if not self.evaluators:
            raise ValueError("evaluators needs at least one entry")
        if (self.project_id is None) == (self.dataset_id is None):
            raise ValueError("give exactly one of project_id and dataset_id")
        if self.dataset_id is not None and not self.experiment_ids:
            raise ValueError("a dataset task needs at least one entry in experiment_ids")
        if self.project_id is not None and self.experiment_ids:
            raise ValueError("experiment_ids belong to a dataset task, not to a project task")
        if self.dataset_id is not None and self.sampling_rate is not None:
            raise ValueError("sampling_rate belongs to a project task, not to a dataset task")
        if self.dataset_id is not None and self.is_continuous:
            raise ValueError("a dataset task cannot be continuous")
        return self


class UpdateTaskRequest(RequestBody):
    """At least one field; omitted fields stay. Source: `PATCH /v2/tasks/{task_id}`.

    `evaluators` replaces the whole list including pinned versions, and `run_configuration` the whole configuration.
    Null clears `query_filter` or `query_filters`. This model joins the contract's two variants.
    """

    name: Name | None = None
    sampling_rate: SamplingRate | None = None
    is_continuous: bool | None = None
    query_filter: str | None = None
    query_filters: TaskQueryFilters | None = None
    evaluators: list[TaskEvaluatorInput] | None = Field(default=None, min_length=1)
    run_configuration: RunConfiguration | None = None


class TaskEvaluator(ReplyBody):
    """One evaluator of a task, in a reply."""

    evaluator_id: str
    evaluator_name: str | None = None
    evaluator_version_id: str | None = None
    query_filter: str | None = None
    column_mappings: dict[str, str] | None = None
    query_mappings: list[TaskQueryMapping] | None = None


class Task(ReplyBody):
    """One task. Source: `GET /v2/tasks/{task_id}`.

    `run_configuration` is not validated, so that AX can add types.
    """

    id: str
    name: str
    type: Annotated[TaskType, AnyCase]
    project_id: str | None = None
    dataset_id: str | None = None
    sampling_rate: SamplingRate | None = None
    is_continuous: bool | None = None
    query_filter: str | None = None
    query_filters: TaskQueryFilters | None = None
    evaluators: list[TaskEvaluator] | None = None
    experiment_ids: list[str] | None = None
    run_configuration: dict[str, Any] | None = None
    last_run_at: Timestamp | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class TaskPage(Page[Task]):
    """Newest first. Source: `GET /v2/tasks`; `limit` at most 100."""

    tasks: list[Task] = []

    @property
    def rows(self) -> Sequence[Task]:
        """The tasks of this page."""
        return self.tasks

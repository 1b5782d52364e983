"""Plans of runs, an engine-only route under `/x/`. Each class names the AX alternative."""

from pydantic import Field

from assaykit.wire.bodies import ReplyBody, RequestBody, Timestamp
from assaykit.wire.evaluators import ManagedCodeConfig, TemplateConfig
from assaykit.wire.local import RunSelection
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.tasks import SamplingRate, TaskQueryFilters, TaskQueryMapping


class PlannedEvaluator(RequestBody):
    """An evaluator of a planned run, with the filter and the mappings that its task has or will have.

    `version_id` is None if the evaluator does not exist yet.
    """

    version_id: str | None = None
    config: TemplateConfig | ManagedCodeConfig
    query_filter: str | None = None
    column_mappings: dict[str, str] | None = None
    query_mappings: list[TaskQueryMapping] | None = None


class PlanRequest(RequestBody):
    """Count the rows that runs would take, and store nothing. The task need not exist.

    A window without a start goes on where the earlier runs of `task_id` ended. With `in_parts` several runs take all
    rows of the window, each at most `max_spans`; otherwise one run takes the newest. `max_rows` limits all together.
    `outdated` is as in `RunLimits`.

    On AX: counts from the lists of the contract. Source: `POST /x/plan`.
    """

    project_id: str | None = None
    task_id: str | None = None
    query_filter: str | None = None
    query_filters: TaskQueryFilters | None = None
    sampling_rate: SamplingRate | None = None
    evaluators: list[PlannedEvaluator] = Field(min_length=1)
    trigger: TriggerEvaluationRequest
    in_parts: bool = False
    max_rows: int | None = Field(default=None, ge=1)
    outdated: bool = False


class PlannedRows(ReplyBody):
    """The rows of one evaluator in a plan.

    `matched` rows pass the filters, `labelled` of them have its verdict, and it scores `rows`. `version` is the
    number of its version. `others` counts the rows with a verdict of another version by that version's number, or
    `?`. It asks its model
    `calls` questions, whose values have `characters` in total. Equal questions count once. A row without a value and a
    question that was answered before cost no call. `characters` are those that the judge sees.

    Of the `rows_read` rows whose values were read, a judge sees a value of `shortened` rows shortened, `cut` rows have
    a value of which only a part was kept, and `silent_turns` sessions have a turn without an output.
    """

    matched: int = 0
    labelled: int = 0
    rows: int = 0
    version: int | None = None
    others: dict[str, int] = {}
    calls: int = 0
    characters: int = 0
    shortened: int = 0
    cut: int = 0
    silent_turns: int = 0
    rows_read: int = 0


class PlannedPart(ReplyBody):
    """One of several runs: its window, and the rows that it scores."""

    start: Timestamp
    end: Timestamp
    rows: int


class RunPlan(ReplyBody):
    """The rows that runs would take now, by evaluator in the order of the request, together, and by run.

    A true `capped` in `selection` means that the counts stopped at the limit of one run, and are lower bounds. Spans
    before `looked_back_to` were not read. `rows` is the number of rows that are scored, within `max_rows`.
    """

    evaluators: list[PlannedRows] = []
    selection: RunSelection = RunSelection()
    rows: int = 0
    start: Timestamp | None = None
    end: Timestamp | None = None
    parts: list[PlannedPart] = []
    looked_back_to: Timestamp | None = None

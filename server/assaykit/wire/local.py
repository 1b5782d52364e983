"""The engine-only routes under `/x/`: what AX's REST does not offer. Each class names what AX needs instead."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from assaykit.wire.bodies import Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.datasets import ROWS_PER_REQUEST
from assaykit.wire.evaluators import CreateVersionRequest, Granularity
from assaykit.wire.experiments import EXPERIMENT_NAME, ExperimentRunInput
from assaykit.wire.runs import TriggerEvaluationRequest, TriggerRunExperimentRequest
from assaykit.wire.spans import EXPLANATION_LIMIT, LABEL_LIMIT


class JudgeRowsRequest(RequestBody):
    """Judge a few rows now, without a task and without storing anything. Exactly one of the first two.

    On AX: a task with a small `max_spans` does it. Source: `POST /x/judge`; at most 20 rows.
    """

    evaluator_id: str | None = None
    version: CreateVersionRequest | None = None
    rows: list[dict[str, str | None]] = Field(min_length=1, max_length=20)


class JudgedRow(ReplyBody):
    """One row's outcome: a label or score, or `error` saying why there is none."""

    label: str | None = None
    score: float | None = None
    explanation: str | None = None
    error: str | None = None


class JudgedRows(ReplyBody):
    """The outcomes, in the order asked."""

    results: list[JudgedRow] = []


class RunLimits(RequestBody):
    """Where a run stops by itself; what is left is for the next trigger.

    It stops with its newest `max_rows` done, and before it costs more than `max_cost` US dollars by list prices. What
    is under way by then is finished and counts.
    """

    max_rows: int | None = Field(default=None, ge=1)
    max_cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class LimitedTrigger(RunLimits):
    """Trigger a task with limits: they stand beside the body of the trigger.

    On AX: a smaller `max_spans`. Source: `POST /x/tasks/{task_id}/trigger`.
    """

    trigger: TriggerEvaluationRequest | TriggerRunExperimentRequest


class RunOutcome(ReplyBody):
    """Why rows of a run have no verdict: `reason`, how many, and one row's id as an example.

    `code` is the sort of cause in a word: `no_input`, `auth`, `bad_model`, `off_choice`, ...
    """

    reason: str
    rows: int
    example: str | None = None
    code: str | None = None


class RunSelection(ReplyBody):
    """How a run came to its rows. The four numbers after `matched` add up to it.

    `matched` passed the task's filter; of these the sample left some out, no evaluator's own filter took some, and
    some had every verdict already. A run that is capped had its fill at `chosen` and looked at no more.
    """

    matched: int = 0
    sampled_out: int = 0
    filtered_out: int = 0
    labelled: int = 0
    chosen: int = 0
    capped: bool = False


Nothing = Literal[
    "no_rows", "filter", "sampling", "own_filter", "labelled", "no_value", "left_over", "key", "model", "errors"
]
"""Why a run scored nothing. The first five are found before a row is scored, the others when all have failed.

`left_over`: the rows without a value are what was left when others had been scored.
"""


class RunCause(ReplyBody):
    """The first true cause of a run that scored nothing; `message` says it in words, with what the run saw.

    `rows` is how many there were without the task's filter, and `conditions` are those of an AND that match none by
    themselves. `oldest` and `newest` are when the first and last span of the project started. For `no_value`:
    `column`, which the evaluator's `variable` is read from, and up to three columns near it that rows have.
    """

    code: Nothing
    message: str
    rows: int | None = None
    conditions: list[str] = []
    oldest: Timestamp | None = None
    newest: Timestamp | None = None
    variable: str | None = None
    column: str | None = None
    near: list[str] = []


class RunTokens(ReplyBody):
    """What a run's questions took, those included that came to nothing.

    `answers` told their tokens. `cost` is in US dollars by list prices; None where no price is known, and without the
    `unpriced` answers where some are not. `remembered` rows were not asked about again and took nothing.
    """

    prompt: int = 0
    completion: int = 0
    answers: int = 0
    cost: float | None = None
    unpriced: int = 0
    remembered: int = 0


class RunReport(ReplyBody):
    """A run's outcomes by cause. On AX: the run's log page. Source: `GET /x/task-runs/{run_id}/report`.

    `is_executed` is false when the run has ended, and when the process that executed it has.
    """

    labels: dict[str, dict[str, int]] = {}
    total: int | None = None
    errors: list[RunOutcome] = []
    skipped: list[RunOutcome] = []
    is_executed: bool | None = None
    selection: RunSelection | None = None
    cause: RunCause | None = None
    tokens: RunTokens | None = None


RowState = Literal["PENDING", "SCORED", "FAILED", "SKIPPED"]


class RunRow(ReplyBody):
    """What became of one row and evaluator. The target is a span, an experiment run, or an example to answer.

    `score` is there while the run's own verdict stands; `reason` is why there is none.
    """

    target_id: str
    evaluator: str | None = None
    state: RowState
    label: str | None = None
    score: float | None = None
    reason: str | None = None


class RunRowPage(Page[RunRow]):
    """Every row of a run, newest first. On AX: the run's log page.

    Source: `GET /x/task-runs/{run_id}/rows`; `limit` at most 500, `state` picks the rows of one.
    """

    run_rows: list[RunRow] = []

    @property
    def rows(self) -> Sequence[RunRow]:
        """The rows of this page."""
        return self.run_rows


ScheduleWorker = Literal["this", "another", "nobody"]
"""Which process runs continuous tasks: the one that answers, another that has the store open, or none."""


class TaskSchedule(ReplyBody):
    """When a continuous task looks for new spans, and how many have arrived that it has not taken yet.

    `failures` counts failed runs in a row; each one doubles the pause. A task of traces or sessions takes a `unit` once
    nothing has been added to it for `quiet_s` seconds: `units_waiting` are quiet, `units_open` are not yet.

    On AX: nothing to ask, it has a schedule of its own. Source: `GET /x/tasks/{task_id}/schedule`.
    """

    is_continuous: bool
    worker: ScheduleWorker
    is_running: bool = False
    last_run_at: Timestamp | None = None
    next_run_at: Timestamp | None = None
    unit: Granularity | None = None
    spans_waiting: int | None = None
    units_waiting: int | None = None
    units_open: int | None = None
    quiet_s: float | None = None
    failures: int = 0
    last_failure: str | None = None


class StoreStatus(ReplyBody):
    """What the engine holds and where. On AX: nothing to ask. Source: `GET /x/status`."""

    home: str
    schema_version: str
    spans: int
    projects: int
    running: int


class StoreCheck(ReplyBody):
    """Whether the store's file is sound: how many verdicts were held against their checksums, and what is damaged.

    On AX: nothing to ask. Source: `GET /x/check`.
    """

    verdicts: int
    damaged: int
    examples: list[str] = []


class CheckIntegrationRequest(RequestBody):
    """Ask a model one tiny question; the integration's first model unless one is named.

    On AX: create a judge and trigger a task on one span. Source: `POST /x/ai-integrations/{integration_id}/check`.
    """

    model: str | None = None


class IntegrationCheck(ReplyBody):
    """Whether the model answered, what it said or why it did not, and how long it took."""

    ok: bool
    model: str
    detail: str
    latency_ms: float


class EvaluationInput(RequestBody):
    """A verdict computed elsewhere. Exactly one id: what the verdict is about, or a span of that trace or session."""

    name: Name
    level: Granularity = "SPAN"
    span_id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    label: Annotated[str, Field(min_length=1, max_length=LABEL_LIMIT)] | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    explanation: Annotated[str, Field(max_length=EXPLANATION_LIMIT)] | None = None

    @model_validator(mode="after")
    def _says_what_about_which(self) -> "EvaluationInput":
        if self.label is None and self.score is None:
            raise ValueError("a verdict needs a label or a score")
        if sum(key is not None for key in (self.span_id, self.trace_id, self.session_id)) != 1:
            raise ValueError("give exactly one of span_id, trace_id and session_id")
        if self.by not in {"SPAN", self.level}:
            raise ValueError(f"a {self.by.lower()} is not what a verdict of level {self.level} is about")
        return self

    @property
    def by(self) -> Granularity:
        """What the id is an id of."""
        return "TRACE" if self.trace_id is not None else "SPAN" if self.session_id is None else "SESSION"

    @property
    def key(self) -> str:
        """The one id that there is."""
        return self.trace_id or self.session_id or self.span_id or ""


class LogEvaluationsRequest(RequestBody):
    """Write verdicts computed elsewhere: all of them, or none. What does not fit into one body comes in several.

    All but the last of those say `more`, and are kept under the `upload_id` that the first answer gives; the last one
    has everything written at once. `skip_unmatched` leaves out ids that name nothing, where they would refuse all.

    On AX: the `arize` SDK's `client.spans.update_evaluations`, over Arrow Flight. Source: `POST /x/evaluations`.
    """

    project_id: str
    evaluations: Annotated[list[EvaluationInput], Field(min_length=1, max_length=1000)]
    skip_unmatched: bool = False
    more: bool = False
    upload_id: str | None = None


class LoggedEvaluations(ReplyBody):
    """What was written: verdicts that are new, that replaced another, and that were there already, word for word.

    `unmatched` counts the ids that were skipped, and `unmatched_ids` are the first of them. With `upload_id`, nothing
    was written yet.
    """

    upload_id: str | None = None
    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    unmatched: int = 0
    unmatched_ids: list[str] = []


class NewDataset(RequestBody):
    """A dataset that an upload makes."""

    name: Name
    space_id: str


class UploadRequest(RequestBody):
    """Examples for a dataset, runs of a new experiment on it, or both: all of it is written, or nothing.

    What does not fit into one body comes in several, as for `LogEvaluationsRequest`; what is asked for stands in the
    last of them. Examples go to the newest version of a dataset, to a copy of it named `new_version`, or to a new
    dataset. A run's `example_id` is the id of an example, or with `key` what the example has in that column; a run
    without one belongs to the example that came at its place in the same body. Rows that fit no example, and rows of
    an example that has one already, refuse everything unless they are to be skipped, or to count as repetitions.

    On AX: `POST /v2/datasets` and `POST /v2/experiments` with at most 1,000 rows each, then appending, which is not
    all or nothing. Source: `POST /x/uploads`.
    """

    dataset_id: str | None = None
    new_dataset: NewDataset | None = None
    new_version: Name | None = None
    examples: Annotated[list[dict[str, Any]], Field(max_length=ROWS_PER_REQUEST)] = []
    experiment: Annotated[Name, Field(pattern=EXPERIMENT_NAME)] | None = None
    runs: Annotated[list[ExperimentRunInput], Field(max_length=ROWS_PER_REQUEST)] = []
    key: str | None = None
    skip_unmatched: bool = False
    repetitions: bool = False
    more: bool = False
    upload_id: str | None = None

    @model_validator(mode="after")
    def _says_where_to(self) -> "UploadRequest":
        if (self.dataset_id is None) == (self.new_dataset is None):
            raise ValueError("give exactly one of dataset_id and new_dataset")
        if self.new_dataset is not None and self.new_version is not None:
            raise ValueError("a new dataset has no other version")
        if self.runs and self.experiment is None:
            raise ValueError("runs need the name of their experiment")
        return self


class Matches(ReplyBody):
    """How the rows of an upload fit the examples of its dataset; the lists hold the first few of what they are about.

    `covered` examples of `examples` have a run. `unmatched` rows fit none, and `repeated` examples have several. With a
    key: `ambiguous` of its values are of several examples, and `columns` are there where no example has that column.
    """

    examples: int = 0
    covered: int = 0
    unmatched: int = 0
    unmatched_ids: list[str] = []
    repeated: int = 0
    repeated_ids: list[str] = []
    ambiguous: int = 0
    ambiguous_ids: list[str] = []
    columns: list[str] | None = None


class Uploaded(ReplyBody):
    """What was written: `runs`, and how many `examples` were added. With `upload_id`, nothing was written yet.

    Without `is_written`, nothing was written at all, because of what `matches` tells.
    """

    upload_id: str | None = None
    is_written: bool = False
    dataset_id: str | None = None
    dataset_version_id: str | None = None
    experiment_id: str | None = None
    examples: int = 0
    runs: int = 0
    matches: Matches | None = None

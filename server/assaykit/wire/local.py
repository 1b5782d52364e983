"""Bodies of the engine-only routes under `/x/`, which AX's REST does not have. Each class names the AX alternative."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from assaykit.wire.bodies import Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.datasets import ROWS_PER_REQUEST
from assaykit.wire.evaluators import Granularity
from assaykit.wire.experiments import EXPERIMENT_NAME, CreateExperimentRequest, ExperimentRunInput
from assaykit.wire.runs import TriggerEvaluationRequest, TriggerRunExperimentRequest
from assaykit.wire.spans import EXPLANATION_LIMIT, LABEL_LIMIT, ListSpansRequest

MOST_ROWS = 2**53
"""The largest `max_rows`: the largest whole number that every JSON reader takes exactly."""


MaxCost = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""US dollars by list prices."""


OnTooLong = Literal["skip"]
"""`skip` leaves a row unscored if its judge would see a value of more than 32 KiB shortened."""


class RunLimits(RequestBody):
    """The limits at which a run stops; the remaining rows wait for the next trigger.

    A run stops after its newest `max_rows` rows, and before it costs more than `max_cost` US dollars by list prices.
    Rows in progress at that time are finished and counted. The first question measures, so one question that costs more
    than the limit is asked, unless `max_tokens` shows that before. An `outdated` run also scores rows whose verdict is
    of another version of the evaluator.
    """

    max_rows: int | None = Field(default=None, ge=1, le=MOST_ROWS)
    max_cost: MaxCost | None = None
    on_too_long: OnTooLong | None = None
    outdated: bool | None = None


class LimitedTrigger(RunLimits):
    """Trigger a task with limits; `trigger` is the body of an ordinary trigger.

    On AX: a smaller `max_spans`. Source: `POST /x/tasks/{task_id}/trigger`.
    """

    trigger: TriggerEvaluationRequest | TriggerRunExperimentRequest


class RunOutcome(ReplyBody):
    """One reason for rows without a verdict: its text, the number of rows, and the id of one row as an example.

    `code` is the kind of reason: `no_input`, `auth`, `bad_model`, `off_choice`, ...
    """

    reason: str
    rows: int
    example: str | None = None
    code: str | None = None


class RunSelection(ReplyBody):
    """The selection of a run's rows. The four numbers after `matched` add up to `matched`.

    `matched` rows passed the task's filter. Of these, sampling dropped `sampled_out`, no evaluator's own filter
    accepted `filtered_out`, `labelled` had every verdict already, and the run scores `chosen`. Of the `labelled`
    ones, `outdated` have a verdict of another version of an evaluator. `capped` says that the selection stopped at the
    run's limit and looked at no further rows.
    """

    matched: int = 0
    sampled_out: int = 0
    filtered_out: int = 0
    labelled: int = 0
    outdated: int = 0
    chosen: int = 0
    capped: bool = False


Nothing = Literal[
    "no_rows", "filter", "sampling", "own_filter", "labelled", "no_value", "left_over", "key", "model", "errors"
]
"""The cause of a run that scored nothing. The first five arise before scoring, the others after all rows have failed.

`left_over`: earlier runs scored the other rows, and only rows without a value remained.
"""


class RunCause(ReplyBody):
    """The first cause that applies to a run that scored nothing; `message` is the cause as a sentence.

    `rows` counts the rows without the task's filter. `conditions` are the conditions of an AND that match no row even
    alone. `oldest` and `newest` are the start times of the project's first and last span. For `no_value`: the
    evaluator's `variable` reads `column`, and `near` has up to three existing columns with similar names.
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
    """The tokens of a run's model calls, including calls without a usable answer.

    `answers` counts the answers that reported tokens. `cost` is in US dollars by list prices, without the `unpriced`
    answers; it is None if no price is known. `remembered` rows reused an earlier answer and cost nothing.
    """

    prompt: int = 0
    completion: int = 0
    answers: int = 0
    cost: float | None = None
    unpriced: int = 0
    remembered: int = 0


class RunJudge(ReplyBody):
    """The version of an evaluator that a run pinned when it was created, its number, and its model."""

    version_id: str
    version: int | None = None
    model: str | None = None


class RunReport(ReplyBody):
    """A run's outcomes by cause. On AX: the run's log page. Source: `GET /x/task-runs/{run_id}/report`.

    `is_executed` is false if the run has ended, or if the process that executed it has ended. `shortened` verdicts rest
    on a value that the judge saw shortened, and `silent_turns` verdicts on a conversation with a turn without output.
    The limits, `on_too_long`, `outdated` and `override_evaluations` are those of the trigger. `judges` has the version
    of each evaluator by id.
    """

    labels: dict[str, dict[str, int]] = {}
    total: int | None = None
    errors: list[RunOutcome] = []
    skipped: list[RunOutcome] = []
    is_executed: bool | None = None
    selection: RunSelection | None = None
    cause: RunCause | None = None
    tokens: RunTokens | None = None
    max_rows: int | None = None
    max_cost: float | None = None
    on_too_long: OnTooLong | None = None
    outdated: bool = False
    override_evaluations: bool = False
    judges: dict[str, RunJudge] = {}
    shortened: int = 0
    silent_turns: int = 0


RowState = Literal["PENDING", "SCORED", "FAILED", "SKIPPED"]


class RunRow(ReplyBody):
    """The outcome of one row and evaluator. The target is a span, an experiment run, or an example to answer.

    `version` is the number of the evaluator's version. `score` is set as long as no later verdict has replaced the
    run's own. `reason` explains a missing verdict.
    """

    target_id: str
    evaluator: str | None = None
    version: int | None = None
    state: RowState
    label: str | None = None
    score: float | None = None
    reason: str | None = None


class RunRowPage(Page[RunRow]):
    """Every row of a run, newest first. On AX: the run's log page.

    Source: `GET /x/task-runs/{run_id}/rows`; `limit` at most 500, `state` selects the rows of one state.
    """

    run_rows: list[RunRow] = []

    @property
    def rows(self) -> Sequence[RunRow]:
        """The rows of this page."""
        return self.run_rows


ScheduleWorker = Literal["this", "another", "nobody"]
"""The process that runs continuous tasks: the one that answers, another one with the store open, or none."""


class TaskSchedule(ReplyBody):
    """The times at which a continuous task looks for new spans, and the count of spans that wait for it.

    `failures` counts consecutive failed runs; each one doubles the pause. Without failures, `last_failure` names a key
    that the task waits for. A task of traces or sessions takes a `unit` after `quiet_s` seconds without a new span in
    it: `units_waiting` units are quiet, `units_open` are not yet, or lack the parent of a span. `given_up` rows were
    tried too often, though the provider may be at fault. Runs of the schedule have spent
    `spent` of `max_cost` US dollars since the limit was set; both are None without a limit. `at_max_cost` means that
    the task has stopped there. With `on_too_long`, they leave rows unscored whose judge would see a value shortened.

    On AX: none, AX does not show its schedule. Source: `GET /x/tasks/{task_id}/schedule`.
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
    given_up: int = 0
    quiet_s: float | None = None
    failures: int = 0
    last_failure: str | None = None
    max_cost: float | None = None
    spent: float | None = None
    at_max_cost: bool = False
    on_too_long: OnTooLong | None = None


MOST_SPANS_COUNTED = 10_000
"""A count of spans ends there. A filter that no index serves is tried on so many of the newest spans."""


class StoreStatus(ReplyBody):
    """The place, schema version and row counts of the store. On AX: none. Source: `GET /x/status`.

    `spans` stops at `MOST_SPANS_COUNTED`.
    """

    home: str
    schema_version: str
    spans: int
    projects: int
    running: int


class CountSpansRequest(RequestBody):
    """A search whose matches are counted, and fields that it is to look for. `run_id` keeps the spans of a run.

    On AX: the pages of the list. Source: `POST /x/span-count`.
    """

    search: ListSpansRequest
    run_id: str | None = None
    fields: Annotated[list[str], Field(max_length=500)] = []


class SpanCount(ReplyBody):
    """The number of spans that match, and the fields that no span has, whatever the filter.

    The number is a lower bound unless `is_exact`. `looked_at` is set if only so many of the newest spans were read.
    """

    matching: int
    is_exact: bool = True
    looked_at: int | None = None
    absent: list[str] = []


class StoreCheck(ReplyBody):
    """The soundness of the store.

    `verdicts` and `rows` count verdicts and other rows with a checksum. `damaged` counts the faults found in the file
    and in these rows, and `examples` describes the first of them.

    On AX: none. Source: `GET /x/check`.
    """

    verdicts: int
    rows: int = 0
    rows_without_checksum: int = 0
    damaged: int
    examples: list[str] = []


class CheckIntegrationRequest(RequestBody):
    """Ask a model one tiny question, by default the integration's first model.

    On AX: create a judge and trigger a task on one span. Source: `POST /x/ai-integrations/{integration_id}/check`.
    """

    model: str | None = None


class IntegrationCheck(ReplyBody):
    """The result of the check: `detail` is the answer or the reason for its absence."""

    ok: bool
    model: str
    detail: str
    latency_ms: float


def _on_one_line(text: str) -> str:
    if any(unicodedata.category(mark) in {"Cc", "Zl", "Zp"} for mark in text):
        raise ValueError("use no line break and no other control character")
    return text


class EvaluationInput(RequestBody):
    """A verdict computed elsewhere. Exactly one id is set: that of the verdict's target, or of a span in the target."""

    name: Annotated[Name, AfterValidator(_on_one_line)]
    level: Granularity = "SPAN"
    span_id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    label: Annotated[str, Field(min_length=1, max_length=LABEL_LIMIT)] | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    explanation: Annotated[str, Field(max_length=EXPLANATION_LIMIT)] | None = None

    @model_validator(mode="after")
    def _has_verdict_and_target(self) -> "EvaluationInput":
        if self.label is None and self.score is None:
            raise ValueError("a verdict needs a label or a score")
        if sum(key is not None for key in (self.span_id, self.trace_id, self.session_id)) != 1:
            raise ValueError("give exactly one of span_id, trace_id and session_id")
        if self.by not in {"SPAN", self.level}:
            raise ValueError(f"a verdict of level {self.level} cannot have a {self.by.lower()}_id")
        return self

    @property
    def by(self) -> Granularity:
        """The kind of the id that is set."""
        return "TRACE" if self.trace_id is not None else "SPAN" if self.session_id is None else "SESSION"

    @property
    def key(self) -> str:
        """The id that is set."""
        return self.trace_id or self.session_id or self.span_id or ""


class LogEvaluationsRequest(RequestBody):
    """Write verdicts computed elsewhere, all or none. A write too large for one body is sent as several.

    All bodies but the last have `more`. The first answer gives the `upload_id` under which the engine keeps the parts,
    and the last body writes all parts at once. An id without a target refuses the whole write, or with
    `skip_unmatched` only its own verdict.

    On AX: the `arize` SDK's `client.spans.update_evaluations`, over Arrow Flight. Source: `POST /x/evaluations`.
    """

    project_id: str
    evaluations: Annotated[list[EvaluationInput], Field(min_length=1, max_length=1000)]
    skip_unmatched: bool = False
    more: bool = False
    upload_id: str | None = None


class LoggedEvaluations(ReplyBody):
    """The counts of written verdicts: new ones, ones that replaced another, and ones that equal the existing verdict.

    `unmatched` counts the skipped ids, and `unmatched_ids` are the first of them. If `upload_id` is set, nothing is
    written yet.
    """

    upload_id: str | None = None
    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    unmatched: int = 0
    unmatched_ids: list[str] = []


class ExperimentJudges(ReplyBody):
    """The hashes of the evaluator versions behind an experiment's verdicts, by evaluation column.

    Verdicts that were uploaded have none. Source: `GET /x/experiments/{experiment_id}/judges`. On AX: none.
    """

    judges: dict[str, list[str]] = {}


class PinnedExperiment(RequestBody):
    """Create an experiment on an older version of its dataset. On AX: none. Source: `POST /x/experiments`."""

    experiment: CreateExperimentRequest
    dataset_version_id: str


class NewDataset(RequestBody):
    """A dataset that an upload creates."""

    name: Name
    space_id: str


class UploadRequest(RequestBody):
    """Examples for a dataset, runs of a new experiment on it, or both, written all or none.

    An upload too large for one body is sent as several, as for `LogEvaluationsRequest`; the fields other than
    `examples` and `runs` count in the last one. Examples go to the newest version of a dataset, to a copy of it named
    `new_version`, or to a new dataset. A run's `example_id` is the id of an example or, with `key`, the example's value
    in that column. A run without `example_id` belongs to the example at the same position in the same body. Runs
    without an example refuse the upload, unless `skip_unmatched` is set and other runs have one. A second run of an
    example refuses it unless `repetitions` is set. A key value of several examples always refuses it.

    On AX: `POST /v2/datasets` and `POST /v2/experiments` with at most 1,000 rows each, then appends; a failure leaves
    the earlier parts. Source: `POST /x/uploads`.
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
    def _has_one_target(self) -> "UploadRequest":
        if (self.dataset_id is None) == (self.new_dataset is None):
            raise ValueError("give exactly one of dataset_id and new_dataset")
        if self.new_dataset is not None and self.new_version is not None:
            raise ValueError("new_version belongs to an existing dataset, not to new_dataset")
        if self.runs and self.experiment is None:
            raise ValueError("runs need the name of their experiment")
        return self


class Matches(ReplyBody):
    """The match between the runs of an upload and the examples of its dataset.

    Each `*_ids` list holds the first few: ids of examples or, with a key, values of the key.

    `covered` of `examples` examples have a run. `unmatched` runs have no example, and `repeated` examples have several
    runs. With a key, `ambiguous` values of it belong to several examples. `columns` are the columns of the dataset,
    set if no example has the key's column.
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
    """The counts of written `runs` and added `examples`. If `upload_id` is set, nothing is written yet.

    Otherwise, a false `is_written` means that the upload was refused, for the reasons in `matches`.
    """

    upload_id: str | None = None
    is_written: bool = False
    dataset_id: str | None = None
    dataset_version_id: str | None = None
    experiment_id: str | None = None
    examples: int = 0
    runs: int = 0
    matches: Matches | None = None

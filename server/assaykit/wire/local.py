"""The engine-only routes under `/x/`: what AX's REST does not offer. Each class names what AX needs instead."""

from typing import Literal

from pydantic import Field

from assaykit.wire.bodies import ReplyBody, RequestBody, Timestamp
from assaykit.wire.evaluators import CreateVersionRequest


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


class RunOutcome(ReplyBody):
    """Why rows of a run have no verdict: `reason`, how many, and one row's id as an example."""

    reason: str
    rows: int
    example: str | None = None


class RunReport(ReplyBody):
    """A run's outcomes by cause. On AX: the run's log page. Source: `GET /x/task-runs/{run_id}/report`.

    `is_executed` is false when the run has ended, and when the process that executed it has.
    """

    labels: dict[str, dict[str, int]] = {}
    total: int | None = None
    errors: list[RunOutcome] = []
    skipped: list[RunOutcome] = []
    is_executed: bool | None = None


Worker = Literal["this", "another", "nobody"]
"""Which process runs continuous tasks: the one that answers, another that has the store open, or none."""


class TaskSchedule(ReplyBody):
    """When a continuous task looks for new spans, and how many have arrived that it has not taken yet.

    `failures` counts failed runs in a row; each one doubles the pause. On AX: nothing to ask, it has a schedule of its
    own. Source: `GET /x/tasks/{task_id}/schedule`.
    """

    is_continuous: bool
    worker: Worker
    is_running: bool = False
    last_run_at: Timestamp | None = None
    next_run_at: Timestamp | None = None
    spans_waiting: int | None = None
    failures: int = 0
    last_failure: str | None = None


class StoreStatus(ReplyBody):
    """What the engine holds and where. On AX: nothing to ask. Source: `GET /x/status`."""

    home: str
    schema_version: str
    spans: int
    projects: int
    running: int


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

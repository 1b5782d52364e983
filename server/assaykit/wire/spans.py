"""Spans with their evaluations and annotations. Source: REST v2 `/v2/spans`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from assaykit.wire.bodies import Page, ReplyBody, RequestBody, Timestamp

SpanKind = Literal[
    "LLM", "CHAIN", "RETRIEVER", "EMBEDDING", "AGENT", "TOOL", "RERANKER", "GUARDRAIL", "EVALUATOR",
    "PROMPT", "DECISION", "UNKNOWN",
]  # fmt: skip
SpanStatusCode = Literal["OK", "ERROR", "UNSET"]

LABEL_LIMIT = 100
"""Characters of a label. Source: AX, evaluations on spans."""
EXPLANATION_LIMIT = 10_000
"""Characters of an explanation. Source: AX, evaluations on spans."""

Columns = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=1000)]


class SpanContext(ReplyBody):
    """Hex ids: 32 characters for the trace, 16 for the span."""

    trace_id: str
    span_id: str


class Evaluation(ReplyBody):
    """One evaluator's verdict. A missing score is not zero: the row was labelled but not scored.

    On a span, verdicts on its whole trace or session are named `trace_eval.<name>` and `session_eval.<name>`.
    """

    name: str
    score: float | int | None = None
    label: str | None = None
    explanation: str | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether the verdict is on the span's whole trace or session."""
        return self.name.startswith(("trace_eval.", "session_eval."))

    @property
    def column(self) -> str:
        """The prefix of the verdict's columns, such as `eval.tone` for `eval.tone.label`."""
        return self.name if self.is_shared else f"eval.{self.name}"


class AnnotatorUser(ReplyBody):
    """The person who annotated."""

    id: str | None = None
    email: str | None = None


class Annotation(ReplyBody):
    """One person's verdict."""

    name: str
    score: float | int | None = None
    label: str | None = None
    text: str | None = None
    updated_at: Timestamp | None = None
    annotator: AnnotatorUser | None = None


class SpanEvent(ReplyBody):
    """Something that happened inside a span."""

    name: str | None = None
    timestamp: Timestamp | None = None
    attributes: dict[str, Any] = {}


class Span(ReplyBody):
    """One span. `attributes` is flat: its keys are full OpenInference names such as `llm.model_name`."""

    context: SpanContext
    name: str | None = None
    kind: SpanKind | None = None
    parent_id: str | None = None
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    status_code: SpanStatusCode | None = None
    status_message: str | None = None
    attributes: dict[str, Any] = {}
    annotations: list[Annotation] = []
    trace_annotations: list[Annotation] = []
    evaluations: list[Evaluation] = []
    events: list[SpanEvent] = []


class SpanPage(Page[Span]):
    """Newest start first. Source: `POST /v2/spans`; `limit` (query) at most 500."""

    spans: list[Span] = []

    @property
    def rows(self) -> Sequence[Span]:
        """The spans of this page."""
        return self.spans


class ListSpansRequest(RequestBody):
    """A query for spans. Both bounds are inclusive; the default window is the last week.

    Source: `POST /v2/spans`; `limit` and `cursor` are in the query string.
    """

    project_id: str
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    filter: str | None = None
    included_columns: Columns | None = None
    excluded_columns: Columns | None = None
    truncate_string_length: int | None = Field(default=None, ge=1)


class DeleteSpansRequest(RequestBody):
    """The spans to delete for good. The default window is the last two years.

    Source: `DELETE /v2/spans`.
    """

    project_id: str
    span_ids: Annotated[list[str], Field(min_length=1, max_length=5000)]
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None


class DeleteSpansResponse(ReplyBody):
    """The deleted ids, and the ids that are not in the project's window."""

    completed: bool | None = None
    deleted_span_ids: list[str] = []
    not_deleted_span_ids: list[str] = []

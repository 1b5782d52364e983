"""Queues of items that people label. Source: REST v2 `/v2/annotation-queues`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from assaykit.wire.annotations import AnnotationConfig
from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.evaluators import Granularity
from assaykit.wire.spans import Annotation, AnnotatorUser, Evaluation

RECORDS_PER_QUEUE_REQUEST = 500
"""Most records of one create. Source: AX, `record_sources`."""

SESSIONS_PER_QUEUE_REQUEST = 100
"""Most sessions of one create. Source: AX, `record_sources`."""

INSTRUCTIONS_LIMIT = 5000
"""Characters of the instructions."""

_Ids = Annotated[list[str], Field(min_length=1, max_length=RECORDS_PER_QUEUE_REQUEST)]


class SpanRecordsInput(RequestBody):
    """Spans of a project that start in a range of time. AX takes ranges of up to 7 days."""

    record_type: Literal["SPAN"]
    project_id: str
    start_time: Timestamp
    end_time: Timestamp
    span_ids: _Ids


class TraceRecordsInput(RequestBody):
    """Traces of a project with a span in a range of time. AX takes ranges of up to 7 days."""

    record_type: Literal["TRACE"]
    project_id: str
    start_time: Timestamp
    end_time: Timestamp
    trace_ids: _Ids


class SessionRecordsInput(RequestBody):
    """Sessions of a project with a span in a range of time. AX takes ranges of up to 7 days."""

    record_type: Literal["SESSION"]
    project_id: str
    start_time: Timestamp
    end_time: Timestamp
    session_ids: Annotated[list[str], Field(min_length=1, max_length=SESSIONS_PER_QUEUE_REQUEST)]


class ExampleRecordsInput(RequestBody):
    """Examples of a dataset: all of a version if no ids are given, and the newest version by default."""

    record_type: Literal["EXAMPLE"]
    dataset_id: str
    dataset_version_id: str | None = None
    example_ids: Annotated[list[str], Field(max_length=RECORDS_PER_QUEUE_REQUEST)] | None = None


class RunRecordsInput(RequestBody):
    """Runs of an experiment. The engine alone has queues of runs."""

    record_type: Literal["RUN"]
    experiment_id: str
    run_ids: _Ids


QueueRecordsInput = Annotated[
    SpanRecordsInput | TraceRecordsInput | SessionRecordsInput | ExampleRecordsInput | RunRecordsInput,
    Field(discriminator="record_type"),
]


class CreateAnnotationQueueRequest(RequestBody):
    """A queue with its first records. Source: `POST /v2/annotation-queues`.

    AX finds annotators by their e-mail addresses, and wants one annotation config or more. The engine keeps any text
    for an annotator, and takes no config too.
    """

    name: Name
    space_id: str
    instructions: str | None = Field(default=None, max_length=INSTRUCTIONS_LIMIT)
    annotation_config_ids: list[str]
    annotator_emails: Annotated[list[str], Field(min_length=1)]
    assignment_method: Annotated[Literal["ALL", "RANDOM"] | None, AnyCase] = None
    record_sources: Annotated[list[QueueRecordsInput], Field(max_length=2)] | None = None
    column_allowlist: (
        Annotated[list[Annotated[str, Field(min_length=1, max_length=512)]], Field(max_length=1000)] | None
    ) = None


class AnnotationQueue(ReplyBody):
    """One queue. Source: `GET /v2/annotation-queues/{annotation_queue_id}`."""

    id: str
    name: str
    space_id: str | None = None
    instructions: str | None = None
    annotation_configs: list[AnnotationConfig] = []
    annotators: list[AnnotatorUser] = []
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    column_allowlist: list[str] | None = None


class AnnotationQueuePage(Page[AnnotationQueue]):
    """Newest first. Source: `GET /v2/annotation-queues`; `limit` at most 100."""

    annotation_queues: list[AnnotationQueue] = []

    @property
    def rows(self) -> Sequence[AnnotationQueue]:
        """The queues of this page."""
        return self.annotation_queues


class AnnotationQueueRecord(ReplyBody):
    """One item of a queue.

    `data` has the flat columns of the item, without verdicts and annotations. It is absent if the item was deleted.
    The span of a trace or session is its first root. `source_type` is `SPANS`, `DATASET`, or on the engine also
    `EXPERIMENT`.
    """

    id: str
    annotation_queue_id: str | None = None
    source_type: str | None = None
    granularity: Annotated[Granularity | None, AnyCase] = None
    data: dict[str, Any] | None = None
    annotations: list[Annotation] = []
    trace_annotations: list[Annotation] = []
    session_annotations: list[Annotation] = []
    evaluations: list[Evaluation] = []


class AnnotationQueueRecordPage(Page[AnnotationQueueRecord]):
    """In the order of the queue. Source: `GET /v2/annotation-queues/{id}/records`; `limit` at most 500."""

    keeps_columns = True

    records: list[AnnotationQueueRecord] = []

    @property
    def rows(self) -> Sequence[AnnotationQueueRecord]:
        """The records of this page."""
        return self.records

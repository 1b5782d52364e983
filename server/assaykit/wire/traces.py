"""Traces: the spans of one request through an application. Source: REST v2 `/v2/traces`."""

from collections.abc import Sequence

from assaykit.wire.bodies import Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.spans import Span


class ListTracesRequest(RequestBody):
    """A query for traces with at least one span that matches the filter. The window is as in `ListSpansRequest`.

    Source: `POST /v2/traces`; `limit` and `cursor` are in the query string.
    """

    project_id: str
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    filter: str | None = None


class Trace(ReplyBody):
    """One trace under one of its root spans; a trace with two roots appears twice.

    `spans` has at most 1,000 spans, oldest first; `spans_truncated` is true if the trace has more.
    """

    trace_id: str
    root_span_id: str | None = None
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    spans_truncated: bool | None = None
    spans: list[Span] = []


class TracePage(Page[Trace]):
    """Newest root first. Source: `POST /v2/traces`; `limit` (query) at most 50."""

    traces: list[Trace] = []

    @property
    def rows(self) -> Sequence[Trace]:
        """The traces of this page."""
        return self.traces

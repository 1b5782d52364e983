# pyright: basic
"""One span for each call of the task and of an evaluator; with OpenTelemetry the user's own spans join them.

A span goes out as a dict: trace_id, span_id and parent_id in hex, name, start_ns, end_ns, status, message, attributes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SpanDict = dict[str, Any]
KIND = "openinference.span.kind"


class NoSdk(Exception):
    """The interpreter has no OpenTelemetry SDK."""


class Open:
    """A span that has not ended. Its attributes and error are sent with it."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self.error: str | None = None
        self.spans: list[SpanDict] = []
        """This span and the spans below it, once this span has ended."""


class Plain:
    """A tracer without OpenTelemetry. Each span is a trace of its own."""

    @contextmanager
    def span(self, name: str, kind: str) -> Iterator[Open]:
        """A span that lasts as long as the block and begins a trace."""
        opened = Open()
        start_ns, began = time.time_ns(), time.perf_counter_ns()
        try:
            yield opened
        finally:
            opened.spans = [
                {
                    "trace_id": os.urandom(16).hex(),
                    "span_id": os.urandom(8).hex(),
                    "parent_id": None,
                    "name": name,
                    "start_ns": start_ns,
                    "end_ns": start_ns + time.perf_counter_ns() - began,
                    "status": "OK" if opened.error is None else "ERROR",
                    "message": opened.error,
                    "attributes": {KIND: kind, **opened.attributes},
                }
            ]


class Joined:
    """A tracer with OpenTelemetry. It sets the tracer provider of the process before the user's file is imported."""

    def __init__(self) -> None:
        """Raises: NoSdk."""
        try:
            # These modules come from the user's interpreter, which may lack them.
            from opentelemetry import trace  # noqa: PLC0415
            from opentelemetry.context import Context  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
                SimpleSpanProcessor,
                SpanExporter,
                SpanExportResult,
            )
        except ImportError as error:
            raise NoSdk("set_global_tracer_provider needs opentelemetry-sdk in that interpreter") from error
        ended: dict[int, list[SpanDict]] = {}
        self._ended = ended
        self._open: set[int] = set()

        class Collector(SpanExporter):
            def export(self, spans: Any) -> Any:
                for span in spans:
                    ended.setdefault(span.context.trace_id, []).append(_told(span))
                return SpanExportResult.SUCCESS

        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(Collector()))
        trace.set_tracer_provider(provider)
        self._tracer = trace.get_tracer("assaykit")
        self._nowhere = Context
        self._use_span = trace.use_span
        self._status = trace.Status
        self._codes = trace.StatusCode

    @contextmanager
    def span(self, name: str, kind: str) -> Iterator[Open]:
        """A span that lasts as long as the block. Spans of the block are below it."""
        opened = Open()
        span = self._tracer.start_span(name, context=self._nowhere())
        trace_id = span.get_span_context().trace_id
        self._open.add(trace_id)
        try:
            with self._use_span(span, record_exception=False, set_status_on_exception=False):
                yield opened
        finally:
            span.set_attributes({KIND: kind, **opened.attributes})
            failed = opened.error is not None
            span.set_status(self._status(self._codes.ERROR if failed else self._codes.OK, opened.error))
            span.end()
            self._open.discard(trace_id)
            self._gather(opened, trace_id)

    def _gather(self, opened: Open, trace_id: int) -> None:
        opened.spans = self._ended.pop(trace_id, [])
        # Spans from a thread of the user's without this context are traces of their own.
        for other in [each for each in list(self._ended) if each not in self._open]:
            opened.spans += self._ended.pop(other, [])


def _told(span: Any) -> SpanDict:
    parent = span.parent
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_id": None if parent is None else f"{parent.span_id:016x}",
        "name": span.name,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name,
        "message": span.status.description,
        "attributes": {key: list(value) if isinstance(value, tuple) else value
                       for key, value in (span.attributes or {}).items()},
    }  # fmt: skip

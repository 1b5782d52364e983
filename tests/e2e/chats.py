"""1,500 real questions and answers as the traces of an application, sent the way applications send them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from tests.e2e.real_data import DATA

PROJECT = "general chat"

_SECOND = 1_000_000_000
_DAY = 24 * 3600 * _SECOND
_STATUSES = (StatusCode.OK, StatusCode.OK, StatusCode.ERROR, StatusCode.OK, StatusCode.UNSET)
# 5000 stands just outside of `latency_ms < 5000`, 4999 just inside.
_LATENCIES_MS = (80, 4999, 640, 5000, 2500, 12000, 1200)


@dataclass(frozen=True, slots=True)
class Chat:
    """One question with its answer, people's verdict on it ("yes": made up), and how the span looks around it.

    Model, status, latency and age follow from the number by different periods, so every combination occurs.
    """

    number: int
    question: str
    answer: str
    human: str

    @property
    def model(self) -> str:
        return "m-a" if self.number % 2 else "m-b"

    @property
    def status(self) -> StatusCode:
        return _STATUSES[self.number // 2 % len(_STATUSES)]

    @property
    def latency_ms(self) -> int:
        return _LATENCIES_MS[self.number // 2 % len(_LATENCIES_MS)]

    @property
    def days_old(self) -> int:
        return 9 if self.number // 2 % 11 == 0 else 2

    @property
    def has_parent(self) -> bool:
        return self.number % 5 == 0

    def attributes(self, kind: str) -> dict[str, Any]:
        """What the span says in OpenInference's words."""
        return {
            "openinference.span.kind": kind,
            "input.value": self.question,
            "output.value": self.answer,
            "llm.model_name": self.model,
            "metadata": json.dumps({"number": self.number, "human_label": self.human}),
        }


def chats() -> list[Chat]:
    """Every row of the file."""
    lines = (DATA / "hallucination" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Chat(int(row["ID"]), row["user_query"], row["chatgpt_response"], row["hallucination"]) for row in rows]


def send(every: Sequence[Chat], address: str, key: str) -> dict[str, Chat]:
    """Trace each chat as an LLM span and export the lot over OTLP/HTTP; the chats by span id.

    One in five hangs below a CHAIN span that differs from it in nothing but its kind.
    """
    # A proxy in the environment would get the spans of loopback otherwise.
    with requests.Session() as session:
        session.trust_env = False
        exporter = OTLPSpanExporter(f"{address}/v1/traces", headers={"authorization": f"Bearer {key}"}, session=session)
        provider = TracerProvider(resource=Resource({"openinference.project.name": PROJECT}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2 * len(every)))
        now_ns = time.time_ns()
        sent = {_trace(chat, provider, now_ns): chat for chat in every}
        assert provider.force_flush()
        provider.shutdown()
    return sent


def _trace(chat: Chat, provider: TracerProvider, now_ns: int) -> str:
    tracer = provider.get_tracer("tests")
    # Four at a time begin in the same moment: pages must not lose or repeat any of them.
    start = now_ns - chat.days_old * _DAY - chat.number // 4 * _SECOND
    end = start + chat.latency_ms * 1_000_000
    context = None
    if chat.has_parent:
        parent = tracer.start_span("chat", start_time=start, attributes=chat.attributes("CHAIN"))
        parent.set_status(Status(chat.status))
        parent.end(end)
        context = trace.set_span_in_context(parent)
    span = tracer.start_span("completion", context, start_time=start, attributes=chat.attributes("LLM"))
    span.set_status(Status(chat.status))
    span.end(end)
    return trace.format_span_id(span.get_span_context().span_id)

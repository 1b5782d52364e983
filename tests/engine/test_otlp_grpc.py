"""Spans over gRPC, from a client in the same process."""

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.engine.door import KEY, SECOND, Door, opened

from assaykit.engine import otlp_grpc

aio: Any = importlib.import_module("grpc.aio")

START = 1_767_225_600 * SECOND


@asynccontextmanager
async def served(home: Path) -> AsyncGenerator[tuple[Door, Any]]:
    async with (
        opened(home) as door,
        otlp_grpc.serving(door.engine, KEY, 0) as port,
        aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield door, exporter(channel)


def exporter(channel: Any) -> Any:
    """The call that sends spans."""
    return channel.unary_unary(
        f"/{otlp_grpc.SERVICE}/Export",
        request_serializer=ExportTraceServiceRequest.SerializeToString,
        response_deserializer=ExportTraceServiceResponse.FromString,
    )


def request(*ends: int) -> ExportTraceServiceRequest:
    """Spans of project "shop" that end at these times."""
    told = ExportTraceServiceRequest()
    arrived = told.resource_spans.add()
    arrived.resource.attributes.add(key="openinference.project.name").value.string_value = "shop"
    scope = arrived.scope_spans.add()
    for number, end in enumerate(ends, start=1):
        scope.spans.add(
            trace_id=bytes([1] * 16),
            span_id=bytes([number] * 8),
            name=f"call {number}",
            start_time_unix_nano=START,
            end_time_unix_nano=end,
        )
    return told


@pytest.mark.parametrize("sent", [KEY, f"Bearer {KEY}"])
async def test_spans_are_stored_and_bad_ones_refused_alone(tmp_path: Path, sent: str) -> None:
    async with served(tmp_path) as (door, export):
        told = await export(request(START + SECOND, START - SECOND), metadata=[("authorization", sent)], timeout=60)
        (project,) = (await door.get("/v2/projects"))["projects"]
        window = {"start_time": "2025-12-31T00:00:00Z", "end_time": "2026-01-02T00:00:00Z"}
        spans = await door.spans(project["id"], **window)
    assert told.partial_success.rejected_spans == 1
    assert "is before the start time" in told.partial_success.error_message
    assert (project["name"], [span["name"] for span in spans]) == ("shop", ["call 1"])


async def test_a_caller_with_another_key_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (door, export):
        for metadata in ([], [("authorization", "another")]):
            with pytest.raises(aio.AioRpcError) as raised:
                await export(request(START + SECOND), metadata=metadata, timeout=60)
            assert raised.value.code().name == "UNAUTHENTICATED"
            assert raised.value.details().startswith("The engine's key is missing or wrong.")
        assert (await door.get("/v2/projects"))["projects"] == []


async def test_genai_events_reach_their_span_and_other_records_are_told(tmp_path: Path) -> None:
    told = ExportLogsServiceRequest()
    scope = told.resource_logs.add().scope_logs.add()
    for name in ("gen_ai.user.message", "app.started"):
        record = scope.log_records.add(
            trace_id=bytes([1] * 16), span_id=bytes([1] * 8), time_unix_nano=START, event_name=name
        )
        record.body.string_value = "Is it late?"
    async with (
        opened(tmp_path) as door,
        otlp_grpc.serving(door.engine, KEY, 0) as port,
        aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        export = channel.unary_unary(
            f"/{otlp_grpc.LOGS_SERVICE}/Export",
            request_serializer=ExportLogsServiceRequest.SerializeToString,
            response_deserializer=ExportLogsServiceResponse.FromString,
        )
        with pytest.raises(aio.AioRpcError):
            await export(told, timeout=60)
        answer = await export(told, metadata=[("authorization", KEY)], timeout=60)
        await exporter(channel)(request(START + SECOND), metadata=[("authorization", KEY)], timeout=60)
        (project,) = (await door.get("/v2/projects"))["projects"]
        window = {"start_time": "2025-12-31T00:00:00Z", "end_time": "2026-01-02T00:00:00Z"}
        (found,) = await door.spans(project["id"], **window)
    assert answer.partial_success.error_message == "1 log record(s) are no GenAI event and were not kept."
    assert found["attributes"]["input.value"] == "Is it late?"

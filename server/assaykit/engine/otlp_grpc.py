"""Spans and GenAI events over OTLP/gRPC: the ingest of `/v1/traces` and `/v1/logs`. Imported only with its port set."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from assaykit.engine import access, grpc_server, ingest, otlp, otlp_logs

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
LOGS_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"


def serving(engine: "Engine", key: str, port: int) -> AbstractAsyncContextManager[int]:
    """Accept spans and GenAI events on loopback until the block ends, and yield the port.

    Raises:
        Unavailable: the port is taken.
        ValueError: the key is empty or blank.
    """
    spans = grpc_server.GrpcMethod(
        "Export", partial(_export, engine), ExportTraceServiceRequest, ExportTraceServiceResponse
    )
    logs = grpc_server.GrpcMethod(
        "Export", partial(_export_logs, engine), ExportLogsServiceRequest, ExportLogsServiceResponse
    )
    wanted = grpc_server.Key(access.encoded(key), "authorization", "Send it as the metadata 'authorization'.")
    services = [
        grpc_server.Service(SERVICE, [spans], otlp.BODY_LIMIT),
        grpc_server.Service(LOGS_SERVICE, [logs], otlp.BODY_LIMIT),
    ]
    return grpc_server.serving(services, wanted, port, "--otlp-port")


async def _export(engine: "Engine", request: Any) -> ExportTraceServiceResponse:
    arrived = await anyio.to_thread.run_sync(otlp.spans, request)
    return otlp.response(await ingest.keep(engine, arrived))


async def _export_logs(engine: "Engine", request: Any) -> ExportLogsServiceResponse:
    found = await anyio.to_thread.run_sync(otlp_logs.events, request)
    await ingest.keep_events(engine, found)
    return otlp_logs.response(found)

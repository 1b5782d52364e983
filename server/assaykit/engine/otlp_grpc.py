"""Spans over OTLP/gRPC: the same ingest as `POST /v1/traces`. Imported only if the user sets its port."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from assaykit.engine import access, grpc_server, ingest, otlp

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def serving(engine: "Engine", key: str, port: int) -> AbstractAsyncContextManager[int]:
    """Accept spans on loopback until the block ends, and yield the port.

    Raises:
        Unavailable: the port is taken.
        ValueError: the key is empty or blank.
    """
    call = grpc_server.GrpcMethod(
        "Export", partial(_export, engine), ExportTraceServiceRequest, ExportTraceServiceResponse
    )
    wanted = grpc_server.Key(access.encoded(key), "authorization", "Send it as the metadata 'authorization'.")
    service = grpc_server.Service(SERVICE, [call], otlp.BODY_LIMIT)
    return grpc_server.serving(service, wanted, port, "--otlp-port")


async def _export(engine: "Engine", request: Any) -> ExportTraceServiceResponse:
    arrived = await anyio.to_thread.run_sync(otlp.spans, request)
    return otlp.response(await ingest.keep(engine, arrived))

"""The gRPC services of the engine with bytes that are no message: the key comes before the parser."""

import importlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import KEY, opened

from assaykit.engine import otlp_grpc
from assaykit.engine.flight import messages, server

aio: Any = importlib.import_module("grpc.aio")

BAD = b"\xff\xff\xff not protobuf"
TRUNCATED = b"\x0a\x7f\x00"
OTLP = (f"/{otlp_grpc.SERVICE}/Export", "unary_unary", "authorization", KEY)
FLIGHT = [
    (f"/{messages.SERVICE}/{name}", kind, "auth-token-bin", KEY.encode())
    for name, kind in (
        ("GetFlightInfo", "unary_unary"),
        ("DoGet", "unary_stream"),
        ("DoAction", "unary_stream"),
        ("DoPut", "stream_stream"),
    )
]


async def refusal(port: int, method: str, kind: str, metadata: list[tuple[str, Any]], body: bytes) -> tuple[str, str]:
    """The status and the details of a call with these bytes."""

    async def once() -> AsyncIterator[bytes]:
        yield body

    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = getattr(channel, kind)(method)
        sent = call(once() if kind.startswith("stream") else body, metadata=metadata, timeout=30)
        code, details = await sent.code(), await sent.details()
    return code.name, details


@pytest.mark.parametrize("body", [BAD, TRUNCATED])
@pytest.mark.parametrize("method", [OTLP, *FLIGHT], ids=lambda one: one[0].rpartition("/")[2])
async def test_the_key_is_checked_before_the_message_is_parsed(
    tmp_path: Path, method: tuple[str, str, str, Any], body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path, kind, header, key = method
    serving = otlp_grpc.serving if method is OTLP else server.serving
    with caplog.at_level(logging.WARNING):
        async with opened(tmp_path) as door, serving(door.engine, KEY, 0) as port:
            stranger = await refusal(port, path, kind, [], body)
            wrong = await refusal(port, path, kind, [(header, type(key)())], body)
            keyed = await refusal(port, path, kind, [(header, key)], body)
    assert stranger[0] == wrong[0] == "UNAUTHENTICATED"
    assert keyed[0] == "INVALID_ARGUMENT"
    assert keyed[1].startswith(f"The body of {path.rpartition('/')[2]} is not a protobuf message ")
    assert caplog.records == []

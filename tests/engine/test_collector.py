"""Requests in the shape of those that the OpenTelemetry Collector's OTLP exporters send.

The Collector is in no registry that these tests can install from. The bytes are built here from its documented
behaviour: the batch processor merges resources of several services into one request, `otlphttp` packs it with gzip or
zstd and names itself in `User-Agent`, `otlp` packs gRPC messages with gzip, and both send the same batch again after a
429 or a 503, or when the answer was lost.
"""

import gzip
import importlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.engine.door import KEY, NOW, SECOND, Door, HandClock, opened

from assaykit.engine import ingest, otlp_grpc
from assaykit.engine.content_encodings import UnsupportedMedia, plain
from assaykit.engine.problems import TooLarge
from assaykit.errors import AssayError, Invalid, RateLimited, Unavailable

arrow: Any = importlib.import_module("pyarrow")
grpc: Any = importlib.import_module("grpc")
aio: Any = importlib.import_module("grpc.aio")

AGENT = "OpenTelemetry Collector Contrib/0.139.0 (linux/amd64)"
SERVICES = ("checkout", "search", "checkout")


def packed_with_zstd(body: bytes) -> bytes:
    return arrow.compress(body, codec="zstd", asbytes=True)


PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress, "zstd": packed_with_zstd, "deflate": zlib.compress,
}  # fmt: skip


def batch() -> ExportTraceServiceRequest:
    """Spans of two services in three resources, as the batch processor merges them."""
    told = ExportTraceServiceRequest()
    for number, service in enumerate(SERVICES, start=1):
        arrived = told.resource_spans.add()
        arrived.resource.attributes.add(key="service.name").value.string_value = service
        scope = arrived.scope_spans.add()
        for part in range(2):
            scope.spans.add(
                trace_id=bytes([number] * 16),
                span_id=bytes([number, part, 1, 1, 1, 1, 1, 1]),
                name=f"{service} {number}.{part}",
                start_time_unix_nano=NOW - SECOND,
                end_time_unix_nano=NOW,
            )
    return told


async def stored(door: Door) -> dict[str, list[str]]:
    """The names of the spans of each project."""
    projects = (await door.get("/v2/projects"))["projects"]
    return {one["name"]: sorted(span["name"] for span in await door.spans(one["id"])) for one in projects}


WHOLE: Final = {
    "checkout": ["checkout 1.0", "checkout 1.1", "checkout 3.0", "checkout 3.1"],
    "search": ["search 2.0", "search 2.1"],
}


async def sent(door: Door, encoding: str) -> httpx.Response:
    headers = {"content-type": "application/x-protobuf", "content-encoding": encoding, "user-agent": AGENT}
    body = PACKERS[encoding](batch().SerializeToString())
    return await door.http.post("/v1/traces", content=body, headers=headers)


@pytest.mark.parametrize("encoding", PACKERS)
async def test_a_batch_of_several_services_is_stored_by_project(tmp_path: Path, encoding: str) -> None:
    async with opened(tmp_path, clock=HandClock()) as door:
        answer = await sent(door, encoding)
        assert (answer.status_code, answer.content) == (200, b"")
        assert await stored(door) == WHOLE


@pytest.mark.parametrize("fault", [RateLimited, Unavailable], ids=["429", "503"])
@pytest.mark.parametrize("is_kept", [False, True], ids=["before it is stored", "after it is stored"])
async def test_a_batch_that_is_sent_again_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[AssayError], *, is_kept: bool
) -> None:
    keep = ingest.keep

    async def failing(engine: Any, arrived: Any) -> Any:
        if is_kept:
            await keep(engine, arrived)
        raise fault("The engine is busy.", "Try again.")

    async with opened(tmp_path, clock=HandClock()) as door:
        with monkeypatch.context() as patched:
            patched.setattr(ingest, "keep", failing)
            assert (await sent(door, "gzip")).status_code == fault.status
        for _ in range(2):
            assert (await sent(door, "zstd")).status_code == 200
        assert await stored(door) == WHOLE


async def test_a_batch_over_grpc_is_the_same(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, clock=HandClock()) as door,
        otlp_grpc.serving(door.engine, KEY, 0) as port,
        aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.primary_user_agent", AGENT)]) as channel,
    ):
        export = channel.unary_unary(
            f"/{otlp_grpc.SERVICE}/Export",
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=ExportTraceServiceResponse.FromString,
        )
        for _ in range(2):
            told = await export(
                batch(), metadata=[("authorization", KEY)], compression=grpc.Compression.Gzip, timeout=60
            )
            assert not told.HasField("partial_success")
        assert await stored(door) == WHOLE


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_bomb_is_refused(encoding: str) -> None:
    body = PACKERS[encoding](bytes(1_000_000))
    with pytest.raises(TooLarge):
        plain(body, encoding, 999_999)
    assert len(plain(body, encoding.upper(), 1_000_000)) == 1_000_000


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "other", "no bytes"])
def test_bytes_of_another_encoding_are_invalid(encoding: str, damage: str) -> None:
    whole = PACKERS[encoding](bytes(range(256)) * 9)
    body = {"cut": whole[:-9], "other": b"plain", "no bytes": b""}[damage]
    if not body and encoding == "gzip":
        assert plain(body, encoding, 10) == b""  # as before
        return
    with pytest.raises(Invalid) as caught:
        plain(body, encoding, 10_000)
    assert caught.value.status == 422


def test_zstd_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        return None

    monkeypatch.setattr("assaykit.engine.content_encodings.util.find_spec", missing)
    with pytest.raises(UnsupportedMedia, match="need pyarrow") as caught:
        plain(b"x", "zstd", 10)
    assert "pip install 'assaykit[sdk]'" in caught.value.next

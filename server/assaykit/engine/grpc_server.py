"""gRPC on loopback: the server, the key check in front of every call, and errors as gRPC status codes.

OTLP and Arrow Flight share this server. `grpc.aio` answers in the engine's event loop, so calls reach the store in the
same way as HTTP requests and need no threads. pyarrow's own Flight server runs on threads and cannot be stopped while a
client keeps a stream open; this server cancels the remaining calls after the grace time.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias, cast

import anyio
import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport]  (makes the attribute)
import structlog
from google.protobuf.message import DecodeError

from assaykit.engine import access
from assaykit.engine.problems import Malformed
from assaykit.errors import AssayError, Unavailable

# grpcio has no type annotations, so only this module uses it.
_grpc = cast("Any", grpc)

log = structlog.get_logger()

HOST = "127.0.0.1"
GRACE_S = 1
"""Seconds that running calls may continue when the engine stops."""

_DETAIL_CHARACTERS = 2000
"""Most characters of an error message: gRPC sends it in a header, and headers are small."""

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}

Unary: TypeAlias = Callable[[Any], Awaitable[Any]]
Stream: TypeAlias = Callable[[Any], AsyncIterator[Any]]


class GrpcMethod(NamedTuple):
    """One method of a service: its name, its handler `work`, and the classes of its messages."""

    name: str
    work: Unary | Stream
    request: Any
    reply: Any
    takes_stream: bool = False
    gives_stream: bool = False


class Service(NamedTuple):
    """One gRPC service: its name, its methods, and its largest message in bytes."""

    name: str
    calls: Sequence[GrpcMethod]
    message_limit: int


class Key(NamedTuple):
    """The key that a call must carry, the metadata entry for it, and the advice to a caller without it."""

    value: bytes
    header: str
    how: str


@asynccontextmanager
async def serving(services: Sequence[Service], key: Key, port: int, flag: str) -> AsyncGenerator[int]:
    """Serve on loopback until the block ends, and yield the port. Port 0 takes a free one.

    `flag` is the command-line option that sets the port, for the error sentence.

    Raises:
        Unavailable: the port is taken.
    """
    limit = max(service.message_limit for service in services)
    options = [
        # With SO_REUSEPORT a second engine could listen on the same port, and the two would share the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
    ]
    server = _grpc.aio.server(options=options)
    for service in services:
        methods = {call.name: _method(call, key) for call in service.calls}
        server.add_generic_rpc_handlers((_grpc.method_handlers_generic_handler(service.name, methods),))
    try:
        bound: int = server.add_insecure_port(f"{HOST}:{port}")
    except RuntimeError as error:
        raise Unavailable(
            f"Port {port} cannot be used: another program has it.",
            f"Choose another with {flag}, or {flag} 0 for a free one.",
        ) from error
    await server.start()
    try:
        yield bound
    finally:
        with anyio.CancelScope(shield=True):
            await server.stop(GRACE_S)


def _method(call: GrpcMethod, key: Key) -> Any:
    """The handler of a method. It takes messages as bytes, so that nothing is parsed before the key is checked."""

    async def answer(request: bytes, context: Any) -> Any:
        async with _explained(context, call.name, key):
            return await cast("Unary", call.work)(_parsed(request, call))

    async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
        async with _explained(context, call.name, key):
            message = _each_parsed(request, call) if call.takes_stream else _parsed(request, call)
            async for reply in cast("Stream", call.work)(message):
                yield reply

    kind = f"{'stream' if call.takes_stream else 'unary'}_{'stream' if call.gives_stream else 'unary'}"
    make = getattr(_grpc, f"{kind}_rpc_method_handler")
    return make(
        answers if call.gives_stream else answer,
        request_deserializer=None,
        response_serializer=call.reply.SerializeToString,
    )


@asynccontextmanager
async def _explained(context: Any, method: str, key: Key) -> AsyncGenerator[None]:
    """Check the caller's key, and end the call with a gRPC status if the key or the call fails."""
    try:
        access.require(_sent(context, key.header), key.value, key.how)
        yield
    except AssayError as error:
        code = getattr(_grpc.StatusCode, _CODES.get(error.status, "INTERNAL"))
        await context.abort(code, str(error)[:_DETAIL_CHARACTERS])
    except (_grpc.RpcError, _grpc.aio.AbortError):
        raise
    except Exception:  # no detail of an unexpected error may reach the caller
        log.exception("engine_crashed", method=method)
        await context.abort(_grpc.StatusCode.INTERNAL, "The engine failed; its log has the cause.")


async def _each_parsed(messages: AsyncIterator[bytes], call: GrpcMethod) -> AsyncIterator[Any]:
    async for message in messages:
        yield _parsed(message, call)


def _parsed(message: bytes, call: GrpcMethod) -> Any:
    """The message of a call.

    Raises:
        Malformed: the bytes are no such message.
    """
    try:
        return call.request.FromString(message)
    except DecodeError:
        kind = call.request.DESCRIPTOR.name
        raise Malformed(
            f"The body of {call.name} is not a protobuf message {kind}.", "Send it as the client library encodes it."
        ) from None


def _sent(context: Any, header: str) -> bytes:
    for name, value in context.invocation_metadata() or ():
        if name == header:
            return value if isinstance(value, bytes) else value.encode()
    return b""

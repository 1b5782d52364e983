"""gRPC on loopback: listening, the key check in front of every call, and our errors as gRPC's.

`grpc.aio` answers within the engine's own event loop, so calls reach the store as requests over HTTP do and no thread
of ours is needed. Both doors use it. pyarrow has a Flight server of its own, on threads of its own, and that one
cannot be stopped while a client keeps a stream open; this one cancels what is left after the grace time.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias, cast

import anyio
import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport]  (makes the attribute)
import structlog

from assaykit.engine import access
from assaykit.errors import AssayError, Unavailable

# grpcio has no types of its own: this module is all that touches it.
_grpc = cast("Any", grpc)

log = structlog.get_logger()

HOST = "127.0.0.1"
GRACE_S = 1
"""How long calls that are under way may go on when the engine stops."""

_DETAIL_CHARACTERS = 2000
"""An error travels in a header, and headers are small."""

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
    """One method of a service: what it is called, what answers it, and the classes of its messages."""

    name: str
    work: Unary | Stream
    request: Any
    reply: Any
    takes_stream: bool = False
    gives_stream: bool = False


class Service(NamedTuple):
    """What is served: its name, its methods, and the largest message it takes, in bytes."""

    name: str
    calls: Sequence[GrpcMethod]
    message_limit: int


class Key(NamedTuple):
    """What a call has to carry under which name, and how a caller without it is told to send it."""

    value: bytes
    header: str
    how: str


@asynccontextmanager
async def serving(service: Service, key: Key, port: int, flag: str) -> AsyncGenerator[int]:
    """Serve on loopback until the block ends; gives the port, which for 0 is a free one. `flag` chose the port.

    Raises:
        Unavailable: the port is taken.
    """
    options = [
        # Else a second engine would listen on the same port, and the two would share the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", service.message_limit),
        ("grpc.max_send_message_length", service.message_limit),
    ]
    server = _grpc.aio.server(options=options)
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
    async def answer(request: Any, context: Any) -> Any:
        async with _explained(context, call.name, key):
            return await cast("Unary", call.work)(request)

    async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
        async with _explained(context, call.name, key):
            async for reply in cast("Stream", call.work)(request):
                yield reply

    kind = f"{'stream' if call.takes_stream else 'unary'}_{'stream' if call.gives_stream else 'unary'}"
    make = getattr(_grpc, f"{kind}_rpc_method_handler")
    return make(
        answers if call.gives_stream else answer,
        request_deserializer=call.request.FromString,
        response_serializer=call.reply.SerializeToString,
    )


@asynccontextmanager
async def _explained(context: Any, method: str, key: Key) -> AsyncGenerator[None]:
    """Let a caller with the key in, and tell what went wrong with the call."""
    try:
        access.require(_sent(context, key.header), key.value, key.how)
        yield
    except AssayError as error:
        code = getattr(_grpc.StatusCode, _CODES.get(error.status, "INTERNAL"))
        await context.abort(code, str(error)[:_DETAIL_CHARACTERS])
    except (_grpc.RpcError, _grpc.aio.AbortError):
        raise
    except Exception:  # nothing of it may reach the caller, whatever it is
        log.exception("engine_crashed", method=method)
        await context.abort(_grpc.StatusCode.INTERNAL, "The engine failed; its log has the cause.")


def _sent(context: Any, header: str) -> bytes:
    for name, value in context.invocation_metadata() or ():
        if name == header:
            return value if isinstance(value, bytes) else value.encode()
    return b""

"""Serving the embedded engine over HTTP on loopback."""

import os
import secrets
import socket
from pathlib import Path

import anyio
import click
import uvicorn

from assaykit import logs
from assaykit.engine import Engine, make_private
from assaykit.errors import Unavailable
from assaykit.settings import Settings

HOST = "127.0.0.1"
KEY_FILE = "engine.key"


def serve(settings: Settings, port: int) -> None:
    """Serve until interrupted. Prints the address and how to send spans to it.

    Raises:
        Unavailable: the port is taken.
    """
    key, origin = engine_key(settings)
    logs.configure(settings.log_level, [key])
    listener = _listen(port)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    click.echo(
        f"assaykit engine on {address}\n"
        f"store   {settings.home}\n"
        f"key     {origin}\n"
        f"REST    ARIZE_API_SCHEME=http ARIZE_API_HOST={HOST} ARIZE_API_PORT={listener.getsockname()[1]}\n"
        f"OTLP    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={address}/v1/traces "
        'OTEL_EXPORTER_OTLP_TRACES_HEADERS="authorization=Bearer%20<key>"',
    )
    anyio.run(_serve, settings, key, listener)


async def _serve(settings: Settings, key: str, listener: socket.socket) -> None:
    async with Engine.open(settings.home, key=key, environment=settings.environment) as engine:
        config = uvicorn.Config(engine.app, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        await uvicorn.Server(config).serve(sockets=[listener])


def engine_key(settings: Settings) -> tuple[str, str]:
    """The key the engine accepts, and where it comes from: the variable, else a file made at the first start."""
    if settings.engine_key is not None:
        return settings.engine_key, "from ASSAYKIT_ENGINE_KEY"
    make_private(settings.home)
    at = settings.home / KEY_FILE
    if not at.exists():
        _write_private(at, secrets.token_urlsafe(32))
    return at.read_text(encoding="utf-8").strip(), f"in {at}"


def _write_private(at: Path, text: str) -> None:
    descriptor = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"Port {port} cannot be used: {error.strerror}.",
            "Choose another with --port, or --port 0 for a free one.",
        ) from error
    return listener

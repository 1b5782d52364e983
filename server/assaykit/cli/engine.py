"""Serving the embedded engine over HTTP on loopback."""

import socket

import anyio
import click

from assaykit import logs
from assaykit.cli.listening import HOST, listen
from assaykit.cli.listening import serve as serve_app
from assaykit.cli.tokens import minted
from assaykit.engine import Engine
from assaykit.settings import Settings

KEY_FILE = "engine.key"


def serve(settings: Settings, port: int) -> None:
    """Serve until interrupted. Prints the address and how to send spans to it.

    Raises:
        Unavailable: the port is taken.
    """
    key, origin = _engine_key(settings)
    logs.configure(settings.log_level, [key])
    listener = listen(port)
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
    async with Engine.open(
        settings.home, key=key, environment=settings.environment, concurrency=settings.concurrency
    ) as engine:
        await serve_app(engine.app, listener, lifespan=False)


def _engine_key(settings: Settings) -> tuple[str, str]:
    """The key the engine accepts, and where it comes from."""
    if settings.engine_key is not None:
        return settings.engine_key, "from ASSAYKIT_ENGINE_KEY"
    key, at = minted(settings.home, KEY_FILE)
    return key, f"in {at}"

"""Serving MCP: over stdio, or over HTTP on loopback."""

import io
import sys
from functools import partial
from typing import Literal, cast

import anyio
import click

from assaykit import logs, redaction
from assaykit.settings import Settings

TOKEN_FILE = "server.token"  # noqa: S105  (a file's name)


def serve_stdio(settings: Settings) -> None:
    """Serve over stdio until stdin ends. stdout belongs to the protocol from here on."""
    # A block-buffered stray print would reach the pipe at exit, after the SDK has given stdout back.
    cast("io.TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    _configure_logs(settings)

    from assaykit.server import create_server

    anyio.run(create_server(settings).run_stdio_async)


def serve_http(settings: Settings, transport: Literal["http", "sse"], port: int) -> None:
    """Serve Streamable HTTP at /mcp, or the older SSE at /sse, on loopback until interrupted.

    Raises:
        Unavailable: the port is taken.
    """
    from assaykit.cli.listening import HOST, listen, serve
    from assaykit.cli.tokens import minted
    from assaykit.guard import Guard
    from assaykit.server import create_server

    token, at = minted(settings.home, TOKEN_FILE)
    _configure_logs(settings, token)
    listener = listen(port)
    server = create_server(settings)
    app = server.streamable_http_app() if transport == "http" else server.sse_app()
    address = f"http://{HOST}:{listener.getsockname()[1]}/{'mcp' if transport == 'http' else 'sse'}"
    told = f"assaykit over {'Streamable HTTP' if transport == 'http' else 'SSE (legacy)'} on {address}"
    tell = partial(click.echo, f"{told}\nsend    Authorization: Bearer <token>\ntoken   in {at}")
    anyio.run(partial(serve, Guard(app, token, TOKEN_FILE), listener, tell, lifespan=True))


def _configure_logs(settings: Settings, *more: str) -> None:
    # The first call of a tool does the rest.
    logs.configure_standard(settings.log_level, [*redaction.secrets_in(settings.environment), *more])

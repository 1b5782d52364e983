"""Serving MCP over stdio."""

import io
import sys
from typing import cast

import anyio

from assaykit import logs
from assaykit.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until stdin ends. stdout belongs to the protocol from here on."""
    # A block-buffered stray print would reach the pipe at exit, after the SDK has given stdout back.
    cast("io.TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    secrets = [settings.environment[name] for name in logs.SECRET_VARIABLES if name in settings.environment]
    logs.configure(settings.log_level, secrets)

    from assaykit.server import create_server

    anyio.run(create_server(settings).run_stdio_async)

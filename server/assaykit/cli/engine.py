"""Serving the embedded engine on loopback, and the variables that point the `arize` SDK to it."""

import shlex
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

import anyio
import click

from assaykit import logs, redaction
from assaykit.cli.listening import HOST, listen, served
from assaykit.cli.listening import serve as serve_app
from assaykit.cli.ports import Ports, announced, running
from assaykit.cli.tokens import minted
from assaykit.engine.engine import Engine
from assaykit.engine.extras import require_sdk
from assaykit.errors import Invalid
from assaykit.guard import LocalAddresses
from assaykit.settings import Settings

KEY_FILE = "engine.key"

REST_PORT, FLIGHT_PORT, OTLP_PORT = 8765, 8815, 4317
"""The customary ports. --env prints them if no engine runs and it is given none."""

_ELSEWHERE = ("ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT", "ARIZE_BASE_DOMAIN", "ARIZE_REGION")
"""Variables that would override the addresses of the engine's ports."""


class AskedPorts(NamedTuple):
    """The ports that a command line names. None means that it does not name one."""

    rest: int | None
    flight: int | None
    otlp: int | None


def serve(settings: Settings, ports: Ports) -> None:
    """Serve until interrupted. Prints the addresses and how to send spans.

    Raises:
        Unavailable: a port is taken.
        Unsupported: a port needs the extra `sdk`, which is not installed.
    """
    if ports.flight is not None:
        require_sdk("--flight-port")
    if ports.otlp is not None:
        require_sdk("--otlp-port")
    key, origin = _engine_key(settings)
    logs.configure(settings.log_level, [*redaction.secrets_in(settings.environment), key])
    anyio.run(_serve, settings, key, origin, ports, listen(ports.rest))


def show_environment(settings: Settings, asked: AskedPorts) -> None:
    """Print the lines for a shell that point OpenTelemetry's exporters and the SDK to the engine that runs.

    A port that is asked for is printed as it is. The others are those of the newest engine on the data folder. Where
    none runs, the customary ports are printed, and stderr says how to start one.

    Raises:
        Invalid: a port is 0; a free port is not known in advance.
    """
    if 0 in asked:
        raise Invalid("A free port is not known before the engine listens.", "Give --env the ports it listens on.")
    found = running(settings.home, asked.rest)
    if not found:
        started = f"assaykit engine{'' if asked.rest is None else f' --port {asked.rest}'}"
        click.echo(
            f"assaykit: no engine runs on {settings.home}. Start one with `{started}`; it takes these ports.", err=True
        )
    elif len(found) > 1:
        told = ", ".join(str(ports.rest) for ports in found)
        click.echo(f"assaykit: engines run on ports {told}; --port chooses, else it is the newest.", err=True)
    there = found[0] if found else Ports(REST_PORT)
    # The SDK would call Arize's own addresses for a protocol without a port, so each one gets a port.
    ports = Ports(
        asked.rest or there.rest, asked.flight or there.flight or FLIGHT_PORT, asked.otlp or there.otlp or OTLP_PORT
    )
    if settings.engine_key is not None:
        key = "$ASSAYKIT_ENGINE_KEY"
    else:
        key = f"$(cat {shlex.quote(str(minted(settings.home, KEY_FILE)[1]))})"
    click.echo(f'unset {" ".join(_ELSEWHERE)}\nexport ARIZE_API_KEY="{key}"')
    for line in [*_variables(ports).values(), *_exporter_variables(f"http://{HOST}:{ports.rest}", key)]:
        click.echo(f"export {line}")


@asynccontextmanager
async def taking_spans(settings: Settings, key: str) -> AsyncGenerator[str]:
    """An engine that takes spans on a free port until the block ends, and executes no run; yields its address."""
    async with (
        Engine.open(settings.home, key=key, environment={}, works=False) as engine,
        served(LocalAddresses(engine.app)) as address,
    ):
        yield address


async def _serve(settings: Settings, key: str, origin: str, ports: Ports, listener: socket.socket) -> None:
    async with (
        Engine.open(
            settings.home,
            key=key,
            environment=settings.environment,
            concurrency=settings.concurrency,
            calls_a_second=settings.calls_a_second,
        ) as engine,
        AsyncExitStack() as open_ports,
    ):
        ports = ports._replace(rest=listener.getsockname()[1])
        # Each of these imports takes half a second, so a server without the port skips it.
        if ports.flight is not None:
            from assaykit.engine.flight import server

            ports = ports._replace(
                flight=await open_ports.enter_async_context(server.serving(engine, key, ports.flight))
            )
        if ports.otlp is not None:
            from assaykit.engine import otlp_grpc

            ports = ports._replace(
                otlp=await open_ports.enter_async_context(otlp_grpc.serving(engine, key, ports.otlp))
            )
        open_ports.enter_context(announced(settings.home, ports))
        await serve_app(LocalAddresses(engine.app), listener, partial(_tell, settings, origin, ports), lifespan=False)


def _tell(settings: Settings, origin: str, ports: Ports) -> None:
    address = f"http://{HOST}:{ports.rest}"
    click.echo(f"assaykit engine on {address}\nstore   {settings.home}\nkey     {origin}")
    for protocol, variables in _variables(ports).items():
        click.echo(f"{protocol:7} {variables}")
    for word, line in zip(("spans", "events"), _exporter_variables(address, "<key>"), strict=True):
        click.echo(f"{word:7} {line}")


def _variables(ports: Ports) -> dict[str, str]:
    """The SDK's variables for each protocol that has a port."""
    protocols = {
        "REST": ("ARIZE_API", "http", ports.rest),
        "Flight": ("ARIZE_FLIGHT", "grpc+tcp", ports.flight),
        "OTLP": ("ARIZE_OTLP", "http", ports.otlp),
    }
    return {
        protocol: f"{name}_SCHEME={scheme} {name}_HOST={HOST} {name}_PORT={port}"
        for protocol, (name, scheme, port) in protocols.items()
        if port is not None
    }


def _exporter_variables(address: str, key: str) -> list[str]:
    """The variables of OpenTelemetry's exporters over HTTP, for spans and for events of the logs signal."""
    return [
        f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT={address}/v1/{signal} "
        f'OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS="authorization=Bearer%20{key}"'
        for signal in ("traces", "logs")
    ]


def _engine_key(settings: Settings) -> tuple[str, str]:
    """The key that the engine accepts, and the source of the key in words."""
    if settings.engine_key is not None:
        return settings.engine_key, "from ASSAYKIT_ENGINE_KEY"
    key, at = minted(settings.home, KEY_FILE)
    return key, f"in {at}"

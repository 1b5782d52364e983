"""Processes of a benchmark: an engine over HTTP, a Phoenix server, scripts in another interpreter, and its memory."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

KEY = "bench"
THINKING_S = 4.0
"""Seconds between two calls of an assistant, in which a server imports the modules of the other tools."""
START_S = 180


def script(python: Path, name: str, *arguments: object, **variables: str) -> list[float]:
    """Run a script of `others` with another interpreter; return the figures on its last line of output."""
    command = [str(python), str(Path(__file__).parent / "others" / name), *(str(one) for one in arguments)]
    ended = subprocess.run(
        command, env={**os.environ, **variables}, check=False, text=True, capture_output=True, timeout=3600
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout
    return [float(word) for word in said.strip().splitlines()[-1].split()]


@contextmanager
def engine(home: Path, **variables: str) -> Iterator[dict[str, str]]:
    """Start `assaykit engine` with HTTP, Flight and OTLP ports; yield the environment variables of the SDK for it."""
    with engine_process(home, **variables) as (_, doors):
        yield doors


@contextmanager
def engine_process(home: Path, **variables: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """As `engine`, with its process."""
    command = [sys.executable, "-m", "assaykit", "engine", "--port", "0", "--flight-port", "0", "--otlp-port", "0"]
    own = {"ASSAYKIT_HOME": str(home), "ASSAYKIT_ENGINE_KEY": KEY, "PYTHONUNBUFFERED": "1", **variables}
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not (lines and lines[-1].startswith("spans ")):
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            yield process, {"ARIZE_API_KEY": KEY, **dict(re.findall(r"(ARIZE_\w+)=(\S+)", "".join(lines)))}
        finally:
            process.terminate()


def address(doors: dict[str, str]) -> str:
    """The base URL of an engine's REST routes."""
    return f"http://{doors['ARIZE_API_HOST']}:{doors['ARIZE_API_PORT']}"


@contextmanager
def phoenix(python: Path, folder: Path) -> Iterator[str]:
    """Start a Phoenix server of another interpreter, with its store in `folder`; yield its base URL."""
    port, grpc_port = free_port(), free_port()
    variables = {
        "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_HOST": "127.0.0.1", "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    log = folder / "server.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [str(python.parent / "phoenix"), "serve"], env={**os.environ, **variables}, stdout=out, stderr=out
        ) as process,
    ):
        try:
            at = f"http://127.0.0.1:{port}"
            until = time.monotonic() + START_S
            while not _answers(f"{at}/healthz"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < until, log.read_text(encoding="utf-8")
                time.sleep(0.2)
            yield at
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def forget_peak() -> None:
    """Let the peak memory of this process begin anew, after what is not to be measured."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib() -> int:
    """The peak memory of this process since `forget_peak`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10

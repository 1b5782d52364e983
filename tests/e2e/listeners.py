"""`assaykit serve` over HTTP as a user starts it: a process, its address, and the token in its file."""

import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.children import child
from tests.e2e.processes import ending_with_parent, environment

Transport = Literal["http", "sse"]

LOOPBACK = "0100007F"
"""127.0.0.1 as the kernel of Linux writes it."""

STOP_S = 120
"""For an end on a busy machine; a deadline, not a wait."""


@dataclass(frozen=True)
class Listener:
    """A serving process. `printed` is what it said on stdout before it was ready to be asked."""

    process: subprocess.Popen[str] = field(repr=False)
    printed: str
    url: str
    token_file: Path

    @property
    def token(self) -> str:
        """What the file holds."""
        return self.token_file.read_text(encoding="utf-8").strip()

    @property
    def headers(self) -> dict[str, str]:
        """What a client of the owner's sends."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def mode_of_token(self) -> int:
        """The permissions of the file."""
        return stat.S_IMODE(self.token_file.stat().st_mode)

    def stop(self) -> int:
        """Ask it to end as a service manager does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@contextmanager
def listening(home: Path, transport: Transport, *options: str) -> Generator[Listener]:
    """A process that serves HTTP over the store in `home`, stopped at the end if it was not before; no traceback."""
    serve = ("-m", "assaykit", "serve", "--transport", transport, "--port", "0", *options)
    command = ending_with_parent(sys.executable, *serve)
    log = home / "stderr.txt"
    with (
        log.open("w", encoding="utf-8") as errors,
        child(
            command, env=environment(home), stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines[-1].startswith("token   in "), log.read_text(encoding="utf-8")
            at = Path(lines[-1].removeprefix("token   in ").strip())
            yield Listener(process, "".join(lines), lines[0].split()[-1], at)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(STOP_S)
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said, said


def listening_addresses(pid: int) -> list[str]:
    """Every address on which a process takes TCP connections, as the kernel of Linux writes them."""
    links: list[str] = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # The process has closed it since.
            links.append(str(entry.readlink()))
    own = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    found: list[str] = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in own:
                found.append(columns[1])
    return found

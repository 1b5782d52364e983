"""An environment whose Python processes can reach this machine only, and keep a list of whom they asked for."""

import os
from pathlib import Path

from tests.e2e.processes import environment

import assaykit

# An audit hook sees every connection of a process, also those below `socket.socket`, and cannot be taken out again.
GUARD = """
import ipaddress, os, sys

LOG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "connections.log")

def note(word, text):
    line = f"{word} {os.getpid()} {text}\\n".encode()
    descriptor = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line)
    os.close(descriptor)

def here(host):
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        # A path is a socket of this machine; without an address the socket is connected already.
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.gethostbyname":
        host = arguments[0]
    else:
        return
    note("reached" if here(host) else "refused", f"{event} {host}")
    if not here(host):
        raise PermissionError(f"{event} to {host!r} leads away from this machine")

sys.addaudithook(watch)
note("started", " ".join(sys.orig_argv[1:]))
"""


class Sealed:
    """Write the guard into a folder, start processes with `environment`, then read what they did."""

    def __init__(self, folder: Path) -> None:
        self._guard = folder / "guard"
        self._guard.mkdir()
        (self._guard / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
        path = os.pathsep.join([str(self._guard), str(Path(assaykit.__file__).parents[1])])
        self.environment = environment(folder, PYTHONPATH=path)

    def started(self) -> list[str]:
        """The command line of every process that carried the guard."""
        return [text for _, text in self._lines("started")]

    def reached(self) -> list[str]:
        """Connections and look-ups on this machine: event and host."""
        return [text for _, text in self._lines("reached")]

    def refused(self) -> list[str]:
        """Those that would have left it."""
        return [text for _, text in self._lines("refused")]

    def _lines(self, word: str) -> list[tuple[str, str]]:
        log = (self._guard / "connections.log").read_text(encoding="utf-8").splitlines()
        parts = [line.split(" ", 2) for line in log]
        return [(process, text) for kind, process, text in parts if kind == word]

# pyright: basic
"""Forking of this process after it has imported the user's file, so that the file is imported and in memory only once.

Requests come over a socket, one message of JSON each way at a time:

    in    {"fork": true} with two descriptors: a socket for the rows, and a pipe for the output
    out   {"pid": 7} or {"failed": why}
    in    {"wait": 7}
    out   {"code": 0}, negative for a signal, null while it runs; or {"failed": why}
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
from contextlib import suppress
from typing import Any

from .pipes import Pipe

_MESSAGE = 4096


class ForkServer:
    """The socket for fork requests. It is opened before the user's file is imported."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._open_before = _open_files()

    @property
    def are_safe(self) -> bool:
        """True if the user's file has left no thread, file or socket open, which two processes cannot share."""
        return _threads() == 1 and _open_files() == self._open_before

    def begun(self, pipe: Pipe) -> Pipe:
        """Serve fork requests, and return the pipe for rows in a process that has rows to run.

        That is each forked process, and this process once it gets a row itself.
        """
        # The collector skips frozen objects, so forked processes keep sharing their memory. PyPy has no `freeze`.
        if hasattr(gc, "freeze"):
            gc.freeze()
        while True:
            ready, _, _ = select.select([pipe.incoming, self._socket], [], [])
            if pipe.incoming in ready:
                return pipe
            message, descriptors, _, _ = socket.recv_fds(self._socket, _MESSAGE, 2)
            if not message:
                os._exit(0)
            asked = json.loads(message)
            if "wait" in asked:
                self._tell(_ended(asked["wait"]))
            elif self._is_forked(descriptors):
                self._socket.close()
                pipe.close()
                return Pipe.of_socket(*descriptors, mark=pipe.mark)

    def _is_forked(self, descriptors: list[int]) -> bool:
        # Otherwise each forked process would print the buffered text again.
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            told: dict[str, Any] = {"failed": error.strerror}
        else:
            if pid == 0:
                os.setpgid(0, 0)
                _reseed()
                return True
            with suppress(OSError):
                os.setpgid(pid, pid)  # parent and child both set it: the group must exist before a kill
            told = {"pid": pid}
        for one in descriptors:
            os.close(one)
        self._tell(told)
        return False

    def _tell(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode("ascii"))


def _reseed() -> None:
    # The standard library reseeds its generator after a fork. numpy does not, so all processes would draw alike.
    with suppress(Exception):
        sys.modules["numpy.random"].seed()


def _ended(pid: int) -> dict[str, Any]:
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError as error:
        return {"failed": error.strerror}
    return {"code": os.waitstatus_to_exitcode(status) if ended else None}


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))

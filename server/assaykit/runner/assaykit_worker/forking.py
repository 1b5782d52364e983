# pyright: basic
"""Processes forked from this one once it has imported the user's file, which is then imported and held in memory once.

They are asked for over a socket, one message of JSON each way at a time:

    in    {"fork": true} with two descriptors: a socket for the rows, and what the process is to print to
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
    """The socket, which is there before the user's file is imported."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._open_before = _open_files()

    @property
    def are_safe(self) -> bool:
        """Whether the user's file has begun nothing that two processes cannot share: a thread, a file, a socket."""
        return _threads() == 1 and _open_files() == self._open_before

    def begun(self, pipe: Pipe) -> Pipe:
        """Fork as often as is asked for. Returns with the pipe of its own where there are rows to do.

        That is in each process that was forked, and in this one when it is given a row itself.
        """
        # What is there by now is not looked at again, so that its memory stays common. PyPy has no such thing.
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
                return Pipe.of_socket(*descriptors)

    def _is_forked(self, descriptors: list[int]) -> bool:
        # Else each process would print it once more.
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
                os.setpgid(pid, pid)  # whoever comes first: the group must be there before it is killed
            told = {"pid": pid}
        for one in descriptors:
            os.close(one)
        self._tell(told)
        return False

    def _tell(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode("ascii"))


def _reseed() -> None:
    # The standard library's generator sees to itself; all of numpy's would draw the same numbers.
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

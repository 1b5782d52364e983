# pyright: basic
"""The two ends that are the protocol's alone, out of the way of what the user's code reads and prints."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, BinaryIO


class Pipe:
    """Lines of JSON coming in and going out."""

    def __init__(self, incoming: int, outgoing: int, errors: int) -> None:
        """Take descriptors over. What is printed from here on goes to `errors`, and stdin has nothing to read."""
        self.incoming: BinaryIO = os.fdopen(incoming, "rb")
        self._outgoing: BinaryIO = os.fdopen(outgoing, "wb")
        self._lock = threading.Lock()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(errors, 1)
        os.dup2(errors, 2)

    @classmethod
    def of_process(cls) -> Pipe:
        """That of a process which was started for this."""
        return cls(os.dup(0), os.dup(1), 2)

    @classmethod
    def of_socket(cls, number: int, errors: int) -> Pipe:
        """That of a process which was forked."""
        made = cls(number, os.dup(number), errors)
        os.close(errors)
        return made

    def close(self) -> None:
        """Let go of it: another process has it."""
        self.incoming.close()
        self._outgoing.close()

    def tell(self, message: dict[str, Any]) -> None:
        """Send one message."""
        line = json.dumps(message).encode("ascii") + b"\n"
        with self._lock:
            self._outgoing.write(line)
            self._outgoing.flush()

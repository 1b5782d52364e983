# pyright: basic
"""Private pipe ends for the protocol, so that the user's code may use stdin and stdout freely."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, BinaryIO


class Pipe:
    """A pair of pipe ends for lines of JSON, one for each direction."""

    def __init__(self, incoming: int, outgoing: int, errors: int) -> None:
        """Take over the descriptors. From now on printed text goes to `errors`, and stdin is empty."""
        self.incoming: BinaryIO = os.fdopen(incoming, "rb")
        self.mark = ""
        self._outgoing: BinaryIO = os.fdopen(outgoing, "wb")
        self._lock = threading.Lock()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(errors, 1)
        os.dup2(errors, 2)

    @classmethod
    def of_process(cls) -> Pipe:
        """The pipe of a process that was started as a worker."""
        return cls(os.dup(0), os.dup(1), 2)

    @classmethod
    def of_socket(cls, number: int, errors: int, *, mark: str) -> Pipe:
        """The pipe of a forked process."""
        made = cls(number, os.dup(number), errors)
        made.mark = mark
        os.close(errors)
        return made

    def close(self) -> None:
        """Close these ends. Another process uses the pipe."""
        self.incoming.close()
        self._outgoing.close()

    def tell(self, message: dict[str, Any]) -> None:
        """Send one message, with the mark before it that tells it from a line of the user's code."""
        line = f"{self.mark}{json.dumps(message)}\n".encode("ascii")
        with self._lock:
            self._outgoing.write(line)
            self._outgoing.flush()

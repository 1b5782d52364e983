"""Processes that a test starts."""

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def child(command: Sequence[str], **how: Any) -> Generator[subprocess.Popen[Any]]:
    """A process, waited for at the end of the block.

    It is killed where the block fails: `Popen` alone would wait for a process that nobody asks to end, and the tests
    would never end.
    """
    with subprocess.Popen(command, **how) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise

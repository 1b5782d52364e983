"""Processes that a test starts."""

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

LONGEST_S = 120
"""Seconds that a process may take to end."""


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


def ended(process: subprocess.Popen[Any]) -> int:
    """Close the stdin of a process that ends with it, and return its exit status. It is killed if it does not end."""
    try:
        process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode

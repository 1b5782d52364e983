"""Searching text for a pattern without letting the pattern hold up the server.

Python's matcher can take exponential time and holds the interpreter while it does, so no deadline would fire.
A pattern that can repeat is therefore run in a worker process that is killed at the deadline. This module
imports next to nothing, because the worker imports it.
"""

import re

import anyio
import anyio.to_process

TEXT_LIMIT = 100_000
"""Characters of the text searched; a longer one is refused, since half a search proves nothing."""
DEADLINE_S = 10.0
"""Seconds for one search, the start of the worker included."""

_REPEATS = re.compile(r"[*+{]")


class RanAway(Exception):  # noqa: N818  (says what happened; it never leaves this package)
    """The search did not end before the deadline, or took its process down."""


async def search(pattern: str, text: str, deadline_s: float = DEADLINE_S) -> str | None:
    """The first text that matches anywhere, or None.

    Raises:
        RanAway: the pattern backtracked for longer than `deadline_s` seconds, or ran out of memory.
    """
    if not _REPEATS.search(pattern):
        return find(pattern, text)
    try:
        with anyio.fail_after(deadline_s):
            return await anyio.to_process.run_sync(find, pattern, text, cancellable=True)
    except (TimeoutError, anyio.BrokenWorkerProcess):
        raise RanAway from None


def find(pattern: str, text: str) -> str | None:
    """The same search in this very process."""
    hit = re.search(pattern, text)
    return hit.group() if hit else None

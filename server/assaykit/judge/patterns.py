"""Search for a regular expression under a deadline, so that a slow pattern cannot block the server.

The standard library's matcher can take exponential time and keeps the interpreter lock, so a deadline could not
interrupt it. The `regex` package accepts the same patterns, releases the lock and stops at its timeout.
"""

from functools import partial
from typing import Any

import anyio.to_thread

TEXT_LIMIT = 100_000
"""Characters of a searched text. A longer text is refused, because a partial search proves nothing."""
DEADLINE_S = 2.0
"""Seconds for one search."""


class RanAway(Exception):
    """The search did not end before the deadline."""


def fault(pattern: str) -> str | None:
    """Return the matcher's error message for a pattern; None if the pattern is valid."""
    import regex  # noqa: PLC0415  (only rows with a pattern pay for the import)

    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        return str(error)
    return None


async def search(pattern: str, text: str, deadline_s: float = DEADLINE_S) -> str | None:
    """Return the first match anywhere in the text, or None.

    Raises:
        RanAway: the pattern backtracked for longer than `deadline_s` seconds.
    """
    import regex  # noqa: PLC0415

    find: Any = partial(regex.search, pattern, text, timeout=deadline_s, concurrent=True)
    try:
        hit = await anyio.to_thread.run_sync(find)
    except TimeoutError:
        raise RanAway from None
    return hit.group() if hit else None

"""Searching text for a pattern without letting the pattern hold up the server.

The standard library's matcher can take exponential time and holds the interpreter while it does, so no deadline
would fire. The `regex` package reads the same patterns, lets other threads run and stops when its time is over.
"""

from functools import partial
from typing import Any

import anyio.to_thread

TEXT_LIMIT = 100_000
"""Characters of the text searched; a longer one is refused, since half a search proves nothing."""
DEADLINE_S = 2.0
"""Seconds for one search."""


class RanAway(Exception):
    """The search did not end before the deadline."""


def fault(pattern: str) -> str | None:
    """What is wrong with a pattern, in the matcher's words; None when it can be used."""
    import regex  # noqa: PLC0415  (only rows with a pattern pay for the import)

    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        return str(error)
    return None


async def search(pattern: str, text: str, deadline_s: float = DEADLINE_S) -> str | None:
    """The first text that matches anywhere, or None.

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

"""Time and randomness, in one replaceable place."""

import secrets
import time


class Clock:
    """Wall time and the random part of ids; tests replace it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()

    def suffix(self) -> str:
        """Four random hex characters, so that a new store does not repeat the ids of a deleted one."""
        return secrets.token_hex(2)

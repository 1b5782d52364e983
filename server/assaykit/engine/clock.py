"""Time and chance, in one replaceable place."""

import secrets
import time


class Clock:
    """Wall time and the random part of ids; a test passes one of its own."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()

    def suffix(self) -> str:
        """Four characters that keep ids apart when a store is thrown away and begun again."""
        return secrets.token_hex(2)

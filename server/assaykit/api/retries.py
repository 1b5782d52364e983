"""Second tries of calls over a network: which failures get one, and after which pause."""

import random
from http import HTTPStatus

import httpx

from assaykit.retry_after import seconds

ATTEMPTS = 4
"""Most attempts of a call."""

BUDGET = 10
"""Second tries that a session may spend at once. Ten answered calls give one back.

Without this bound, a backend in trouble would get several times the load from every session."""

_FIRST_PAUSE_S = 0.5
_ANSWERS_FOR_ONE = 10
_AT_THE_GATEWAY = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)

Outcome = httpx.Response | httpx.HTTPError


class Retries:
    """The second tries of one session."""

    def __init__(self) -> None:
        self._left = BUDGET * _ANSWERS_FOR_ONE

    def pause_s(self, outcome: Outcome, attempt: int, *, reads: bool) -> float | None:
        """The pause in seconds before the next attempt, or None if the outcome stands. `attempt` counts from 1.

        A 429 did nothing, and neither did a call without a connection, so any call is safe to repeat. After a 502, 503,
        504 or a broken connection only a call that reads is.
        """
        asked = None
        if isinstance(outcome, httpx.Response):
            if outcome.status_code < httpx.codes.BAD_REQUEST:
                self._left = min(BUDGET * _ANSWERS_FOR_ONE, self._left + 1)
                return None
            limited = outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS
            if not limited and not (reads and outcome.status_code in _AT_THE_GATEWAY):
                return None
            asked = seconds(outcome.headers.get("retry-after", ""))
        elif not isinstance(outcome, _NOTHING_SENT) and not (reads and isinstance(outcome, httpx.TransportError)):
            return None
        if self._left < _ANSWERS_FOR_ONE or attempt >= ATTEMPTS:
            return None
        self._left -= _ANSWERS_FOR_ONE
        if asked is not None:
            return asked + random.uniform(0, 0.1)  # noqa: S311  (spreads load, hides nothing)
        return _FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311

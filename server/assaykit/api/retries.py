"""Second tries of calls over a network: which failures get one, and after which pause."""

import random
import time
from collections.abc import Callable
from http import HTTPStatus

import httpx

from assaykit.api.answers import UnreadableAnswer
from assaykit.retry_after import seconds

ATTEMPTS = 4
"""Most attempts of a call."""

BUDGET = 10
"""Second tries that a process may spend at once on one backend. Ten answered calls or six seconds give one back.

Without this bound, a backend in trouble would get several times the load from every session."""

_FIRST_PAUSE_S = 0.5
_ANSWERS_FOR_ONE = 10
_SECONDS_FOR_ONE = 6.0
_ONE = 1 - 1e-9
"""One second try, less the error of adding tenths."""
_AT_THE_GATEWAY = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Failures before the first byte of a request went out."""

Outcome = httpx.Response | httpx.HTTPError | UnreadableAnswer


def did_nothing(outcome: Outcome) -> bool:
    """True if the backend surely did not carry out the call: a 429, or no connection."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(outcome, NOTHING_SENT)


class Retries:
    """The second tries of one process with one backend."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(BUDGET)
        self._at = clock()

    def pause_s(self, outcome: Outcome, attempt: int, *, repeatable: bool) -> float | None:
        """The pause in seconds before the next attempt, or None if the outcome stands. `attempt` counts from 1.

        A call that did nothing is safe to repeat. After a 502, 503, 504, a broken connection or a body that was cut off
        only a `repeatable` call is: one that reads, or that has the same effect twice as once.
        """
        self._earn()
        if isinstance(outcome, httpx.Response) and outcome.status_code < httpx.codes.BAD_REQUEST:
            self._left = min(BUDGET, self._left + 1 / _ANSWERS_FOR_ONE)
            return None
        if not (did_nothing(outcome) or (repeatable and _may_pass(outcome))):
            return None
        if self._left < _ONE or attempt >= ATTEMPTS:
            return None
        self._left -= 1
        asked = seconds(outcome.headers.get("retry-after", "")) if isinstance(outcome, httpx.Response) else None
        if asked is not None:
            return asked + random.uniform(0, 0.1)  # noqa: S311  (spreads load, hides nothing)
        return _FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311

    def _earn(self) -> None:
        now = self._clock()
        self._left = min(BUDGET, self._left + (now - self._at) / _SECONDS_FOR_ONE)
        self._at = now


def _may_pass(outcome: Outcome) -> bool:
    """True for a failure that another attempt may not meet."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _AT_THE_GATEWAY
    return outcome.is_cut_off if isinstance(outcome, UnreadableAnswer) else isinstance(outcome, httpx.TransportError)

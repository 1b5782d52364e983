"""The connection of this process to one backend over a network: its last answer, its failures and its clock."""

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from assaykit.api.breaker import Breaker
from assaykit.api.retries import Retries
from assaykit.retry_after import seconds

IDS_KEPT = 20_000
"""Ids that this process has seen, the newest ones. They tell what was there before a create whose answer was lost."""

_EARLIEST, _LATEST = 2000, 9000
"""The years of a `Date` that is taken for one."""

Facts = dict[str, Any]


class Connection:
    """What all sessions of this process know of one origin. `retried` counts the second tries."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.breaker = Breaker(clock)
        self.retries = Retries(clock)
        self.retried = 0
        self.cause: str | None = None
        self._clock = clock
        self._now = now
        self._answered_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._limited_at: datetime | None = None
        self._limited_s: float | None = None
        self._date: tuple[datetime, float] | None = None
        self._seen: dict[str, int] = {}
        self._made: dict[str, None] = {}
        self._number = 0

    def answered(self, response: httpx.Response) -> None:
        """Note an HTTP answer. A status of the server's own failure counts as a failure, but it opens no breaker."""
        self.breaker.answered()
        self._note_date(response.headers)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._limited_at, self._limited_s = self._now(), seconds(response.headers.get("retry-after", ""))
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            self._failed_at, self.cause = self._now(), f"status {response.status_code}"
        else:
            self._answered_at = self._now()

    def failed(self, cause: str) -> None:
        """Note an attempt without an HTTP answer. `cause` is a few words of ours."""
        self._failed_at, self.cause = self._now(), cause
        self.breaker.failed()

    def moment(self) -> datetime | None:
        """A time that the backend's clock has surely passed, from the `Date` of its newest answer. None without one."""
        if self._date is None:
            return None
        told, at = self._date
        return told + timedelta(seconds=self._clock() - at)

    def number(self) -> int:
        """The number of the next answer, for `knew`."""
        return self._number

    def learn(self, ids: Iterable[str], *, made: bool) -> None:
        """Remember the ids in an answer. `made` tells that this process has made these things."""
        self._number += 1
        for one in ids:
            self._seen.setdefault(one, self._number)
            if made:
                self._made[one] = None
        for kept in (self._seen, self._made):
            while len(kept) > IDS_KEPT:
                del kept[next(iter(kept))]

    def knew(self, one: str, before: int) -> bool:
        """True if an answer up to the number `before` held this id."""
        return self._seen.get(one, before + 1) <= before

    def has_made(self, one: str) -> bool:
        """True if this process has made the thing with this id."""
        return one in self._made

    def facts(self) -> Facts:
        """The state as data: times in UTC, no secrets. Absent keys stand for things that have not happened."""
        found: Facts = {"breaker": self.breaker.state, "second_tries": self.retried}
        if not self.breaker.is_closed:
            found["next_try_s"] = math.ceil(self.breaker.next_try_s)
        if self._answered_at is not None:
            found["last_answer"] = _shown(self._answered_at)
        if self._failed_at is not None:
            found |= {"last_failure": _shown(self._failed_at), "cause": self.cause}
        if self._limited_at is not None:
            found |= {"slowed_down": _shown(self._limited_at), "retry_after_s": self._limited_s}
        return found

    def told(self) -> str:
        """The same in one line."""
        facts = self.facts()
        parts = [f"last answer {facts['last_answer']}" if "last_answer" in facts else "no answer yet"]
        if "last_failure" in facts:
            parts.append(f"last failure {facts['last_failure']} ({self.cause})")
        if "slowed_down" in facts:
            wait = "" if self._limited_s is None else f", to wait {math.ceil(self._limited_s)} s"
            parts.append(f"asked to slow down {facts['slowed_down']}{wait}")
        if self.retried:
            parts.append(f"{self.retried} second tries")
        if not self.breaker.is_closed:
            parts.append(f"breaker {self.breaker.state}, next try in {facts['next_try_s']} s")
        return ", ".join(parts)

    def _note_date(self, headers: httpx.Headers) -> None:
        # A cached answer has the date of the moment when it was made.
        if "age" in headers:
            return
        try:
            told = parsedate_to_datetime(headers.get("date", ""))
        except (TypeError, ValueError):
            return
        # No clock of a backend is that wrong, and a date at the end of the calendar leaves no room to count from.
        if _EARLIEST <= told.year <= _LATEST:
            self._date = (told if told.tzinfo else told.replace(tzinfo=UTC), self._clock())


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


CONNECTIONS: dict[str, Connection] = {}
"""The connections of this process by base URL. All sessions share their budget of second tries and their breaker."""


def connection_to(url: str) -> Connection:
    """This process's connection to the backend at `url`."""
    return CONNECTIONS.setdefault(url, Connection())

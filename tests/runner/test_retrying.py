"""The status in the exceptions of clients, and the pauses before a call is made again."""

import email.utils
import time
import urllib.error
from email.message import Message
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from assaykit.runner.assaykit_worker.retrying import CallRetries, is_passing, retry_after_s, status_of


def having(**fields: Any) -> Exception:
    error = Exception("refused")
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def of_httpx(status: int, **headers: str) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1/")
    response = httpx.Response(status, headers=headers, request=request)
    return httpx.HTTPStatusError("refused", request=request, response=response)


def caused_by(error: BaseException) -> Exception:
    outer = RuntimeError("the agent failed")
    outer.__cause__ = error
    return outer


def of_urllib(status: int, retry_after: str) -> urllib.error.HTTPError:
    headers = Message()
    headers["Retry-After"] = retry_after
    return urllib.error.HTTPError("http://127.0.0.1/", status, "refused", headers, None)


AWS = {"ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": "7"}}}


@pytest.mark.parametrize(
    ("error", "status", "after_s"),
    [
        (of_httpx(429, **{"retry-after": "3"}), 429, 3),
        (of_httpx(503, **{"retry-after-ms": "250"}), 503, 0.25),
        (of_urllib(503, "2"), 503, 2),
        (having(status_code=529), 529, None),
        (having(status="502"), 502, None),
        (having(http_status=500), 500, None),
        (having(code=HTTPStatus.TOO_MANY_REQUESTS), 429, None),
        (having(code=lambda: SimpleNamespace(name="RESOURCE_EXHAUSTED", value=(8, "x"))), 429, None),
        (having(response=AWS), 429, 7),
        (caused_by(of_httpx(429, **{"retry-after": "1"})), 429, 1),
        (ExceptionGroup("several", [of_httpx(500)]), 500, None),
        (having(code="rate_limit_exceeded", status_code=429), 429, None),
        (having(status_code=404), 404, None),
        (having(code=7, status="failed"), None, None),
        (ValueError("429"), None, None),
    ],
)
def test_the_status_and_the_wanted_pause_are_found_in_the_exceptions_of_clients(
    error: Exception, status: int | None, after_s: float | None
) -> None:
    assert status_of(error) == status
    assert retry_after_s(error) == after_s
    assert is_passing(error) == (status in {429, 500, 502, 503, 529})


def test_a_quota_that_is_spent_is_no_passing_error() -> None:
    assert not is_passing(having(status_code=429, code="insufficient_quota"))
    assert not is_passing(having(status_code=501))


def test_pauses_grow_and_end_within_the_time_of_the_row() -> None:
    error, retries = having(status_code=503), CallRetries(3, 120)
    pauses = [retries.pause_s(error, number) or 0 for number in (1, 2, 3)]
    assert [0.5 <= pauses[0] < 0.6, 1 <= pauses[1] < 1.2, 2 <= pauses[2] < 2.4] == [True] * 3
    assert (retries.pause_s(error, 4), retries.made) == (None, 3)
    assert CallRetries(3, 120).pause_s(having(status_code=400), 1) is None
    assert CallRetries(3, 1).pause_s(of_httpx(429, **{"retry-after": "5"}), 1) is None, "the row has a second"
    assert CallRetries(3, 3600).pause_s(of_httpx(429, **{"retry-after": "86400"}), 1) is None, "a day is too long"
    at = email.utils.formatdate(time.time() + 20, usegmt=True)
    assert 15 < (CallRetries(3, 3600).pause_s(of_httpx(429, **{"retry-after": at}), 1) or 0) < 25

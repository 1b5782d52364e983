"""Rate-limit headers as providers send them, read into calls a second and calls that are left."""

from datetime import UTC, datetime, timedelta

import pytest

from assaykit.judge.providers.rate_limit_headers import Allowance, allowance


def openai(limit: object = 600, remaining: object = 40, reset: str = "56s", of: str = "requests") -> dict[str, str]:
    given = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{name}-{of}": str(value) for name, value in given.items()}


def anthropic(limit: int, remaining: int, seconds: float, of: str = "requests") -> dict[str, str]:
    moment = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    given = {"limit": limit, "remaining": remaining, "reset": moment}
    return {f"anthropic-ratelimit-{of}-{name}": str(value) for name, value in given.items()}


def test_a_limit_by_the_minute_is_a_rate_by_the_second() -> None:
    assert allowance(openai(600, 40), 400) == Allowance(10.0, 40.0)
    assert allowance(anthropic(120, 7, 30), 400) == Allowance(2.0, 7.0)


def test_a_limit_of_tokens_counts_in_questions_of_that_length() -> None:
    # 400 bytes are about 100 tokens: 60,000 a minute are ten questions a second, and 300 that are left are three.
    assert allowance(openai(60_000, 300, "1s", "tokens"), 400) == Allowance(10.0, 3.0)
    assert allowance(anthropic(60_000, 300, 1, "input-tokens"), 400) == Allowance(10.0, 3.0)


def test_of_both_limits_the_tighter_counts() -> None:
    both = {**openai(6000, 5000), **openai(60_000, 300, "1s", "tokens")}
    assert allowance(both, 400) == Allowance(10.0, 3.0)
    assert allowance(both, 4) == Allowance(100.0, 300.0)


@pytest.mark.parametrize("reset", ["7m12s", "1h", "61s", "90"])
def test_a_limit_that_does_not_refill_within_the_minute_is_no_pace(reset: str) -> None:
    assert allowance(openai(200, 199, reset), 400) is None
    assert allowance(anthropic(200, 199, 3600), 400) is None


@pytest.mark.parametrize("reset", ["1m0s", "120ms", "6m", "0s", "59.8s", "", "soon", "1x", "2026-11-27", "99999999999"])
def test_a_reset_of_any_writing_never_raises(reset: str) -> None:
    assert (allowance(openai(600, 40, reset), 400) is None) == (reset == "6m")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        openai(0, 0),
        openai("many", 1),
        openai(600, "-1"),
        openai("9" * 400, 1),
        {"x-ratelimit-limit-requests": "600"},
    ],
)
def test_headers_that_say_nothing_or_nonsense_allow_nothing_in_particular(headers: dict[str, str]) -> None:
    assert allowance(headers, 400) is None


def test_a_question_of_no_length_does_not_divide_by_nothing() -> None:
    assert allowance(openai(60, 6, "1s", "tokens"), 0) == Allowance(1.0, 6.0)

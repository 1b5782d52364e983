from datetime import UTC, datetime, timedelta

import pytest

from assaykit.errors import Invalid
from assaykit.planning.periods import Period, between, parse, past

NOW = datetime(2026, 5, 20, 14, 30, tzinfo=UTC)


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # pyright: ignore[reportArgumentType]  (year, month, day, ...)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("last 7 days", at(2026, 5, 13, 14, 30)),
        ("Past  24 HOURS", at(2026, 5, 19, 14, 30)),
        ("the last week", at(2026, 5, 13, 14, 30)),
        ("last 5 minutes", at(2026, 5, 20, 14, 25)),
        ("last 2 months", NOW - timedelta(days=60)),
        ("today", at(2026, 5, 20)),
        ("since 2026-05-01", at(2026, 5, 1)),
        ("2026-05-01T08:00", at(2026, 5, 1, 8)),
        ("from 2026-05-01T08:00+02:00", at(2026, 5, 1, 6)),
    ],
)
def test_a_window_without_an_end_lasts_until_now(text: str, start: datetime) -> None:
    assert parse(text, NOW) == (start, NOW)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("yesterday", at(2026, 5, 19), at(2026, 5, 19, 23, 59, 59, 999_999)),
        ("2026-01-01..2026-01-31", at(2026, 1, 1), at(2026, 1, 31, 23, 59, 59, 999_999)),
        ("from 2026-01-01 to 2026-01-02", at(2026, 1, 1), at(2026, 1, 2, 23, 59, 59, 999_999)),
        ("2026-01-01T10:00Z until 2026-01-01T11:00Z", at(2026, 1, 1, 10), at(2026, 1, 1, 11)),
        ("2026-01-01..2026-01-01", at(2026, 1, 1), at(2026, 1, 1, 23, 59, 59, 999_999)),
        ("20260101..20260131", at(2026, 1, 1), at(2026, 1, 31, 23, 59, 59, 999_999)),
        ("2026-01-01..20260131", at(2026, 1, 1), at(2026, 1, 31, 23, 59, 59, 999_999)),
        ("2026-W05..2026-W05", at(2026, 1, 26), at(2026, 2, 1, 23, 59, 59, 999_999)),
        ("2026-W05-1..2026W052", at(2026, 1, 26), at(2026, 1, 27, 23, 59, 59, 999_999)),
        ("20260101T10..20260101T11", at(2026, 1, 1, 10), at(2026, 1, 1, 11)),
        ("yesterday Europe/Berlin", at(2026, 5, 18, 22), at(2026, 5, 19, 21, 59, 59, 999_999)),
        ("today in asia/tokyo", at(2026, 5, 19, 15), NOW),
        ("2026-03-29..2026-03-29 Europe/Berlin", at(2026, 3, 28, 23), at(2026, 3, 29, 21, 59, 59, 999_999)),
        ("2026-10-25..2026-10-25 Europe/Berlin", at(2026, 10, 24, 22), at(2026, 10, 25, 22, 59, 59, 999_999)),
        ("since 2026-05-01 America/Argentina/Buenos_Aires", at(2026, 5, 1, 3), NOW),
        ("2026-05-01T08:00Z..2026-05-01T10:00 Europe/Berlin", at(2026, 5, 1, 8), at(2026, 5, 1, 8)),
    ],
)
def test_a_date_as_an_end_takes_its_whole_day_in_its_zone(text: str, start: datetime, end: datetime) -> None:
    assert parse(text, NOW) == (start, end)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not understood"),
        ("a while ago", "is not understood"),
        ("2026-13-01", "is not understood"),
        ("2026-01-01..", "is not understood"),
        ("..2026-01-01", "is not understood"),
        ("last 0 days", "is empty"),
        ("2026-02-01..2026-01-01", "ends before it starts"),
        ("2027-01-01", "starts in the future"),
        ("since 20270101", "starts in the future"),
        ("last 99999 months", "reaches too far"),
        ("1969-12-31..2020-01-01", "reaches too far"),
        ("2020-01-01..9999-12-31", "reaches too far"),
        ("0001-01-01T00:00+14:00..2020-01-01", "reaches too far"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text, NOW)
    assert caught.value.message.startswith(f"The window {text!r} {said}")
    assert caught.value.next


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", "Mars/Phobos\x00", "/", "a/b" * 500])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"today {zone}", NOW)
    assert caught.value.message.startswith("There is no time zone ")
    assert len(caught.value.message) < 100
    assert "IANA" in caught.value.next


def test_everything_has_the_oldest_spans_and_those_of_clocks_that_are_ahead() -> None:
    period = parse("everything", NOW)
    assert period.start == at(1970, 1, 1)
    assert period.end > NOW + timedelta(days=300)
    assert str(period) == "all time"


def test_a_run_takes_nothing_of_the_future() -> None:
    assert past("everything", NOW) == (at(1970, 1, 1), NOW)
    assert past("2026-05-01..2026-05-31", NOW) == (at(2026, 5, 1), NOW)
    assert past("2026-05-01..2026-05-02", NOW) == parse("2026-05-01..2026-05-02", NOW)
    assert isinstance(past("today", NOW), Period)


def test_a_long_text_is_clipped_in_the_refusal() -> None:
    with pytest.raises(Invalid) as caught:
        parse("x" * 10_000, NOW)
    assert len(caught.value.message) < 200


def test_a_window_is_shown_to_the_minute() -> None:
    assert str(parse("last 7 days", NOW)) == "2026-05-13 14:30 to 2026-05-20 14:30 UTC"


def test_two_moments_are_read_alone_or_together() -> None:
    assert between("2026-05-01", "2026-05-02") == (at(2026, 5, 1), at(2026, 5, 3) - timedelta(microseconds=1))
    assert between("20260501", "20260502") == (at(2026, 5, 1), at(2026, 5, 3) - timedelta(microseconds=1))
    assert between(" 2026-05-01T10:00:00+02:00 ", None) == (at(2026, 5, 1, 8), None)
    assert between(None, "2026-05-01T08:00") == (None, at(2026, 5, 1, 8))
    assert between(None, None) == (None, None)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("soon", None, "The window 'soon' is not understood."),
        ("1969-12-31", None, "The moment '1969-12-31' lies too far away."),
        (None, "9999-12-31", "The moment '9999-12-31' lies too far away."),
        ("2026-05-02", "2026-05-01", "The window '2026-05-02' to '2026-05-01' ends before it starts."),
    ],
)
def test_moments_that_make_no_window_are_refused(start: str | None, end: str | None, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        between(start, end)
    assert caught.value.message == said

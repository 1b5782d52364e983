"""Reads that take as many steps in a large store as in a small one, counted in instructions of SQLite's machine."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from tests.engine.door import NOW, SECOND, Door, span

from assaykit.engine.store.pages import PageRequest, encode_cursor
from assaykit.engine.store.traces import span_counts, span_texts, tallies, traces
from assaykit.engine.store.traces.spans import TimeRange

NEWEST = 50
SMALL, LARGE = 200, 2_000
SEARCHES = [None, "span_kind = 'LLM'", "attributes.input.value CONTAINS '77'", "eval.tone.label = 'rude'"]
EVER = TimeRange(0, NOW)

Read = Callable[[sa.Connection, str, int], object]


def start(number: int) -> int:
    return NOW - number * SECOND


def steps(connection: sa.Connection, read: Read, project: str, number: int) -> int:
    """The instructions that a read executes."""
    done = 0

    def one() -> int:
        nonlocal done
        done += 1
        return 0

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(one, 1)
    try:
        read(connection, project, number)
    finally:
        driver.set_progress_handler(None, 0)
    return done


async def cost(door: Door, read: Read) -> tuple[int, int]:
    """The steps of a read in a store of `SMALL` spans, and once it has `LARGE`."""
    found: list[int] = []
    for numbers in (range(SMALL), range(SMALL, LARGE)):
        project = await door.send(*(span(number, start_ns=start(number)) for number in numbers))
        found.append(await door.engine.database.read(steps, read, project, numbers.stop))
    return found[0], found[1]


@pytest.mark.parametrize("searched", SEARCHES)
async def test_a_count_reads_the_newest_spans_alone(
    door: Door, monkeypatch: pytest.MonkeyPatch, searched: str | None
) -> None:
    monkeypatch.setattr(span_counts, "MOST_SPANS_COUNTED", NEWEST)

    def count(connection: sa.Connection, project: str, _: int) -> None:
        assert not span_counts.count(connection, project, EVER, searched, None, []).is_exact

    small, large = await cost(door, count)
    assert large < 1.1 * small


def behind(number: int) -> PageRequest:
    """The page that begins in the middle."""
    return PageRequest(10, encode_cursor(start(number // 2), 2**62))


def page_of_spans(connection: sa.Connection, project: str, number: int) -> None:
    assert span_texts.page(connection, project, EVER, None, behind(number)).count(b'"span_id"') == 10


def page_of_traces(connection: sa.Connection, project: str, number: int) -> None:
    assert len(traces.page(connection, project, EVER, None, behind(number)).traces) == 10


def older_span(connection: sa.Connection, project: str, number: int) -> None:
    query = tallies.CandidateQuery(project, EVER, None, [])
    assert tallies.is_older(connection, query, tallies.Place(start(number // 2), 1))


@pytest.mark.parametrize("read", [page_of_spans, page_of_traces, older_span])
async def test_a_look_behind_many_spans_does_not_read_them(door: Door, read: Read) -> None:
    small, large = await cost(door, read)
    assert large < 1.1 * small

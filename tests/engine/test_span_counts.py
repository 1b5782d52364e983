"""The count of a search reads the newest spans alone, however many stand before them."""

import sqlite3
from typing import cast

import pytest
import sqlalchemy as sa
from tests.engine.door import NOW, SECOND, Door, span

from assaykit.engine.store.traces import span_counts
from assaykit.engine.store.traces.spans import TimeRange

NEWEST = 50
SEARCHES = [None, "span_kind = 'LLM'", "attributes.input.value CONTAINS '77'", "eval.tone.label = 'rude'"]


@pytest.mark.parametrize("searched", SEARCHES)
async def test_a_count_takes_as_many_steps_in_a_large_store(
    door: Door, monkeypatch: pytest.MonkeyPatch, searched: str | None
) -> None:
    monkeypatch.setattr(span_counts, "MOST_SPANS_COUNTED", NEWEST)
    found: list[int] = []
    for numbers in (range(4 * NEWEST), range(4 * NEWEST, 40 * NEWEST)):
        made = [span(number, start_ns=NOW - number * SECOND) for number in numbers]
        project = await door.send(*made)

        def steps(connection: sa.Connection, project: str = project) -> int:
            """Instructions of SQLite's machine that the count executes."""
            done = 0

            def one() -> int:
                nonlocal done
                done += 1
                return 0

            driver = cast("sqlite3.Connection", connection.connection.driver_connection)
            driver.set_progress_handler(one, 1)
            try:
                counted = span_counts.count(connection, project, TimeRange(0, NOW), searched, None, [])
            finally:
                driver.set_progress_handler(None, 0)
            assert counted.is_exact is False
            return done

        found.append(await door.engine.database.read(steps))
    small, large = found
    assert large < 1.1 * small

"""The index that serves each read of a trace, a session or the newest spans.

`tests/query_plans.py` watches every other query, in every test.
"""

from collections.abc import Generator

import pytest
import sqlalchemy as sa
from tests.engine.door import Body, Door, span, span_id
from tests.query_plans import Watch, steps_at_fault

READS = [
    ("context.trace_id = 't1'", "spans_by_trace"),
    ("attributes.session.id = 's1'", "spans_by_session"),
    ("span_kind = 'LLM'", "spans_by_time"),
]
"""A filter, and the index that serves it together with the order."""


@pytest.fixture
def own_watch() -> Generator[Watch]:
    """A watch for one test. It has to begin before the engine and end after it, which asks in threads of its own."""
    found = Watch()
    yield found
    found.end()


@pytest.mark.parametrize(("filter_text", "index"), READS)
async def test_a_read_without_its_index_is_a_fault(
    own_watch: Watch, watch: Watch, door: Door, filter_text: str, index: str
) -> None:
    project = await door.send(span(1, session__id="s1"))
    await door.spans(project, filter=filter_text)
    (plan,) = [steps for text, steps in own_watch.plans.items() if "FROM spans" in text and "LIMIT" in text]
    assert [step for step in plan if f"INDEX {index} (project_id=? AND" in step]
    assert "TEMP B-TREE" not in " ".join(plan)
    assert not own_watch.faults()

    def drop(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"DROP INDEX {index}")

    await door.engine.database.write(drop)
    own_watch.forget()
    await door.spans(project, filter=filter_text)
    assert own_watch.faults()
    watch.faults()


@pytest.mark.parametrize(
    ("filter_text", "found"),
    [
        ("attributes.user.id = 'u1'", [1]),
        ("user.id = 'u1' AND span_kind = 'LLM'", [1]),
        ("span_kind = 'LLM' AND user.id = 'U1'", []),
    ],
)
async def test_the_spans_of_a_user_are_read_through_an_index(
    own_watch: Watch, door: Door, filter_text: str, found: list[int]
) -> None:
    project = await door.send(span(1, user__id="u1", openinference__span__kind="LLM"), span(2, user__id="u2"))
    ids = [one["context"]["span_id"] for one in await door.spans(project, filter=filter_text)]
    assert ids == [span_id(number) for number in found]
    (plan,) = [steps for text, steps in own_watch.plans.items() if "FROM spans" in text and "LIMIT" in text]
    assert [step for step in plan if "INDEX spans_by_user (project_id=? AND user_id=? AND start_ns" in step]
    assert "TEMP B-TREE" not in " ".join(plan)


@pytest.mark.parametrize(
    ("user", "filter_text", "matches"),
    [
        ({"intValue": "7"}, "user.id = '7'", True),
        ({"intValue": "7"}, "user.id = 7", True),
        ({"stringValue": "7"}, "user.id = 7", True),
        ({"stringValue": "7"}, "user.id = '7'", True),
        ({"intValue": "7"}, "NOT user.id = 'x'", False),
        (None, "NOT user.id = 'x'", False),
        ({"stringValue": "y"}, "NOT user.id = 'x'", True),
        ({"stringValue": "y"}, "user.id = 'x' OR user.id = 'y'", True),
        ({"arrayValue": {"values": [{"stringValue": "x"}]}}, "user.id = 'x'", False),
    ],
)
async def test_a_filter_by_user_means_what_it_means_without_an_index(
    door: Door, user: Body | None, filter_text: str, matches: bool
) -> None:
    sent = span(1)
    sent["attributes"] += [] if user is None else [{"key": "user.id", "value": user}]
    project = await door.send(sent)
    assert bool(await door.spans(project, filter=filter_text)) is matches


def test_a_walk_a_sort_and_a_read_of_a_whole_project_are_faults() -> None:
    walk = ["SCAN spans"]
    assert steps_at_fault("SELECT spans.name FROM spans", walk) == walk
    counted = "SELECT count(*) AS count_1 FROM (SELECT spans.n AS n FROM spans LIMIT ? OFFSET ?) AS anon_1"
    assert steps_at_fault(counted, walk) == []
    whole = ["SEARCH spans USING INDEX spans_by_trace (project_id=?)"]
    assert steps_at_fault("SELECT spans.n FROM spans WHERE spans.project_id = ?", whole) == whole
    sort = ["SEARCH evals USING PRIMARY KEY (scope_id=? AND level=? AND target_id=?)", "USE TEMP B-TREE FOR ORDER BY"]
    assert steps_at_fault("SELECT evals.name FROM evals WHERE evals.scope_id = ?", sort) == sort[1:]
    assert steps_at_fault("SELECT spaces.name FROM spaces ORDER BY spaces.name", ["SCAN spaces", sort[1]]) == []

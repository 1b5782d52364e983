"""Runs that begin between two lists of the active ones."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from assaykit.planning.periods import Period
from assaykit.session import Session
from assaykit.tools.runs import active_runs
from assaykit.tools.runs.targets import Scope
from assaykit.wire.runs import RunStatus, TaskRun
from assaykit.wire.tasks import Task

DAY = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


class Api:
    """Stands for the client of the API."""

    api = None


@pytest.mark.parametrize("after", ["PENDING", "RUNNING"])
async def test_a_run_that_begins_between_two_lists_is_seen_once(
    monkeypatch: pytest.MonkeyPatch, after: RunStatus
) -> None:
    state: RunStatus = "PENDING"

    async def listed(_: Any, __: str, ___: type, query: Mapping[str, str]) -> AsyncIterator[TaskRun]:
        nonlocal state
        if query["status"] == state:
            yield TaskRun(id="run", status=state, data_start_time=DAY.start, data_end_time=DAY.end)
        state = after

    monkeypatch.setattr(active_runs, "rows", listed)
    task = Task.model_construct(id="task", project_id="project")
    found = await active_runs.under_way(cast("Session", Api()), task, Scope(DAY, 10, override=False))
    assert [run.id for run in found] == ["run"]

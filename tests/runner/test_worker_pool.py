"""Rows handed out ahead of time are done by whoever is left, and no row but the one that was begun is to blame."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.tools.test_run_experiment import bare_python

from assaykit.runner.processes import Worker
from assaykit.runner.results import ExampleCall, RowResult
from assaykit.runner.worker_pool import PendingCall, Start, WorkerPool

__all__ = ["bare_python"]

TASK = """
import os

{kind} answer(input):
    with open("begun.txt", "a") as file:
        file.write(input + "\\n")
    if input in ("q30", "q31", "q60"):
        os.kill(os.getpid(), 9)
    return input
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_row_that_kills_its_process_is_the_only_one_that_fails(
    tmp_path: Path, bare_python: Path, kind: str
) -> None:
    (tmp_path / "task.py").write_text(TASK.replace("{kind}", kind), encoding="utf-8")
    results: list[RowResult] = []
    deepest = 0

    async def keep(result: RowResult) -> None:
        # Slower than the rows: what a process told before it ended must be read all the same.
        await anyio.sleep(0.02)
        results.append(result)

    def counting(start: Start) -> Any:
        @asynccontextmanager
        async def counted() -> AsyncGenerator[Worker]:
            async with start() as worker:
                send, receive = worker.send, worker.receive
                out = 0

                async def sent(message: Any) -> None:
                    nonlocal out, deepest
                    await send(message)
                    out += 1
                    deepest = max(deepest, out)

                async def received() -> dict[str, Any]:
                    nonlocal out
                    told = await receive()
                    out -= 1
                    return told

                worker.send, worker.receive, worker.fork = sent, received, counting(worker.fork)
                yield worker

        return counted

    asked: dict[str, Any] = {
        "task": {"file": str(tmp_path / "task.py"), "name": "answer"},
        "evaluators": [], "binding": "auto", "metadata": {}, "joins_spans": False, "timeout_s": 60, "together": 4,
        "taken": [],
    }  # fmt: skip
    opened = partial(Worker.open, bare_python, asked, tmp_path, {})
    rows = [PendingCall(ExampleCall(f"e{number}"), {"input": f"q{number}"}) for number in range(90)]
    await WorkerPool(counting(opened), keep, 4, 60, lambda: None).run(rows)
    assert deepest > (1 if kind == "def" else 4), "nothing was handed out ahead"
    assert sorted(one.call.example_id for one in results) == sorted(row.call.example_id for row in rows)
    failed = {one.call.example_id for one in results if one.error is not None}
    assert failed == {"e30", "e31", "e60"}
    assert all("SIGKILL" in (one.error or "") for one in results if one.call.example_id in failed)
    begun = (tmp_path / "begun.txt").read_text(encoding="utf-8").split()
    # A plain row has a process for itself: none was begun twice. Async ones share theirs, and are done again.
    assert len(begun) == 90 if kind == "def" else 90 <= len(begun) <= 90 + 3 * 4

"""The examples of a run: large ones lie in a temporary file, and are the same as before."""

import errno
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from assaykit.errors import Unavailable
from assaykit.experiments.example_calls import ExampleCalls
from assaykit.experiments.example_spool import ExampleSpool
from assaykit.runner.worker_pool import WaitingCalls
from assaykit.wire.datasets import DatasetExample

ROWS = 1_000
LONG = "é" * 10_000
WHEN = datetime(2026, 11, 1, tzinfo=UTC)


def example(number: int, **columns: Any) -> DatasetExample:
    return DatasetExample.model_validate({"id": f"e{number}", "created_at": WHEN, **columns})


@pytest.mark.parametrize(
    "columns",
    [
        {"input": "a\nb", "expected": None},
        {"input": {"messages": [{"role": "user", "content": "日本"}]}, "score": 1e-7, "large": 2**70},
        {"input": float("inf"), "metadata": {}, "text": "\ud800"},
        {},
    ],
)
def test_an_example_comes_back_as_it_was(columns: dict[str, Any]) -> None:
    spool = ExampleSpool()
    for number in range(3):
        spool.add(example(number, **columns))
    assert [*spool] == [example(number, **columns) for number in range(3)]
    assert spool[1:] == [spool[1], spool[-1]]
    lazy, plain = ExampleCalls(spool, 2), ExampleCalls([*spool], 2)
    assert [(one.call, {**one.columns}) for one in lazy] == [(one.call, {**one.columns}) for one in plain]


def test_large_examples_lie_in_a_file() -> None:
    spool = ExampleSpool()
    tracemalloc.start()
    try:
        for number in range(ROWS):
            spool.add(example(number, input=LONG))
        read = sum(len(one.columns["input"]) for one in ExampleCalls(spool, 2))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == 2 * ROWS * len(LONG)
    assert peak < ROWS * len(LONG)


def test_calls_of_many_rows_need_no_memory_of_their_own() -> None:
    spool = ExampleSpool()
    for number in range(ROWS):
        spool.add(example(number, input="short"))
    tracemalloc.start()
    try:
        calls = ExampleCalls(spool, 1_000)
        waiting = WaitingCalls()
        waiting.begin(calls)
        taken = [waiting.take().call for _ in range(3)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(calls), len(waiting), taken) == (1_000 * ROWS, 1_000 * ROWS - 3, [one.call for one in calls[:3]])
    assert peak < 100_000


def test_calls_that_are_given_back_come_first_and_in_their_order() -> None:
    calls = ExampleCalls([example(number) for number in range(3)], 2)
    waiting = WaitingCalls()
    waiting.begin(calls)
    taken = [waiting.take() for _ in range(4)]
    waiting.give_back(taken[1:3])
    assert len(waiting) == 4
    left = [waiting.take().call for _ in range(4)]
    assert left == [("e1", 1), ("e2", 1), ("e1", 2), ("e2", 2)]
    assert not waiting
    assert calls[-1].call == ("e2", 2)


async def test_a_full_disk_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two() -> AsyncIterator[DatasetExample]:
        yield example(1, input="a")
        yield example(2, input="b")

    def full(spool: ExampleSpool, one: DatasetExample) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ExampleSpool, "add", full)
    with pytest.raises(Unavailable, match="could not be written to a temporary file: No space left") as told:
        await ExampleSpool.of(two())
    assert told.value.next

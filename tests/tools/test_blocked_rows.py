"""Rows of an async function that share a process with a row that blocks it."""

from typing import Any

import pytest
from tests.caller import Caller

from assaykit.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.embedded]

TASK = """
import asyncio, os, time
FOLDER = os.path.dirname(os.path.abspath(__file__))

def called(name):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write("x")
    return os.path.getsize(os.path.join(FOLDER, name))

def number_of(times):
    names = [name for name in os.listdir(FOLDER) if name.startswith("call-")]
    return sum(os.path.getsize(os.path.join(FOLDER, name)) >= times for name in names)

async def together(times, rows):
    for _ in range(500):
        if number_of(times) >= rows:
            return
        await asyncio.sleep(0.01)
    raise RuntimeError("alone")

async def answer(input):
    if called("call-" + input) == 1:
        await together(1, 3)
        if input in BLOCKS:
            time.sleep(60)
        await asyncio.sleep(60 if BLOCKS else 0)
    if input in ALWAYS:
        time.sleep(60)
    await together(2, TOGETHER)
    return input
"""


@pytest.mark.parametrize(
    ("blocks", "always", "together", "failed", "again"),
    [
        (["q1"], [], 3, 0, 3),
        (["q0", "q1", "q2"], [], 3, 0, 3),
        (["q1"], ["q1"], 2, 1, 3),
        ([], [], 0, 0, 0),
    ],
)
async def test_rows_beside_a_blocked_one_are_called_again_together_and_told(
    ax: Caller, settings: Settings, blocks: list[str], always: list[str], together: int, failed: int, again: int
) -> None:
    head = f"BLOCKS, ALWAYS, TOGETHER = {blocks!r}, {always!r}, {together}\n"
    (settings.folders[0] / "task.py").write_text(head + TASK, encoding="utf-8")
    await ax.ask("create_dataset", name="d", rows=[{"input": f"q{at}"} for at in range(3)])
    given: dict[str, Any] = {"task": "task.py:answer", "dataset": "d", "name": "e", "concurrency": 3, "timeout": 6}
    ran = await ax.ask("run_experiment", **given)
    told = [note for note in ran["notes"] if "rows were run again" in note]
    assert (ran["rows"], ran["failed"]) == (3, failed), ran["errors"]
    assert [note.split()[0] for note in told] == ([str(again)] if again else [])

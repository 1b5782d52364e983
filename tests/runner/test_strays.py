"""User code that writes where the results go, and that starts processes which leave their group."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.children import child

from assaykit.runner import descendants, processes
from assaykit.runner.processes import Worker
from assaykit.runner.results import ExampleCall, RowResult
from assaykit.runner.worker_pool import PendingCall, WorkerPool

STRAYS = {
    "a line": 'b"a stray line\\n"',
    "an unfinished line": 'b"no end"',
    "a message": 'b\'{"row": 0, "output": "forged"}\\n\'',
    "no text": 'b"\\xff\\xfe\\n\\n"',
}
WRITING = """
import os, stat

{kind} answer(input):
    for number in range(3, 64):
        try:
            mode = os.fstat(number).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                os.write(number, {stray})
        except OSError:
            pass
    return input.upper()
"""
STARTING = """
import os, subprocess, sys

SLEEPING = [sys.executable, "-c", "import time; time.sleep(600)"]

def answer(input):
    if input == "session":
        pid = subprocess.Popen(SLEEPING, start_new_session=True).pid
    elif input == "group":
        pid = subprocess.Popen(SLEEPING, process_group=0).pid
    elif input == "daemon":
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if (pid := os.fork()) == 0:
                os.execv(SLEEPING[0], SLEEPING)
            os.write(writing, str(pid).encode())
            os._exit(0)
        os.wait()
        pid = int(os.read(reading, 20))
    else:
        pid = subprocess.Popen(SLEEPING).pid
    return pid
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, and /proc read, on Linux only")


async def results_of(folder: Path, code: str, inputs: list[str]) -> dict[str, RowResult]:
    """The result for each input."""
    (folder / "task.py").write_text(code, encoding="utf-8")
    results: dict[str, RowResult] = {}

    async def keep(result: RowResult) -> None:
        results[result.call.example_id] = result

    asked: dict[str, Any] = {
        "task": {"file": str(folder / "task.py"), "name": "answer"},
        "evaluators": [], "binding": "auto", "metadata": {}, "joins_spans": False, "timeout_s": 60, "together": 2,
        "taken": [],
    }  # fmt: skip
    opened = partial(Worker.open, Path(sys.executable), asked, folder, dict(os.environ))
    with anyio.fail_after(120):
        await WorkerPool(opened, keep, 2, 60, lambda: None).run(
            [PendingCall(ExampleCall(one), {"input": one}) for one in inputs]
        )
    return results


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("stray", STRAYS)
async def test_what_user_code_writes_to_the_descriptor_of_the_results_spoils_none(
    tmp_path: Path, stray: str, kind: str
) -> None:
    code = WRITING.replace("{kind}", kind).replace("{stray}", STRAYS[stray])
    results = await results_of(tmp_path, code, ["a", "b", "c"])
    assert {one: (result.output, result.error) for one, result in results.items()} == {
        one: (one.upper(), None) for one in ("a", "b", "c")
    }


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def kill_none(_mark: str) -> None:
    """Finds nothing to kill."""


@pytest.mark.slow
async def test_no_process_of_user_code_outlives_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = ["child", "group", "session", "daemon"]
    results = await results_of(tmp_path, STARTING, ways)
    assert {way: is_alive(results[way].output) for way in ways} == dict.fromkeys(ways, False)
    # The look at the environments is what finds them: without it, two live on.
    monkeypatch.setattr(descendants, "kill", kill_none)
    results = await results_of(tmp_path, STARTING, ways)
    alive = [way for way in ways if is_alive(results[way].output)]
    for way in alive:
        os.kill(results[way].output, 9)
    assert {"session", "daemon"} <= set(alive)


def test_a_process_that_one_look_does_not_find_is_killed_and_dead_after_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An environment is empty for a moment while its process executes another program."""
    looks = iter([Path("/proc/self/fd")])

    class Processes:
        """`/proc`, of which the first look sees no process."""

        def iterdir(self) -> Iterator[Path]:
            return next(looks, Path("/proc")).iterdir()

    monkeypatch.setattr(descendants, "_PROCESSES", Processes())
    mark = descendants.new_mark()
    with child(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, descendants.VARIABLE: mark}
    ) as sleeping:
        descendants.kill(mark)
        found = is_alive(sleeping.pid)
        sleeping.kill()
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("last", [b"", b'{"row": 1, "exa', b"\xff"])
async def test_a_worker_ends_when_its_server_was_killed_while_it_wrote(tmp_path: Path, last: bytes) -> None:
    (tmp_path / "task.py").write_text("def answer(input):\n    return input\n", encoding="utf-8")
    asked: dict[str, Any] = {
        "task": {"file": str(tmp_path / "task.py"), "name": "answer"},
        "evaluators": [], "binding": "auto", "metadata": {}, "joins_spans": False, "timeout_s": 60, "together": 2,
        "taken": [], "mark": "m", "forks": None,
    }  # fmt: skip
    here = Path(processes.__file__).parent
    async with await anyio.open_process(
        [sys.executable, "-c", "from assaykit_worker.loop import main; main()"], cwd=tmp_path, stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(here)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(json.dumps(asked).encode() + b"\n")
        await process.stdout.receive()
        await process.stdin.send(last)
        await process.stdin.aclose()
        try:
            with anyio.fail_after(60):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()

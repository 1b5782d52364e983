"""A plain task's file is imported once for all rows, unless it has begun something that processes cannot share."""

import os
import sys
from pathlib import Path

import pytest
from tests.caller import Caller
from tests.tools.test_run_experiment import Write, bare_python, questions, write

__all__ = ["bare_python", "questions", "write"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone"),
]

FILE = """
import os, sys, time
print(os.getpid(), file=open("imported.txt", "a"))
{begun}

def answer(input):
    print(os.getpid(), os.getppid(), file=open("rows.txt", "a"))
    time.sleep(0.3)
    return input
"""


async def processes(ax: Caller, write: Write, files: Path, python: Path, begun: str) -> tuple[set[str], set[str]]:
    """Which processes imported the file, and which did a row of it."""
    write("task.py", FILE.replace("{begun}", begun))
    rows = [{"input": f"q{number}"} for number in range(8)]
    await ax.ask("create_dataset", name="eight", rows=rows)
    data = await ax.ask(
        "run_experiment", task="task.py:answer", dataset="eight", python=str(python), concurrency=4, name="forks"
    )
    assert (data["rows"], data["failed"]) == (8, 0)
    imported = (files / "imported.txt").read_text(encoding="utf-8").split()
    assert len(imported) == len(set(imported))
    did = [line.split() for line in (files / "rows.txt").read_text(encoding="utf-8").splitlines()]
    assert os.getpid() not in {int(pid) for pid, _ in did}
    return set(imported), {pid for pid, _ in did}


async def test_a_file_is_imported_once_for_all_rows(ax: Caller, write: Write, files: Path, bare_python: Path) -> None:
    imported, did = await processes(ax, write, files, bare_python, "")
    assert len(imported) == 1
    assert len(did) == 4
    assert not imported & did, "the one that the others are forked from does no row"


@pytest.mark.parametrize(
    "begun",
    [
        "import threading; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import sqlite3; store = sqlite3.connect('store.db'); store.execute('SELECT 1')",
        "import socket; asked = socket.socket()",
        "log = open('log.txt', 'a')",
    ],
)
async def test_what_processes_cannot_share_is_begun_by_each(
    ax: Caller, write: Write, files: Path, bare_python: Path, begun: str
) -> None:
    imported, did = await processes(ax, write, files, bare_python, begun)
    assert imported == did
    assert len(did) == 4


async def test_random_numbers_of_numpy_differ_between_processes(
    ax: Caller, write: Write, files: Path, bare_python: Path
) -> None:
    package = files / "numpy"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    seed = "import os\ndef seed():\n    print(os.getpid(), file=open('seeded.txt', 'a'))\n"
    (package / "random.py").write_text(seed, encoding="utf-8")
    _, did = await processes(ax, write, files, bare_python, "import numpy.random")
    assert set((files / "seeded.txt").read_text(encoding="utf-8").split()) == did


@pytest.mark.usefixtures("questions")
async def test_stderr_can_be_opened_by_its_name(ax: Caller, write: Write, bare_python: Path) -> None:
    write("task.py", "def answer(input):\n    print(input, file=open('/dev/stderr', 'w'))\n    return input\n")
    data = await ax.ask("run_experiment", task="task.py:answer", dataset="questions", python=str(bare_python))
    assert (data["rows"], data["failed"]) == (3, 0)


async def test_rows_are_done_though_the_process_that_forks_is_killed(
    ax: Caller, write: Write, files: Path, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import os, pathlib
        print(os.getpid(), file=open("imported.txt", "a"))
        first = os.getpid()

        def answer(input):
            if input == "q3" and os.getppid() == first:
                os.kill(first, 9)
            if input in ("q4", "q5"):
                os.kill(os.getpid(), 9)
            return input
        """,
    )
    await ax.ask("create_dataset", name="many", rows=[{"input": f"q{number}"} for number in range(30)])
    data = await ax.ask("run_experiment", task="task.py:answer", dataset="many", python=str(bare_python), concurrency=1)
    assert (data["rows"], data["failed"]) == (30, 2)
    unknown, known = (one["error"] for one in data["errors"])
    assert (unknown, "killed by SIGKILL" in known) == ("the process is gone", True)
    assert len((files / "imported.txt").read_text(encoding="utf-8").split()) > 1

"""A test run that is killed leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.children import child
from tests.e2e.processes import ending_with_parent

SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
STARTED = f"import subprocess; subprocess.run({ending_with_parent(sys.executable, '-c', SLEEP)})"
FORKED = f"""
import os, time
from tests.fork_starter import end_with_parent
if os.fork() == 0:
    end_with_parent()
    exec({SLEEP!r})
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")


@pytest.mark.parametrize("program", [STARTED, FORKED], ids=["started", "forked"])
def test_a_process_ends_with_the_test_run_that_started_it(program: str) -> None:
    command, root = [sys.executable, "-c", program], Path(__file__).parents[1]
    with child(command, cwd=root, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        orphan = int(killed.stdout.readline())
        killed.kill()
    deadline = time.monotonic() + 60
    while is_running(orphan):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        os.kill(pid, signal.SIGCONT)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

"""Cost of a start, a short call, a first judged row and the demo, beside a server with one tool on the same SDK.

python benchmarks/startup.py --rounds 5 --before PYTHON

PYTHON is an interpreter of an environment with another version of assaykit. All are measured in turn in one run. CPU
time is that of the started processes, from /proc.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

FLOOR = Path(__file__).parent / "others" / "one_tool.py"
MODEL = Path(__file__).parent / "model.py"
CALLS = 200
TASK, PROJECT, ANSWERS = "answers follow policy", "support-bot", "name = 'write_answer'"
"""A task and a project that the demo leaves in its store, and a filter of it."""

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}


class Cost(NamedTuple):
    """Seconds of CPU and of wall clock."""

    cpu: float
    wall: float


class Server:
    """A server process, spoken to over its stdin and stdout."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._asked = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one request."""
        self._asked += 1
        self._write({"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params})
        assert self._process.stdout is not None
        while True:
            answer = json.loads(self._process.stdout.readline())
            if answer.get("id") == self._asked:
                return answer["result"]

    def greet(self) -> None:
        """Do the handshake."""
        self.ask("initialize", **HELLO)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, **arguments: Any) -> None:
        """Call a tool, which must succeed."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        assert not result.get("isError"), result

    def spent(self) -> Cost:
        """What the process has cost since its start, and the time."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return Cost((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), time.perf_counter())

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


@contextmanager
def server(command: list[str], **variables: str) -> Generator[Server]:
    """A server process, killed at the end."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


def since(before: Cost, after: Cost) -> Cost:
    return Cost(after.cpu - before.cpu, after.wall - before.wall)


def start(command: list[str], home: Path, *, lists: bool) -> Cost:
    """A start up to the answer to `initialize`, or to the list of tools."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with server(command, ASSAYKIT_HOME=str(home)) as started:
        started.greet()
        if lists:
            started.ask("tools/list")
        wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def short_call(command: list[str], home: Path, tool: str, arguments: dict[str, Any]) -> Cost:
    """One call of many, once the server is warm."""
    with server(command, ASSAYKIT_HOME=str(home)) as started:
        started.greet()
        for _ in range(20):
            started.call(tool, **arguments)
        before = started.spent()
        for _ in range(CALLS):
            started.call(tool, **arguments)
        cost = since(before, started.spent())
    return Cost(cost.cpu / CALLS, cost.wall / CALLS)


def first_judge(python: str, home: Path, pause_s: float) -> Cost:
    """A first `preview_judge`, less a second one. The judge is `pause_s` old, because an assistant thinks meanwhile."""
    with (
        subprocess.Popen([sys.executable, str(MODEL), "0.05"], stdout=subprocess.PIPE, text=True) as model,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert model.stdout is not None
        keys = {"OPENAI_API_KEY": "sk-bench-0123456789", "OPENAI_BASE_URL": model.stdout.readline().strip()}
        own = Path(folder) / "home"
        subprocess.run([sys.executable, "-c", COPY, str(home), str(own)], check=True)
        asked = {"judge": "tone", "project": PROJECT, "filter": ANSWERS, "window": "everything", "rows": 1}
        try:
            with server([python, "-m", "assaykit"], ASSAYKIT_HOME=str(own), **keys) as started:
                started.greet()
                started.call("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
                time.sleep(pause_s)
                costs: list[Cost] = []
                for _ in range(2):
                    before = started.spent()
                    started.call("preview_judge", **asked)
                    costs.append(since(before, started.spent()))
        finally:
            model.terminate()
    return since(costs[1], costs[0])


COPY = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2], ignore=shutil.ignore_patterns('*.lock'))"


def demo(python: str, compiled: Path) -> Cost:
    """A demo with the bytecode in a folder of its own, which is empty at the first time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([python, "-m", "assaykit", "demo"], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - began)


def told(name: str, costs: list[Cost], floor: list[Cost] | None = None) -> None:
    """Print the least CPU time with its range and the median wall clock, and the ratio of the least to the floor's."""
    cpu = [cost.cpu for cost in costs]
    ratio = f"   {min(cpu) / min(cost.cpu for cost in floor):5.2f} x" if floor else ""
    wall = statistics.median(cost.wall for cost in costs)
    print(f"{name:34} CPU {min(cpu) * 1000:7.1f} ms (to {max(cpu) * 1000:7.1f})   wall {wall * 1000:7.1f} ms{ratio}")


def measured(versions: dict[str, str], rounds: int, pause_s: float, folder: Path) -> None:
    """Measure every version and the floor in turn, and print a line for each figure."""
    homes = {name: folder / name for name in versions}
    for name, python in versions.items():
        command = [python, "-m", "assaykit", "demo", "--home", str(homes[name])]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[tuple[str, str], list[Cost]] = {}
    for number in range(rounds):
        for name, python in versions.items():
            ours, home, one = [python, "-m", "assaykit"], homes[name], [python, str(FLOOR)]
            compiled = folder / f"compiled-{name}-{number}"
            for what, cost in {
                "floor: initialize": partial(start, one, home, lists=False),
                "initialize": partial(start, ours, home, lists=False),
                "floor: initialize, tools/list": partial(start, one, home, lists=True),
                "initialize, tools/list": partial(start, ours, home, lists=True),
                "floor: echo": partial(short_call, one, home, "echo", {"text": "answers follow policy"}),
                "list_spaces": partial(short_call, ours, home, "list_spaces", {}),
                "get_task": partial(short_call, ours, home, "get_task", {"task": TASK}),
                "first preview_judge": partial(first_judge, python, home, pause_s),
                "first preview_judge, at once": partial(first_judge, python, home, 0),
                "demo, nothing compiled": partial(demo, python, compiled),
                "demo, compiled": partial(demo, python, compiled),
            }.items():
                found.setdefault((name, what), []).append(cost())
    floors = {"initialize": "floor: initialize", "initialize, tools/list": "floor: initialize, tools/list"}
    floors |= {"list_spaces": "floor: echo", "get_task": "floor: echo"}
    for (name, what), costs in found.items():
        told(f"{name}: {what}", costs, found[name, floors[what]] if what in floors else None)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=2.0, help="Seconds between a new judge and its first row.")
    parser.add_argument("--before", help="An interpreter with another version of assaykit.")
    given = parser.parse_args()
    versions = {"before": given.before} if given.before else {}
    with tempfile.TemporaryDirectory() as folder:
        measured({**versions, "now": sys.executable}, given.rounds, given.pause, Path(folder))


if __name__ == "__main__":
    main()

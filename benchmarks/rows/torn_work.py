"""S1b: a server is killed during an upload, an export, `update_task` or a migration, beside a second server."""

import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import anyio
from rows.outcome import Outcome, Terms, few
from tests.e2e.pipes import Server, serving
from tests.engine.rest import opened, span
from tests.engine.test_migrations import MIGRATE, ROWS, old_store
from tests.store_files import connected, schema_of

from assaykit.engine.engine import STORE
from assaykit.engine.store import migrations

UPLOADED = 2_000
"""Rows of an upload and of an export."""

LONGEST_S = 3_600
SLIGHT = 1e-9
Kind = Callable[["Place", int], Awaitable[list[str]]]


class Place:
    """The second server, the data folder, the folder of files, and the moments of the kills."""

    def __init__(self, other: Server, home: Path, files: Path, moments: random.Random) -> None:
        self.other = other
        self.home = home
        self.files = files
        self.moments = moments
        self.takes_s: dict[str, float] = {}

    async def timed(self, tool: str, **arguments: Any) -> None:
        """Make a whole call, and note the seconds that it takes."""
        began = time.monotonic()
        await self.other.call(tool, **arguments)
        self.takes_s[tool] = time.monotonic() - began

    async def killed_during(self, tool: str, **arguments: Any) -> None:
        """Call a tool of a server that is killed within the time that such a call takes."""
        async with serving(self.home, ASSAYKIT_FILES=str(self.files), deadline_s=LONGEST_S) as victim:
            await victim.initialize()
            await victim.call("get_status")
            await victim.send("tools/call", name=tool, arguments=arguments)
            await anyio.sleep(self.moments.uniform(0, 1.1 * self.takes_s[tool]))
            victim.process.kill()
            await victim.process.wait()


async def upload(at: Place, number: int) -> list[str]:
    """A dataset is there with every row, or it is not there."""
    name = f"dataset {number}"
    rows = [{"q": f"{number} {row}", "long": "x" * 200} for row in range(UPLOADED)]
    file = at.files / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    await at.killed_during("create_dataset", name=name, file="rows.jsonl")
    found = await at.other.call("list_datasets", name=name)
    made = [one for one in found["datasets"] if one["name"] == name]
    if not made:
        return []
    told = await at.other.call("get_dataset", dataset=name, save_to=f"read-{number}.jsonl")
    whole = _lines(at.files / f"read-{number}.jsonl")
    return (
        [] if (len(made), len(whole)) == (1, UPLOADED) else [f"an upload left {len(whole)} of {UPLOADED} rows: {told}"]
    )


async def export(at: Place, number: int) -> list[str]:
    """A file that an export replaces is whole: the old one or the new one."""
    file = at.files / "export.jsonl"
    file.write_text("old\n", encoding="utf-8")
    await at.killed_during("get_dataset", dataset="exported", save_to="export.jsonl", overwrite=True)
    found = _lines(file)
    complete = found == ["old"] or (len(found) == UPLOADED and all(line.endswith("}") for line in found))
    return [] if complete else [f"export {number} left {len(found)} lines"]


async def update(at: Place, number: int) -> list[str]:
    """A task has its old name and rate or its new ones, never one of each."""
    tasks = (await at.other.call("list_tasks"))["tasks"]
    (name,) = (task["name"] for task in tasks)
    new = f"task {number}"
    await at.killed_during("update_task", task=name, name=new, sampling_rate=_rate(new))
    (task,) = (await at.other.call("list_tasks"))["tasks"]
    told = (await at.other.call("get_task", task=task["name"]))["task"]
    right = told["name"] in {name, new} and abs(told["sampling_rate"] - _rate(told["name"])) < SLIGHT
    return [] if right else [f"update {number} left the name {told['name']!r} with the rate {told['sampling_rate']}"]


async def migration(at: Place, number: int) -> list[str]:
    """A store whose migration was killed is migrated by the next process, with its rows."""
    store = at.home.parent / f"old-{number}" / STORE
    store.parent.mkdir()
    old_store(store)
    command = [sys.executable, "-c", MIGRATE, str(store)]
    with Popen(command, stdin=-1, stdout=DEVNULL, stderr=DEVNULL, text=True) as process:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        # The import takes the most of it.
        await anyio.sleep(at.moments.uniform(0.3, 2))
        process.kill()
    async with opened(store.parent) as rest:
        schema = (await rest.get("/x/status"))["schema_version"]
    with connected(store) as connection:
        label = connection.exec_driver_sql("SELECT label, score FROM evals").fetchall()
    kept = [tuple(row) for row in label] == [(ROWS["evals"]["label"], ROWS["evals"]["score"])]
    copies = [schema_of(copy) for copy in store.parent.glob(f"{STORE}.*schema*")]
    right = schema == migrations.HEAD and kept and copies == ["0001"]
    return [] if right else [f"a migration left schema {schema}, rows kept {kept}, copies {copies}"]


KINDS: Mapping[str, Kind] = {"upload": upload, "export": export, "update_task": update, "migration": migration}


def kinds(terms: Terms) -> Mapping[str, Outcome]:
    """Kill a server in each kind of work, in turn."""
    return {"S1b": anyio.run(_killed, terms)}


async def _killed(terms: Terms) -> Outcome:
    home, files = terms.folder / "home", terms.folder / "files"
    for folder in (home, files):
        folder.mkdir()
    chosen = {"export": export} if terms.breach else KINDS
    kills = terms.of(1, 25, 12)
    faults: list[str] = []
    async with serving(home, ASSAYKIT_FILES=str(files), deadline_s=LONGEST_S) as other:
        await other.initialize()
        at = Place(other, home, files, random.Random(terms.seed))  # noqa: S311  (no secret: a seed makes it repeatable)
        await _prepare(at)
        for number in range(1, kills + 1):
            for kind in chosen.values():
                faults += await kind(at, number)
        if "Traceback" in other.stderr():
            faults.append("the second server wrote a traceback")
    return Outcome({"kills": kills * len(chosen), **dict.fromkeys(chosen, kills)}, few(faults))


async def _prepare(at: Place) -> None:
    rows = [{"q": f"{row}", "long": "x" * 200} for row in range(UPLOADED)]
    (at.files / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    await at.timed("create_dataset", name="exported", file="rows.jsonl")
    await at.timed("get_dataset", dataset="exported", save_to="timed.jsonl", overwrite=True)
    async with opened(at.home) as rest:
        project = await rest.door.send(span(1))
        await rest.door.task(
            await rest.door.evaluator("code"), "task 0", project_id=project, sampling_rate=_rate("task 0")
        )
    await at.timed("update_task", task="task 0", sampling_rate=_rate("task 0"))


def _rate(task: str) -> float:
    """The sampling rate that belongs to the name of a task."""
    return (1 + int(task.removeprefix("task "))) / 1000


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

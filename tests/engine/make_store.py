"""A program that writes a store of the code that is checked out as SQL: the rows of an older schema for a test.

`python -m tests.engine.make_store FILE` in a worktree of the older commit, with this file in it. The store has verdicts
of two versions of a judge, of a deleted version, and of no version, on spans, traces and rows of an experiment.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import sqlalchemy as sa
from tests.caller import Caller, serving
from tests.engine.door import Door, opened
from tests.scripted_model import ScriptedModel
from tests.store_files import connected
from tests.traces import id_of, send, span

from assaykit.engine.engine import STORE
from assaykit.settings import Settings

EVERYTHING = "everything"
REGEX: dict[str, Any] = {"code": "MATCHES_REGEX"}


async def make(home: Path) -> None:
    """Make the store in the folder `home`, by calls of tools and routes."""
    settings = Settings(home=home, folders=(home,), toolsets=("all",), environment={})
    texts = {"a": "See [RET-2].", "b": "See there.", "c": "No.", "d": "Yes."}
    await send(home, [span(name, text, minutes_ago=9 + n) for n, (name, text) in enumerate(texts.items())])
    with ScriptedModel(lambda prompt: "strict" if "Be strict" in prompt else "mild") as model:
        async with serving(settings, model.url) as ax:
            await judged_spans(ax)
            await other_rows(ax, home)
    async with opened(home) as door:
        await without_its_version(door)


async def judged_spans(ax: Caller) -> None:
    """Two spans judged by version 1 of "good", one by version 2, one by hand; two by version 1 of "cites"."""
    for number, how in enumerate(("Be mild", "Be strict"), 1):
        asked = {"template": f"{how}: {{output}} is mild or strict?", "choices": {"mild": 1, "strict": 0}}
        await ax.ask("create_judge", name="good", **asked, model=f"judge-{number}", new_version=number > 1)
        most = 2 if number == 1 else 1
        await ax.ask("trigger_backfill", evaluators=["good"], window=EVERYTHING, max_rows=most, wait=30)
    await ax.ask("log_evaluations", rows=[{"span_id": id_of("d"), "eval.good.label": "mild", "eval.mine.label": "x"}])
    await ax.ask("create_judge", name="cites", **REGEX, pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("trigger_backfill", evaluators=["cites"], window=EVERYTHING, max_rows=2, wait=30)


async def other_rows(ax: Caller, home: Path) -> None:
    """Four traces and two rows of an experiment, judged by version 1 of "whole" and of "rows"."""
    await ax.ask("create_judge", name="whole", **REGEX, pattern="See")
    await ax.ask("create_task", name="whole", evaluators=["whole"], granularity="trace")
    await ax.ask("trigger_backfill", task="whole", window=EVERYTHING, wait=30)
    texts = [{"key": f"q{n}", "output": text} for n, text in enumerate(("some", "more"))]
    await ax.ask("create_dataset", name="cases", rows=[{"key": row["key"]} for row in texts])
    file = home / "one.jsonl"
    file.write_text("\n".join(map(json.dumps, [row | {"eval.given.label": "ok"} for row in texts])), encoding="utf-8")
    await ax.ask("upload_experiment", file=str(file), dataset="cases", key="key", name="one")
    await ax.ask("create_judge", name="rows", **REGEX, pattern="^some$")
    await ax.ask("create_task", name="rows", evaluators=["rows"], experiments=["one"])
    await ax.ask("trigger_backfill", task="rows", wait=30)


async def without_its_version(door: Door) -> None:
    """Replace the only version of "cites" by its copy: the verdicts of "cites" name a version that is gone."""
    (found,) = (await door.get("/v2/evaluators", name="cites"))["evaluators"]
    path = f"/v2/evaluators/{found['id']}"
    old = (await door.get(path))["version"]
    await door.post(f"{path}/versions", {"commit_message": "again", "code_config": old["code_config"]})
    gone = await door.http.request("DELETE", f"{path}/versions", json={"version_ids": [old["id"]]})
    gone.raise_for_status()


def written(store: Path, file: Path) -> None:
    """Write a store as SQL."""
    with connected(store) as connection:
        file.write_text("\n".join(driver_of(connection).iterdump()) + "\n", encoding="utf-8")


def read(file: Path, store: Path) -> None:
    """Make a store of SQL."""
    with connected(store) as connection:
        driver_of(connection).executescript(file.read_text(encoding="utf-8"))


def driver_of(connection: sa.Connection) -> Any:
    """The connection of Python's own driver."""
    return connection.connection.driver_connection


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(make, Path(folder) / "home")
        written(Path(folder) / "home" / STORE, Path(sys.argv[1]))

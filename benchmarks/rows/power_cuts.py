"""S11: power cuts at random moments of an engine's work, played from the system calls of its process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from sqlite3 import connect

import anyio
from rows.disks import CALLS, Disk, steps
from rows.outcome import Outcome, Terms, Unmeasured, few
from tests.engine.door import opened, span

from assaykit.engine.engine import STORE
from assaykit.engine.store.database import Database
from assaykit.errors import AssayError

LIVES = 2
REQUESTS = 60
SPANS = 150
EXAMPLES = 40
ROOT = Path(__file__).parents[2]
DEADLINE_S = 1800


def cuts(terms: Terms) -> Mapping[str, Outcome]:
    """Trace an engine that is opened twice, cut the power at many moments, and open each store that is left."""
    if shutil.which("strace") is None or sys.platform != "linux":
        raise Unmeasured("it needs strace on Linux, which tells what a process has written and synced")
    home = (terms.folder / "home").resolve()
    home.mkdir()
    traces = terms.folder / "traces"
    traces.mkdir()
    for life in range(LIVES):
        _trace(home, traces / f"life{life}", life)
    found = steps(sorted(traces.iterdir()), home)
    chance = Random(terms.seed)  # noqa: S311  (no secret: a seed makes the moments anew)
    moments = sorted(chance.sample(range(len(found)), terms.of(20, 300)))
    disk, faults, lost = Disk(), list[str](), 0
    acknowledged = 0
    for place, step in enumerate(found):
        disk.take(step)
        acknowledged += step.path.endswith("/acknowledged")
        while moments and moments[0] == place:
            moments.pop(0)
            left = terms.folder / "left"
            disk.cut(chance, home, left)
            there, fault = anyio.run(_found, left)
            faults += [f"step {place} of {len(found)}: {fault}"] if fault else []
            lost += there is not None and there < acknowledged - 1
            shutil.rmtree(left, ignore_errors=True)
    figures = {
        "cuts": terms.of(20, 300),
        "writes and syncs": len(found),
        "corrupt or refused stores": len(faults),
        "cuts that lost acknowledged requests": lost,
    }
    return {"S11": Outcome(figures, few(faults))}


def _trace(home: Path, to: Path, life: int) -> None:
    command = ["strace", "-ff", "-ttt", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(to)]
    # The folder of this package comes first on the path of a child.
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])}
    program = [sys.executable, "-m", "rows.power_cuts", str(home), str(life)]
    ended = subprocess.run(
        [*command, *program], cwd=ROOT, env=variables, capture_output=True, check=False, timeout=DEADLINE_S
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace")[-1000:]
        if "ptrace" in said:
            raise Unmeasured("strace may not trace processes here")
        raise RuntimeError(said)


async def _found(home: Path) -> tuple[int | None, str | None]:
    """The number of whole requests in the store, and the fault if there is one."""
    file = home / STORE
    if not file.exists():
        return None, None
    try:
        with closing(connect(file)) as store:
            (said,) = store.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            return None, f"SQLite: {said}"
        database = await Database.open(file)
        try:
            return await database.read(_whole)
        finally:
            await database.close()
    except (AssayError, OSError, ValueError) as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001  (each way in which a store cannot be read is a fault)
        return None, repr(error)


def _whole(connection: object) -> tuple[int, str | None]:
    """Datasets have all of their examples, and requests all of their spans."""
    run = connection.exec_driver_sql  # type: ignore[attr-defined]
    sizes = {number for (number,) in run("SELECT count(*) FROM examples GROUP BY version_id")} - {EXAMPLES}
    projects = [number for (number,) in run("SELECT count(*) FROM spans GROUP BY project_id")]
    torn = sizes or [number for number in projects if number % SPANS]
    return len(projects) + len(sizes), f"a request is there in part: {torn}" if torn else None


async def _work(home: Path, life: int) -> None:
    """Requests that write much and delete some. A line follows each that was acknowledged."""
    with (home / "acknowledged").open("ab", buffering=0) as lines:
        async with opened(home) as door:
            for number in range(REQUESTS):
                name = f"{life} {number}"
                spans = [span(one, f"answer {one} of {name}. " * 40) for one in range(SPANS)]
                await door.send(*spans, project=name)
                lines.write(b".")
                if number % 5 == 0:
                    dataset, _ = await door.dataset([{"question": f"{one}?"} for one in range(EXAMPLES)], name)
                    if number % 10 == 0:
                        await door.delete(f"/v2/datasets/{dataset}")


if __name__ == "__main__":
    anyio.run(_work, Path(sys.argv[1]), int(sys.argv[2]))

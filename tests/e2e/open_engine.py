"""Opens engines on a folder, each in a process of its own that is forked from this one, and is there to be killed.

Arguments: the folder, `silent_s`, and "unfenced" to have a run's results taken from an engine that has lost it. On
stdin, a line "open" is answered with the pid of an engine that is open, and "reap" with "reaped" when every process
that was killed is gone.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

import anyio
import sqlalchemy as sa
from tests.engine_starter import import_whole_engine
from tests.fork_starter import end_with_parent

from assaykit import logs
from assaykit.engine.engine import Engine
from assaykit.engine.store.queue import generations, leases, runs
from assaykit.engine.store.queue.leases import ACTIVE, Lease
from assaykit.engine.store.tables import task_runs

_OPEN = b"open\n"


async def stay_open(home: Path, silent_s: float, writing: int) -> None:
    """Say that the engine is open, and keep it so."""
    async with Engine.open(home, key="k", environment=os.environ, concurrency=1, silent_s=silent_s):
        os.write(writing, _OPEN)
        await anyio.sleep_forever()


def remove_fence() -> None:
    """Have every engine believe that a run which has not ended is its own."""

    def held(lease: Lease) -> sa.ColumnElement[bool]:
        return sa.and_(task_runs.c.id == lease.run_id, task_runs.c.status.in_(ACTIVE))

    def is_held(connection: sa.Connection, lease: Lease) -> bool:
        return connection.execute(sa.select(task_runs.c.id).where(held(lease))).first() is not None

    leases.held = runs.held = held
    leases.is_held = generations.is_held = is_held


def become_engine(home: Path, silent_s: float, writing: int) -> NoReturn:
    """What a fork does from here on."""
    end_with_parent()
    try:
        anyio.run(stay_open, home, silent_s, writing)
    finally:
        os._exit(1)


def main(home: Path, silent_s: float) -> None:
    """Answer every line until stdin ends."""
    import_whole_engine()
    alive = 0
    for line in sys.stdin:
        if line == "reap\n":
            while alive and os.waitpid(-1, os.WNOHANG)[0]:
                alive -= 1
            answer = "reaped"
        else:
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                become_engine(home, silent_s, writing)
            os.close(writing)
            answer = str(pid) if os.read(reading, len(_OPEN)) == _OPEN else "failed"
            os.close(reading)
            alive += 1
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    logs.configure("error")
    # It is the test that ends the processes, however often, and no run.
    leases.MOST_TRIES = 1_000
    if "unfenced" in sys.argv:
        remove_fence()
    main(Path(sys.argv[1]), float(sys.argv[2]))

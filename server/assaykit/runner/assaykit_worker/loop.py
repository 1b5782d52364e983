# pyright: basic
"""The main loop of a worker and its protocol: JSON lines for the request, for each row, and for each answer.

    in    {"task": {"file", "name"} or null, "evaluators": [...], "binding", "metadata", "joins_spans",
           "timeout_s", "together", "retries", "taken": [names], "mark", "forks": descriptor or null}
    out   {"ready": {"task", "bound", "is_async", "forks", "files": [paths], "evaluators": [{"name", "bound"}],
           "packages": {name: version}, "notes": [sentences]}}
          or {"failed": why}
    in    {"row": 7, "example": {...}}; without a task with "judged": {"output", "trace_id"}
    out   {"row": 7, "output" or "error", "evaluations": [...], "spans": [...], "retries": number,
           "files": [paths imported meanwhile]}

Each line out begins with the mark. The user's code can write to the same descriptor; text without it is passed over.

Async tasks run concurrently, at most `together` at once; plain tasks run one after the other. The process exits when
the other end is closed. Output of the user's code goes to stderr, and its stdin is empty. A process with "forks" serves
requests for further processes, which have the file imported already (`forking`).
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from . import loading, rows, tracing
from .binding import Unbindable
from .forking import ForkServer
from .pipes import Pipe


def main() -> None:
    """Serve one run until the other end is closed."""
    pipe = Pipe.of_process()
    asked = json.loads(pipe.incoming.readline() or b"null")
    if asked is None:
        return
    pipe.mark = asked["mark"]
    forks = None if asked["forks"] is None else ForkServer(asked["forks"])
    try:
        work = rows.RowRunner(asked)
    except (loading.NotThere, Unbindable, tracing.NoSdk) as error:
        pipe.tell({"failed": str(error)})
        return
    except BaseException as error:  # noqa: BLE001  (a file may end the process as it is imported)
        pipe.tell({"failed": loading.shortened(error)})
        return
    evaluators = [{"name": one.name, "bound": one.bindings} for one in work.evaluators]
    named = {} if work.task is None else {"task": work.task.name, "bound": work.task.bindings}
    task = {"task": "", "bound": {}, **named, "is_async": work.is_async}
    if work.is_async or (forks is not None and not forks.are_safe):
        forks = None
    files = work.files.new()
    found = {"files": files, "packages": loading.packages(), "evaluators": evaluators, "notes": loading.notes()}
    pipe.tell({"ready": {**task, "forks": forks is not None, **found}})
    if work.is_async:
        import asyncio  # noqa: PLC0415  (a plain task starts sooner without it)

        asyncio.run(_side_by_side(pipe, work, asked["together"], asked["timeout_s"]))
    else:
        _one_by_one(pipe if forks is None else forks.begun(pipe), work)


def _listen(pipe: Pipe, take: Callable[[dict[str, Any]], object]) -> None:
    def listen() -> None:
        try:
            for line in pipe.incoming:
                take(json.loads(line))
        finally:
            # Exit even in the middle of a row: nobody waits for the result. A killed sender leaves half a line.
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()


def _one_by_one(pipe: Pipe, work: rows.RowRunner) -> None:
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    _listen(pipe, waiting.put)
    while True:
        message = waiting.get()
        told: dict[str, Any] = {"row": message["row"]}
        work.run_alone(message, told)
        pipe.tell({**told, "files": work.files.new()})


async def _side_by_side(pipe: Pipe, work: rows.RowRunner, together: int, timeout_s: float) -> None:
    import asyncio  # noqa: PLC0415  (as above)

    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    _listen(pipe, lambda message: loop.call_soon_threadsafe(waiting.put_nowait, message))
    under_way = set()
    places = asyncio.Semaphore(together)

    def ended(row: asyncio.Task[None]) -> None:
        under_way.discard(row)
        places.release()

    while True:
        message = await waiting.get()
        await places.acquire()
        row = loop.create_task(_row(pipe, work, message, timeout_s))
        under_way.add(row)
        row.add_done_callback(ended)


async def _row(pipe: Pipe, work: rows.RowRunner, message: dict[str, Any], timeout_s: float) -> None:
    import asyncio  # noqa: PLC0415  (as above)

    told: dict[str, Any] = {"row": message["row"]}
    row = asyncio.ensure_future(work.run(message, told))
    await asyncio.wait([row], timeout=timeout_s)
    if not row.done():
        told["late"] = True
        row.cancel()
        await asyncio.wait([row])
    if told.pop("late", False) and row.cancelled():
        late = f"took longer than {timeout_s:g} s"
        if "output" not in told:
            told["error"] = late
        else:
            judged = {one["name"] for one in told["evaluations"]}
            told["evaluations"] += [{"name": one.name, "error": late} for one in work.evaluators
                                    if one.name not in judged]  # fmt: skip
    pipe.tell({**told, "files": work.files.new()})

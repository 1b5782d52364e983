"""Starts `assaykit engine` processes quickly: the program is imported once and forked for each engine.

The forks inherit compiled SQL statements too, from an engine that worked for a moment before the first fork.

It reads one JSON object per line from stdin. It answers `{environment, log}` with `{pid, url}`, and `{stop: pid}` with
`{status}`.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import anyio
from tests import statements
from tests.engine.door import opened, span
from tests.fork_starter import end_with_parent
from tests.scripted_model import ScriptedModel

from assaykit import engine, judge, logs
from assaykit.judge.providers.output_modes import LEARNT

# Modules that an engine imports lazily.
LATER = (
    "alembic.command",
    "alembic.config",
    "anyio._backends._asyncio",
    "assaykit.cli.engine",
    "regex",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)

ALWAYS = {"data_start_time": "2000-01-01T00:00:00Z"}

APART = (".migrations.", "flight", "grpc")
"""Parts of module names to leave out: Alembic runs migrations as files, and gRPC does not survive a fork."""


def import_whole_engine() -> None:
    """Import every module that each fork would otherwise import itself."""
    names = [one.name for package in (engine, judge) for one in walk_packages(package.__path__, f"{package.__name__}.")]
    within = [name for name in names if not any(word in name for word in APART)]
    for module in (*LATER, *within):
        import_module(module)


async def compile_statements(home: Path) -> None:
    """Let an engine on the folder `home` do what most engines do, with a judge and without."""
    with ScriptedModel(lambda _: "good") as model:
        variables = {"OPENAI_API_KEY": "sk-only-of-the-starter", "OPENAI_BASE_URL": model.url}
        async with opened(home, variables) as door:
            dataset, examples = await door.dataset([{"input": "a"}])
            experiment = await door.experiment(dataset, [{"example_id": examples[0], "output": "b"}])
            await door.runs_of(experiment)
            project = await door.send(span(1))
            await door.spans(project)
            code, tone = await door.evaluator(), await door.judge()
            for task, window in (
                (await door.task(code, project_id=project), ALWAYS),
                (await door.task(tone, "judged", type="TEMPLATE_EVALUATION", project_id=project), ALWAYS),
                (await door.task(code, "of rows", dataset_id=dataset, experiment_ids=[experiment]), {}),
            ):
                ended = await door.run(task, **window)
                assert ended["status"] == "COMPLETED", ended
                await door.get(f"/x/task-runs/{ended['id']}/report")
                await door.get(f"/v2/tasks/{task}/runs")
                await door.get(f"/v2/tasks/{task}")
            await door.get("/x/status")
            for noun in ("datasets", "experiments", "projects", "tasks", "evaluators", "ai-integrations", "prompts"):
                await door.get(f"/v2/{noun}")
                await door.get(f"/v2/{noun}", name="a")


def main() -> None:
    """Answer every line until stdin ends."""
    logs.configure("error")
    import_whole_engine()
    statements.share()
    with TemporaryDirectory() as folder:
        anyio.run(compile_statements, Path(folder) / "home")
    # Another model may have the port, and so the base URL.
    LEARNT.clear()
    # A fork has none of the threads of its parent, but all the locks that they hold.
    while threading.active_count() > 1:
        time.sleep(0.001)
    # A fork copies each page that it writes to, and a garbage collection writes to all of them.
    gc.freeze()
    outputs: dict[int, int] = {}
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        if "stop" in asked:
            pid: int = asked["stop"]
            os.kill(pid, signal.SIGTERM)
            _, status = os.waitpid(pid, 0)
            os.close(outputs.pop(pid))
            answer: dict[str, Any] = {"status": os.waitstatus_to_exitcode(status)}
        else:
            pid, output = _forked(asked["environment"], asked["log"])
            outputs[pid] = output
            said = os.read(output, 1000).decode()
            answer = {"pid": pid, "url": said.splitlines()[0].split()[-1] if said else ""}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _forked(environment: dict[str, str], log: str) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(environment, log, writing)
    os.close(writing)
    return pid, reading


def _become(environment: dict[str, str], log: str, writing: int) -> NoReturn:
    end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(writing, 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.closerange(3, 256)
    from assaykit.cli import main as assaykit  # noqa: PLC0415  (the import reads the environment of this fork)

    status: Any = 1
    try:
        assaykit(["engine", "--port", "0"])
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    main()

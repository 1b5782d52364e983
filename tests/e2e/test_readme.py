"""The README and the page on the gate, followed to the letter by a newcomer in a clone."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.caller import Caller
from tests.children import child
from tests.e2e import processes
from tests.e2e.processes import KEY, environment
from tests.environments import HOSTS, INSTALLERS, node_modules_with, python_with
from tests.fenced import blocks

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README, GATE = ROOT / "README.md", ROOT / "docs" / "gate.md"
DEADLINE_S = 600
DEMO = "helpful: variant-b is better than variant-a"
UPLOAD = re.compile(r"`upload_experiment\((.*?)\)`")
BASH, GIT = shutil.which("bash") or "bash", shutil.which("git") or "git"
PLACEHOLDER = "/absolute/path/to/.venv/bin/assaykit"


class Newcomer(NamedTuple):
    """Somebody with a clone, a home of their own and nothing else. `engine` is the engine's port."""

    clone: Path
    home: Path
    engine: int

    def types(self, script: str, folder: Path | None = None, **more: str) -> str:
        """The output of a shell script, which must succeed."""
        variables = {**environment(self.home / ".assaykit"), "HOME": str(self.home), **more}
        done = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", script.replace(":8765", f":{self.engine}")],
            cwd=folder or self.clone, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            encoding="utf-8", timeout=DEADLINE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def runs(self, command: str) -> Client:
        """An MCP client of a server that a host starts by this absolute command."""
        variables = {**environment(self.home / ".assaykit"), "HOME": str(self.home)}
        server = StdioServerParameters(command=command, args=["--structured"], env=variables, cwd=self.home)
        return Client(stdio_client(server))


@contextmanager
def engine(command: str, home: Path) -> Generator[int]:
    """The engine of the README's command, on a free port."""
    variables = environment(home)
    del variables["ASSAYKIT_ENGINE_KEY"]
    with child(
        [BASH, "-c", f"exec {command.strip()} --port 0"],
        env=variables, cwd=home, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.terminate()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tracked files of this tree."""
    listed = subprocess.run(
        [GIT, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    ).stdout.split("\0")
    for name in filter(None, listed):
        at = tmp_path / "assaykit" / name
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, at)
    return tmp_path / "assaykit"


async def test_a_newcomer_follows_the_readme(clone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".assaykit").mkdir(parents=True)
    newcomer = Newcomer(clone, home, 0)
    install, wheel, connect, serve, variables, *_ = blocks(README, "sh")
    assert DEMO in newcomer.types(install)
    installers = python_with(*INSTALLERS).parent
    shown = newcomer.types(wheel, PATH=f"{installers}:{os.environ['PATH']}")
    assert shown.count(DEMO) == len(wheel.splitlines())

    _connects(newcomer, connect)
    command = str(clone / ".venv" / "bin" / "assaykit")
    _check_blocks_of_hosts(command)
    with engine(serve.replace(".venv/bin/assaykit", command), home / ".assaykit") as port:
        await _sends_a_span(newcomer._replace(engine=port), variables, command)
    await _brings_results(newcomer, command)
    _gates(newcomer)


def _connects(newcomer: Newcomer, script: str) -> None:
    """Each host keeps the absolute command for every project of the user."""
    hosts = node_modules_with(*HOSTS) / ".bin"
    newcomer.types(script, PATH=f"{hosts}:{os.environ['PATH']}", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1")
    command = str(newcomer.clone / ".venv" / "bin" / "assaykit")
    claude = json.loads((newcomer.home / ".claude.json").read_text(encoding="utf-8"))
    gemini = json.loads((newcomer.home / ".gemini" / "settings.json").read_text(encoding="utf-8"))
    for configuration in (claude, gemini):
        assert configuration["mcpServers"]["assaykit"]["command"] == command
    assert f'command = "{command}"' in (newcomer.home / ".codex" / "config.toml").read_text(encoding="utf-8")


def _check_blocks_of_hosts(command: str) -> None:
    """The files of Cursor and VS Code are JSON and name the command that pip has installed."""
    cursor, code = (json.loads(block) for block in blocks(README, "json"))
    assert cursor == {"mcpServers": {"assaykit": {"command": PLACEHOLDER}}}
    assert code == {"servers": {"assaykit": {"type": "stdio", "command": PLACEHOLDER}}}
    assert command.endswith(PLACEHOLDER.removeprefix("/absolute/path/to"))
    assert Path(command).is_file()


async def _sends_a_span(newcomer: Newcomer, variables: str, command: str) -> None:
    (program,) = blocks(README, "python")
    install, _, exports = variables.partition("\n")
    assert install.startswith("pip install "), install
    pip = install.replace("pip", ".venv/bin/pip -q", 1)
    newcomer.types(f"{pip}\n{exports}\n.venv/bin/python - <<'PROGRAM'\n{program}PROGRAM")
    async with newcomer.runs(command) as client:
        ax = Caller(client, Settings())
        assert (await ax.ask("list_projects"))["projects"][0]["name"] == "support bot"
        (span,) = (await ax.ask("search_spans", project="support bot"))["spans"]
        assert "On its way." in json.dumps(span)


async def _brings_results(newcomer: Newcomer, command: str) -> None:
    (results,) = blocks(README, "csv")
    (arguments,) = UPLOAD.findall(README.read_text(encoding="utf-8"))
    (newcomer.home / "baseline.csv").write_text(results, encoding="utf-8")
    call: dict[str, Any] = eval(f"dict({arguments})", {"__builtins__": {"dict": dict}})  # noqa: S307  (our own page)
    async with newcomer.runs(command) as client:
        ax = Caller(client, Settings())
        uploaded = await ax.ask("upload_experiment", **{**call, "file": str(newcomer.home / "baseline.csv")})
        assert uploaded["runs"] == len(results.splitlines()) - 1
        again = newcomer.home / "candidate.csv"
        again.write_text(results, encoding="utf-8")
        await ax.ask("upload_experiment", file=str(again), dataset=call["dataset"], key=call["key"])
        compared = await ax.ask("compare_experiments", experiments=["baseline", "candidate"])
        assert compared["comparison"]["findings"][0]["evaluator"] == "correctness"


TASK = 'def answer(input):\n    return f"You asked: {input}"\n'
CHECKS = "def correctness(output):\n    return output.startswith('You asked')\n"
ROWS = 200
"""So many rows that are all alike show that a rate is not worse by two points."""


def _gates(newcomer: Newcomer) -> None:
    """The block of the README and the workflow of the page decide on an engine in place of Arize AX."""
    workspace = newcomer.home / "workspace"
    workspace.mkdir()
    (workspace / "assaykit").symlink_to(newcomer.clone)
    for name, text in {"task.py": TASK, "checks.py": CHECKS, "requirements.txt": ""}.items():
        (workspace / name).write_text(text, encoding="utf-8")
    rows = "question\n" + "".join(f"Question {number}?\n" for number in range(ROWS))
    (workspace / "questions.csv").write_text(rows, encoding="utf-8")
    variables = environment(newcomer.home / "other")
    with processes.engine(variables, newcomer.home / "engine.log") as address:
        at = {
            "ARIZE_API_SCHEME": "http",
            "ARIZE_API_HOST": "127.0.0.1",
            "ARIZE_API_PORT": address.rpartition(":")[2],
            "PATH": f"{newcomer.clone / '.venv' / 'bin'}:{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(workspace / "summary.md"),
        }
        ax = {**at, "ASSAYKIT_BACKEND": "ax", "ARIZE_API_KEY": KEY}
        newcomer.types(f"python - <<'PROGRAM'\n{DATASET}PROGRAM", workspace, **ax)
        for name in ("main", "pr-17"):
            run = "assaykit run task.py:answer --dataset 'support questions' --evaluator checks.py:correctness"
            newcomer.types(f"{run} --name {name}", workspace, **ax)
        (short,) = blocks(README, "yaml")
        (workflow,) = blocks(GATE, "yaml")
        (job,) = yaml.safe_load(workflow)["jobs"].values()
        for steps in (yaml.safe_load(short), job["steps"]):
            _takes(newcomer, steps, workspace, at)
    assert "correctness" in (workspace / "summary.md").read_text(encoding="utf-8")
    assert (workspace / "gate.xml").is_file()


def _takes(newcomer: Newcomer, steps: list[dict[str, Any]], workspace: Path, variables: dict[str, str]) -> None:
    """Each step that runs a command. Those that use an action check out what is there already, or choose a Python."""
    known = {"github.event.number": "17", "github.run_attempt": "1", "secrets.ARIZE_API_KEY": KEY}
    for step in steps:
        if "run" not in step:
            assert step["uses"].startswith(("actions/checkout@", "actions/setup-python@")), step
            continue
        filled = re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: known.get(found[1], ""), json.dumps(step))
        told: dict[str, Any] = json.loads(filled)
        own = {name: str(value) for name, value in told.get("env", {}).items()}
        newcomer.types(told["run"], workspace, **variables, **own)


DATASET = """
import anyio, os
from mcp import Client
from assaykit.server import create_server
from assaykit.settings import Settings

async def main():
    async with Client(create_server(Settings.from_environment(os.environ))) as client:
        given = {"name": "support questions", "file": "questions.csv"}
        print(await client.call_tool("create_dataset", given))

anyio.run(main)
"""

"""Functions in packages, and errors of the user's code that hide their cause."""

from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, text_of

from assaykit.cli.running import exit_code

ROWS = [{"input": "a"}, {"input": "b"}]


async def dry(ax: Caller, task: str, **more: Any) -> dict[str, Any]:
    await ax.ask("create_dataset", name="letters", rows=ROWS)
    return await ax.ask("run_experiment", task=task, dataset="letters", dry_run=True, **more)


def write(folder: Path, **texts: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("package", [True, False], ids=["package", "folder"])
@pytest.mark.parametrize(
    ("line", "where", "task"),
    [
        ("from .prompts import MARK", "app", "app/agent.py:answer"),
        ("from app.prompts import MARK", "app", "app/agent.py:answer"),
        ("from prompts import MARK", "app", "app/agent.py:answer"),
        ("from .prompts import MARK", "app", "app.agent:answer"),
        ("from .prompts import MARK", "src/app", "app.agent:answer"),
        ("from app.prompts import MARK", "src/app", "src/app/agent.py:answer"),
    ],
)
async def test_a_file_of_a_package_finds_its_neighbours(
    ax: Caller, files: Path, line: str, where: str, task: str, *, package: bool
) -> None:
    write(files / where, prompts="MARK = '!'\n", agent=f"{line}\ndef answer(input):\n    return input + MARK\n")
    if package:
        write(files / where, __init__="")
    data = await dry(ax, task)
    assert [one["output"] for one in data["outputs"]] == ["a!", "b!"]


async def test_a_module_that_is_not_there_is_refused(ax: Caller) -> None:
    await ax.ask("create_dataset", name="letters", rows=ROWS)
    result = await ax.call("run_experiment", task="app.missing:answer", dataset="letters")
    assert result.is_error
    assert "app/missing.py" in text_of(result)


GROUP = """
class ExceptionGroup(Exception):
    def __init__(self, exceptions):
        super().__init__("several")
        self.exceptions = exceptions


"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def answer(input):\n    raise ExceptionGroup((KeyError('x'), OSError()))", "ExceptionGroup of 2: KeyError"),
        ("import asyncio\nasync def answer(input):\n    raise asyncio.CancelledError('gone')", "CancelledError: gone"),
        ("import asyncio\ndef answer(input):\n    raise asyncio.CancelledError('gone')", "CancelledError: gone"),
        ("async def answer(input):\n    raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
async def test_an_error_of_any_kind_ends_its_row_at_once_with_its_cause(
    ax: Caller, files: Path, body: str, said: str
) -> None:
    write(files, task=GROUP + body + "\n")
    data = await dry(ax, "task.py:answer", timeout=60)
    assert data["failed"] == len(ROWS)
    assert data["errors"][0]["error"].startswith(said)
    assert data["errors"][0]["rows"] == len(ROWS)


@pytest.mark.parametrize(
    ("failed", "of_function", "of_judge", "tolerated", "code"),
    [
        (0, 0, 0, 0.0, 0), (1, 0, 0, 0.0, 1), (1, 1, 1, 0.0, 1), (0, 1, 0, 0.0, 3), (0, 0, 1, 0.0, 3),
        (1, 1, 1, 0.1, 0), (2, 0, 0, 0.1, 1), (1, 2, 0, 0.1, 3), (10, 10, 10, 1.0, 0),
    ],
)  # fmt: skip
def test_the_exit_code_separates_rows_and_evaluators(
    failed: int, of_function: int, of_judge: int, tolerated: float, code: int
) -> None:
    data = {"rows": 10, "failed": failed, "evaluators": {"a": {"failed": of_function}}}
    assert exit_code({**data, "judge_runs": [{"run": {"num_errors": of_judge}}]}, tolerated) == code
    assert exit_code({"started": False}, tolerated) == 1
    cancelled = {**data, "failed": 0, "judge_runs": [{"run": {"status": "CANCELLED", "num_errors": 0}}]}
    assert exit_code(cancelled, 0.5) == 3

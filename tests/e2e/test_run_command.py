"""`assaykit run` as a user types it."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.caller import serving
from tests.children import child
from tests.e2e.commands import Commands
from tests.e2e.processes import environment
from tests.scripted_model import ScriptedModel

from assaykit import cli, toolsets
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

TASK = """
def answer(dataset_row):
    if dataset_row["question"] == "Why?":
        raise ValueError("because")
    return dataset_row["question"]

def short(output):
    return len(output) < 6
"""


async def test_a_function_is_run_from_the_command_line(commands: Commands, settings: Settings, tmp_path: Path) -> None:
    # A folder that is not among those whose files may be used: who types a path means it.
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "task.py").write_text(TASK, encoding="utf-8")
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"question": "When?"}, {"question": "Whereto?"}])
        await ax.ask("create_dataset", name="why", rows=[{"question": "Why?"}])
        await ax.ask("create_judge", name="where to", code="CONTAINS_ANY_KEYWORD", keywords=["Where"])
    variables = environment(settings.home)
    good = commands.run(
        tmp_path,
        variables,
        "run",
        str(folder / "task.py:answer"),
        "--dataset",
        "q",
        "--evaluator",
        f"{folder}/task.py:short",
        "--evaluator",
        "where to",
    )
    assert good.returncode == 0, good.stderr
    assert "2 rows: 2 with an output, 0 failed" in good.stdout
    assert "'short': 2 scored, mean 0.5" in good.stdout
    assert "2 scored, 0 failed" in good.stdout
    assert "2 of 2 rows done" in good.stderr
    bad = commands.run(tmp_path, variables, "run", "elsewhere/task.py:answer", "--dataset", "why")
    assert bad.returncode == 1
    assert "ValueError: because" in bad.stdout
    refused = commands.run(tmp_path, variables, "run", "elsewhere/task.py:gone", "--dataset", "q", "--name", "x")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "task.py has no function 'gone'; it has answer, short. Correct the file, then call again." in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("typed", "status"), [("y", 0), ("n", 1)])
async def test_a_person_at_the_terminal_is_asked_before_judges_are_paid(
    commands: Commands, settings: Settings, tmp_path: Path, typed: str, status: int
) -> None:
    (tmp_path / "task.py").write_text(TASK, encoding="utf-8")
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="q", rows=[{"question": "When?"}])
            await ax.ask("create_judge", name="tone", template="Rate {output}", choices={"good": 1, "bad": 0})
        keys = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.url, "ASSAYKIT_ASK_ABOVE_CALLS": "0"}
        variables = environment(settings.home, **keys)
        words = ("run", "task.py:answer", "--dataset", "q", "--evaluator", "tone")
        alone = commands.run(tmp_path, variables, *words)
        assert (alone.returncode, alone.stdout) == (2, "")
        assert "confirm_cost has to be 1" in alone.stderr
        assert model.count == 0
        code, shown = at_a_terminal(tmp_path, variables, words, typed)
        assert "Let judges score experiment 'answer'? 1 call to models for 1 row, " in shown
        assert (code, model.count) == (status, 1 - status)
        if status:
            given = commands.run(tmp_path, variables, *words, "--confirm-cost", "1")
            assert "No person agreed to the 1 call:" in given.stdout
            assert model.count == 1


def at_a_terminal(folder: Path, variables: Mapping[str, str], words: Sequence[str], typed: str) -> tuple[int, str]:
    """The status of the command at a terminal where a person types one line, and the text on the terminal."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode() + b"\n")
    with child(
        [sys.executable, "-m", "assaykit", *words],
        cwd=folder, env=variables, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.communicate(timeout=120)
    os.set_blocking(ours, False)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    return process.returncode, shown


async def test_the_command_takes_a_file_as_its_dataset_and_all_options_of_the_tool(
    commands: Commands, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "task.py").write_text(
        "def answer(question, model):\n    return f'{model}: {question}'\n\n"
        "def good(output):\n    assert 'b' in output\n",
        encoding="utf-8",
    )
    (tmp_path / "cases.csv").write_text("id,question,topic\n1,Where?,a\n2,When?,b\n3,Why?,b\n", encoding="utf-8")
    below = tmp_path / "below"
    below.mkdir()
    variables = environment(settings.home)
    words = (
        *("run", "../task.py:answer", "--dataset", "../cases.csv", "--evaluator", "../task.py:good", "--retries", "2"),
        *("--metadata", "team=x", "--binding", "auto", "--filter", "topic = 'b'", "--dry-run-count", "1"),
    )
    grid = commands.run(below, variables, *words, "--param", "model=a", "--param", "model=b", "--dry-run")
    assert grid.returncode == 0, grid.stderr
    assert "makes 2 experiments of 2 rows, so 4 calls of the task" in grid.stdout
    assert "Made dataset 'cases-" in grid.stderr
    made = commands.run(below, variables, *words, "--param", "model=a", "--param", "model=b")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "'answer model=b' (" in made.stdout
    assert "has the rows of cases.csv" in made.stderr
    one = commands.run(below, variables, *words, "--param", "model=b", "--example", "3", "--name", "one")
    assert (one.returncode, "1 row: 1 with an output, 0 failed" in one.stdout) == (0, True), one.stderr
    for wrong, said in (("--param", "--param 'model' is no NAME=VALUE."), ("--mapping", "--mapping 'model' is no")):
        refused = commands.run(below, variables, *words, wrong, "model")
        assert refused.returncode == 2
        assert said in refused.stderr
    gone = commands.run(below, variables, "run", "../task.py:answer", "--dataset", "../gone.csv")
    assert gone.returncode == 2
    assert "gone.csv" in gone.stderr


def test_the_command_has_all_options_of_the_tool() -> None:
    tool = next(one for one in toolsets.listed() if one.name == "run_experiment")
    names = {"evaluators", "example_ids", "params", "column_mappings", "tolerate", "backend"}
    known = {str(one.name) for one in cli.run.params} | names
    assert set(toolsets.late_tool(tool).parameters["properties"]) - known == set()

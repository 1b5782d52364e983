"""`assaykit run` as a user types it."""

from pathlib import Path

import pytest
from tests.caller import serving
from tests.e2e.commands import Commands
from tests.e2e.processes import environment

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

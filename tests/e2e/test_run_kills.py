"""`assaykit run` or one of its workers is killed at random moments; the same command finishes the run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.caller import serving
from tests.children import child
from tests.e2e.processes import environment

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

SEED = 20261127
ROWS = 500
AT_ONCE = 4
TASK = """
import os, time

def answer(dataset_row):
    with open("calls.txt", "a") as file:
        file.write("%d %s\\n" % (os.getpid(), dataset_row["question"]))
    time.sleep({seconds})
    with open("ends.txt", "a") as file:
        file.write(dataset_row["question"] + "\\n")
    return dataset_row["question"]

def same(output, dataset_row):
    return output == dataset_row["question"]
"""


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []


async def test_what_is_killed_at_random_moments_is_finished_with_one_result_for_each_row(
    settings: Settings, files: Path, *, long: bool
) -> None:
    # Fifty kills want a run that is not over before: some rows are done between two of them.
    task = TASK.replace("{seconds}", "0.1" if long else "0.02")
    (files / "task.py").write_text(task, encoding="utf-8")
    rows = [{"question": f"q{number}"} for number in range(ROWS)]
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="questions", rows=rows)
    kills = 50 if long else 6
    of_workers = killed_until_it_ends(files, environment(settings.home), kills)
    async with serving(settings) as ax:
        (made,) = (await ax.ask("list_experiments", dataset="questions"))["experiments"]
    runs = await runs_of_all(settings, made["id"])
    assert Counter(run["example_id"] for run in runs).most_common(1)[0][1] == 1
    assert len(runs) == ROWS
    lost = [run for run in runs if run.get("error")]
    assert all("SIGKILL" in run["error"] for run in lost)
    assert len(lost) <= of_workers
    said = {run["output"] for run in runs if not run.get("error")}
    assert said <= {row["question"] for row in rows}
    assert len(said) == ROWS - len(lost)
    assert all(run["eval.same.score"] == 1.0 for run in runs if not run.get("error"))
    again = sum(number - 1 for number in Counter(lines(files / "ends.txt")).values())
    # Of quick rows a process has two, and what it has told of one may not be written down yet.
    assert again <= 2 * AT_ONCE * kills, f"{again} rows were done again after {kills} kills"


def killed_until_it_ends(folder: Path, variables: dict[str, str], kills: int) -> int:
    """Run the experiment, killing it so often, and once more to its end; how often it was a worker."""
    moments = random.Random(SEED)  # noqa: S311  (the same moments each time)
    command = [sys.executable, "-m", "assaykit", "run", "task.py:answer", "--dataset", "questions"]
    command += ["--evaluator", "task.py:same", "--concurrency", str(AT_ONCE), "--name", "killed"]
    calls = folder / "calls.txt"
    of_workers = 0
    for kill in range(kills):
        seen = len(lines(calls))
        with child(command, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while len(lines(calls)) == seen and process.poll() is None:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, ROWS * 0.02 / AT_ONCE / (kills + 4)))
            if kill % 2:
                of_workers += 1
                killed(int(lines(calls)[-1].split()[0]))
                time.sleep(0.2)
            process.kill()
    ended = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False, encoding="utf-8")
    assert ended.returncode in {0, 1}, ended.stderr
    assert "already" not in ended.stderr, "it had ended before"
    return of_workers


def killed(worker: int) -> None:
    try:
        os.kill(worker, signal.SIGKILL)
    except ProcessLookupError:
        return


async def runs_of_all(settings: Settings, experiment: str) -> list[dict[str, str]]:
    async with serving(settings) as ax:
        data = await ax.ask("get_experiment", experiment=experiment, save_to="all.jsonl")
    assert data
    return [json.loads(line) for line in lines(settings.folders[0] / "all.jsonl")]

"""Experiments over a part of a dataset, over an older version, and over the combinations of parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.tools.test_experiments import runs_of
from tests.tools.test_run_experiment import Write, bare_python, write
from tests.traces import rest

from assaykit.settings import Settings

__all__ = ["bare_python", "write"]

ROWS = [{"key": f"q{n}", "question": f"Q{n}", "kind": "even" if n % 2 == 0 else "odd", "expected": str(n)}
        for n in range(6)]  # fmt: skip

TASK = """
    def answer(question, model, prompt="short", **more):
        with open("calls.txt", "a") as file:
            file.write(f"{question} {model} {prompt}\\n")
        if model == "bad":
            raise ValueError("no such model")
        return f"{model}: {question} {prompt[:5]}"

    def rest(**more):
        return more

    def right(output, expected, model="unknown"):
        return model == "b"
"""


@pytest.fixture
async def cases(ax: Caller, write: Write) -> None:
    write("task.py", TASK)
    await ax.ask("create_dataset", name="cases", rows=ROWS)


async def run(ax: Caller, python: Path, **given: Any) -> dict[str, Any]:
    return await ax.ask(
        "run_experiment", **{"task": "task.py:answer", "dataset": "cases", "params": {"model": "a"}, **given},
        python=str(python),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("cases")
async def test_a_grid_makes_one_experiment_for_each_combination_and_is_planned_first(
    ax: Caller, settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    long = "Answer in one word, and think first."
    grid = {"params": {"model": ["a", "b"], "prompt": ["short", long]}, "evaluators": ["task.py:right"]}
    tried = await run(ax, bare_python, **grid, dry_run=True, dry_run_count=4)
    assert (tried["calls"], tried["rows"], len(tried["experiments"])) == (24, 4, 4)
    assert "Time: about" in tried["expected"]["time"]
    done = await run(ax, bare_python, **grid)
    names = ["answer model=a, prompt=1", "answer model=a, prompt=2", "answer model=b, prompt=1",
             "answer model=b, prompt=2"]  # fmt: skip
    assert [one["experiment"]["name"] for one in done["experiments"]] == names
    assert [one["params"] for one in done["experiments"]][3] == {"model": "b", "prompt": long}
    assert [one["evaluators"]["right"]["mean"] for one in done["experiments"]] == [0, 0, 1, 1]
    runs = await runs_of(settings, done["experiments"][3]["experiment"]["id"])
    assert {(run["metadata.model"], run["metadata.prompt"]) for run in runs} == {("b", long)}
    assert "b: Q0 Answe" in {run["output"] for run in runs}
    compared = await ax.ask("compare_experiments", experiments=names, all_pairs=True)
    assert len(compared["comparison"]["findings"]) == 6
    calls = (files / "calls.txt").read_text(encoding="utf-8")
    again = await run(ax, bare_python, **grid)
    assert [one["recorded_before"] for one in again["experiments"]] == [True] * 4
    assert (files / "calls.txt").read_text(encoding="utf-8") == calls, "nothing is run twice"
    write("task.py", TASK + "\n    x = 1\n")
    refusal = await ax.refused("run_experiment", task="task.py:answer", dataset="cases", **grid)
    assert "already has an experiment named 'answer model=a, prompt=1'" in refusal["message"]


PARTS: list[tuple[Any, Any]] = [
    ({"filter": "kind = 'odd'"}, ["a: Q1 short", "a: Q3 short", "a: Q5 short"]),
    ({"example_ids": ["q4", "q0"]}, ["a: Q0 short", "a: Q4 short"]),
    ({"example_ids": ["q4", "q1"], "filter": "kind = 'odd'"}, ["a: Q1 short"]),
    ({"filter": "key = 'q2'", "params": {"model": "a", "prompt": "long"}}, ["a: Q2 long"]),
    ({"filter": "key = 'q2'", "params": {"model": ["a"], "extra": None}}, ["a: Q2 short"]),
]


@pytest.mark.usefixtures("cases")
async def test_an_experiment_runs_over_a_part_of_a_dataset(ax: Caller, settings: Settings, bare_python: Path) -> None:
    for number, (given, outputs) in enumerate(PARTS):
        done = await run(ax, bare_python, name=f"v{number}", **given)
        assert done["experiment"]["name"] == f"v{number}"
        assert sorted(one["output"] for one in await runs_of(settings, done["experiment"]["id"])) == outputs


@pytest.mark.embedded("AX records no experiment on an older version")
async def test_an_experiment_runs_over_an_older_version(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    write("task.py", TASK)
    await ax.ask("create_dataset", name="cases", rows=ROWS)
    first = await ax.ask("get_dataset", dataset="cases")
    async with rest(settings.home) as client:
        change = {"examples": [{"id": first["examples"][0]["id"], "question": "new"}], "new_version": "second"}
        told = await client.patch(f"/v2/datasets/{first['dataset']['id']}/examples", json=change)
        assert told.status_code == 200, told.text
    done = await run(ax, bare_python, dataset_version=first["versions"][0]["id"], name="old")
    outputs = {one["output"] for one in await runs_of(settings, done["experiment"]["id"])}
    assert "a: Q0 short" in outputs
    newest = await run(ax, bare_python, name="newest")
    assert "a: new short" in {one["output"] for one in await runs_of(settings, newest["experiment"]["id"])}
    async with rest(settings.home) as client:
        made = (await client.get(f"/v2/experiments/{done['experiment']['id']}")).json()
    assert made["dataset_version_id"] == first["versions"][0]["id"]


REFUSED: list[tuple[Any, Any]] = [
    ({"filter": "kind = 'none'"}, "None of the 6 examples of 'cases' matches"),
    ({"filter": "knd = 'odd'"}, "No row has a column 'knd'"),
    ({"filter": "kind ="}, "kind ="),
    ({"example_ids": ["q9", "q1"]}, "has no example 'q9'"),
    ({"example_ids": []}, "example_ids is empty"),
    ({"dataset_version": "v9"}, "has no version 'v9'"),
    ({"params": {"model": []}}, "params.model has no values."),
    ({"params": {"model": ["a", "a"]}}, "params.model has a value twice."),
    ({"params": {"model": list(range(51))}}, "params makes 51 experiments, and 50 is the limit"),
    ({"params": {"modl": "a"}, "task": "task.py:right"}, "it has no parameter 'modl', which params gives"),
    ({"retries": 11}, "retries"),
]


@pytest.mark.usefixtures("cases")
async def test_a_part_or_a_grid_that_cannot_be_run_is_refused_before_a_call(ax: Caller, files: Path) -> None:
    plain = {"task": "task.py:answer", "dataset": "cases", "params": {"model": "a"}}
    for given, said in REFUSED:
        refusal = await ax.refused("run_experiment", **{**plain, **given})
        assert said in refusal["message"]
        assert refusal["next"]
    assert not (files / "calls.txt").exists()


@pytest.mark.slow
async def test_calls_are_made_again_after_a_429_or_5xx_and_reported(
    ax: Caller, files: Path, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import pathlib

        class Refused(Exception):
            status_code = 429
            headers = {"retry-after-ms": "1"}

        def answer(question):
            with open(f"{question}.txt", "a") as file:
                file.write("x")
            if question == "Q0" or (question == "Q1" and len(pathlib.Path("Q1.txt").read_text()) < 3):
                raise Refused("slow down")
            if question == "Q2":
                raise ValueError("no")
            return question

        async def later(question):
            return answer(question)
        """,
    )
    await ax.ask("create_dataset", name="cases", rows=ROWS)
    for name in ("answer", "later"):
        done = await ax.ask("run_experiment", task=f"task.py:{name}", retries=2, python=str(bare_python))
        assert (done["rows"], done["failed"]) == (6, 2)
        assert "2 rows met a 429 or 5xx: 4 calls made again; 1 row failed all the same" in done["notes"]
        assert [len((files / f"Q{n}.txt").read_text(encoding="utf-8")) for n in range(4)] == [3, 3, 1, 1]
        for n in range(6):
            (files / f"Q{n}.txt").unlink()
    assert json.dumps(done)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout",
    [
        {"notebook.ipynb": "def answer(question):\n    return '1 ' + question\n\nraise SystemExit"},
        {"app/src/bot/agent.py": "from bot.words import WORD\ndef answer(question):\n    return WORD + question",
         "app/src/bot/words.py": "WORD = '1 '", "app/pyproject.toml": ""},
        {"app/src/bot/deep/agent.py": "from bot.words import WORD\ndef answer(question):\n    return WORD + question",
         "app/src/bot/words.py": "WORD = '1 '"},
        {"app/evals/task.py": "from bot.words import WORD\ndef answer(question):\n    return WORD + question",
         "app/src/bot/words.py": "WORD = '1 '", "app/src/bot/__init__.py": "", "app/pyproject.toml": ""},
    ],
)  # fmt: skip
async def test_a_notebook_and_files_of_src_layouts_are_tasks(
    ax: Caller, files: Path, bare_python: Path, layout: dict[str, str]
) -> None:
    await ax.ask("create_dataset", name="cases", rows=ROWS[:1])
    for name, text in layout.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        told = text
        if name.endswith(".ipynb"):
            told = json.dumps({"cells": [{"cell_type": "code", "source": text}], "metadata": {}})
        (files / name).write_text(told, encoding="utf-8")
    task = f"{next(iter(layout))}:answer"
    done = await ax.ask("run_experiment", task=task, dry_run=True, python=str(bare_python))
    assert [one["output"] for one in done["outputs"]] == ["1 Q0"], done
    if "notebook" in task:
        assert "1 other statements were not" in done["notes"][0]

"""Functions that judge the outputs of an experiment that exists, without a call of its task."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.tools.test_experiments import runs_of
from tests.tools.test_run_experiment import Write, bare_python, write

from assaykit.api.client import Api
from assaykit.settings import Settings

__all__ = ["bare_python", "write"]

CHECKS = """
    def right(output, expected):
        return output == expected

    def scores(output, metadata):
        return {"length": len(str(output)), "sort": type(output).__name__}

    async def later(output):
        return {"label": "long", "reason": "words", "metadata": {"words": 1}}

    def broken(output):
        raise ValueError("no opinion")

    def tone(output):
        return "polite"

    class Whole:
        name = "whole"

        def evaluate(self, *, output, dataset_row, **kwargs):
            return (dataset_row["question"] == "Where?", "the row")
"""

ROWS = [
    {"key": "a", "output": "Lima", "eval.tone.label": "rude"},
    {"key": "b", "output": '{"answer": "Tokyo"}'},
    {"key": "c", "output": ""},
    {"key": "d", "error": "boom"},
]


@pytest.fixture
async def uploaded(ax: Caller, files: Path) -> None:
    rows = [{"key": one, "question": "Where?", "expected": "Lima"} for one in "abcd"]
    await ax.ask("create_dataset", name="cities", rows=rows)
    (files / "v1.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    await ax.ask("upload_experiment", file="v1.jsonl", dataset="cities", key="key")


async def judge(ax: Caller, python: Path, *evaluators: str, **given: Any) -> dict[str, Any]:
    named = [one if ":" in one or one == "tone" else f"checks.py:{one}" for one in evaluators]
    return await ax.ask("retry_experiment", evaluators=named, python=str(python), **{"experiment": "v1", **given})


async def verdicts(ax: Caller, experiment: str, name: str) -> dict[str, Any]:
    rows = (await ax.ask("get_experiment", experiment=experiment))["runs"]
    return {
        row["output"]: {key: one[key] for key in ("label", "score", "explanation") if key in one}
        for row in rows
        for one in row["evaluations"]
        if one["name"] == name
    }


@pytest.mark.usefixtures("uploaded")
async def test_functions_judge_an_uploaded_experiment_and_nothing_is_lost(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("checks.py", CHECKS)
    tried = await judge(ax, bare_python, "right", "scores", "later", "Whole", dry_run=True)
    assert (tried["would_judge"], tried["dry_run"]) == (3, True)
    assert tried["evaluators"]["right"]["labels"] == {"False": 2, "True": 1}
    assert await verdicts(ax, "v1", "right") == {}, "a dry run records nothing"
    done = await judge(ax, bare_python, "right", "scores", "later", "Whole")
    assert (done["judged"], done["rows"], done["failed"]) == (3, 3, 1)
    name = done["experiment"]["name"]
    assert await verdicts(ax, name, "right") == {
        "Lima": {"label": "True", "score": 1.0},
        '{"answer": "Tokyo"}': {"label": "False", "score": 0.0},
        "": {"label": "False", "score": 0.0},
    }
    assert [one["label"] for one in (await verdicts(ax, name, "sort")).values()].count("dict") == 1
    assert (await verdicts(ax, name, "later"))["Lima"] == {"label": "long", "explanation": "words"}
    assert (await verdicts(ax, name, "whole"))["Lima"]["score"] == 1
    assert (await verdicts(ax, name, "tone"))["Lima"] == {"label": "rude"}, "columns of the upload stay"
    again = await judge(ax, bare_python, "right", "scores", experiment=name)
    assert again["judged"] == 0
    assert "3 rows had verdicts of the same code before" in again["notes"][-1]


@pytest.mark.slow
@pytest.mark.usefixtures("uploaded")
async def test_a_verdict_that_failed_is_given_again_and_one_of_other_code_is_kept(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    write("checks.py", CHECKS)
    first = await judge(ax, bare_python, "right", "broken")
    assert first["evaluators"]["broken"]["failed"] == 3
    name = first["experiment"]["name"]
    assert (await judge(ax, bare_python, "broken", experiment=name))["judged"] == 3
    write("checks.py", "def right(output, expected):\n    return 'yes' if output == expected else 'no'\n")
    second = await judge(ax, bare_python, "right")
    assert second["judged"] == 3
    runs = await runs_of(settings, second["experiment"]["id"])
    assert [run.get("eval.right.label") for run in runs] == ["yes", "no", "no", None]
    if "judged_experiment" not in second:
        assert any("replaced one of other code" in note for note in second["notes"])
        earlier = json.loads(runs[0]["eval.right.metadata.earlier"])
        assert [(one["label"], one["score"]) for one in earlier] == [("True", 1.0)]


REFUSED: list[tuple[Any, Any]] = [
    (["checks.py:tone"], "an evaluator and another evaluator of the experiment are both named 'tone'"),
    (["checks.py:nothing"], "has no function 'nothing'"),
    (["absent.py:right"], "absent.py"),
    ([], "There is no evaluator to judge the outputs."),
    (["tonne"], "'tonne'"),
]


@pytest.mark.usefixtures("uploaded")
async def test_an_evaluator_that_cannot_judge_is_refused_before_anything_is_written(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("checks.py", CHECKS)
    for evaluators, said in REFUSED:
        refusal = await ax.refused("retry_experiment", experiment="v1", evaluators=evaluators, python=str(bare_python))
        assert said in refusal["message"]
        assert refusal["next"]


async def test_an_output_reaches_a_function_as_the_task_gave_it(ax: Caller, write: Write, bare_python: Path) -> None:
    values = [{"a": [1]}, '{"a": [1]}', 7, "7", True, None, "", [1, "x"], "[1", 1.5]
    write(
        "task.py",
        f"""
        VALUES = {values!r}

        def answer(input, example):
            return VALUES[int(example["n"])]

        def same(output, example):
            return output == VALUES[int(example["n"])] and type(output) is type(VALUES[int(example["n"])])
        """,
    )
    rows = [{"n": n, "input": "x"} for n in range(len(values))]
    await ax.ask("create_dataset", name="values", rows=rows)
    await ax.ask("run_experiment", task="task.py:answer", dataset="values", python=str(bare_python))
    done = await ax.ask("retry_experiment", experiment="answer", evaluators=["task.py:same"], python=str(bare_python))
    assert done["evaluators"]["same"]["labels"] == {"True": len(values)}


@pytest.mark.slow
@pytest.mark.embedded("it hides the engine's own routes")
@pytest.mark.usefixtures("uploaded")
async def test_on_ax_a_further_experiment_has_all_verdicts(
    ax: Caller, settings: Settings, write: Write, bare_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def has_none(_: Api) -> bool:
        return False

    monkeypatch.setattr(Api, "has_engine_routes", has_none)
    write("checks.py", CHECKS)
    done = await judge(ax, bare_python, "right")
    assert (done["experiment"]["name"], done["judged_experiment"]["name"]) == ("v1 judged by right", "v1")
    runs = await runs_of(settings, done["experiment"]["id"])
    assert [run.get("eval.right.label") for run in runs] == ["True", "False", "False", None]
    assert [run.get("eval.tone.label") for run in runs] == ["rude", None, None, None]
    assert [run.get("error") for run in runs] == [None, None, None, "boom"]
    assert await verdicts(ax, "v1", "right") == {}, "the first experiment stays as it was"
    again = await judge(ax, bare_python, "right")
    assert again["experiment"]["name"] == "v1 judged by right 2"

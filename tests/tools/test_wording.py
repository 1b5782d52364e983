"""The words of replies about runs and experiments: counts say scored, labelled or answered, and the way a run ended."""

import json
from pathlib import Path

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.tools.test_run_experiment import Write, bare_python, questions, run, write

from assaykit.settings import Settings

__all__ = ["bare_python", "questions", "write"]

GENERATION = {"messages": [{"role": "USER", "content": "Q: {question}"}], "model_name": "gpt-test"}


async def test_an_evaluator_of_labels_alone_reads_labelled(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": f"q{n}"} for n in range(4)])
    rows = [{"key": f"q{n}", "output": "x", "eval.tone.label": "rude" if n else "kind"} for n in range(4)]
    (files / "v.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file="v.jsonl", key="key")
    text = await ax.read("get_experiment")
    assert "- 'tone': 4 of 4 labelled, 'rude' 3, 'kind' 1; 'rude' 75 % (95 % interval " in text
    assert "0 of 4 scored" not in text
    found = (await ax.ask("get_experiment"))["evaluators"]
    assert found["tone"] | {"estimate": None} == {
        "labels": {"rude": 3, "kind": 1}, "labelled": 4, "scored": 0, "estimate": None,
    }  # fmt: skip


@pytest.mark.usefixtures("questions")
async def test_a_function_that_returns_labels_reads_labelled(ax: Caller, write: Write, bare_python: Path) -> None:
    write("task.py", "def answer(input): return input\n\ndef size(output): return 'long' if output[3:] else 'short'\n")
    text = await ax.read(
        "run_experiment", task="task.py:answer", dataset="questions", python=str(bare_python),
        evaluators=["task.py:size"],
    )  # fmt: skip
    assert "'size': 3 of 3 labelled, 'long' 3" in text
    assert (await run(ax, bare_python, "task.py:answer", name="two", evaluators=["task.py:size"]))["failed"] == 0


async def test_a_run_of_a_task_that_makes_an_experiment_scores_nothing(settings: Settings) -> None:
    with ScriptedModel(lambda _: {"text": "Lima"}) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="capitals", rows=[{"question": "Peru?"}, {"question": "Chad?"}])
            await ax.ask("create_task", name="answers", run_configuration=GENERATION)
            told = [await ax.read("trigger_run", experiment_name="v1", wait=30)]
            again = await ax.ask("trigger_run", experiment_name="v2", wait=30)
            told += [await ax.read(tool) for tool in ("get_task", "list_tasks", "list_runs")]
            told.append(await ax.read("get_run", run=again["run"]["id"]))
            runs = [one["id"] for one in (await ax.ask("list_runs"))["runs"]]
            told.append(await ax.read("wait_for_run", run=runs))
    assert all("2 answered, 0 failed, 0 skipped" in text and "scored" not in text for text in told)
    assert "Together 4 answered" in told[-1]


async def test_a_run_without_work_or_at_its_limit_does_not_read_as_cancelled(ax: Caller, bot: None) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="policy", evaluators=["json"], query_filter="attributes.output.value IS NOT NULL")
    text = await ax.read("trigger_backfill", task="policy", max_rows=2, wait=30)
    assert "stopped at its own limit: 2 scored, 0 failed, 0 skipped" in text
    assert "CANCELLED" not in text
    await ax.ask("trigger_backfill", task="policy", wait=30)
    run = (await ax.ask("trigger_run", task="policy", window="last 7 days", wait=30))["run"]
    assert run["status"] == "CANCELLED"
    for text in (await ax.read("get_run", run=run["id"]), await ax.read("get_task"), await ax.read("list_runs")):
        assert f"{run['id']} had nothing to do: 0 scored" in text
        assert "CANCELLED" not in text

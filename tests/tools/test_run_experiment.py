"""A function of a file run over a dataset, in an interpreter that has none of our packages."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving, text_of
from tests.tools.test_experiments import runs_of

from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

QUESTIONS = [
    {"question": "Where?", "answer": "There", "attributes.input.value": "Where?", "attributes.output.value": "There"},
    {"question": "When?", "answer": "Now", "attributes.input.value": "When?", "attributes.output.value": "Now"},
    {"question": "Why?", "answer": "So", "attributes.input.value": "Why?", "attributes.output.value": "So"},
]

Write = Callable[[str, str], None]


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the standard library alone."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    without = subprocess.run([str(python), "-c", "import assaykit"], capture_output=True, check=False)
    assert without.returncode != 0
    return python


@pytest.fixture
def write(files: Path) -> Write:
    def written(name: str, text: str) -> None:
        (files / name).write_text(textwrap.dedent(text), encoding="utf-8")

    return written


@pytest.fixture
async def questions(ax: Caller) -> str:
    """A dataset with the columns of both sources; its id."""
    return (await ax.ask("create_dataset", name="questions", rows=QUESTIONS))["dataset"]["id"]


async def run(ax: Caller, python: Path, task: str, **more: Any) -> dict[str, Any]:
    return await ax.ask("run_experiment", task=task, dataset="questions", python=str(python), **more)


@pytest.mark.usefixtures("questions")
async def test_a_function_is_run_over_every_example_and_judged(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        def echo(dataset_row) -> str:
            print("not a message of the protocol")
            return dataset_row.get("attributes.input.value", "")

        def correct(output, dataset_row):
            return (1.0 if output == "Where?" else 0.0, "as it is")

        def has_output(output):
            return "present" if output else "missing"
        """,
    )
    data = await run(
        ax, bare_python, "task.py:echo", evaluators=["task.py:correct", "task.py:has_output"], name="baseline",
        metadata={"model": "m-1"},
    )  # fmt: skip
    assert (data["rows"], data["failed"], data["experiment"]["name"]) == (3, 0, "baseline")
    assert data["bound"] == {"dataset_row": "dataset_row"}
    assert data["evaluators"]["correct"]["mean"] == pytest.approx(1 / 3)
    assert data["evaluators"]["has_output"]["labels"] == {"present": 3}
    runs = await runs_of(settings, data["experiment"]["id"])
    assert [run["output"] for run in runs] == ["Where?", "When?", "Why?"] or len(runs) == 3
    assert {run["output"]: run["eval.correct.score"] for run in runs} == {"Where?": 1.0, "When?": 0.0, "Why?": 0.0}
    assert {run["eval.correct.explanation"] for run in runs} == {"as it is"}
    assert {run["eval.has_output.label"] for run in runs} == {"present"}
    assert {run["metadata.model"] for run in runs} == {"m-1"}
    assert ax.progress[-1] == (3, 3)


@pytest.mark.usefixtures("questions")
@pytest.mark.parametrize(
    ("signature", "body", "bound"),
    [
        ("dataset_row", "dataset_row.get('question')", {"dataset_row": "dataset_row"}),
        ("input", "input['question'] if isinstance(input, dict) else input", {"input": "input"}),
        ("x", "x", {"x": "input"}),
        ("input, expected", "[input, expected] and input", {"input": "input", "expected": "expected"}),
        ("input, reference", "input", {"input": "input", "reference": "reference"}),
        ("example", "example.input", {"example": "example"}),
        ("example, metadata", "example['question']", {"example": "example", "metadata": "metadata"}),
        ("input, output, metadata, dataset_row", "input", None),
        ("input, *, scale=2", "input", {"input": "input"}),
        ("input, **kwargs", "input if not kwargs else kwargs", {"input": "input"}),
    ],
)
async def test_parameters_are_bound_by_their_names(
    ax: Caller, write: Write, bare_python: Path, signature: str, body: str, bound: dict[str, str] | None
) -> None:
    write("task.py", f"def answer({signature}):\n    return {body}\n")
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, dry_run_count=1)
    assert bound is None or data["bound"] == bound
    assert [one["output"] for one in data["outputs"]] == ["Where?"]


@pytest.mark.usefixtures("questions")
async def test_phoenix_binds_a_mapping_to_whatever_the_one_parameter_is_called(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(dataset_row):\n    return dataset_row['input']\n")
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, dry_run_count=1, binding="phoenix")
    assert data["bound"] == {"dataset_row": "input"}
    assert data["outputs"][0]["output"] == "Where?"
    write("task.py", "def answer(example):\n    return example.input\n")
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, dry_run_count=1, binding="phoenix")
    assert (data["bound"], data["outputs"][0]["output"]) == ({"example": "example"}, "Where?")


@pytest.mark.usefixtures("questions")
async def test_a_dry_run_takes_the_first_examples_and_records_nothing(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(input):\n    return input\n")
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, dry_run_count=2)
    assert (data["rows"], "experiment" in data) == (2, False)
    assert data["given"] == [{"function": "answer", "values": {"input": '"Where?"'}}]
    assert (await ax.ask("list_experiments", dataset="questions"))["experiments"] == []


async def test_errors_of_one_cause_are_told_once_with_what_the_function_was_given(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(dataset_row, input):\n    return 1 / (dataset_row['place'] % 2) + input['gone']\n")
    await ax.ask("create_dataset", name="places", rows=[{"place": place} for place in range(5)])
    told = await ax.call(
        "run_experiment", task="task.py:answer", dataset="places", python=str(bare_python), dry_run=True
    )
    data: dict[str, Any] = data_of(told)
    assert [one["rows"] for one in data["errors"]] == [3, 2]
    assert "ZeroDivisionError" in data["errors"][0]["error"]
    assert "KeyError: 'gone'" in data["errors"][1]["error"]
    (given,) = data["given"]
    row = json.loads(given["values"]["dataset_row"])
    assert (row["place"], json.loads(given["values"]["input"])) == (0, {"place": 0})
    assert "input" not in row, "a whole row is its columns"
    text = text_of(told)
    assert "and 2 more failed: ZeroDivisionError" in text
    assert "Next: correct the function, then call again." in text


async def test_a_check_that_gets_the_row_for_the_right_answer_is_told_of(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        "def answer(input):\n    return 'Paris'\n\ndef right(output, expected):\n    return output == expected\n",
    )
    calls: dict[str, Any] = {"task": "task.py:answer", "evaluators": ["task.py:right"], "python": str(bare_python)}
    await ax.ask("create_dataset", name="unnamed", rows=[{"question": "Where?", "city": "Paris"}])
    unnamed = await ax.ask("run_experiment", dataset="unnamed", **calls, dry_run=True)
    said = "expected is the whole row, as the dataset has no column expected, reference or output"
    assert unnamed["notes"] == [f"right: {said}"]
    values = {name: json.loads(value) for name, value in unnamed["given"][1]["values"].items()}
    assert values == {"output": "Paris", "expected": {"question": "Where?", "city": "Paris"}}
    await ax.ask("create_dataset", name="named", rows=[{"question": "Where?", "expected": "Paris"}])
    named = await ax.ask("run_experiment", dataset="named", **calls)
    assert (named["notes"], named["given"], named["evaluators"]["right"]["mean"]) == ([], [], 1)


@pytest.mark.usefixtures("questions")
async def test_async_tasks_run_side_by_side_and_classes_judge_them(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import asyncio

        arrived = 0
        everybody = asyncio.Event()

        async def answer(input):
            global arrived
            arrived += 1
            if arrived == 3:
                everybody.set()
            await everybody.wait()
            return {"said": input}

        class Evaluator:
            def evaluate(self, **kwargs):
                raise NotImplementedError

            async def async_evaluate(self, **kwargs):
                return self.evaluate(**kwargs)

        class Matches(Evaluator):
            name = "matches_expected"

            def evaluate(self, output, dataset_row, **kwargs):
                return {"score": 1, "label": "match", "metadata": {"length": len(output["said"])}}

        class Slowly(Evaluator):
            async def async_evaluate(self, *, output, **kwargs):
                await asyncio.sleep(0)
                return True
        """,
    )
    data = await run(
        ax, bare_python, "task.py:answer", evaluators=["task.py:Matches", "task.py:Slowly"], concurrency=3, timeout=60
    )
    assert data["evaluators"]["matches_expected"]["labels"] == {"match": 3}
    assert data["evaluators"]["Slowly"]["mean"] == 1.0
    runs = await runs_of(settings, data["experiment"]["id"])
    assert {run["output"] for run in runs} == {json.dumps({"said": one["question"]}) for one in QUESTIONS}
    assert {run["eval.matches_expected.metadata.length"] for run in runs} == {"6", "5", "4"}


@pytest.mark.usefixtures("questions")
async def test_a_row_that_fails_fails_alone_and_is_run_again_alone(
    ax: Caller, settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import pathlib

        def answer(input):
            with open("calls.txt", "a") as file:
                file.write(input + "\\n")
            if input == "When?" and not pathlib.Path("mended").exists():
                raise RuntimeError("the clock has stopped")
            return input
        """,
    )
    data = await run(ax, bare_python, "task.py:answer")
    assert (data["rows"], data["failed"]) == (3, 1)
    assert "RuntimeError: the clock has stopped" in data["errors"][0]["error"]
    assert "task.py:8 in answer" in data["errors"][0]["error"]
    assert data["given"][0]["values"] == {"input": '"When?"'}, "what the row that failed was given"
    (files / "mended").touch()
    again = await ax.ask("retry_experiment", experiment="answer", dataset="questions")
    assert (again["retried"], again["failed"]) == (1, 0)
    runs = await runs_of(settings, data["experiment"]["id"])
    assert [run.get("error") is None for run in runs].count(False) == 1
    assert len(runs) == 4
    calls = (files / "calls.txt").read_text(encoding="utf-8").split()
    assert sorted(calls) == ["When?", "When?", "Where?", "Why?"]
    seen = await ax.ask("get_experiment", experiment="answer", dataset="questions")
    assert seen["errors"] == {"failed": 0, "tried_again": 1}
    none = await ax.ask("retry_experiment", experiment="answer", dataset="questions")
    assert none["retried"] == 0


@pytest.mark.over_http("list_experiments", "run_experiment")
@pytest.mark.usefixtures("questions")
async def test_an_early_end_is_for_who_asks_for_it(ax: Caller, write: Write, bare_python: Path) -> None:
    write("task.py", "def answer(input):\n    raise ValueError('no')\n")
    refusal = await ax.refused(
        "run_experiment", task="task.py:answer", dataset="questions", python=str(bare_python), exit_on_error=True
    )
    assert "Stopped at the first error" in refusal["message"]
    assert "ValueError: no" in refusal["message"]
    assert (await ax.ask("list_experiments", dataset="questions"))["experiments"] == []


@pytest.mark.usefixtures("questions")
async def test_repetitions_are_runs_of_their_own(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(input):\n    return input\n")
    data = await run(ax, bare_python, "task.py:answer", repetitions=2, concurrency=2)
    runs = await runs_of(settings, data["experiment"]["id"])
    assert sorted((run["output"], run["repetition"]) for run in runs) == sorted(
        (one["question"], number) for one in QUESTIONS for number in (1, 2)
    )
    refusal = await ax.refused("run_experiment", task="task.py:answer", dataset="questions")
    assert "already has an experiment named 'answer'" in refusal["message"]


@pytest.mark.usefixtures("questions")
async def test_each_call_leaves_a_span_in_the_project_of_the_experiment(
    ax: Caller, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(input):\n    return input\n\ndef short(output):\n    return len(output) < 6\n")
    await run(ax, bare_python, "task.py:answer", evaluators=["task.py:short"])
    projects = [one["name"] for one in (await ax.ask("list_projects"))["projects"]]
    (project,) = [one for one in projects if one.startswith("experiment_traces")]
    spans = (await ax.ask("search_spans", project=project, limit=50))["spans"]
    assert sorted(one["name"] for one in spans) == ["Evaluation: short"] * 3 + ["Task: answer"] * 3
    assert {one["output"] for one in spans if one["name"] == "Task: answer"} == {one["question"] for one in QUESTIONS}


@pytest.mark.usefixtures("questions")
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_spans_of_the_users_own_join_those_of_the_run(
    ax: Caller, write: Write, bare_python: Path, kind: str
) -> None:
    write(
        "task.py",
        f"""
        from opentelemetry import trace

        # As an instrumentor does it, while the file is imported.
        tracer = trace.get_tracer(__name__)

        {kind} answer(input):
            with tracer.start_as_current_span("look_up") as span:
                span.set_attribute("dataset.question", input)
                span.set_attribute("llm.token_count.total", 7)
                return input
        """,
    )
    without = await ax.refused(
        "run_experiment",
        task="task.py:answer",
        dataset="questions",
        python=str(bare_python),
        set_global_tracer_provider=True,
    )
    assert "needs opentelemetry-sdk in that interpreter" in without["message"]
    made = await run(ax, Path(sys.executable), "task.py:answer", set_global_tracer_provider=True)
    projects = [one["name"] for one in (await ax.ask("list_projects"))["projects"]]
    (project,) = [one for one in projects if one.startswith("experiment_traces")]
    spans = (await ax.ask("search_spans", project=project, limit=50))["spans"]
    calls = {one["trace_id"]: one for one in spans if one["name"] == "Task: answer"}
    looked_up = [one for one in spans if one["name"] == "look_up"]
    assert len(calls) == len(looked_up) == 3
    for one in looked_up:
        trace = await ax.ask("get_trace", trace=one["trace_id"], project=project)
        assert "look_up" in json.dumps(trace)
        assert one["trace_id"] in calls
    runs = await runs_of(ax.settings, made["experiment"]["id"])
    assert [run["token_count"] for run in runs] == [7] * 3
    assert all(run["latency"] > 0 for run in runs)


@pytest.mark.usefixtures("questions")
async def test_a_key_in_an_exception_of_the_users_code_is_kept_nowhere(
    settings: Settings, write: Write, bare_python: Path
) -> None:
    key = 'planted "4711"'
    settings = replace(settings, environment={**os.environ, "MY_GATEWAY_KEY": key})
    write(
        "task.py",
        """
        import os

        LIKE_A_KEY = "sk-" + "elsewhere-4711"

        def answer(input, dataset_row):
            if dataset_row["question"] == "Where?":
                raise PermissionError("401 for key " + repr(os.environ["MY_GATEWAY_KEY"]))
            if dataset_row["question"] == "When?":
                raise PermissionError("401 for key " + LIKE_A_KEY)
            return "sk-learn-is-a-library, " + os.environ["MY_GATEWAY_KEY"]

        def broken(output):
            raise ValueError("no access with " + os.environ["MY_GATEWAY_KEY"])
        """,
    )
    async with serving(settings) as ax:
        reply = await ax.call(
            "run_experiment", task="task.py:answer", evaluators=["task.py:broken"], dataset="questions",
            python=str(bare_python), name="leaky",
        )  # fmt: skip
        data = data_of(reply)
        page = text_of(await ax.call("get_experiment", experiment="leaky", limit=3))
    runs = await runs_of(settings, data["experiment"]["id"])
    for told in (text_of(reply), json.dumps(data), json.dumps(runs), page):
        assert "planted" not in told
        assert "elsewhere-4711" not in told
    assert sum("401 for key" in (run.get("error") or "") for run in runs) == 2
    assert [run["output"] for run in runs if not run.get("error")] == ["sk-learn-is-a-library, [secret]"]
    held = [path for path in settings.home.rglob("*") if path.is_file() and b"planted" in path.read_bytes()]
    assert held == []

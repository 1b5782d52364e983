"""Every snippet of the documents on tasks and experiments in code, run through the tool as it stands there.

The interpreters have the packages that a snippet imports, or nothing at all, and none of ours.
"""

import json
import random
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.caller import Caller, serving
from tests.environments import OLDER_ARIZE, python_with
from tests.runner.snippets import Snippet, between, fenced, snippet
from tests.scripted_model import ScriptedModel
from tests.tools.test_run_experiment import bare_python
from tests.traces import rest

from assaykit.settings import Settings

__all__ = ["bare_python"]

pytestmark = pytest.mark.slow

TASKS, EXPERIMENTS = "4-phoenix-task-interface.md", "5-ax-experiment-in-code.md"

OF_PHOENIX = [
    {"input": {"question": f"q{n}?"}, "output": {"answer": "It is 42."}, "metadata": {"context": "c", "category": "k"}}
    for n in range(3)
]
OF_AX = [
    {
        "attributes.input.value": f"Question {n}?",
        "attributes.output.value": "good" if n else "bad",
        "attributes.my_number": n,
        "class_label": "even" if n % 2 == 0 else "odd",
    }
    for n in range(3)
]
"""The model says "good" to everything, so two of three answers are right."""

GENERATE = '\n\ndef generate_answer(question, category=""):\n    return f"{category}: It is 42."\n'
HEADINGS = (
    "Simple Single-Parameter Task",
    "Task with Multiple Parameters",
    "Task Using Full Example Object",
    "Async Task for LLM Calls",
    "Task with Reference Alias",
    "Related Pages",
)


class Bench(NamedTuple):
    """A caller over a store with both datasets, the folder of the user's files, and the model that is asked."""

    ax: Caller
    files: Path
    model: ScriptedModel

    async def run(self, python: Path, found: Snippet, more: str = "", **arguments: Any) -> dict[str, Any]:
        """What the tool says of a snippet; no row of it may fail."""
        (self.files / "task.py").write_text(found.file + more, encoding="utf-8")
        data = await self.ask("run_experiment", python=str(python), **{**found.arguments, **arguments})
        assert data["failed"] == 0, data["errors"]
        assert all(one["failed"] == 0 for one in data["evaluators"].values()), data["evaluators"]
        return data

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.ax.ask(tool, **arguments)

    async def outputs(self, data: dict[str, Any]) -> list[str]:
        """What was recorded, in the order of the dataset."""
        whole = await self.ask("get_experiment", experiment=data["experiment"]["id"], limit=100)
        ids = [one["id"] for one in (await self.ask("get_dataset", dataset=data["dataset"]))["examples"]]
        return [one["output"] for one in sorted(whole["runs"], key=lambda run: ids.index(run["example_id"]))]


@pytest.fixture
async def bench(settings: Settings, files: Path) -> AsyncGenerator[Bench]:
    with ScriptedModel(lambda _: {"text": "good"}) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="phoenix", rows=OF_PHOENIX)
            await ax.ask("create_dataset", name="ax", rows=OF_AX)
            yield Bench(ax, files, model)


@pytest.fixture(scope="session")
def older_python() -> Path:
    """An interpreter with the packages that the documents' snippets import, and none of ours."""
    python = python_with(*OLDER_ARIZE)
    without = subprocess.run([str(python), "-c", "import assaykit"], capture_output=True, check=False)
    assert without.returncode != 0
    return python


def of_tasks(number: int) -> Snippet:
    """A usage example of the document on tasks, by its place."""
    return snippet([between(TASKS, HEADINGS[number], HEADINGS[number + 1])])


def of_experiments(*numbers: int) -> Snippet:
    """Blocks of the document on experiments, by their places."""
    blocks = fenced(EXPERIMENTS)
    assert len(blocks) == 14, "the document has other blocks than these tests"
    return snippet([blocks[number] for number in numbers])


@pytest.mark.parametrize("binding", ["auto", "phoenix"])
@pytest.mark.parametrize(
    ("number", "bound", "first"),
    [
        (0, {"input": "input"}, "The answer to 'q0?' is 42."),
        (
            1,
            {"input": "input", "metadata": "metadata", "expected": "expected"},
            {"answer": "Based on context: c, answering: q0?", "reference_length": 9},
        ),
        (2, {"example": "example"}, {"answer": "k: It is 42.", "example_id": "ID"}),
        (
            4,
            {"input": "input", "reference": "reference"},
            {"generated": ": It is 42.", "matches_reference": False},
        ),
    ],
)
async def test_tasks_of_the_document_on_tasks(
    bench: Bench, bare_python: Path, binding: str, number: int, bound: dict[str, str], first: Any
) -> None:
    data = await bench.run(bare_python, of_tasks(number), GENERATE, dataset="phoenix", binding=binding)
    assert data["bound"] == bound
    said = (await bench.outputs(data))[0]
    if isinstance(first, str):
        assert said == first
        return
    ids = [one["id"] for one in (await bench.ask("get_dataset", dataset="phoenix"))["examples"]]
    assert json.loads(said) == {key: ids[0] if value == "ID" else value for key, value in first.items()}


async def test_the_async_task_of_the_document_on_tasks(bench: Bench, older_python: Path) -> None:
    found = of_tasks(3)
    assert (found.arguments["concurrency"], found.arguments["name"]) == (5, "llm-task")
    data = await bench.run(older_python, found, dataset="phoenix")
    assert await bench.outputs(data) == ["good"] * 3
    assert sorted(bench.model.prompts) == ["q0?", "q1?", "q2?"]


async def test_a_task_an_evaluator_and_the_run_of_both(bench: Bench, older_python: Path) -> None:
    found = of_experiments(0, 1, 2)
    assert found.arguments == {
        "name": "support-agent-baseline",
        "task": "task.py:answer_question",
        "evaluators": ["task.py:correctness"],
        "concurrency": 10,
    }
    data = await bench.run(older_python, found, dataset="ax")
    assert data["evaluators"]["correctness"]["labels"] == {"correct": 2, "incorrect": 1}
    assert await bench.outputs(data) == ["good"] * 3


async def test_several_evaluators_each_with_a_column(bench: Bench, older_python: Path) -> None:
    data = await bench.run(older_python, of_experiments(6), dataset="ax")
    assert data["evaluators"]["correctness"]["labels"] == {"incorrect": 3}
    assert data["evaluators"]["has_output"]["labels"] == {"present": 3}
    assert data["evaluators"]["has_output"]["mean"] == 1.0


async def test_a_class_evaluator(bench: Bench, older_python: Path) -> None:
    data = await bench.run(older_python, of_experiments(6, 7), dataset="ax", evaluators=["task.py:MatchesExpected"])
    assert data["evaluators"]["matches_expected"]["labels"] == {"mismatch": 3}


@pytest.mark.parametrize("is_mended", [False, True])
async def test_a_class_that_asks_a_model(bench: Bench, older_python: Path, *, is_mended: bool) -> None:
    """As it stands, its frame lacks columns of the template and its rails are no list: it asks nothing, scores 0."""
    bench.model.answers(lambda _: {"text": "factual"})
    found = of_experiments(6, 8)
    if is_mended:
        text = found.file.replace('"selected_output": [output]', '"output": [output], "input": [""]')
        text = text.replace('"expected_output": [', '"reference": [')
        found = found._replace(
            file=text.replace("rails=HALLUCINATION_PROMPT_RAILS_MAP", 'rails=["factual", "hallucinated"]')
        )
    data = await bench.run(
        older_python, found, dataset="ax", evaluators=["task.py:HallucinationEvaluator"], concurrency=1
    )
    told = data["evaluators"]["hallucination"]
    assert (told["labels"], told["mean"], told["scored"]) == (({"factual": 3}, 1.0, 3) if is_mended else ({}, 0.0, 3))
    assert bool(bench.model.prompts) is is_mended


async def test_async_functions_beside_a_patched_event_loop(bench: Bench, older_python: Path) -> None:
    found = of_experiments(9)
    assert "nest_asyncio.apply()" in found.file
    data = await bench.run(older_python, found, dataset="ax")
    assert data["evaluators"]["async_has_output"]["labels"] == {"present": 3}
    assert await bench.outputs(data) == [row["attributes.input.value"] for row in OF_AX]


async def test_a_dry_run_over_the_first_examples(bench: Bench, older_python: Path) -> None:
    found = of_experiments(10)
    assert (found.arguments["dry_run"], found.arguments["dry_run_count"]) == (True, 10)
    data = await bench.run(older_python, found, dataset="ax", dry_run_count=2)
    assert [one["output"] for one in data["outputs"]] == ["Question 0?", "Question 1?"]
    assert (await bench.ask("list_experiments", dataset="ax"))["experiments"] == []


@pytest.mark.parametrize("way", ["random", "stratified", "systematic"])
async def test_a_sample_is_a_dataset_of_its_own(bench: Bench, older_python: Path, way: str) -> None:
    found = of_experiments(11)
    assert found.file.startswith("from arize import ArizeClient\ndef sampled_task(dataset_row) -> str:")
    examples = (await bench.ask("get_dataset", dataset="ax"))["examples"]
    rows = [{key: row[key] for key in row if key not in {"id", "created_at", "updated_at"}} for row in examples]
    chosen = {
        "random": lambda: random.Random(42).sample(rows, 2),  # noqa: S311  (a seed is the point)
        "stratified": lambda: [next(row for row in rows if row["class_label"] == label) for label in ("even", "odd")],
        "systematic": lambda: rows[::2],
    }[way]()
    await bench.ask("create_dataset", name="sample", rows=chosen)
    data = await bench.run(older_python, found, dataset="sample")
    assert await bench.outputs(data) == [row["attributes.input.value"] for row in chosen]


async def test_spans_of_the_users_own_are_below_the_tasks(bench: Bench, older_python: Path) -> None:
    found = of_experiments(12)
    assert found.arguments["set_global_tracer_provider"] is True
    data = await bench.run(older_python, found, dataset="ax")
    assert await bench.outputs(data) == ["1", "2", "3"]
    own, below = await spans(bench, "test_function")
    assert {one["name"] for one in own} == {"Task: task_add_1"}
    assert sorted(one["attributes"]["dataset.my_number"] for one in below) == [0, 1, 2]


async def test_what_is_instrumented_at_import_is_below_the_tasks(bench: Bench, older_python: Path) -> None:
    data = await bench.run(older_python, of_experiments(13), dataset="ax")
    assert await bench.outputs(data) == ["good"] * 3
    own, below = await spans(bench, "ChatCompletion")
    assert {one["name"] for one in own} == {"Task: traced_task"}
    assert {one["kind"] for one in below} == {"LLM"}
    assert {one["attributes"]["llm.model_name"] for one in below} == {"gpt-4.1"}


async def spans(bench: Bench, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The tasks' own spans and those of a name, each of which is the child of one of them."""
    async with rest(bench.ax.settings.home) as client:
        projects = (await client.get("/v2/projects")).json()["projects"]
        (project,) = [one for one in projects if one["name"].startswith("experiment_traces")]
        whole = (await client.post("/v2/spans?limit=100", json={"project_id": project["id"]})).json()["spans"]
    own = [one for one in whole if one.get("parent_id") is None]
    below = [one for one in whole if one["name"] == name]
    assert (len(own), len(below), len(whole)) == (3, 3, 6)
    assert {one["parent_id"] for one in below} == {one["context"]["span_id"] for one in own}
    return own, below


async def test_rows_that_failed_are_run_again(bench: Bench, older_python: Path) -> None:
    found = of_experiments(6)
    failing = "\n\ndef echo_input(dataset_row):\n    if dataset_row['attributes.my_number'] == 1: raise OSError('x')\n"
    (bench.files / "task.py").write_text(found.file + failing, encoding="utf-8")
    data = await bench.ask("run_experiment", python=str(older_python), dataset="ax", **found.arguments)
    assert (data["rows"], data["failed"]) == (3, 1)
    (bench.files / "task.py").write_text(found.file, encoding="utf-8")
    again = await bench.ask("retry_experiment", experiment="multi-eval-experiment")
    assert (again["retried"], again["failed"]) == (1, 0)
    whole = await bench.ask("get_experiment", experiment=data["experiment"]["id"])
    assert sorted(bool(one["error"]) for one in whole["runs"]) == [False, False, False, True]

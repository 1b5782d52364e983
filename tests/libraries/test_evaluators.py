"""Evaluators of other people's libraries judge as the libraries' own calls do. A page tells the table of them."""

import ast
import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller
from tests.environments import ARIZE, python_with
from tests.libraries.evaluator_page import PHOENIX_SCRIPT, calls, functions, page
from tests.libraries.evaluator_table import AUTOEVALS, LIBRARIES, Cell, Library, said
from tests.scripted_model import ScriptedModel
from tests.tools.test_experiments import runs_of
from tests.tools.test_run_experiment import Write, run, write

from assaykit import runner

__all__ = ["write"]

PROGRAM = Path(__file__).with_name("evaluator_program.py")
WORKER = Path(runner.__file__).parent
IN_CI = ("autoevals", "rouge-score", "sacrebleu")
"""The libraries that every run of the slow tests fetches. `.ci/run --full` fetches all."""

FETCHES_ALL = "ASSAYKIT_TEST_LIBRARIES"
"""The variable that asks for the environments of all libraries."""

CELLS = [(one, cell) for one in LIBRARIES for cell in one.cells]

Judged = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function from library to what each of its evaluators gave. Each library is asked once."""
    known: dict[str, Judged] = {}

    def of(library: Library) -> Judged:
        if library.name not in IN_CI and not os.environ.get(FETCHES_ALL):
            pytest.skip(f"{FETCHES_ALL}=1 fetches {library.name}, as .ci/run --full does")
        if library.name not in known:
            known[library.name] = asked(library, tmp_path_factory.mktemp("checks"))
        return known[library.name]

    return of


def asked(library: Library, folder: Path) -> Judged:
    checks = folder / "checks.py"
    checks.write_text(textwrap.dedent(library.checks), encoding="utf-8")
    cases = [{"name": one.name, "row": one.row, "output": one.output, "own": one.own} for one in library.cells]
    command = [str(python_with(*library.packages)), str(PROGRAM), str(WORKER), str(checks)]
    with ScriptedModel(said) as model:
        keys = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "sk-test-0123456789"}
        quiet = {"DEEPEVAL_TELEMETRY_OPT_OUT": "1", "RAGAS_DO_NOT_TRACK": "true"}
        ran = subprocess.run(
            command, input=json.dumps(cases), capture_output=True, check=False, encoding="utf-8", timeout=300,
            cwd=folder, env={**os.environ, **keys, **quiet},
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "cell"), [pytest.param(one, cell, id=f"{one.name}: {cell.name}") for one, cell in CELLS]
)
def test_an_evaluator_of_a_library_judges_as_its_own_call_does(judged: Any, library: Library, cell: Cell) -> None:
    found = judged(library)[cell.name]
    verdicts = {one["name"]: one for one in found.get("verdicts", ())}
    told = {name: (one.get("label"), one.get("score")) for name, one in verdicts.items()}
    wanted = {name: (label, pytest.approx(score, abs=1e-4)) for name, (label, score) in cell.verdicts.items()}
    assert told == wanted, found
    if cell.own:
        assert next(iter(verdicts.values()))["score"] == pytest.approx(float(found["own"]))
    if cell.form == "async":
        assert found["is_async"]
    if cell.explanation:
        assert [one.get("explanation") for one in verdicts.values()] == [cell.explanation]


@pytest.mark.slow
async def test_libraries_judge_in_run_experiment(ax: Caller, write: Write) -> None:
    write("checks.py", textwrap.dedent(AUTOEVALS.checks) + "\n\ndef answer(input):\n    return 'Parus'\n")
    row = {"input": "Capital of France?", "expected": "Paris"}
    await ax.ask("create_dataset", name="questions", rows=[row])
    judges = ["checks.py:similar", "checks.py:ExactMatch", "checks.py:two", "checks.py:similar.eval_async"]
    python = python_with(*AUTOEVALS.packages)
    data = await run(ax, python, "checks.py:answer", evaluators=judges, concurrency=1)
    assert {name: one["mean"] for name, one in data["evaluators"].items()} == {
        "similar": 0.8, "ExactMatch": 0, "Levenshtein": 0.8, "two.ExactMatch": 0, "similar.eval_async": 0.8,
    }  # fmt: skip


@pytest.mark.slow
async def test_a_script_of_phoenix_moves_as_the_page_says(ax: Caller, write: Write, files: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    python = python_with(*ARIZE)
    await anyio.run_process([str(python), "-c", EXPORT], cwd=files)
    write("capitals.py", functions())
    data: dict[str, Any] = {}
    for call in calls(text):
        parsed = ast.parse(call, mode="eval").body
        assert isinstance(parsed, ast.Call)
        given = {str(one.arg): ast.literal_eval(one.value) for one in parsed.keywords}
        data = await ax.ask(ast.unparse(parsed.func), **given, **({"python": str(python)} if "task" in given else {}))
    assert (data["rows"], data["experiment"]["name"]) == (4, "first")
    told = {name: (one["mean"], one["labels"]) for name, one in data["evaluators"].items()}
    assert told == {
        "correct": (0.5, {"True": 2, "False": 2}),
        "length": (pytest.approx(13 / 18), {"Africa": 2, "Europe": 2}),
    }
    runs = await runs_of(ax.settings, data["experiment"]["id"])
    assert {run["metadata.model"] for run in runs} == {"m-1"}


EXPORT = """
from phoenix.client.resources.datasets import Dataset

rows = [("France", "Paris", "Europe"), ("Chad", "N'Djamena", "Africa")]
examples = [
    {"id": str(n), "input": {"country": a}, "output": {"city": b}, "metadata": {"continent": c}, "updated_at": "now"}
    for n, (a, b, c) in enumerate(rows)
]
dataset = Dataset.from_dict({"id": "d", "name": "capitals", "version_id": "v", "examples": examples})
dataset.to_dataframe().to_json("capitals.jsonl", orient="records", lines=True)
"""
"""The client's dataset as the server sends it, and the line of the page that exports it."""

PAGE = Path(__file__).parents[2] / "docs" / "evaluators.md"


def test_the_page_is_up_to_date() -> None:
    if os.environ.get("ASSAYKIT_UPDATE"):
        PAGE.write_text(page(LIBRARIES), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(LIBRARIES)
    assert EXPORT.splitlines()[-1] in PAGE.read_text(encoding="utf-8")


def test_the_functions_of_the_moved_script_are_unchanged() -> None:
    before, after = ast.parse(PHOENIX_SCRIPT), ast.parse(functions())
    kept = [ast.unparse(one) for one in before.body if isinstance(one, ast.FunctionDef)]
    assert [ast.unparse(one) for one in after.body[1:]] == kept
    assert "client =" not in functions()

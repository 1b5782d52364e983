"""Our binding and our reading of verdicts, held against those of the two packages that they are to replace."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.environments import ARIZE, python_with
from tests.runner.both_differences import argued
from tests.tools.test_run_experiment import Write, questions, run, write

from assaykit import runner

__all__ = ["questions", "write"]

pytestmark = pytest.mark.slow

OURS = Path(runner.__file__).parent
SCRIPT = Path(__file__).with_name("both_sources.py")


def test_both_sources_bind_and_read_as_we_do() -> None:
    ran = subprocess.run(
        [str(python_with(*ARIZE)), str(SCRIPT), str(OURS)],
        capture_output=True, check=False, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    cases = json.loads(ran.stdout.splitlines()[-1])
    counts = {kind: sum(f"ax {kind}" in case for case in cases) for kind in ("verdict", "output", "evaluator")}
    assert min(counts["verdict"], counts["output"]) >= 60, counts
    assert counts["evaluator"] >= 20
    different = {case: both for case, both in cases.items() if both[0] != both[1]}
    as_ax = [case for case in different if case.startswith("phoenix output ") and agrees_with_ax(cases, case)]
    assert {case: our for case, (_, our) in different.items() if case not in as_ax} == argued()


def agrees_with_ax(cases: dict[str, Any], case: str) -> bool:
    """Whether `arize` gives the same output as we do. Phoenix keeps the text of such a value."""
    theirs, ours = cases[case.replace("phoenix", "ax", 1)]
    return theirs == ours


TASK = """
    from arize.experiments import EvaluationResult, Evaluator
    from arize.experiments.evaluators.utils import create_evaluator as ax_evaluator
    from phoenix.client.experiments import create_evaluator as phoenix_evaluator
    from phoenix.evals import create_evaluator as evals_evaluator

    {kind} answer(input):
        return input

    @ax_evaluator(name="ax_plain")
    def first(output, dataset_row):
        return output == dataset_row["question"], "as asked"

    @ax_evaluator()
    async def ax_async(output):
        return EvaluationResult(score=1, label="good")

    @phoenix_evaluator(name="phoenix plain", kind="CODE")
    def second(output, expected, **kwargs):
        return 0.5, "half"

    @phoenix_evaluator(kind="LLM")
    async def phoenix_async(output, example, trace_id):
        return bool(trace_id) and example.input == output

    @evals_evaluator(name="evals")
    def third(output, expected):
        return output == expected

    class OnlyAsync(Evaluator):
        async def async_evaluate(self, *, output, **kwargs):
            return EvaluationResult(score=len(output), label="long")
"""
FOUND: dict[str, dict[str, Any]] = {
    "ax_plain": {"labels": {}, "mean": 1.0},
    "ax_async": {"labels": {"good": 3}, "mean": 1.0},
    "phoenix plain": {"labels": {"half": 3}, "mean": 0.5},
    "phoenix_async": {"labels": {"True": 3}, "mean": 1.0},
    "evals": {"labels": {"False": 3}, "mean": 0.0},
    "OnlyAsync": {"labels": {"long": 3}, "mean": 5.0},
}


@pytest.mark.usefixtures("questions")
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_evaluators_made_by_either_package_judge(ax: Caller, write: Write, kind: str) -> None:
    write("task.py", TASK.replace("{kind}", kind))
    names = ("first", "ax_async", "second", "phoenix_async", "third", "OnlyAsync")
    judges = [f"task.py:{name}" for name in names]
    data = await run(ax, python_with(*ARIZE), "task.py:answer", evaluators=judges, concurrency=1)
    told = {name: {"labels": one["labels"], "mean": one["mean"]} for name, one in data["evaluators"].items()}
    assert told == FOUND, data["evaluators"]

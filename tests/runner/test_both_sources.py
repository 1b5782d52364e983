"""Our binding and our reading of verdicts, held against those of the two packages that they are to replace."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.environments import BOTH_SOURCES, python_with
from tests.tools.test_run_experiment import Write, questions, run, write

from assaykit import runner

__all__ = ["questions", "write"]

pytestmark = pytest.mark.slow

OURS = Path(runner.__file__).parent
SCRIPT = Path(__file__).with_name("both_sources.py")

OTHERWISE = {
    # The source refuses what has a plain meaning, and once takes what it loses a part of.
    "ax evaluator(output, trace_id)": {"output": "output of the task", "trace_id": "'t1'"},
    "phoenix evaluator(experiment_output, dataset_output)": {
        "experiment_output": "output of the task",
        "dataset_output": "output",
    },
    "ax verdict (1, 'good', 'why')": {"score": 1.0, "label": "good", "explanation": "why"},
    "ax verdict {'score': 1, 'label': 'x', 'explanation': 'y'}": {"score": 1.0, "label": "x", "explanation": "y"},
    "phoenix verdict [1, 'why']": {"score": 1.0, "label": "why"},
    "phoenix verdict (1, 2, 3, 4)": "refused",
    **{
        f"{style} verdict None": {"label": "abstained", "explanation": "the evaluator returned None"}
        for style in ("ax", "phoenix")
    },
}
"""Where we do otherwise on purpose, and what."""


def test_both_sources_bind_and_read_as_we_do() -> None:
    ran = subprocess.run(
        [str(python_with(*BOTH_SOURCES)), str(SCRIPT), str(OURS)],
        capture_output=True, check=False, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    cases = json.loads(ran.stdout.splitlines()[-1])
    assert len(cases) > 100
    different = {case: both for case, both in cases.items() if both[0] != both[1]}
    assert {case: our for case, (_, our) in different.items() if case in OTHERWISE} == OTHERWISE
    assert {case: both for case, both in different.items() if case not in OTHERWISE} == {}


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
    data = await run(ax, python_with(*BOTH_SOURCES), "task.py:answer", evaluators=judges, concurrency=1)
    told = {name: {"labels": one["labels"], "mean": one["mean"]} for name, one in data["evaluators"].items()}
    assert told == FOUND, data["evaluators"]

# ruff: noqa: PLC0415, T201  (the packages are those of one tool, and the version goes to standard output)
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
"""A program that runs a small evaluation with one real tool and writes its export into the current folder.

It runs in an environment of its own, with the packages of that tool, and imports nothing of ours. No run calls a model:

    python export_programs.py inspect_ai
"""

import importlib.metadata
import json
import sys
from pathlib import Path

ROWS = [
    {"id": "q1", "input": "What is 2+2?", "expected": "4", "output": "4"},
    {"id": "q2", "input": "Capital of France?", "expected": "Paris", "output": "Lyon"},
]


def inspect_ai() -> None:
    from inspect_ai import Task
    from inspect_ai import eval as run
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import exact, includes
    from inspect_ai.solver import solver

    @solver
    def said() -> object:
        async def solve(state: object, _generate: object) -> object:
            text = next(row["output"] for row in ROWS if row["id"] == state.sample_id)
            state.output = ModelOutput.from_content("mockllm/model", text)
            return state

        return solve

    samples = [
        Sample(id=row["id"], input=row["input"], target=row["expected"], metadata={"kind": "easy"}) for row in ROWS
    ]
    for kind in ("json", "eval"):
        task = Task(dataset=samples, solver=said(), scorer=[exact(), includes()], name="sums")
        run(task, model="mockllm/model", log_dir=f"logs-{kind}", log_format=kind, display="none")
        next(Path(f"logs-{kind}").glob(f"*.{kind}")).rename(f"log.{kind}")


def deepeval() -> None:
    import os

    os.environ["DEEPEVAL_RESULTS_FOLDER"] = "results"
    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
    from deepeval import evaluate
    from deepeval.metrics import BaseMetric
    from deepeval.test_case import LLMTestCase

    class Same(BaseMetric):
        threshold = 0.5
        async_mode = False

        def measure(self, case: LLMTestCase) -> float:
            self.score = float(case.actual_output == case.expected_output)
            self.success = self.score >= self.threshold
            self.reason = "the same" if self.success else "another word"
            return self.score

        async def a_measure(self, case: LLMTestCase, *_: object, **__: object) -> float:
            return self.measure(case)

        def is_successful(self) -> bool:
            return self.success

        @property
        def __name__(self) -> str:
            return "Same"

    cases = [
        LLMTestCase(name=row["id"], input=row["input"], actual_output=row["output"], expected_output=row["expected"])
        for row in ROWS
    ]
    evaluate(test_cases=cases, metrics=[Same()])
    next(Path("results").glob("*")).rename("test_run.json")


def mlflow() -> None:
    import mlflow
    from mlflow.genai.scorers import scorer

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("sums")

    @scorer
    def same(outputs: str, expectations: dict) -> bool:
        return outputs == expectations["expected_response"]

    data = [
        {
            "inputs": {"question": row["input"]},
            "outputs": row["output"],
            "expectations": {"expected_response": row["expected"]},
        }
        for row in ROWS
    ]
    table = mlflow.genai.evaluate(data=data, scorers=[same]).tables["eval_results"]
    table.to_csv("genai.csv", index=False)


def lm_eval() -> None:
    import subprocess

    Path("data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    Path("sums.yaml").write_text(
        "task: sums\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: data.jsonl\ntest_split: test\n"
        'output_type: generate_until\ndoc_to_text: "{{input}}"\ndoc_to_target: "{{expected}}"\n'
        "generation_kwargs:\n  until: ['\\n']\nmetric_list:\n  - metric: exact_match\n",
        encoding="utf-8",
    )
    asked = [sys.executable, "-m", "lm_eval", "--model", "dummy", "--tasks", "sums", "--include_path", "."]
    subprocess.run([*asked, "--log_samples", "--output_path", "out"], check=True)
    next(Path("out").rglob("samples_*.jsonl")).rename("samples_sums.jsonl")


def ragas() -> None:
    from ragas import EvaluationDataset, evaluate
    from ragas.metrics import ExactMatch

    rows = [
        {
            "user_input": row["input"],
            "retrieved_contexts": ["a page", "another page"],
            "response": row["output"],
            "reference": row["expected"],
        }
        for row in ROWS
    ]
    found = evaluate(EvaluationDataset.from_list(rows), metrics=[ExactMatch()], llm=None, show_progress=False)
    found.to_pandas().to_csv("ragas.csv", index=False)
    found.to_pandas().to_json("ragas.jsonl", orient="records", lines=True)


TOOLS = {one.__name__: one for one in (inspect_ai, deepeval, mlflow, lm_eval, ragas)}


if __name__ == "__main__":
    TOOLS[sys.argv[1]]()
    print(importlib.metadata.version(sys.argv[1].replace("_", "-")))

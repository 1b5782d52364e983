"""Run by an interpreter that has a library: judges one row with each evaluator, as the worker does.

    python evaluator_program.py WORKER_FOLDER CHECKS_FILE < cases.json

The cases are a list of {"name", "row", "output", "own"}: `own` is an expression of the library's own call. Prints a
JSON object from name to {"verdicts": [...], "own": value, "is_async": bool}, or {"refused": why}.
"""

import contextlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])
from assaykit_worker import loading
from assaykit_worker.examples import shape_of
from assaykit_worker.rows import RowRunner

TASK = """
def task(said):
    return said
"""


def judged(checks: Path, case: dict[str, Any]) -> dict[str, Any]:
    row = {**case["row"], "said": case["output"]}
    shape = shape_of([row])
    asked = {"file": str(checks), "name": case["name"]}
    task = {"file": str(checks.with_name("task.py")), "name": "task"}
    found: dict[str, Any] = {"evaluations": []}
    try:
        runner = RowRunner({
            "binding": "auto", "metadata": {}, "joins_spans": False, "taken": [], "task": task, "evaluators": [asked],
            "shape": [list(shape.columns), shape.nested, shape.answers], "timeout_s": 60,
        })  # fmt: skip
    except Exception as error:  # noqa: BLE001
        return {"refused": str(error)}
    runner.run_alone({"example": row}, found)
    return {"verdicts": found["evaluations"], "is_async": runner.evaluators[0].is_async}


def own(checks: Path, case: dict[str, Any]) -> Any:
    """The value of the library's own call."""
    scope = {**vars(loading.module(str(checks))), "o": case["output"], **case["row"]}
    return eval(case["own"], scope)  # noqa: S307


def main() -> None:
    checks = Path(sys.argv[2])
    checks.with_name("task.py").write_text(TASK, encoding="utf-8")
    told = {}
    for case in json.load(sys.stdin):
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told[case["name"]] = judged(checks, case)
            if case.get("own"):
                told[case["name"]]["own"] = own(checks, case)
    print(json.dumps(told))  # noqa: T201


main()

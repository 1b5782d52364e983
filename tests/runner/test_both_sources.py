"""Our binding and our reading of verdicts, held against those of the two packages that they are to replace."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.environments import python_with

from assaykit import runner

pytestmark = pytest.mark.slow

PACKAGES = ("arize==8.61.0", "arize-phoenix-client==3.5.0", "pandas<3")
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
}
"""Where we do otherwise on purpose, and what."""


def test_both_sources_bind_and_read_as_we_do() -> None:
    ran = subprocess.run(
        [str(python_with(*PACKAGES)), str(SCRIPT), str(OURS)],
        capture_output=True, check=False, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    cases = json.loads(ran.stdout.splitlines()[-1])
    assert len(cases) > 100
    different = {case: both for case, both in cases.items() if both[0] != both[1]}
    assert {case: our for case, (_, our) in different.items() if case in OTHERWISE} == OTHERWISE
    assert {case: both for case, both in different.items() if case not in OTHERWISE} == {}

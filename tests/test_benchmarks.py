"""Benchmarks that people run by hand, at a small size."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "told"),
    [
        (["experiment_runs.py", "--rows", "1001", "--latency-ms", "0"], "asynchronous"),
        (["judged_rows.py", "--rows", "50", "--latency-ms", "0"], "50 scored, 0 errors"),
    ],
)
def test_a_benchmark_runs_at_other_sizes_than_its_usual_one(script: list[str], told: str) -> None:
    """A call with rows takes 1,000 of them at most, and without a latency there is no ideal."""
    ran = subprocess.run(
        [sys.executable, *script], cwd=BENCHMARKS, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout

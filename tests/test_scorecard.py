"""The programs of the scorecard: a few rows in their short size, and the page."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "benchmarks" / "scorecard.py"


def scorecard(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, words)], cwd=ROOT, capture_output=True, check=False, encoding="utf-8"
    )


@pytest.mark.slow
def test_the_short_rows_meet_their_targets_and_their_controls_do_not(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    ended = scorecard("--short", "--file", file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: list[dict[str, Any]] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert found
    for entry in found:
        assert entry["met"], entry
        assert entry["control"]["seen"], entry


def test_the_page_agrees_with_the_file_of_measurements(tmp_path: Path) -> None:
    written = tmp_path / "scorecard.md"
    assert scorecard("--page", "--to", written).returncode == 0
    page = ROOT / "docs" / "scorecard.md"
    assert page.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), (
        "python benchmarks/scorecard.py --page"
    )

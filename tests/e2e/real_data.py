"""The folder of the real inputs. They are not part of the project, and tests on them skip if they are absent."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

DATA = Path(os.environ.get("ASSAYKIT_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")

needs_real_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real inputs lie outside the project; ASSAYKIT_DATA names their folder"
)


def read_csv(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write_csv(file: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write rows that have the same columns, at least one."""
    every = list(rows)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(every[0]))
        writer.writeheader()
        writer.writerows(every)

"""Plant thirteen secrets, and look for them wherever assaykit writes, prints, answers or sends.

    python -m tests.canaries --json

The output is `{"measured": {...}, "control": {...}}`. In the control known keys are not struck out. The exit status is
1 if a secret was found, or if the control finds none.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
from tests.canaries.planted import ENCODINGS, planted
from tests.canaries.scene import play
from tests.canaries.sweep import Leak, swept

SITE = Path(__file__).parents[2] / "benchmarks" / "rows" / "site"
UNSTRUCK = {"SCORECARD_BREACH": "unstruck", "PYTHONPATH": str(SITE)}


def found(folder: Path) -> tuple[list[Leak], int]:
    """The secrets that a scene in the folder has let out, and the number of texts and files that were searched."""
    canaries = planted()
    scene = anyio.run(play, folder, canaries)
    searched = sum(path.is_file() for path in folder.rglob("*")) + len(scene.said)
    return swept(folder, scene.said, canaries), searched


def figures() -> dict[str, Any]:
    """The figures of one scene."""
    with tempfile.TemporaryDirectory() as folder:
        leaks, searched = found(Path(folder) / "scene")
    kinds = {one.kind for one in leaks}
    return {
        "canaries": len(planted()),
        "encodings": len(ENCODINGS),
        "searched": searched,
        "found": len(kinds),
        "places": len({one.place for one in leaks}),
        "examples": [f"{one.kind}, {one.encoding}, in {one.place}" for one in leaks[:60]],
    }


def main() -> int:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.canaries")
    parser.add_argument("--json", action="store_true", help="one line instead of many")
    asked = parser.parse_args()
    measured = figures()
    with mock.patch.dict(os.environ, UNSTRUCK):
        control = figures()
    told = {"measured": measured, "control": control}
    sys.stdout.write(json.dumps(told, indent=None if asked.json else 2) + "\n")
    return int(bool(measured["found"]) or not control["found"])


if __name__ == "__main__":
    sys.exit(main())

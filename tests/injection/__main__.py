"""Run the sweep as a program: `python -m tests.injection --json` prints what was measured and the control."""

import argparse
import json
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
from tests.engines import Engines, chosen
from tests.injection.sweep import Swept, sweep, unquoted
from tests.injection.vectors import VECTORS

from assaykit import logs


def main() -> int:
    """Print one JSON object; exit with 1 if a vector breaks out, or if the control finds none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON in place of sentences")
    parser.add_argument("--backend", choices=["local", "ax"], default="local")
    options = parser.parse_args()
    logs.configure("critical")
    with _backend(options.backend):
        measured = _figures(_swept())
        with unquoted():
            control = _figures(_swept())
    if options.json:
        sys.stdout.write(json.dumps({"measured": measured, "control": control}) + "\n")
    else:
        sys.stdout.write(f"{measured}\ncontrol, without quotation marks and fences: {control}\n")
    return 0 if not measured["breaks"] and not measured["never_shown"] and control["vectors_that_broke_out"] else 1


def _swept() -> Swept:
    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(sweep, Path(folder) / "world")


def _figures(swept: Swept) -> dict[str, int]:
    return {
        "vectors": len(VECTORS),
        "never_shown": len(swept.never_shown),
        "tools": len({one.call.tool for one in swept.replies}),
        "calls": len(swept.replies),
        "breaks": len(swept.broken),
        "vectors_that_broke_out": len(swept.found),
    }


@contextmanager
def _backend(name: str) -> Generator[None]:
    if name == "local":
        yield
        return
    with Engines() as engines, chosen(engines):
        yield


if __name__ == "__main__":
    sys.exit(main())

"""The two measurements of a bad network, each with a control that shows that the instrument sees the fault.

    python -m tests.chaos creates --calls 500 --json    creates while 30 % of the answers are lost
    python -m tests.chaos faults --calls 50 --json      so many calls of the tools under each fault

The output is `{"measured": {...}, "control": {...}}`. The exit status is 1 if the measured figures miss their target,
or if the control meets it.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
from tests.chaos.creates import lossy, sent_again
from tests.chaos.faults import LATE
from tests.chaos.scene import scene
from tests.chaos.trials import DEADLINE_S, EVERY, GRACE_S, Trial, some_calls, under

CONTROL_CALLS = 44
CONTROL_DEADLINE_S = 5.0


async def creates(folder: Path, calls: int, seed: int) -> dict[str, Any]:
    """Lost and doubled creates: of the client, and of one that sends creates again instead of looking them up."""
    async with scene(folder / "measured") as there:
        measured = await lossy(there, calls, seed)
    async with scene(folder / "control") as there, sent_again():
        control = await lossy(there, min(calls, CONTROL_CALLS), seed)
    return {"measured": measured, "control": control}


async def faults(folder: Path, calls: int, seed: int) -> dict[str, Any]:
    """Outcomes of the tools under each fault, and under two of them with a deadline that is too long."""
    trials: list[Trial] = []
    async with scene(folder / "measured") as there:
        for number, fault in enumerate(EVERY):
            trials += await under(there, fault, some_calls(there, calls, seed + number * calls))
        late: list[Trial] = []
        for fault in (one for one in EVERY if one.name in LATE):
            late += await under(there, fault, some_calls(there, 2, seed), CONTROL_DEADLINE_S, DEADLINE_S)
    return {"measured": _summed(trials), "control": _summed(late)}


def _summed(trials: list[Trial]) -> dict[str, Any]:
    wrong = [f"{one.fault}: {one.tool} ended with {one.code or 'success'}" for one in trials if not one.is_right]
    return {
        "faults": len({one.fault for one in trials}),
        "calls": len(trials),
        "wrong": len(wrong),
        "late": sum(one.past_deadline_s > GRACE_S for one in trials),
        "longest_past_deadline_s": round(max(one.past_deadline_s for one in trials), 2),
        "tracebacks_or_keys": sum(one.tells_too_much for one in trials),
        "examples": wrong[:10],
    }


TARGETS = {"creates": ("lost", "duplicates"), "faults": ("wrong", "late", "tracebacks_or_keys")}
"""The figures that have to be 0."""


def main() -> int:
    """Measure as the command line says, and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("what", choices=sorted(TARGETS))
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line instead of many")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    measure = {"creates": creates, "faults": faults}[asked.what]
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(measure, Path(folder), asked.calls, asked.seed)
    sys.stdout.write(json.dumps(found, indent=None if asked.json else 2) + "\n")
    missed = {part: any(found[part][name] for name in TARGETS[asked.what]) for part in found}
    return int(missed["measured"] or not missed["control"])


if __name__ == "__main__":
    sys.exit(main())

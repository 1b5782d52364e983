"""The scorecard: 36 promises about reliability and security, each measured by a program and held against its control.

    python benchmarks/scorecard.py --row S12 --long    # measure one row in its long size, and append the result
    python benchmarks/scorecard.py --long              # every row that has not been measured at this commit
    python benchmarks/scorecard.py --short             # a few rows in small sizes; fails if one misses its target
    python benchmarks/scorecard.py --page              # write docs/scorecard.md from benchmarks/scorecard.jsonl

A control is the same measurement on a build with one deliberate fault. It must miss the target: else the instrument
cannot see that fault. Each measurement runs in a process of its own. A row that was measured at this commit is skipped.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(1, str(ROOT))

from rows import record  # noqa: E402  (found beside this file)
from rows.outcome import Control, Outcome, Program, Terms, Unmeasured  # noqa: E402
from rows.table import BREACH, ROWS, SHORT, Row  # noqa: E402

SITE = Path(__file__).parent / "rows" / "site"
LONGEST_S = 4 * 3600
UNMEASURED = 77
"""The exit status of a measurement that this machine does not allow."""


def measured(given: argparse.Namespace, number: str) -> int:
    """Measure in this process; the last line of stdout is the result."""
    row = next(row for row in ROWS if row.number == number)
    module, _, name = row.program.partition(":")
    program: Program = getattr(import_module(f"rows.{module}"), name)
    with tempfile.TemporaryDirectory(prefix="scorecard-") as folder:
        terms = Terms(given.size, given.seed, Path(folder), os.environ.get(BREACH, ""))
        try:
            found = program(terms)
        except Unmeasured as reason:
            print(reason)
            return UNMEASURED
        # The page tells nothing of the machine.
        shown = {name: _told(one, folder) for name, one in found.items()}
    print(json.dumps(shown))
    return 0


def _told(one: Outcome, folder: str) -> dict[str, Any]:
    """An outcome as JSON has it."""
    control = one.control and one.control._replace(faults=_placed(one.control.faults, folder))._asdict()
    return {**one._replace(faults=_placed(one.faults, folder))._asdict(), "control": control}


def _placed(faults: Sequence[str], folder: str) -> list[str]:
    return [fault.replace(folder, "FOLDER") for fault in faults]


def ran(row: Row, size: str, seed: int, breach: str) -> dict[str, Outcome]:
    """Measure in a process of its own.

    Raises:
        Unmeasured: the machine does not allow it.
        RuntimeError: the program failed, which says nothing about the target.
    """
    program = [sys.executable, __file__, "--measure", row.number, "--size", size, "--seed", str(seed)]
    # Hundreds of processes start below, and each would compile every module anew.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if breach:
        variables |= {BREACH: breach, "PYTHONPATH": str(SITE)}
    ended = subprocess.run(
        program,
        env=variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    last = ended.stdout.strip().rpartition("\n")[2]
    if ended.returncode == UNMEASURED:
        raise Unmeasured(last)
    if ended.returncode:
        raise RuntimeError(f"{row.number}{' with ' + breach if breach else ''}: {ended.stdout}{ended.stderr}"[-4000:])
    return {name: _read(told) for name, told in json.loads(last).items()}


def _read(told: dict[str, Any]) -> Outcome:
    return Outcome(**told)._replace(control=Control(**told["control"]) if told["control"] else None)


def controlled(row: Row, seed: int, own: Control | None) -> dict[str, Any]:
    """The row's measurement on its broken build; `own` is that of a program that runs its own control."""
    found = own or ran(row, "control", seed, row.breach)[row.number]
    return {"breach": row.breach, "seen": bool(found.faults), "measured": found.figures, "faults": list(found.faults)}


def entry_of(row: Row, size: str, seed: int, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The line of the file for a row."""
    return {
        "row": row.number,
        "commit": record.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "size": size,
        "seconds": round(seconds, 1),
        "seed": seed,
        "measured": outcome.figures,
        "met": not outcome.faults,
        "faults": list(outcome.faults),
        "control": controlled(row, seed, outcome.control),
    }


def play(row: Row, size: str, seed: int) -> list[dict[str, Any]]:
    """Measure a row, the rows that its program measures too, and the control of each."""
    if not row.program:
        return [_unmeasured(row, size, row.unmeasured)]
    began = time.monotonic()
    try:
        found = ran(row, size, seed, "")
    except Unmeasured as reason:
        return [_unmeasured(row, size, str(reason))]
    seconds = time.monotonic() - began
    by_number = {one.number: one for one in ROWS}
    return [entry_of(by_number[number], size, seed, outcome, seconds) for number, outcome in found.items()]


def _unmeasured(row: Row, size: str, reason: str) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    return {
        "row": row.number,
        "commit": record.commit(),
        "date": today,
        "size": size,
        "measured": None,
        "reason": reason,
    }


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--row", action="append", choices=[row.number for row in ROWS], help="this row; may be repeated")
    add("--long", action="store_const", const="long", dest="size", help="the long size")
    add("--short", action="store_const", const="short", dest="size", help="the short size (the default)")
    add("--size", choices=["short", "long", "control"], help=argparse.SUPPRESS)
    add("--seed", type=int, help="the seed of random choices (default: a new one, which the file has)")
    add("--file", type=Path, help="the file of results (default: benchmarks/scorecard.jsonl, of the long size alone)")
    add("--again", action="store_true", help="measure a row that was measured at this commit too")
    add("--page", action="store_true", help="write docs/scorecard.md and measure nothing")
    add("--to", type=Path, default=record.PAGE, help=argparse.SUPPRESS)
    add("--measure", help=argparse.SUPPRESS)
    parser.set_defaults(size="short")
    return parser.parse_args()


def main() -> int:
    """Do what the command line says; the exit status is 1 if a row or a control failed."""
    given = parsed()
    if given.measure:
        return measured(given, given.measure)
    file = given.file or (record.FILE if given.size == "long" else None)
    if given.page:
        given.to.write_text(record.page(record.entries(file or record.FILE)), encoding="utf-8")
        return 0
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    numbers = given.row or ([row.number for row in ROWS] if given.size == "long" else SHORT)
    covered: set[str] = set()
    good = True
    for row in (row for row in ROWS if row.number in numbers):
        before = file and not given.again and record.done(file, row.number, given.size, record.commit())
        if row.number not in covered and not before:
            found = tried(row, given.size, seed)
            covered |= {entry["row"] for entry in found}
            # An entry that missed stops none of the others from being kept.
            fine = [kept(file, entry) for entry in found]
            good = bool(fine) and all(fine) and good
    return int(not good)


def tried(row: Row, size: str, seed: int) -> list[dict[str, Any]]:
    """The entries of a row; none if its program failed."""
    try:
        return play(row, size, seed)
    except RuntimeError as error:
        print(error, file=sys.stderr, flush=True)
        return []


def kept(file: Path | None, entry: dict[str, Any]) -> bool:
    """Append an entry and show it; whether its target was met and its control seen, or it could not be measured."""
    if file is not None:
        record.append(file, entry)
    print("\n".join(record.told(entry)), flush=True)
    return entry["measured"] is None or (entry["met"] and entry["control"]["seen"])


if __name__ == "__main__":
    sys.exit(main())

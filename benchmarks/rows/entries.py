"""S19, S24b, S25, S26, S34: programs of the tests that run their own control, and the linter."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rows.outcome import Control, Outcome, Terms, Unmeasured, few

ROOT = Path(__file__).parents[2]
DEADLINE_S = 3 * 3600


def _entry(row: str, module: str, words: Sequence[str], zero: Sequence[str]) -> Mapping[str, Outcome]:
    """Run a program that prints `{"measured": {...}, "control": {...}}`. The figures of `zero` must be 0."""
    if importlib.util.find_spec(module) is None:
        raise Unmeasured(f"there is no program {module} yet")
    command = [sys.executable, "-m", module, *words, "--json"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8", timeout=DEADLINE_S)
    last = ended.stdout.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise RuntimeError(f"{module}: {ended.stdout}{ended.stderr}"[-2000:])
    found: dict[str, dict[str, Any]] = json.loads(last)
    return {row: Outcome(*_part(found["measured"], zero), Control(*_part(found["control"], zero)))}


def _part(found: Mapping[str, Any], zero: Sequence[str]) -> tuple[dict[str, float | str], list[str]]:
    """Figures and faults of one of the two."""
    figures = {name.replace("_", " "): value for name, value in found.items() if isinstance(value, int | float)}
    return figures, few([f"{found[name]} {name.replace('_', ' ')}" for name in zero if found.get(name)])


def canaries(_: Terms) -> Mapping[str, Outcome]:
    """Look for planted secrets in all that was written and answered."""
    return _entry("S19", "tests.canaries", (), ("found",))


def hostile_texts(_: Terms) -> Mapping[str, Outcome]:
    """Call every tool over a store of hostile texts."""
    return _entry("S24b", "tests.injection", (), ("breaks", "never_shown", "vectors_that_broke_out"))


def faults(terms: Terms) -> Mapping[str, Outcome]:
    """Call the tools under each fault of the network."""
    words = ("faults", "--calls", str(terms.of(2, 50)), "--seed", str(terms.seed))
    return _entry("S25", "tests.chaos", words, ("wrong", "late", "tracebacks_or_keys"))


def creates(terms: Terms) -> Mapping[str, Outcome]:
    """Create things while answers are lost."""
    words = ("creates", "--calls", str(terms.of(22, 500)), "--seed", str(terms.seed))
    return _entry("S26", "tests.chaos", words, ("lost", "duplicates"))


BAD = """
import subprocess


def run(text: str) -> object:
    subprocess.run(text, shell=True)
    return eval(text)
"""


def linted(terms: Terms) -> Mapping[str, Outcome]:
    """Let ruff look for what its security rules forbid; the control has one more file, with a shell and `eval`."""
    bad = terms.folder / "bad.py"
    bad.write_text(BAD, encoding="utf-8")
    server = ROOT / "server"
    files = len(list(server.rglob("*.py")))
    found, broken = _forbidden(server), _forbidden(server, bad)
    control = Control({"files": files + 1, "findings": len(broken)}, few(broken))
    return {"S34": Outcome({"files": files, "findings": len(found)}, few(found), control)}


def _forbidden(*places: Path) -> list[str]:
    command = [sys.executable, "-m", "ruff", "check", "--select", "S", "--output-format", "concise", "--no-cache"]
    ended = subprocess.run([*command, *map(str, places)], cwd=ROOT, check=False, capture_output=True, encoding="utf-8")
    return [line for line in ended.stdout.splitlines() if ": S" in line]

"""S19, S24b, S25, S26, S34: programs of the tests that measure themselves with their control, and the linter."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rows.outcome import Outcome, Terms, Unmeasured, few

ROOT = Path(__file__).parents[2]
DEADLINE_S = 3 * 3600


def _entry(row: str, terms: Terms, module: str, words: Sequence[str], zero: Sequence[str]) -> Mapping[str, Outcome]:
    """Run a program that prints `{"measured": {...}, "control": {...}}`. The figures of `zero` must be 0."""
    if importlib.util.find_spec(module) is None:
        raise Unmeasured(f"there is no program {module} yet")
    command = [sys.executable, "-m", module, *words, "--json"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8", timeout=DEADLINE_S)
    last = ended.stdout.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise RuntimeError(f"{module}: {ended.stdout}{ended.stderr}"[-2000:])
    found: dict[str, Any] = json.loads(last)["control" if terms.breach else "measured"]
    figures = {name.replace("_", " "): value for name, value in found.items() if isinstance(value, int | float)}
    return {row: Outcome(figures, few([f"{found[name]} {name.replace('_', ' ')}" for name in zero if found.get(name)]))}


def canaries(terms: Terms) -> Mapping[str, Outcome]:
    """Look for planted secrets in all that was written and answered."""
    return _entry("S19", terms, "tests.canaries", (), ("found",))


def hostile_texts(terms: Terms) -> Mapping[str, Outcome]:
    """Call every tool over a store of hostile texts."""
    return _entry("S24b", terms, "tests.injection", (), ("breaks", "never_shown", "vectors_that_broke_out"))


def faults(terms: Terms) -> Mapping[str, Outcome]:
    """Call the tools under each fault of the network."""
    words = ("faults", "--calls", str(terms.of(2, 50)), "--seed", str(terms.seed))
    return _entry("S25", terms, "tests.chaos", words, ("wrong", "late", "tracebacks_or_keys"))


def creates(terms: Terms) -> Mapping[str, Outcome]:
    """Create things while answers are lost."""
    words = ("creates", "--calls", str(terms.of(22, 500)), "--seed", str(terms.seed))
    return _entry("S26", terms, "tests.chaos", words, ("lost", "duplicates"))


BAD = """
import subprocess


def run(text: str) -> object:
    subprocess.run(text, shell=True)
    return eval(text)
"""


def linted(terms: Terms) -> Mapping[str, Outcome]:
    """Let ruff look for what its security rules forbid; a control has one more file, with a shell and `eval`."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "S", "--output-format", "concise", "--no-cache"]
    places = [str(ROOT / "server")]
    if terms.breach:
        bad = terms.folder / "bad.py"
        bad.write_text(BAD, encoding="utf-8")
        places.append(str(bad))
    ended = subprocess.run([*command, *places], cwd=ROOT, check=False, capture_output=True, encoding="utf-8")
    found = [line for line in ended.stdout.splitlines() if ": S" in line]
    files = len(list((ROOT / "server").rglob("*.py")))
    return {"S34": Outcome({"files": files, "findings": len(found)}, few(found))}

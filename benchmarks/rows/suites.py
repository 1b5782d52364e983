"""Rows that tests measure: the tests run in their long size, and in a control they must fail."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rows.outcome import Outcome, Terms, Unmeasured

ROOT = Path(__file__).parents[2]
DEADLINE_S = 3 * 3600


class Suite(NamedTuple):
    """Tests, words of pytest for the short size and the control, and patterns of figures that the tests print.

    With `long`, the long size has the option `--long`. Every size has the options `always`. So many `workers` share the
    tests of the long size; with 0 the tests run in one process, and only then can they print figures.
    """

    tests: Sequence[str]
    only: Sequence[str] = ()
    always: Sequence[str] = ()
    long: bool = False
    figures: Mapping[str, str] = {}
    workers: int = 0


def _run(number: str, suite: Suite, terms: Terms) -> Mapping[str, Outcome]:
    words = ["--long"] if suite.long and terms.size == "long" else []
    words += [*suite.always, *([] if terms.size == "long" else suite.only)]
    workers = suite.workers if terms.size == "long" else 0
    command = [sys.executable, "-m", "pytest", *suite.tests, f"-n{workers}", "-q", "-s", "-m", "", "--no-header"]
    # A breach imports modules before pytest does.
    command += [*words, "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
    command += ["--basetemp", str(terms.folder / "tests")]
    ended = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8", errors="replace", timeout=DEADLINE_S
    )
    counts = {
        word: int(found[1])
        for word in ("passed", "failed", "error", "skipped")
        if (found := _count(word, ended.stdout))
    }
    if not counts.get("passed") and not counts.get("failed") and not counts.get("error"):
        reasons = re.findall(r"SKIPPED \[\d+\] \S+ (.*)", ended.stdout)
        raise Unmeasured(reasons[0] if reasons else f"no test ran: {ended.stdout[-500:]}{ended.stderr[-500:]}")
    figures: dict[str, float | str] = {f"tests {word}": count for word, count in counts.items()}
    for name, pattern in suite.figures.items():
        if found := re.search(pattern, ended.stdout):
            figures[name] = found[1]
    failed = re.findall(r"^(?:FAILED|ERROR) \S*?::(\S+)", ended.stdout, re.MULTILINE)
    return {number: Outcome(figures, failed[:5] or (["pytest failed"] if ended.returncode else []))}


def _count(word: str, said: str) -> re.Match[str] | None:
    last = said.strip().rpartition("\n")[2]
    return re.search(rf"(\d+) {word}", last)


_WAITING, _UNITS = "tests/engine/test_waiting_runs.py", "tests/engine/test_continuous_units.py"

SUITES = {
    "S5": Suite(["tests/engine/test_state_machine.py"], ["-k", "0"], long=True, workers=2),
    "S7": Suite(
        ["tests/engine/test_windows.py", "tests/engine/test_store.py", "tests/engine/test_takeover.py"],
        ["--deselect", "tests/engine/test_windows.py"],
        long=True,
        figures={"histories": r"(\d+) histories", "runs taken over": r"histories, (\d+) runs"},
    ),
    "S7b": Suite(
        [
            f"{_WAITING}::test_nothing_is_taken_from_a_window_that_lives_when_the_wall_clock_jumps",
            f"{_WAITING}::test_a_watch_knows_silence_from_sleep",
            f"{_UNITS}::test_a_filter_takes_traces_by_any_of_their_spans_and_a_clock_put_back_loses_none",
        ]
    ),
    "S10": Suite(["tests/engine/test_migrations.py"], ["-k", "copy"]),
    "S14": Suite(["tests/contract/test_schemathesis.py"], ["-k", "breaks"], long=True),
    "S18": Suite(
        ["tests/files/test_parquet.py", "tests/tools/test_bad_files.py", "tests/api/test_answers.py"],
        ["-k", "unpacks_to_much or unpacks_to_too_much"],
    ),
    "S23": Suite(["tests/e2e/test_page.py", "tests/analysis/test_page.py", "tests/injection/test_outputs.py"]),
    "S24": Suite(["tests/judge/test_replies.py", "tests/judge/test_templates.py"]),
    "S25b": Suite(["tests/tools"], ["-k", "test_lists or test_prompts"], ["--backend", "ax", "--through", "quiet"]),
    "S30": Suite(
        [
            "tests/engine/test_continuous.py",
            "tests/engine/test_continuous_units.py",
            "tests/e2e/test_continuous_processes.py",
        ]
    ),
    "S36": Suite(["tests/test_snapshots.py", "tests/shape/test_tools.py"]),
}


def __getattr__(number: str) -> Callable[[Terms], Mapping[str, Outcome]]:
    """The program of a row."""
    if number not in SUITES:
        raise AttributeError(number)
    return lambda terms: _run(number, SUITES[number], terms)

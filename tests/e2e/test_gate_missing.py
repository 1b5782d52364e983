"""`assaykit gate` where rows have no verdict, as a CI job meets them."""

import csv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from tests.caller import serving
from tests.e2e.commands import Commands
from tests.e2e.processes import environment

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

ROWS = 100

SOURCE = """
def old(dataset_row):
    return dataset_row["key"]

def crashing(dataset_row):
    if int(dataset_row["key"]) < 36:
        raise ValueError("no answer")
    return dataset_row["key"]

def correct(output):
    return int(output) % 5 != 0

def flaky(output):
    if int(output) >= 75:
        raise ValueError("the judge is out")
    return int(output) % 5 != 0
"""


class Told(NamedTuple):
    """What a gate said: its exit code, its terminal output, the JUnit case and the Markdown row."""

    code: int
    text: str
    case: ET.Element
    row: str


Gate = Callable[..., Told]
"""`gate(rule, *words)`: the gate's word in all four places. Each place must give the same reason."""


@pytest.fixture
def gate(commands: Commands, settings: Settings, tmp_path: Path) -> Gate:
    return partial(_gate, commands, settings, tmp_path)


def _gate(commands: Commands, settings: Settings, folder: Path, rule: str, *words: str, direction: bool = True) -> Told:
    for file in ("gate.xml", "gate.md"):
        (folder / file).unlink(missing_ok=True)
    done = commands.run(
        folder, environment(settings.home), "gate", "--baseline", "main", "--candidate", "pr-17", "--rule", rule,
        "--junit", "gate.xml", "--markdown", "gate.md",
        *(("--direction", f"{rule.partition(':')[0]}=MAXIMIZE") if direction else ()), *words,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 3}, done.stderr
    decision, *notes, first, why = done.stdout.splitlines()
    assert all(note.startswith("Note: Not the same evaluator: ") for note in notes), notes
    outcome = {0: "ship", 1: "hold", 3: "undecided"}[done.returncode]
    assert first == f"{outcome.upper()} {rule}"
    assert decision.startswith(f"{outcome.upper()}: ")
    assert " against main. The rule " in decision
    suite = ET.parse(folder / "gate.xml").getroot()  # noqa: S314  (what was written just now)
    (case,) = suite.iter("testcase")
    facts = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (facts["decision"], facts["exit code"]) == (outcome, str(done.returncode))
    assert decision.endswith(f" {facts['reason']}")
    assert suite.get("failures") == str(int(outcome != "ship"))
    assert (case[0].tag, case[0].get("type")) == (("system-out", None) if outcome == "ship" else ("failure", outcome))
    assert case[0].text == why.strip()
    table = (folder / "gate.md").read_text(encoding="utf-8").splitlines()
    assert outcome in table[0]
    row = [line for line in table if line.startswith("|")][-1]
    assert outcome in row
    return Told(done.returncode, why, case, row)


def holds(told: Told, code: int, *sentences: str) -> None:
    assert told.code == code, told.text
    for sentence in sentences:
        assert sentence in told.text
        assert sentence in (told.case[0].text or "")
        assert sentence in told.row


async def compared(
    settings: Settings, files: Path, main: Mapping[int, object], candidate: Mapping[int, object]
) -> None:
    """A dataset of `ROWS` examples and two experiments, by example the score of each. None is an empty cell."""
    for name, scores in {"main": main, "pr-17": candidate}.items():
        with (files / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["key", "output", "eval.quality.score"])
            rows.writerows([key, "x", "" if score is None else score] for key, score in scores.items())
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": str(number)} for number in range(ROWS)])
        for name in ("main", "pr-17"):
            await ax.ask("upload_experiment", file=f"{name}.csv", dataset="q", key="key")


def score(number: int) -> int:
    """80 of 100 rows are good."""
    return int(number % 5 != 0)


def good(wanted: Callable[[int], bool]) -> dict[int, object]:
    return {number: score(number) for number in range(ROWS) if wanted(number)}


ALL = good(lambda _: True)


@pytest.mark.parametrize(
    ("task", "evaluator", "code", "told"),
    [
        ("crashing", "correct", 1, ["36 of 100 runs of pr-17 failed; they count as failures."]),
        (
            "old",
            "flaky",
            3,
            [
                "25 of 100 examples have no verdict in pr-17.",
                "With the missing verdicts at their worst for pr-17, the rule would not ship: difference -",
            ],
        ),
    ],
    ids=["the candidate crashes", "its verdicts fail"],
)
async def test_rows_that_fail_are_not_left_out_of_the_decision(
    commands: Commands,
    gate: Gate,
    settings: Settings,
    tmp_path: Path,
    task: str,
    evaluator: str,
    code: int,
    told: list[str],
) -> None:
    (tmp_path / "task.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "judges.py").write_text(f"from task import {evaluator} as judged\n\n" + JUDGE, encoding="utf-8")
    (tmp_path / "fair.py").write_text("from task import correct as judged\n\n" + JUDGE, encoding="utf-8")
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": str(number)} for number in range(ROWS)])
    for name, function, judge in (("main", "old", "fair.py"), ("pr-17", task, "judges.py")):
        commands.run(
            tmp_path, environment(settings.home), "run", f"task.py:{function}", "--dataset", "q", "--name", name,
            "--evaluator", f"{judge}:correctness",
        )  # fmt: skip
    for rule in ("not worse by more than 10 points", "not shown worse"):
        holds(gate(f"correctness: {rule}"), code, *told)
    # Too few pairs for this margin already: the count is told all the same.
    holds(gate("correctness: not worse by more than 2 points"), code, told[0])


JUDGE = """
def correctness(output):
    return judged(output)
"""


@pytest.mark.parametrize(
    ("main", "candidate", "said"),
    [
        (ALL, good(lambda n: n >= 36), "36 of 100 examples have no verdict in pr-17"),
        (
            ALL,
            {n: None if n < 36 else score(n) for n in range(ROWS)},
            "36 of 100 examples have no verdict in",
        ),
        (good(lambda n: n >= 30), ALL, "30 of 100 examples have no verdict in main"),
        (
            good(lambda n: n < 70),
            good(lambda n: n < 70),
            "30 of 100 examples have no verdict in either experiment",
        ),
        (
            good(lambda n: n >= 20),
            good(lambda n: 10 <= n < 90),
            "30 of 100 examples have no verdict (10 in pr-17, 10 in main, 10 in either experiment)",
        ),
    ],
    ids=["not uploaded", "unscored", "of the baseline", "of both", "of each"],
)
async def test_missing_rows_that_could_turn_a_pass_leave_it_undecided(
    gate: Gate, settings: Settings, files: Path,
    main: Mapping[int, object], candidate: Mapping[int, object], said: str,
) -> None:  # fmt: skip
    await compared(settings, files, main, candidate)
    worst = "With the missing verdicts at their worst for pr-17, the rule would not ship: difference -"
    holds(gate("quality: not worse by more than 10 points"), 3, said, worst)
    holds(gate("quality: not shown worse"), 3, said, worst)


async def test_missing_rows_that_cannot_turn_a_rule_are_counted(gate: Gate, settings: Settings, files: Path) -> None:
    await compared(settings, files, ALL, good(lambda n: n != 1))
    said = "1 of 100 examples has no verdict in pr-17"
    still = "With the missing verdicts at their worst for pr-17, the rule would still ship: difference -1 points"
    holds(gate("quality: not worse by more than 20 points"), 0, said, still)
    holds(gate("quality: not shown worse"), 0, said, still)


@pytest.mark.parametrize(
    ("kept", "code", "said"),
    [
        (64, 3, "With the missing verdicts at their best for pr-17, the rule would not hold: difference +16 points"),
        (98, 1, "With the missing verdicts at their best for pr-17, the rule would still hold: difference -"),
    ],
)
async def test_a_failure_stands_only_if_no_missing_row_could_turn_it(
    gate: Gate, settings: Settings, files: Path, kept: int, code: int, said: str
) -> None:
    """A fifth of the rows break, and the baseline's missing rows could have been failures that the candidate mends."""
    broken = {number: 0 if number < 20 else 1 for number in range(ROWS)}
    await compared(settings, files, dict.fromkeys(range(kept), 1), broken)
    told = gate("quality: not worse by more than 2 points")
    holds(told, code, f"{ROWS - kept} of 100 examples have no verdict in main", said)


async def test_a_missing_score_is_taken_from_the_range_of_the_scores(
    gate: Gate, settings: Settings, files: Path
) -> None:
    main = {number: 3 + number % 3 for number in range(ROWS)}
    await compared(settings, files, main, {n: value + (n % 2) / 10 for n, value in main.items() if n >= 8})
    said = "8 of 100 examples have no verdict in pr-17"
    taken = "missing verdicts (from 3 to 5.1, the smallest and the largest score seen)"
    narrow, wide = (gate(f"quality: not worse by more than {margin}") for margin in ("0.05", "1"))
    holds(narrow, 3, said, f"{taken} at their worst for pr-17, the rule would not ship: difference -0")
    holds(wide, 0, said, f"{taken} at their worst for pr-17, the rule would still ship: difference -0")


async def test_the_worst_of_a_figure_to_minimize_is_the_highest(gate: Gate, settings: Settings, files: Path) -> None:
    """All missing rows are 0 in the baseline: counted as 0 they would change nothing, counted as 1 they are worse."""
    rare = {number: int(number >= 90) for number in range(ROWS)}
    await compared(settings, files, rare, {number: value for number, value in rare.items() if number >= 30})
    told = gate("quality: not worse by more than 10 points", "--direction", "quality=MINIMIZE")
    holds(told, 3, "30 of 100 examples have no verdict in pr-17", "the rule would not ship: difference +30 ")
    assert gate("quality: not shown worse", "--direction", "quality=MINIMIZE").code == 3


async def test_rows_that_the_other_sample_does_not_have_are_not_missing(
    gate: Gate, settings: Settings, files: Path
) -> None:
    """Two datasets of one source: an example that only one of them has is not expected to have a pair."""
    await compared(settings, files, ALL, ALL)
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="half", dataset="q", filter="key != '1'")
        rows = [[str(number), "x", score(number)] for number in range(ROWS) if number != 1]
        with (files / "half.csv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([["key", "output", "eval.quality.score"], *rows])
        await ax.ask("upload_experiment", file="half.csv", dataset="half", key="key", name="of half")
    told = gate("quality: not worse by more than 10 points", "--candidate", "of half")
    assert told.code == 0, told.text
    assert "no verdict" not in told.text


@pytest.mark.parametrize(
    ("main", "candidate"),
    [
        (ALL, good(lambda n: n >= 36)),
        (ALL, {n: None if n < 36 else score(n) for n in range(ROWS)}),
    ],
    ids=["not uploaded", "unscored"],
)
async def test_a_limit_on_the_candidate_counts_its_missing_rows(
    gate: Gate, settings: Settings, files: Path, main: Mapping[int, object], candidate: Mapping[int, object]
) -> None:
    """52 of 64 scored rows are good: 52 to 88 of 100. So neither side of 60 % is certain, and 40 % is exceeded."""
    await compared(settings, files, main, candidate)
    said = "36 more examples lack a verdict."
    worst = "With the missing verdicts at their worst it would be 52.0 %"
    holds(gate("quality: at least 60 %"), 3, said, worst, "which would not ship.")
    holds(gate("quality: at least 40 %"), 0, said, worst, "which would still ship.")
    holds(gate("quality: at least 95 %"), 1, said, "With the missing verdicts at their best it would be 88.0 %")


async def test_crashed_repetitions_count_in_every_kind_of_rule(gate: Gate, settings: Settings, files: Path) -> None:
    """One of three runs crashes in 45 of 100 examples: 15 points of a rate, 15 % of the rows, and 45 % of pass^3."""
    for name, crashing in (("main", 0), ("pr-17", 45)):
        with (files / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["key", "output", "error", "eval.right.score", "eval.grade.score"])
            for key in range(ROWS):
                rows.writerows([key, "x", "", 1, 4 + key % 2 / 10] for _ in range(2))
                rows.writerow([key, "", "crash", "", ""] if key < crashing else [key, "x", "", 1, 4 + key % 2 / 10])
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": str(number)} for number in range(ROWS)])
        for name in ("main", "pr-17"):
            await ax.ask("upload_experiment", file=f"{name}.csv", dataset="q", key="key", repetitions=True)
    crashed = "45 of 300 runs of pr-17 failed; they count as failures."
    holds(gate("right: not worse by more than 5 points"), 1, crashed, "difference -15")
    holds(gate("right: at least 90 %"), 3, crashed, "right: 85.0 %, 85 of 100 examples")
    holds(gate("right: pass^3 at least 75 %"), 1, crashed, "55.0 %, 55 of 100 examples")
    holds(gate("failed rows: at most 5 %", direction=False), 1, "Failed: 15.0 %")
    missing = "45 of 100 examples have repetitions without a verdict"
    holds(gate("grade: not worse by more than 0.01"), 3, missing, "the rule would not ship: difference -")


async def test_failed_rows_have_a_limit_of_their_own(
    commands: Commands, gate: Gate, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "task.py").write_text(SOURCE, encoding="utf-8")
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": str(number)} for number in range(ROWS)])
    for name, function in (("main", "old"), ("pr-17", "crashing")):
        commands.run(
            tmp_path, environment(settings.home), "run", f"task.py:{function}", "--dataset", "q", "--name", name,
            "--evaluator", "task.py:correct",
        )  # fmt: skip
    only = ("--direction", "correct=MAXIMIZE")
    (tmp_path / "gate.toml").write_text('rules = ["correct: not worse by more than 60 points"]', encoding="utf-8")
    said = "Failed: 36.0 %, 36 of 100 examples (95 % interval 26.6 to 46.2)."
    told = gate("failed rows: at most 2 %", *only, direction=False)
    holds(told, 1, said)
    with_file = commands.run(
        tmp_path, environment(settings.home), "gate", "--policy", "gate.toml", "--baseline", "main",
        "--candidate", "pr-17", "--rule", "failed rows: at most 50 %", *only,
    )  # fmt: skip
    assert with_file.returncode == 0, with_file.stdout + with_file.stderr
    assert with_file.stdout.startswith("SHIP: pr-17 against main. All 2 rules allow it.\n")
    assert "SHIP failed rows: at most 50 %\n" in with_file.stdout

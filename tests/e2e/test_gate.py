"""`assaykit gate` as a CI job runs it."""

import csv
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.caller import serving
from tests.e2e.commands import Commands
from tests.e2e.processes import environment

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

ROWS = 200


def write(file: Path, good: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["key", "output", "eval.<correct>.score"])
        rows.writerows([f"q{number}", "x", int(number < good)] for number in range(ROWS))


def started(folder: Path, variables: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """The command, started from nothing as CI does."""
    return subprocess.run(
        [sys.executable, "-m", "assaykit", *words],
        cwd=folder, env=variables, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip


async def test_the_exit_code_and_both_files_say_what_came_of_the_rules(
    commands: Commands, settings: Settings, files: Path, tmp_path: Path
) -> None:
    for name, good in {"old": 40, "same": 40, "broken": 20}.items():
        write(files / f"{name}.csv", good)
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": f"q{number}"} for number in range(ROWS)])
        for name in ("old", "same", "broken"):
            await ax.ask("upload_experiment", file=f"{name}.csv", dataset="q", key="key")
    within = "<correct>: not worse by more than 2 points"
    variables, asked = environment(settings.home), ("gate", "--baseline", "old", "--direction", "<correct>=MAXIMIZE")
    passed = started(tmp_path, variables, *asked, "--candidate", "same", "--rule", within)
    assert passed.returncode == 0, passed.stderr
    decision = "SHIP: same against old. The rule allows it."
    assert passed.stdout.splitlines()[:2] == [decision, f"SHIP {within}"]
    written = ["--junit", "gate.xml", "--markdown", "gate.md"]
    failed = commands.run(
        tmp_path, variables, *asked, "--candidate", "broken", "--rule", within, "--rule", "<correct>: better", *written
    )
    assert failed.returncode == 1, failed.stderr
    suite = ET.parse(tmp_path / "gate.xml").getroot()  # noqa: S314  (what was written just now)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert [case.get("name") for case in suite.iter("testcase")] == [within, "<correct>: better"]
    assert "worse" in next(suite.iter("failure")).get("message", "")
    table = (tmp_path / "gate.md").read_text(encoding="utf-8")
    assert table.startswith("### ❌ hold: broken against old\n")
    assert table.count("\n| ❌ hold | ") == 2
    assert "<correct>" not in table
    for words, said in (
        (["--candidate", "gone", "--rule", within], "No experiment is named"),
        (["--candidate", "same", "--rule", "nonsense"], "is not a rule"),
        (["--candidate", "same", "--rule", "other: better"], "no experiment has an evaluator"),
        (["--candidate", "same", "--rule", within, "--direction", "x"], "is not of the form NAME=VALUE"),
        (["--candidate", "same", "--rule", within, "--positive", "x"], "Write for example --positive correctness=yes"),
        (["--candidate", "same", "--rule", within, "--direction", "<correct>=up"], "'up' is not a direction"),
    ):
        refused = commands.run(tmp_path, variables, *asked, *words)
        assert refused.returncode == 2
        assert said.lower() in refused.stderr.lower(), refused.stderr
        assert "Traceback" not in refused.stderr


async def test_a_policy_has_one_decision_in_all_outputs(
    commands: Commands, settings: Settings, files: Path, tmp_path: Path
) -> None:
    for name, good in {"old": 190, "same": 190, "bad": 140}.items():
        with (files / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["key", "output", "eval.plain.score", "eval.judged.score"])
            rows.writerows([f"q{number}", "x", int(number < good), int(number < good)] for number in range(ROWS))
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": f"q{number}"} for number in range(ROWS)])
        for name in ("old", "same", "bad"):
            await ax.ask("upload_experiment", file=f"{name}.csv", dataset="q", key="key")
        await ax.ask(
            "create_integration", name="own", provider="CUSTOM", base_url="http://127.0.0.1:9/v1", model_names=["m"],
            test=False,
        )  # fmt: skip
        await ax.ask(
            "create_judge", name="judged", template="Is {output} right?", choices={"no": 0, "yes": 1},
            integration="own", model="m",
        )  # fmt: skip
    (tmp_path / "gate.toml").write_text(
        """
        baseline = "old"
        looks = 3
        rules = ["plain: not worse by more than 3 points", "judged: at least 80 %"]
        directions = {plain = "MAXIMIZE"}
        """,
        encoding="utf-8",
    )
    for candidate, words, code, decision in (
        ("same", (), 0, "ship"),
        ("same", ("--rule", "plain: not shown worse by 1 points"), 3, "undecided"),
        ("same", ("--require-calibration",), 4, "needs review"),
        ("same", ("--require-calibration", "--rule", "plain: not shown worse by 1 points"), 4, "needs review"),
        ("bad", ("--require-calibration",), 1, "hold"),
    ):
        (tmp_path / "gate.md").unlink(missing_ok=True)
        done = commands.run(
            tmp_path, environment(settings.home), "gate", "--policy", "gate.toml", "--candidate", candidate,
            "--junit", "gate.xml", "--markdown", "gate.md", *words,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        title = f"{candidate} against old"
        heading, note, *_ = done.stdout.splitlines()
        assert heading.startswith(f"{decision.upper()}: {title}. ")
        assert note.startswith(f"Note: plain: this is the third look at {candidate} against old")
        assert "The judge is not calibrated." in done.stdout
        suite = ET.parse(tmp_path / "gate.xml").getroot()  # noqa: S314  (what was written just now)
        facts = {one.get("name"): one.get("value") or "" for one in suite.iter("property")}
        assert (facts["decision"], facts["exit code"]) == (decision, str(code))
        assert heading.endswith(f". {facts['reason']}")
        assert f"Note: {facts['note 1']}" == note
        table = (tmp_path / "gate.md").read_text(encoding="utf-8")
        assert f" {decision}: {title}\n" in table
        assert "this is the third look" in table
        assert "The judge is not calibrated." in table

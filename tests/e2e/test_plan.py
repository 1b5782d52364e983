"""`assaykit plan` as a user types it."""

from pathlib import Path

import pytest
from tests.caller import serving
from tests.e2e.commands import Commands
from tests.e2e.processes import environment

from assaykit.settings import Settings

pytestmark = pytest.mark.slow


async def test_a_size_is_planned_from_guesses_and_from_a_pilot(
    settings: Settings, files: Path, tmp_path: Path, commands: Commands
) -> None:
    variables = environment(settings.home)
    for name, broken in {"old": 0, "new": 12}.items():
        rows = "".join(f"q{number},x,{int(number >= broken)}\n" for number in range(60))
        (files / f"{name}.csv").write_text(f"key,output,eval.right.score\n{rows}", encoding="utf-8")
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="q", rows=[{"key": f"q{number}"} for number in range(60)])
        for name in ("old", "new"):
            await ax.ask("upload_experiment", file=f"{name}.csv", dataset="q", key="key")
    guessed = commands.run(
        tmp_path, variables, "plan", "better by 5 points", "--guess", "discordant=0.2", "--criteria", "12"
    )
    assert guessed.returncode == 0, guessed.stderr
    assert "about 1,097 examples, by the guesses given." in guessed.stdout
    pilot = ["--baseline", "old", "--candidate", "new"]
    found = commands.run(tmp_path, variables, "plan", "right: better by 5 points", *pilot)
    assert found.returncode == 0, found.stderr
    assert "about 626 examples, by a pilot of 60 pairs." in found.stdout
    for words, said in (
        (["better"], "is not a goal to plan for. Write 'better by 5 points'"),
        (["better by 5 points", "--guess", "discordant"], "is not of the form NAME=VALUE"),
        (["better by 5 points", "--guess", "discordant=much"], "is not a number"),
        (["better by 5 points", "--guess", "discordant=nan"], "is not a number"),
        (["better by 5 points", "--guess", "power=1"], "is not a guess that a plan takes"),
        (["better by 5 points", "--baseline", "old"], "Give both --baseline and --candidate"),
        (["better by 5 points", "--baseline", "old", "--candidate", "old"], "two different experiments"),
        (["better by 5 points", "--baseline", "old", "--candidate", "gone"], "No experiment is named"),
        (["tone: better by 5 points", *pilot], "no experiment has an evaluator"),
        (["better by 5 points", "--repetitions", "0"], "out of range"),
    ):
        refused = commands.run(tmp_path, variables, "plan", *words)
        assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
        assert said.lower() in refused.stderr.lower(), refused.stderr
        assert refused.stderr.count("\n") == 1

"""Runs and tasks of a calibrated judge show the rate of failures as measured and as corrected, and cite the record."""

import json
from pathlib import Path
from typing import Any

from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.tools.test_calibrating import ROWS, human

from assaykit.analysis.corrected_rates import JudgeAccuracy, corrected_rate
from assaykit.settings import Settings

ASKED: dict[str, Any] = {"judge": "tone", "truth": "truth", "experiments": ["first", "second"]}


def judged(prompt: str) -> str:
    """Version 1 misses no failure of "first" and all but every third of "second". Version 2 misses none."""
    run, n = prompt.split("<<")[1].split(">>", maxsplit=1)[0].split()
    if human(int(n)) == "good":
        return "good"
    return "bad" if run == "first" or int(n) % 12 == 0 or "Say if" in prompt else "good"


async def redefine(ax: Caller, template: str, **arguments: Any) -> None:
    choices = {"good": 1, "bad": 0}
    await ax.ask("create_judge", name="tone", template=template, choices=choices, model="judge-1", **arguments)


async def test_a_run_shows_its_rate_corrected_and_says_if_the_judge_is_uncalibrated_or_stale(
    settings: Settings, files: Path
) -> None:
    with ScriptedModel(judged) as model:
        async with serving(settings, model.url) as ax:
            examples = [{"key": f"q{n}", "truth": human(n)} for n in range(ROWS)]
            await ax.ask("create_dataset", name="cases", rows=examples)
            for name in ("first", "second"):
                rows = [{"key": f"q{n}", "output": f"<<{name} {n}>>"} for n in range(ROWS)]
                (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
                await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key", name=name)
            await redefine(ax, "Is {output} good or bad?")
            await ax.ask("create_task", name="rows", evaluators=["tone"], experiments=["first", "second"])
            run = (await ax.ask("trigger_backfill", task="rows", wait=60))["run"]["id"]
            assert "(v1, model judge-1, not calibrated)" in await ax.read("get_run", run=run)
            found = await ax.ask("calibrate_judge", **ASKED)
            accuracy = JudgeAccuracy(
                **{key: found["failures"][key] for key in ("failures", "caught", "passes", "cleared")}
            )
            failed = (await ax.ask("get_run", run=run))["labels"]["tone"]["bad"]
            told = (await ax.ask("get_run", run=run))["rates"]["tone"]
            expected = corrected_rate(failed, 2 * ROWS, accuracy)
            assert (told["corrected"], told["interval"]) == (expected.corrected, expected.as_dict()["interval"])
            text = await ax.read("wait_for_run", run=run)
            assert "% failures measured, " in text
            assert f"Judge calibrated: kappa {found['record']['kappa']:.2f}, n = 120, v1, 20" in text
            assert "'rows'" in (shown := await ax.read("get_task", task="rows"))
            assert "tone v1 in these runs: " in shown
            compared = await ax.read("compare_experiments", experiments=["first", "second"])
            assert "The judge agrees differently on the two sides: it catches " in compared
            await redefine(ax, "Say if {output} is good or bad.", new_version=True)
            again = (await ax.ask("trigger_backfill", task="rows", rescore_older=True, wait=60))["run"]["id"]
            text = await ax.read("get_run", run=again)
            assert "stale: its version was v1, and that of these verdicts is v2." in text
            assert "corrected" not in text
            # The rows of version 1 are there, so both versions stand against people, and against each other.
            asked = {**ASKED, "failures": ["bad"]}
            assert (await ax.ask("calibrate_judge", **{**asked, "judge": "tone@1"}))["failures"] == found["failures"]
            assert (await ax.ask("calibrate_judge", **{**asked, "judge": "tone@2"}))["failures"]["caught"] == 30
            both = await ax.ask("calibrate_judge", **{**asked, "judge": "tone@v2", "truth": "tone@1"})
            assert (both["rows"], both["record"]) == (2 * ROWS, None)
            assert sum(one["rows"] for one in both["disagreements"]) == 30 - found["failures"]["caught"]
            refused = await ax.refused("calibrate_judge", **{**asked, "judge": "tone@7"})
            assert "No row has a verdict of 'tone@7'" in refused["message"]

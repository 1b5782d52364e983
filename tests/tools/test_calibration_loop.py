"""The loop of a judge from end to end: traces are read and labelled, the judge is sharpened, tested once, and used."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, send, span

from assaykit.analysis.corrected_rates import JudgeAccuracy, corrected_rate
from assaykit.analysis.judge_agreement import part_of
from assaykit.settings import Settings

READ, LABELLED, ALL = 20, 60, 120
"""Spans that are read, spans that have labels, and all spans."""

PERIOD = "last 7 days"
BEFORE, SHARPER = "Is {output} a promise?", "Is {output} a promise of a date or sum?"
ROWS: dict[str, Any] = {"project": "bot", "evaluators": ["promise"], "window": PERIOD, "wait": 60}
HELD: dict[str, Any] = {"judge": "promise", "truth": "promised", "project": "bot", "failures": ["yes"]}


def human(n: int) -> str:
    return "yes" if n % 3 == 0 else "no"


def judged(prompt: str) -> dict[str, Any]:
    """Version 1 misses each second promise. Version 2 misses each eighth, and clears all but every fifteenth other."""
    n = int(prompt.split("<<")[1].split(">>", maxsplit=1)[0])
    if human(n) == "yes":
        missed = n % 24 == 0 if "date or sum" in prompt else n % 2 == 0
        return {"label": "no" if missed else "yes", "explanation": f"it reads so {n}"}
    return {"label": "yes" if n % 15 == 1 else "no", "explanation": f"it reads so {n}"}


def part(which: str) -> list[int]:
    return [n for n in range(LABELLED) if part_of("promise", id_of(f"s{n}")) == which]


async def define(ax: Caller, template: str, **more: Any) -> None:
    choices = {"no": 1, "yes": 0}
    await ax.ask("create_judge", name="promise", template=template, choices=choices, model="judge-1", **more)


async def read_twenty(ax: Caller) -> list[str]:
    """The ids of twenty spans, each read as the queue hands it out, and labelled by hand."""
    found: list[str] = []
    told = await ax.ask("label_queue", queue="first look", label="seen", project="bot", n=READ, seed=1)
    while told["items"]:
        keys = [one["span_id"] for one in told["items"]]
        trace = await ax.ask("get_trace", trace=keys[0], project="bot")
        assert trace["nodes"][0]["output"] == told["items"][0]["texts"]["output"]
        await ax.ask("annotate", name="seen", targets=keys, text="read", project="bot")
        found += keys
        told = await ax.ask("label_queue", queue="first look")
    return found


async def score_experiment(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="cases", rows=[{"key": f"q{n}"} for n in range(READ)])
    rows = [{"key": f"q{n}", "output": f"<<{3 * n + 2}>>"} for n in range(READ)]
    (files / "new.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file="new.jsonl", dataset="cases", key="key", name="new")
    await ax.ask("create_task", name="of new", evaluators=["promise"], experiments=["new"])
    assert (await ax.ask("trigger_backfill", task="of new", wait=60))["run"]["num_successes"] == READ


async def sharpen(ax: Caller) -> None:
    """Read the disagreements of the develop part, define the judge anew, and compare both versions on that part."""
    labelled = {**ROWS, "query_filter": "attributes.batch = 'labelled'"}
    await define(ax, BEFORE)
    assert (await ax.ask("trigger_backfill", **labelled))["run"]["num_successes"] == LABELLED
    first = await ax.ask("calibrate_judge", **HELD, part="develop")
    failures = [n for n in part("develop") if human(n) == "yes"]
    assert first["failures"]["failures"] == len(failures)
    assert first["failures"]["caught"] == sum(n % 2 == 1 for n in failures)
    (missed,) = [one for one in first["disagreements"] if one["truth"] == "yes"]
    assert missed["examples"][0]["judge_says"].startswith("it reads so ")
    await define(ax, SHARPER, new_version=True)
    await ax.ask("trigger_backfill", **labelled, rescore_older=True)
    second = await ax.ask("calibrate_judge", **HELD, part="develop")
    assert second["failures"]["caught"] == sum(n % 24 != 0 for n in failures)
    assert second["agreement"]["kappa"] > first["agreement"]["kappa"]
    # The old verdicts are there, on the same rows.
    asked = {**HELD, "judge": "promise@1", "part": "develop"}
    assert (await ax.ask("calibrate_judge", **asked))["failures"] == first["failures"]


async def look_once(ax: Caller) -> tuple[JudgeAccuracy, str]:
    """Hold the sharper version against the other labels. The counts, and the record as it is cited."""
    final = await ax.ask("calibrate_judge", **HELD, part="held_out")
    kept = part("held out")
    assert (final["held_out_looks"], final["rows"]) == (1, len(kept))
    expected = JudgeAccuracy(
        failures=sum(human(n) == "yes" for n in kept),
        caught=sum(human(n) == "yes" and n % 24 != 0 for n in kept),
        passes=sum(human(n) == "no" for n in kept),
        cleared=sum(human(n) == "no" and n % 15 != 1 for n in kept),
    )
    counts = {key: final["failures"][key] for key in ("failures", "caught", "passes", "cleared")}
    assert JudgeAccuracy(**counts) == expected
    return expected, f"Judge calibrated: kappa {final['record']['kappa']:.2f}, n = {len(kept)}, v2, 20"


async def show_the_corrected_rate(ax: Caller, accuracy: JudgeAccuracy, cited: str) -> None:
    """Score the spans without labels. Their rate is told as measured and as corrected."""
    fresh = {**ROWS, "query_filter": "attributes.batch = 'fresh'"}
    run = (await ax.ask("trigger_backfill", **fresh))["run"]["id"]
    told = await ax.ask("get_run", run=run)
    expected = corrected_rate(told["labels"]["promise"]["yes"], ALL - LABELLED, accuracy)
    assert told["rates"]["promise"]["corrected"] == expected.corrected
    assert told["rates"]["promise"]["interval"] == expected.as_dict()["interval"]
    assert cited in await ax.read("get_run", run=run)


@pytest.mark.slow
@pytest.mark.over_http("label_queue", "annotate", "calibrate_judge", "trigger_backfill", "check_release")
async def test_a_judge_goes_from_labels_to_the_gate(settings: Settings, files: Path) -> None:
    batches = ["labelled"] * LABELLED + ["fresh"] * (ALL - LABELLED)
    spans = [span(f"s{n}", f"<<{n}>>", minutes_ago=ALL - n, batch=batch) for n, batch in enumerate(batches)]
    await send(settings.home, spans)
    lines = [f"{id_of(f's{n}')},{human(n)},Ann" for n in range(LABELLED)]
    (files / "labels.csv").write_text("\n".join(["span_id,label,annotator", *lines]), encoding="utf-8")
    (files / "gate.toml").write_text("require_calibration = true", encoding="utf-8")
    gate: dict[str, Any] = {
        "candidate": "new",
        "policy": "gate.toml",
        "rules": ["promise: at least 50 %"],
        "positive": {"promise": "no"},
    }
    with ScriptedModel(judged) as model:
        async with serving(settings, model.url) as ax:
            assert len(set(await read_twenty(ax))) == READ
            await ax.ask("annotate", name="promised", file="labels.csv", project="bot", choices={"no": 1, "yes": 0})
            await sharpen(ax)
            await score_experiment(ax, files)
            assert (await ax.ask("check_release", **gate))["decision"] == "needs review"
            accuracy, cited = await look_once(ax)
            await show_the_corrected_rate(ax, accuracy, cited)
            decided = await ax.ask("check_release", **gate)
            assert (decided["decision"], cited in decided["rules"][0]["why"]) == ("ship", True)
            # A look under the number of a version is a look at the same labels.
            again = await ax.ask("calibrate_judge", **{**HELD, "judge": "promise@2", "part": "held_out"})
            assert (again["held_out_looks"], again["record"]) == (2, None)

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


@pytest.mark.over_http("label_queue", "annotate", "calibrate_judge", "trigger_backfill", "check_release")
async def test_a_judge_goes_from_labels_to_the_gate(settings: Settings, files: Path) -> None:
    spans = [
        span(f"s{n}", f"<<{n}>>", minutes_ago=ALL - n, batch="labelled" if n < LABELLED else "fresh")
        for n in range(ALL)
    ]
    await send(settings.home, spans)
    with ScriptedModel(judged) as model:
        async with serving(settings, model.url) as ax:
            assert len(set(await read_twenty(ax))) == READ
            # Labels come from a file.
            lines = [f"{id_of(f's{n}')},{human(n)},Ann" for n in range(LABELLED)]
            (files / "labels.csv").write_text("\n".join(["span_id,label,annotator", *lines]), encoding="utf-8")
            await ax.ask("annotate", name="promised", file="labels.csv", project="bot", choices={"no": 1, "yes": 0})
            # The first definition misses promises of the develop part.
            await define(ax, BEFORE)
            labelled = {**ROWS, "query_filter": "attributes.batch = 'labelled'"}
            assert (await ax.ask("trigger_backfill", **labelled))["run"]["num_successes"] == LABELLED
            first = await ax.ask("calibrate_judge", **HELD, part="develop")
            failures = [n for n in part("develop") if human(n) == "yes"]
            assert (first["failures"]["failures"], first["failures"]["caught"]) == (
                len(failures),
                sum(n % 2 == 1 for n in failures),
            )
            (missed,) = [one for one in first["disagreements"] if one["truth"] == "yes"]
            assert missed["examples"][0]["judge_says"].startswith("it reads so ")
            # The sharper version is compared on the same part. The old verdicts stay.
            await define(ax, SHARPER, new_version=True)
            await ax.ask("trigger_backfill", **labelled, rescore_older=True)
            second = await ax.ask("calibrate_judge", **HELD, part="develop")
            assert second["failures"]["caught"] == sum(n % 24 != 0 for n in failures)
            assert second["agreement"]["kappa"] > first["agreement"]["kappa"]
            asked = {**HELD, "judge": "promise@1", "part": "develop"}
            assert (await ax.ask("calibrate_judge", **asked))["rows"] == first["rows"]
            # Nothing is calibrated yet, so the gate has no decision.
            await score_experiment(ax, files)
            (files / "gate.toml").write_text("require_calibration = true", encoding="utf-8")
            gate: dict[str, Any] = {
                "candidate": "new",
                "policy": "gate.toml",
                "rules": ["promise: at least 50 %"],
                "positive": {"promise": "no"},
            }
            assert (await ax.ask("check_release", **gate))["decision"] == "needs review"
            # One look at the other part makes the record.
            final = await ax.ask("calibrate_judge", **HELD, part="held_out")
            counts = {key: final["failures"][key] for key in ("failures", "caught", "passes", "cleared")}
            kept = part("held out")
            assert (final["held_out_looks"], final["rows"]) == (1, len(kept))
            assert counts == {
                "failures": sum(human(n) == "yes" for n in kept),
                "caught": sum(human(n) == "yes" and n % 24 != 0 for n in kept),
                "passes": sum(human(n) == "no" for n in kept),
                "cleared": sum(human(n) == "no" and n % 15 != 1 for n in kept),
            }
            # A backfill of the other spans shows the rate as measured and as corrected.
            fresh = {**ROWS, "query_filter": "attributes.batch = 'fresh'"}
            run = (await ax.ask("trigger_backfill", **fresh))["run"]["id"]
            told = await ax.ask("get_run", run=run)
            measured = told["labels"]["promise"]["yes"]
            expected = corrected_rate(measured, ALL - LABELLED, JudgeAccuracy(**counts))
            assert told["rates"]["promise"]["corrected"] == expected.corrected
            assert told["rates"]["promise"]["interval"] == expected.as_dict()["interval"]
            cited = f"Judge calibrated: kappa {final['record']['kappa']:.2f}, n = {len(kept)}, v2, 20"
            assert cited in await ax.read("get_run", run=run)
            # The gate cites the record of the same version.
            decided = await ax.ask("check_release", **gate)
            assert decided["decision"] == "ship"
            assert cited in decided["rules"][0]["why"]
            # A look under the number of a version is a look at the same labels.
            again = await ax.ask("calibrate_judge", **{**HELD, "judge": "promise@2", "part": "held_out"})
            assert (again["held_out_looks"], again["rows"], again["record"]) == (2, len(kept), None)

"""Calibration through the tools: whether a judge agrees with itself, and the cost of a judged row."""

import json
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, send, span

from assaykit.analysis.statistics import wilson
from assaykit.experiments.calibration_records import FILE
from assaykit.settings import Settings

EVERYTHING = "everything"
NAMES = [f"n{number}" for number in range(8)]
FICKLE = {"n2", "n5"}
"""The rows about which the model changes its mind."""

pytestmark = pytest.mark.embedded("a model on the loopback device")


def answer(asked: Counter[str], prompt: str) -> str:
    name = next(one for one in NAMES if f"row {one}." in prompt)
    asked[name] += 1
    return "good" if int(name[1:]) % 2 == (name in FICKLE and asked[name] > 1) else "bad"


@pytest.fixture
async def judged(settings: Settings) -> AsyncGenerator[Caller]:
    """Eight spans, the same eight rows as an experiment, and people's labels on both; nothing is judged yet."""
    await send(settings.home, [span(name, f"row {name}.", minutes_ago=1 + n) for n, name in enumerate(NAMES)])
    (settings.home / "prices.json").write_text(json.dumps({"m": {"input": 1, "output": 1}}), encoding="utf-8")
    asked = Counter[str]()
    with ScriptedModel(lambda prompt: answer(asked, prompt)) as model:
        async with serving(settings, model.url) as ax:
            choices = {"good": 1, "bad": 0}
            await ax.ask("create_judge", name="tone", template="Is it good? {output}", choices=choices, model="m")
            rows = [{"span_id": id_of(name), "label": "bad" if name > "n3" else "good"} for name in NAMES]
            await ax.ask("annotate", name="people", rows=rows, choices=choices)
            yield ax


@pytest.mark.parametrize("kind", ["spans", "traces", "experiment"])
async def test_a_judge_is_asked_twice_by_a_backfill_and_its_calibration_tells_the_share(
    judged: Caller, files: Path, kind: str
) -> None:
    ax = judged
    task: dict[str, Any] = {"evaluators": ["tone"], "window": EVERYTHING}
    calibrated = {"judge": "tone", "truth": "people", "project": "bot"}
    if kind == "traces":
        # Each trace has two spans, and its verdict stands on both.
        for n, name in enumerate(NAMES):
            child = span(f"below {name}", "done", minutes_ago=1 + n)
            whole = {"traceId": span(name)["traceId"], "parentSpanId": id_of(name)}
            await send(ax.settings.home, [{**child, **whole}])
        await ax.ask("create_task", name="whole", evaluators=["tone"], granularity="trace")
        task, calibrated = (
            {"task": "whole", "window": EVERYTHING},
            {**calibrated, "judge": "trace_eval.tone", "failures": ["bad"]},
        )
    if kind == "experiment":
        examples = [{"key": name, "people": "bad" if name > "n3" else "good"} for name in NAMES]
        await ax.ask("create_dataset", name="cases", rows=examples)
        lines = [json.dumps({"key": name, "output": f"row {name}."}) for name in NAMES]
        (files / "one.jsonl").write_text("\n".join(lines), encoding="utf-8")
        await ax.ask("upload_experiment", file="one.jsonl", dataset="cases", key="key", name="one")
        await ax.ask("create_task", name="rows", evaluators=["tone"], experiments=["one"])
        task, calibrated = {"task": "rows"}, {"judge": "tone", "truth": "people", "experiments": ["one"]}
    first_run = await ax.ask("trigger_backfill", **task, wait=30)
    once = await ax.ask("calibrate_judge", **calibrated)
    assert once["consistency"] is None
    text = await ax.read("calibrate_judge", **calibrated)
    assert f"No row was asked twice, so nothing tells whether {calibrated['judge']} agrees with itself. trigger" in text
    again = {**task, "override_evaluations": True, "max_rows": 6}
    plan = await ax.ask("preview_backfill", **again)
    assert plan["spending"]["calls"] == 6
    assert (await ax.ask("trigger_backfill", **again, wait=30))["run"]["num_successes"] == 6
    told = await ax.ask("calibrate_judge", **calibrated)
    assert (told["consistency"]["rows"], told["consistency"]["equal"]) == (6, 4)
    interval = wilson(4, 6)
    assert told["consistency"]["interval"] == pytest.approx(interval.as_dict())
    text = await ax.read("calibrate_judge", **calibrated)
    (first, *_) = [line for line in text.splitlines() if "tone gave" in line or "tone gives" in line]
    said = f"Asked the same question twice, {calibrated['judge']} gave the same label to 67 % (30 to 90 %) of 6 rows"
    assert said in first
    tokens = (first_run["tokens"]["prompt"] + first_run["tokens"]["completion"]) / len(NAMES)
    price = tokens / 1e6
    assert told["cost"] == {"rows": 8, "tokens": tokens, "priced": 8, "dollars": pytest.approx(price)}
    assert f"A judged row takes {tokens:.0f} tokens, ${price:.6f} by list prices, over 8 row(s) that were" in text
    (kept,) = json.loads((ax.settings.home / FILE).read_text(encoding="utf-8")).values()
    assert (kept["last"]["asked_twice"], kept["last"]["equal"]) == (6, 4)
    assert kept["last"]["cost"] == [8, tokens, 8, pytest.approx(price)]
    assert (told["record"]["consistency"], told["record"]["cost"]) == (told["consistency"], told["cost"])

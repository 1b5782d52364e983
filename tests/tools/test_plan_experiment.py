"""Plans through the tool: sizes from guesses and from pilots, with their cost."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller


async def upload(ax: Caller, files: Path, name: str, scores: list[float], **columns: Any) -> None:
    rows = [{"key": f"q{n}", "output": "x", "eval.right.score": score, **columns} for n, score in enumerate(scores)]
    (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key", name=name)


@pytest.fixture
async def cases(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="cases", rows=[{"key": f"q{n}"} for n in range(60)])
    await upload(ax, files, "old", [1.0] * 60)
    await upload(ax, files, "new", [0.0] * 12 + [1.0] * 48, cost=0.01)


@pytest.mark.over_http("plan_experiment", "invalid")
async def test_a_pilot_tells_how_many_examples_a_goal_needs_and_what_they_cost(ax: Caller, cases: None) -> None:
    told = await ax.read("plan_experiment", goal="right: better by 5 points", pilot=["old", "new"])
    assert "you need about 626 examples, by a pilot of 60 pairs." in told
    assert "a true difference under 15.9 points would usually be missed" in told
    assert "One variant costs about $6.3 (task $6.3)" in told
    data = await ax.ask("plan_experiment", goal="better by 5 points", pilot=["old", "new"], criteria=12)
    assert (data["examples"], data["criteria"], data["pilot_pairs"]) == (1097, 12, 60)
    assert data["cost_of_one_variant"] == {"task": pytest.approx(10.97)}
    share = await ax.ask("plan_experiment", goal="at least 75 %", pilot=["old", "new"])
    assert share["examples"] == pytest.approx(582, abs=2)
    refused = await ax.refused("plan_experiment", goal="better by 0.05", pilot=["old", "new"])
    assert refused["message"] == "A rate is planned in points."
    assert refused["next"] == "Write 'better by 0.05 points'."
    for wrong in ({"pilot": ["old"]}, {"pilot": ["old", "old"]}, {"pilot": ["old", "new", "old"], "repetitions": 0}):
        assert (await ax.refused("plan_experiment", goal="better by 5 points", **wrong))["code"] == "invalid"


async def test_the_cost_of_a_judge_is_in_the_plan(ax: Caller, files: Path, cases: None) -> None:
    (ax.settings.home / "prices.json").write_text('{"m": {"input": 1, "output": 4}}', encoding="utf-8")
    await ax.ask(
        "create_integration",
        name="own",
        provider="CUSTOM",
        base_url="http://127.0.0.1:9/v1",
        model_names=["m"],
        test=False,
    )
    await ax.ask(
        "create_judge", name="right", template="Is {output} right?", choices={"no": 0, "yes": 1},
        integration="own", model="m",
    )  # fmt: skip
    data = await ax.ask("plan_experiment", goal="better by 5 points", pilot=["old", "new"])
    assert set(data["cost_of_one_variant"]) == {"task", "right"}
    assert data["cost_of_one_variant"]["right"] == pytest.approx(0.6, abs=0.2)


async def test_a_plan_is_no_look_at_the_pilot(ax: Caller, cases: None) -> None:
    await ax.ask("plan_experiment", goal="better by 5 points", pilot=["old", "new"])
    assert not (ax.settings.home / "looks.json").exists()


async def test_guesses_need_no_experiment(ax: Caller) -> None:
    data = await ax.ask("plan_experiment", goal="not worse by more than 2 points", guesses={"discordant": 0})
    assert data["examples"] == 189
    assert "189 examples" in data["sentences"][0]
    three = await ax.ask("plan_experiment", goal="better by 5 points")
    assert (three["examples"], three["cases"]) == (None, {"10 %": 312, "20 %": 626, "40 %": 1254})


@pytest.mark.parametrize(
    "arguments",
    [
        {"goal": "very good"},
        {"goal": "better by 5 points", "guesses": {"power": 1}},
        {"goal": "better by 5 points", "guesses": {"discordant": 2}},
        {"goal": "better by 0.1"},
        {"goal": "at least 80 %"},
        {"goal": "better by 5 points", "repetitions": 3, "guesses": {"discordant": 0.2}},
        {"goal": "better by 5 points", "criteria": 0},
        {"goal": "better by 0.0001 points", "guesses": {"discordant": 1}},
    ],
)
async def test_a_plan_that_cannot_be_made_is_refused_with_the_next_step(ax: Caller, arguments: dict[str, Any]) -> None:
    refused = await ax.refused("plan_experiment", **arguments)
    assert refused["code"] == "invalid"
    assert refused["next"]
    assert not refused["message"][0].islower()


async def test_a_pilot_of_several_evaluators_needs_the_name_of_one(ax: Caller, files: Path, cases: None) -> None:
    for name in ("a", "b"):
        await upload(ax, files, name, [1.0, 0.0] * 30, **{"eval.tone.score": 1.0})
    refused = await ax.refused("plan_experiment", goal="better by 5 points", pilot=["a", "b"])
    assert "several evaluators" in refused["message"]
    assert refused["next"] == "Write 'NAME: better by 5 points'."
    assert (await ax.ask("plan_experiment", goal="tone: better by 5 points", pilot=["a", "b"]))["pilot_pairs"] == 60

"""Nulls and blank texts are values: from the rows of an experiment, over the tools, to the counts of a comparison."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.odd_provider import OddProvider, Reply, completion
from tests.traces import rest, send, span

from assaykit.judge.columns import text_at
from assaykit.settings import Settings


async def _experiment(ax: Caller, home: Path, name: str, outputs: list[str], **columns: list[Any]) -> None:
    """An experiment of these outputs over REST, whose dataset expects `yes` in every row."""
    made = await ax.ask("create_dataset", name=f"d-{name}", rows=[{"expected": "yes"} for _ in outputs])
    dataset_id = made["dataset"]["id"]
    async with rest(home) as client:
        listed = (await client.get(f"/v2/datasets/{dataset_id}/examples")).json()["examples"]
        runs = [
            {"example_id": example["id"], "output": output, **{key: cells[at] for key, cells in columns.items()}}
            for at, (example, output) in enumerate(zip(listed, outputs, strict=True))
        ]
        body = {"name": name, "dataset_id": dataset_id, "experiment_runs": runs}
        (await client.post("/v2/experiments", json=body)).raise_for_status()


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ({"code": "EXACT_MATCH"}, {"match": 3, "different": 3}),
        ({"code": "MATCHES_REGEX", "pattern": "^$"}, {"matches": 2, "no match": 4}),
        ({"code": "JSON_PARSEABLE"}, {"not parseable": 6}),
        ({"code": "CONTAINS_ANY_KEYWORD", "keywords": ["yes"]}, {"contains": 3, "missing": 3}),
    ],
)
async def test_a_blank_output_is_a_value_for_code(
    ax: Caller, settings: Settings, code: dict[str, Any], labels: dict[str, int]
) -> None:
    await _experiment(ax, settings.home, "v", ["yes", "yes", "yes", "", "", " \n"])
    await ax.ask("create_judge", name="j", **code)
    await ax.ask("create_task", name="t", dataset="d-v", experiments=["v"], evaluators=["j"])
    plan = await ax.ask("trigger_backfill", task="t", preview=True)
    assert not [one for one in plan["plan"]["evaluators"][0]["warnings"] if "have no" in one]
    run = (await ax.ask("trigger_backfill", task="t", wait=60))["run"]
    assert (run["num_successes"], run["num_skipped"]) == (6, 0)
    found = await ax.ask("get_experiment", experiment="v", limit=10)
    said = [one["label"] for row in found["runs"] for one in row["evaluations"]]
    assert {label: said.count(label) for label in said} == labels


async def test_the_blank_output_of_a_failed_row_is_no_output(ax: Caller, settings: Settings) -> None:
    errors = [None, None, "boom", "boom"]
    await _experiment(ax, settings.home, "v", ["yes", "", "", "no"], error=errors)
    await ax.ask("create_judge", name="j", code="EXACT_MATCH")
    await ax.ask("create_task", name="t", dataset="d-v", experiments=["v"], evaluators=["j"])
    run = (await ax.ask("trigger_backfill", task="t", wait=60))["run"]
    assert (run["num_successes"], run["num_skipped"]) == (3, 1)


async def test_a_judge_of_a_key_that_is_null_scores_every_row(settings: Settings) -> None:
    outputs = [json.dumps({"answer": f"a{at}", "error": "boom" if at < 2 else None}) for at in range(6)]

    def answer(body: Any) -> Reply:
        prompt = body["messages"][0]["content"]
        return Reply(completion(json.dumps({"label": "ok" if "\nnull\n" in prompt else "failed"})))

    with OddProvider(answer) as model:
        async with serving(settings, f"{model.address}/v1") as ax:
            await _experiment(ax, settings.home, "v", [*outputs, '{"answer": "none"}'])
            await ax.ask("create_judge", name="j", template="Judge {output.error}", choices={"ok": 1, "failed": 0})
            await ax.ask("create_task", name="t", dataset="d-v", experiments=["v"], evaluators=["j"])
            plan = await ax.ask("trigger_backfill", task="t", preview=True)
            run = (await ax.ask("trigger_backfill", task="t", wait=60))["run"]
            found = await ax.ask("get_experiment", experiment="v", limit=10)
    assert plan["plan"]["evaluators"][0]["warnings"] == [
        "output.error: 1 of 7 sampled rows have no output.error",
    ]
    assert (run["num_successes"], run["num_skipped"]) == (6, 1)
    said = [one["label"] for row in found["runs"] for one in row["evaluations"]]
    assert (said.count("ok"), said.count("failed")) == (4, 2)


async def test_a_judge_is_not_asked_about_blank_text(settings: Settings) -> None:
    with OddProvider(Reply(completion('{"label": "ok"}'))) as model:
        async with serving(settings, f"{model.address}/v1") as ax:
            await send(settings.home, [span("a", "x"), span("b", ""), span("c", " \n")])
            await ax.ask("create_judge", name="j", template="Judge {output}", choices={"ok": 1, "bad": 0})
            plan = await ax.ask("trigger_backfill", project="bot", evaluators=["j"], preview=True)
            done = await ax.ask("trigger_backfill", project="bot", evaluators=["j"], wait=60)
    assert plan["spending"]["calls"] == 1
    assert (done["run"]["num_successes"], done["run"]["num_skipped"]) == (1, 2)
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("row", "path", "text"),
    [
        ({"error": None}, "error", "null"),
        ({"output": '{"error": null}'}, "output.error", "null"),
        ({"output": {"error": None}}, "output.error", "null"),
        ({"attributes.output.value": '{"a": {"error": null}}'}, "output.value.a.error", "null"),
        ({"metadata": '{"deep.key": null}'}, "metadata.deep.key", "null"),
        ({"list": [1, None]}, "list.1", "null"),
        ({"list": [1, None]}, "list.2", None),
        ({"output": '{"answer": 1}'}, "output.error", None),
        ({"output": "null"}, "output.error", None),
        ({"output": None, "attributes.output.value": "x"}, "output", "x"),
        ({"output": " "}, "output", " "),
        ({"output": "", "error": "boom"}, "output", None),
        ({"output": "x", "error": "boom"}, "output", "x"),
        ({"output": None, "error": "boom"}, "output", None),
        ({"output": None, "status_code": "ERROR"}, "output", None),
        ({"output": None, "error": None}, "output", "null"),
        ({"output": {"a": None}, "error": "boom"}, "output", '{"a":null}'),
        ({}, "output", None),
    ],
)
def test_a_null_has_a_text_where_its_column_is(row: dict[str, Any], path: str, text: str | None) -> None:
    assert text_at(row, path) == text

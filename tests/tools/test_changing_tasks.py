"""`update_task`: what is given changes, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import rest, send, span

from assaykit.settings import Settings

ANSWERED = "attributes.output.value IS NOT NULL"


@pytest.fixture
async def policy(ax: Caller, bot: None) -> None:
    """A task over project "bot" with a filter and two code evaluators to choose from."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="policy", evaluators=["cites"], query_filter=ANSWERED)


async def task(ax: Caller) -> dict[str, Any]:
    found = (await ax.ask("get_task"))["task"]
    return {key: found.get(key) for key in ("name", "query_filter", "sampling_rate", "is_continuous", "evaluators")}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": "rules"}, {"name": "rules"}),
        ({"sampling_rate": 0.5}, {"sampling_rate": 0.5}),
        ({"sampling_rate": 0}, {"sampling_rate": 0}),
        ({"is_continuous": False}, {}),
        ({"query_filter": "name = 'a1'"}, {"query_filter": "name = 'a1'"}),
        ({"clear": ["query_filter"]}, {"query_filter": None}),
        ({"name": "rules", "clear": ["query_filter"]}, {"name": "rules", "query_filter": None}),
    ],
)
async def test_what_is_given_changes_and_the_rest_stays(
    ax: Caller, policy: None, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = await task(ax)
    answer = await ax.ask("update_task", task="policy", **arguments)
    assert await task(ax) == {**before, **expected}
    assert answer["task"]["name"] == expected.get("name", "policy")
    changed = [*arguments.get("clear", []), *(key for key in arguments if key != "clear")]
    assert sorted(answer["changed"]) == sorted(changed)


async def test_a_null_clears_nothing(ax: Caller, policy: None) -> None:
    await ax.ask("update_task", task="policy", query_filter=None, sampling_rate=0.5)
    assert (await task(ax))["query_filter"] == ANSWERED


async def test_the_answer_says_what_the_next_run_would_score(ax: Caller, policy: None) -> None:
    text = await ax.read("update_task", clear=["query_filter"])
    assert text.startswith("Changed task 'policy': query_filter cleared. It holds for its next run.\n- cites: 4 rows")
    assert await ax.read("update_task", name="rules") == "Changed task 'rules': name. It holds for its next run."


@pytest.mark.over_http("get_task", "update_task")
async def test_an_evaluator_that_stays_keeps_its_mappings_and_filter(ax: Caller, policy: None) -> None:
    own = {"name": "cites", "query_filter": "name != 'a2'", "column_mappings": {"output": "input"}}
    await ax.ask("update_task", evaluators=[own])
    await ax.ask("update_task", evaluators=["cites", "json"])
    cites, json = (await task(ax))["evaluators"]
    assert (cites["query_filter"], cites["column_mappings"]) == ("name != 'a2'", {"output": "input"})
    assert (json["evaluator_name"], json["column_mappings"]) == ("json", {"output": "attributes.output.value"})
    await ax.ask("update_task", evaluators=["json"])
    assert [one["evaluator_name"] for one in (await task(ax))["evaluators"]] == ["json"]


async def test_mappings_alone_reach_the_evaluators_that_are_there(ax: Caller, policy: None) -> None:
    await ax.ask("update_task", evaluators=[{"name": "cites", "query_filter": "name != 'a2'"}, "json"])
    await ax.ask("update_task", column_mappings={"output": "attributes.input.value"})
    for one in (await task(ax))["evaluators"]:
        assert one["column_mappings"] == {"output": "attributes.input.value"}
    assert (await task(ax))["evaluators"][0]["query_filter"] == "name != 'a2'"
    assert (await task(ax))["query_filter"] == ANSWERED


async def test_a_version_that_is_pinned_stays_pinned(ax: Caller, settings: Settings, policy: None) -> None:
    found = (await ax.ask("get_task"))["task"]
    evaluator = found["evaluators"][0]["evaluator_id"]
    async with rest(settings.home) as client:
        pin = (await client.get(f"/v2/evaluators/{evaluator}")).json()["version"]["id"]
        body = {"evaluators": [{"evaluator_id": evaluator, "evaluator_version_id": pin}]}
        assert (await client.patch(f"/v2/tasks/{found['id']}", json=body)).status_code == 200
    await ax.ask("update_task", evaluators=["json", "cites"], column_mappings={"output": "input"})
    pins = {one["evaluator_name"]: one.get("evaluator_version_id") for one in (await task(ax))["evaluators"]}
    assert pins == {"json": None, "cites": pin}


async def test_a_filter_that_matches_nothing_has_to_be_allowed(ax: Caller, policy: None) -> None:
    refusal = await ax.refused("update_task", query_filter="name = 'zzz'")
    assert refusal["message"].startswith("No existing span matches the filter \"name = 'zzz'\"")
    assert (await task(ax))["query_filter"] == ANSWERED
    await ax.ask("update_task", query_filter="name = 'zzz'", allow_empty=True)
    assert (await task(ax))["query_filter"] == "name = 'zzz'"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({}, "invalid", "Nothing to change was given."),
        ({"clear": []}, "invalid", "Nothing to change was given."),
        ({"query_filter": ANSWERED, "clear": ["query_filter"]}, "invalid", "query_filter is given and cleared."),
        ({"clear": ["name"]}, "invalid", "clear.0: expected one of 'query_filter'"),
        ({"clear": "query_filter"}, "invalid", "clear: input should be a valid list"),
        ({"name": ""}, "invalid", "name: "),
        ({"name": "format"}, "invalid", "This space has a task named 'format' already."),
        ({"sampling_rate": 2}, "invalid", "sampling_rate: input should be less than or equal to 1"),
        ({"evaluators": []}, "invalid", "evaluators: list should have at least 1 item"),
        ({"evaluators": ["sites"]}, "not_found", "No judge is named 'sites'. Near: 'cites'"),
        ({"evaluators": ["cites", "cites"]}, "invalid", "Evaluator 'cites' is named twice."),
        ({"column_mappings": {"answer": "x"}}, "invalid", "column_mappings names 'answer', which no evaluator has"),
        ({"column_mappings": {"output": "x"}}, "invalid", "'cites' finds no value on any of 3 rows for 'output'"),
        ({"query_filter": "nme = 'a'"}, "invalid", "Spans have no field 'nme'."),
        ({"query_filter": " "}, "invalid", "The filter is blank."),
        ({"task": "polcy", "name": "x"}, "not_found", "No task is named 'polcy'. Near: 'policy'"),
        ({"rate": 1}, "invalid", "rate: unknown name"),
    ],
)
async def test_a_change_that_cannot_be_meant_is_refused_and_changes_nothing(
    ax: Caller, policy: None, arguments: dict[str, Any], code: str, said: str
) -> None:
    await ax.ask("create_task", name="format", evaluators=["json"])
    before = (await ax.ask("get_task", task="policy"))["task"]
    refusal = await ax.refused("update_task", **{"task": "policy", **arguments})
    assert (refusal["code"], said in refusal["message"]) == (code, True), refusal
    assert (await ax.ask("get_task", task="policy"))["task"] == before


async def test_what_belongs_to_tasks_on_projects_is_refused_by_name(ax: Caller, policy: None, files: Path) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}])
    (files / "a.csv").write_text("key,output\nq1,[RET-1]\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="a.csv", key="key")
    await ax.ask("create_task", name="variants", evaluators=["cites"], experiments=["a"])
    refusal = await ax.refused("update_task", task="variants", sampling_rate=0.5, is_continuous=True, name="x")
    assert refusal["message"] == (
        "sampling_rate, is_continuous: only tasks on a project have that; 'variants' reads a dataset."
    )
    answer = await ax.ask("update_task", task="variants", query_filter="dataset.key = 'q1'")
    assert answer["task"]["query_filter"] == "dataset.key = 'q1'"


async def test_a_judge_does_not_join_code_evaluators(ax: Caller, settings: Settings, policy: None) -> None:
    async with rest(settings.home) as client:
        integration = await client.post(
            "/v2/ai-integrations",
            json={"name": "m", "provider": "CUSTOM", "base_url": "http://127.0.0.1:9/v1", "model_names": ["m"]},
        )
        assert integration.status_code == 201, integration.text
    await ax.ask("create_judge", name="tone", catalogue="tone", integration="m")
    refusal = await ax.refused("update_task", evaluators=["cites", "tone"])
    assert refusal["message"] == "Task 'policy' has only code evaluators, and 'tone' is none."


@pytest.mark.parametrize("granularity", ["trace", "session"])
async def test_an_own_filter_on_a_task_of_units_is_refused_and_not_dropped(
    ax: Caller, settings: Settings, granularity: str
) -> None:
    await send(settings.home, [span("s", "x", session__id="one")])
    await ax.ask("create_judge", name="j", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="whole", evaluators=["j"], granularity=granularity)
    own = [{"name": f"j ({granularity})", "query_filter": "name = 's'"}]
    refusal = await ax.refused("update_task", task="whole", evaluators=own)
    assert "has a filter of its own" in refusal["message"]
    await ax.ask("update_task", task="whole", query_filter="name = 's'")


@pytest.mark.parametrize(("given", "kept"), [({}, "name = 's'"), ({"query_filter": ""}, None)])
async def test_an_own_filter_stays_until_it_is_taken_away(
    ax: Caller, settings: Settings, given: dict[str, str], kept: str | None
) -> None:
    await send(settings.home, [span("s", "x"), span("t", "x")])
    await ax.ask("create_judge", name="j", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="one", evaluators=[{"name": "j", "query_filter": "name = 's'"}])
    await ax.ask("update_task", task="one", evaluators=[{"name": "j", **given}])
    (entry,) = (await ax.ask("get_task", task="one"))["task"]["evaluators"]
    assert entry.get("query_filter") == kept

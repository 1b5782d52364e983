"""A run that scored nothing says the first true cause and the call that helps."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.caller import Caller, serving, text_of
from tests.scripted_model import ScriptedModel
from tests.traces import rest, send, span

from assaykit.api.client import Api
from assaykit.engine.sampling import taken
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of
from assaykit.tools.runs.waiting import told_of
from assaykit.wire.runs import TaskRun

ANSWERED = "attributes.output.value IS NOT NULL"
TEMPLATE = "Was {input} answered by {output}? Answer 'good' or 'bad'."


@pytest.fixture
async def cites(ax: Caller, bot: None) -> Caller:
    """The code evaluator "cites" beside project "bot"."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    return ax


async def run_of(ax: Caller, name: str = "policy", **arguments: Any) -> dict[str, Any]:
    """An ended run of a task as get_run shows it."""
    given = {"window": "last 7 days", **arguments}
    done = await ax.ask("trigger_run", task=name, wait=30, **given)
    assert done["still_running"] is False
    return await ax.ask("get_run", run=done["run"]["id"])


def counts(data: dict[str, Any]) -> tuple[str, int, int, int]:
    run = data["run"]
    return (run["status"], run["num_successes"], run["num_errors"], run["num_skipped"])


async def play(ax: Caller, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answer to the call that a run proposes, which must succeed."""
    result = await ax.call(data["next"]["tool"], **data["next"]["arguments"], **more)
    assert not result.is_error, text_of(result)
    return data_of(result)


async def moments(ax: Caller) -> tuple[str, str]:
    """When the oldest and the newest span started, to the second."""
    spans = (await ax.ask("search_spans", window="everything"))["spans"]
    newest, oldest = (spans[at]["start_time"][:19] + "Z" for at in (0, -1))
    return oldest, newest


async def test_a_window_without_spans_is_told_with_where_the_spans_are(cites: Caller) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"])
    data = await run_of(cites, window="2020-01-01..2020-01-02")
    oldest, newest = await moments(cites)
    assert (
        data["run"]["failure_reason"]
        == data["cause"]["message"]
        == (
            "No data to score: no span started in the window, 2020-01-01T00:00:00Z to 2020-01-02T23:59:59Z. "
            f"The project's spans started from {oldest} to {newest}. Widen the window."
        )
    )
    assert data["next"]["tool"] == "trigger_backfill"
    assert counts(await play(cites, data, wait=30)) == ("COMPLETED", 3, 0, 1)


async def test_a_project_without_spans_is_told(cites: Caller, settings: Settings) -> None:
    async with rest(settings.home) as client:
        space = (await client.get("/v2/spaces")).json()["spaces"][0]["id"]
        (await client.post("/v2/projects", json={"space_id": space, "name": "new"})).raise_for_status()
    await cites.ask("create_task", name="policy", evaluators=["cites"], project="new")
    data = await run_of(cites)
    assert data["run"]["failure_reason"] == (
        "No data to score: the project has no span. Send spans to it, then trigger again."
    )
    await send(settings.home, [span("n1", "[RET-1]")], "new")
    assert [one["name"] for one in (await play(cites, data))["spans"]] == ["n1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 'zzz'", ""),
        ("name = 'zzz' AND status_code = 'OK'", " \"name = 'zzz'\" matches none by itself."),
        ("name = 'z' AND latency_ms < 0", " \"name = 'z'\" and 'latency_ms < 0' match none by itself."),
        ("name = 'a1' AND name = 'a2'", " Each of its conditions matches some, but no row matches all."),
    ],
)
async def test_a_filter_that_takes_none_is_told_with_the_condition_at_fault(
    cites: Caller, text: str, said: str
) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"], query_filter=text, allow_empty=True)
    data = await run_of(cites)
    assert data["run"]["failure_reason"] == (
        f"No data to score: none of the 4 spans in the window matches the task's filter {text!r}.{said} "
        "Widen the filter."
    )
    assert counts(data) == ("CANCELLED", 0, 0, 0)
    assert len((await play(cites, data))["spans"]) == data["cause"]["rows"] == 4
    assert "then update_task(task='policy', query_filter=...)" in await cites.read("get_run", run=data["run"]["id"])


async def test_a_sample_of_nothing_is_told_and_raised(cites: Caller) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"], sampling_rate=0)
    data = await run_of(cites)
    assert data["run"]["failure_reason"] == (
        "No data to score: the sampling rate takes none of the 4 matching rows. Raise it."
    )
    assert data["selection"]["sampled_out"] == 4
    await play(cites, data)
    assert counts(await run_of(cites)) == ("COMPLETED", 3, 0, 1)


async def test_an_evaluator_whose_own_filter_takes_none_is_told(cites: Caller) -> None:
    own = [{"name": "cites", "query_filter": "name = 'zzz'"}]
    await cites.ask("create_task", name="policy", evaluators=own, allow_empty=True)
    data = await run_of(cites)
    assert data["run"]["failure_reason"] == (
        "No data to score: no evaluator's own filter matches any of the 4 rows. Widen it."
    )
    await play(cites, data)
    text = await cites.read("get_run", run=data["run"]["id"])
    assert "Next: get_task(task='policy') shows the evaluators' filters" in text


async def test_rows_that_are_all_labelled_are_told_and_scored_anew(cites: Caller) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"], query_filter=ANSWERED)
    await run_of(cites)
    data = await run_of(cites)
    assert data["run"]["failure_reason"] == (
        "All 3 matching rows are labelled by these evaluators already. "
        "Trigger again with override_evaluations=true to score them anew."
    )
    assert "override_evaluations=true)." in await cites.read("get_run", run=data["run"]["id"])
    assert counts(await play(cites, data, wait=30)) == ("COMPLETED", 3, 0, 0)


async def test_a_row_that_is_left_without_an_output_is_no_reason_to_map_another_column(cites: Caller) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"])
    assert counts(await run_of(cites)) == ("COMPLETED", 3, 0, 1)
    data = await run_of(cites)
    assert counts(data) == ("COMPLETED", 0, 0, 1)
    assert data["run"]["failure_reason"] == (
        "No row was scored: all 1 were skipped. Most common cause: The row has no value for 'output'. "
        "The 3 other rows that match are labelled already."
    )
    assert (data["cause"]["code"], data["next"]["tool"]) == ("left_over", "search_spans")
    (left,) = (await cites.ask("search_spans", **data["next"]["arguments"]))["spans"]
    assert left["output"] is None


async def test_a_column_that_no_row_has_is_named_with_columns_near_it(cites: Caller, settings: Settings) -> None:
    await send(settings.home, [span("old", None, minutes_ago=60 * 48, output__text="[RET-1]")])
    mappings = {"output": "attributes.output.text"}
    await cites.ask("create_task", name="policy", evaluators=["cites"], column_mappings=mappings)
    data = await run_of(cites, window="last 2 hours")
    assert counts(data) == ("COMPLETED", 0, 0, 4)
    near = data["cause"]["near"]
    assert near[0] == "attributes.output.value"
    assert len(near) <= 3
    assert data["run"]["failure_reason"] == (
        "No row was scored: all 4 were skipped. Most common cause: The row has no value for 'output'. "
        "'cites' reads 'output' from column 'attributes.output.text', which is empty. "
        f"Near columns that rows have: {', '.join(repr(one) for one in near)}."
    )
    assert data["next"]["arguments"]["column_mappings"] == {"output": "attributes.output.value"}
    await play(cites, data)
    assert counts(await run_of(cites, window="last 2 hours")) == ("COMPLETED", 3, 0, 1)


async def test_a_refused_key_is_named_by_its_variable_and_the_call_works_with_the_right_one(
    settings: Settings, bot: None
) -> None:
    with ScriptedModel(lambda _: "good", key="another") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"], query_filter=ANSWERED)
            data = await run_of(ax)
            text = await ax.read("get_run", run=data["run"]["id"])
    assert (data["run"]["status"], data["cause"]["code"]) == ("FAILED", "key")
    assert "did not accept the key in OPENAI_API_KEY" in data["cause"]["message"]
    assert "Next: Set the variable named above where the server starts, start it again, then trigger_backfill(" in text
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            assert counts(await play(ax, data, wait=30)) == ("COMPLETED", 3, 0, 0)


async def test_a_model_that_is_none_is_told_and_the_call_works_with_another(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good", models=["right"]) as model:
        async with serving(settings, model.url) as ax:
            judge = {"name": "helpful", "template": TEMPLATE, "choices": {"good": 1, "bad": 0}}
            await ax.ask("create_judge", **judge, model="wrong")
            await ax.ask("create_task", name="policy", evaluators=["helpful"], query_filter=ANSWERED)
            data = await run_of(ax)
            assert data["cause"]["code"] == "model"
            assert "has no model 'wrong'" in data["cause"]["message"]
            await ax.ask("create_judge", **judge, model="right", new_version=True)
            assert counts(await play(ax, data, wait=30)) == ("COMPLETED", 3, 0, 0)


@pytest.mark.parametrize("number", [3, 40])
async def test_the_key_is_the_cause_of_a_run_that_was_given_up_too(settings: Settings, number: int) -> None:
    await send(settings.home, [span(f"s{n}", "x") for n in range(number)])
    with ScriptedModel(lambda _: "good", key="another") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"])
            data = await run_of(ax)
    assert (data["run"]["status"], data["cause"]["code"]) == ("FAILED", "key")
    assert data["next"]["tool"] == "trigger_backfill"


async def test_the_commonest_error_is_the_cause_where_no_other_is_known(settings: Settings, bot: None) -> None:
    said = ["excellent"]
    with ScriptedModel(lambda _: said[0]) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"], query_filter=ANSWERED)
            data = await run_of(ax)
            assert data["cause"] == {
                "code": "errors",
                "message": data["errors"][0]["reason"],
                "conditions": [],
                "near": [],
            }
            assert "excellent" in data["cause"]["message"]
            assert "Next: Correct the cause above, then trigger_" in await ax.read("get_run", run=data["run"]["id"])
            said[0] = "good"
            assert counts(await play(ax, data, wait=30)) == ("COMPLETED", 3, 0, 0)


@pytest.mark.over_http("cancel_run", "get_run", "trigger_run")
async def test_a_run_that_somebody_stopped_has_no_other_cause(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good", latency_s=20) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"], query_filter=ANSWERED)
            run = (await ax.ask("trigger_run", task="policy", window="last 7 days"))["run"]["id"]
            await ax.ask("cancel_run", run=run)
            data = await ax.ask("get_run", run=run)
            assert counts(data) == ("CANCELLED", 0, 0, 0)
            assert not {"cause", "next"} & data.keys()


async def test_experiments_whose_runs_the_filter_refuses_are_told(cites: Caller, files: Path) -> None:
    await cites.ask("create_dataset", name="questions", rows=[{"key": "q1"}, {"key": "q2"}])
    (files / "a.csv").write_text("key,output\nq1,[RET-1]\nq2,no\n", encoding="utf-8")
    await cites.ask("upload_experiment", file="a.csv", key="key")
    await cites.ask(
        "create_task", name="variants", evaluators=["cites"], experiments=["a"],
        query_filter="output = 'no' AND key = 'q3'", allow_empty=True,
    )  # fmt: skip
    data = await run_of(cites, "variants", window=None)
    assert data["run"]["failure_reason"] == (
        "No data to score: none of the 2 runs of the experiments matches the task's filter "
        "\"output = 'no' AND key = 'q3'\". \"key = 'q3'\" matches none by itself. Widen the filter."
    )
    assert (await play(cites, data))["experiment"]


async def test_what_a_partial_run_left_out_is_counted(cites: Caller, settings: Settings) -> None:
    await send(settings.home, [span(f"s{number}", "[RET-1]") for number in range(40)], "many")
    entry = [{"name": "cites", "query_filter": "name != 's0'"}]
    await cites.ask("create_task", name="first", evaluators=["cites"], project="many", sampling_rate=0.3)
    await cites.ask("create_task", name="policy", evaluators=entry, project="many", sampling_rate=0.7)
    every = (await cites.ask("search_spans", project="many", limit=100))["spans"]
    sample = {one["name"] for one in every if taken(one["span_id"], 0.7)}
    labelled = {one["name"] for one in every if taken(one["span_id"], 0.3)} - {"s0"}
    await run_of(cites, "first")
    data = await run_of(cites)
    chosen = len(sample - labelled - {"s0"})
    assert data["selection"] == {
        "matched": 40,
        "sampled_out": 40 - len(sample),
        "filtered_out": len(sample & {"s0"}),
        "labelled": len(labelled),
        "outdated": 0,
        "chosen": chosen,
        "capped": False,
    }
    assert counts(data) == ("COMPLETED", chosen, 0, 0)
    text = await cites.read("get_run", run=data["run"]["id"])
    assert f"Of 40 rows that match, {chosen} chosen; {40 - len(sample)} left out by the sampling rate" in text
    assert f"{len(labelled)} labelled already" in text


async def test_tokens_stay_those_of_the_run_when_its_verdicts_are_replaced(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="policy", evaluators=["helpful"], query_filter=ANSWERED)
            first = await run_of(ax)
            assert first["tokens"]["prompt"] == sum(len(prompt.split()) for prompt in model.prompts)
            assert (first["tokens"]["completion"], first["tokens"]["answers"]) == (21, 3)
            await run_of(ax, override_evaluations=True)
            assert (await ax.ask("get_run", run=first["run"]["id"]))["tokens"] == first["tokens"]


async def test_while_a_run_works_its_pace_and_the_time_left_are_told(settings: Settings) -> None:
    now = datetime(2026, 1, 2, 0, 0, 10, tzinfo=UTC)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"total": 100})

    here = session(
        Api(httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x"), "local"), settings
    )
    here = replace(here, now=lambda: now)
    run = TaskRun.model_validate(
        {"id": "r", "status": "RUNNING", "run_started_at": "2026-01-02T00:00:00Z", "num_successes": 15, "num_errors": 5}
    )
    text, data = await told_of(here, run)
    assert "20 of 100 done, 2 rows a second, about 40 s left" in text
    assert data["pace"] == {"rows_per_second": 2.0, "seconds_left": 40.0}

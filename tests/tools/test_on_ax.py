"""Calls that need a route of the engine, on a backend without it: the refusal says how AX does the job.

The backend is an engine process behind a stand-in for AX, which knows the routes of the contract and no others.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult
from tests.caller import Caller
from tests.conftest import spans_of_bot
from tests.e2e.processes import KEY, engine, environment
from tests.forwarding import Forwarder
from tests.loopback import Served
from tests.tools.test_default_texts import MESSAGES, RAW, trace_of_two
from tests.traces import send, span

from assaykit.server import create_server
from assaykit.settings import Settings

MODEL_KEY = "sk-planted-0123456789abcdef"
KIND = {"name": "kind", "template": "Is {output} kind?", "choices": {"yes": 1, "no": 0}}
OF_THE_ENGINE = ("OPENAI_API_KEY", "assaykit engine")


class StandIn:
    """Settings that lead to the stand-in, and what it was asked."""

    def __init__(self, settings: Settings, forwarder: Forwarder) -> None:
        self.settings = settings
        self.forwarder = forwarder


@asynccontextmanager
async def standing_in(folder: Path) -> AsyncGenerator[StandIn]:
    """A stand-in whose space has the project "bot" and the code evaluator "cites"."""
    home = folder / "home"
    await send(home, spans_of_bot())
    with engine(environment(home, HOME=str(folder)), folder / "engine.log") as url:
        forwarder = Forwarder(url, like_ax=True)
        with Served(forwarder, lifespan=True) as served:
            settings = Settings(
                backend="ax", ax_key=KEY, ax_url=served.address, home=home, toolsets=("all",), structured=True
            )
            async with Client(create_server(settings)) as client:
                await Caller(client, settings).ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[")
            yield StandIn(settings, forwarder)


@pytest.fixture(scope="module")
async def stand_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[StandIn]:
    """The stand-in that the tests of this module share. They run in any order."""
    async with standing_in(tmp_path_factory.mktemp("ax")) as made:
        yield made


@pytest.fixture
async def arize(stand_in: StandIn) -> AsyncGenerator[Caller]:
    """A caller with a session of its own."""
    stand_in.forwarder.asked.clear()
    async with Client(create_server(stand_in.settings)) as client:
        yield Caller(client, stand_in.settings)


async def test_the_status_names_ax_and_tells_of_no_store(arize: Caller) -> None:
    told = await arize.ask("get_status")
    assert (told["backend"], told["spaces"], "store" in told) == ("ax", ["default"], False)
    text = await arize.read("get_status")
    assert " on Arize AX\n" in text
    assert "Store:" not in text
    assert "Next: `list_projects`, then `search_spans`." in text


async def test_a_search_tells_the_least_number_that_can_match(arize: Caller) -> None:
    assert (await arize.read("search_spans", project="bot", limit=2)).startswith("2 of at least 3 span(s) of 'bot'")
    found = await arize.ask("search_spans", project="bot", limit=2)
    assert (found["total"], found["total_is_exact"]) == (3, False)
    found = await arize.ask("search_spans", project="bot", limit=2, cursor=found["next_cursor"])
    assert (found["total"], found["total_is_exact"]) == (3, False)
    found = await arize.ask("search_spans", project="bot", filter="metadata.teir = 'x' OR name = 'a1'")
    assert (found["total"], found["total_is_exact"]) == (1, True)
    assert found["absent"] == ["None of the newest 4 spans has 'attributes.metadata.teir'."]


async def test_a_session_asks_once_what_there_is(arize: Caller, stand_in: StandIn) -> None:
    for _ in range(3):
        await arize.ask("get_status")
    assert stand_in.forwarder.asked.count("GET /x/status") == 1


@pytest.mark.over_http("preview_judge", "unsupported")
async def test_a_preview_shows_the_mapping_and_says_that_a_small_run_calls_the_model(arize: Caller) -> None:
    given: dict[str, Any] = {"judge": "cites", "project": "bot", "filter": "name = 'a1'"}
    assert await arize.refused("preview_judge", **given) == {
        "code": "unsupported",
        "message": "Arize AX calls a judge's model only inside a task run.",
        "next": "Look with render_judge, then trigger a backfill over a short window.",
    }
    told = await arize.ask("render_judge", **given)
    assert told["column_mappings"] == {"output": "attributes.output.value"}
    assert told["results"] is None


async def test_evaluations_from_elsewhere_are_a_call_of_the_sdk(arize: Caller) -> None:
    refusal = await arize.refused("log_evaluations", rows=[{"span_id": "x", "eval.tone.label": "kind"}])
    assert refusal["code"] == "unsupported"
    assert "it takes them over Arrow Flight" in refusal["message"]
    assert "spans.update_evaluations(" in refusal["next"]


async def test_a_queue_is_an_annotation_queue_of_a_user_there(arize: Caller, stand_in: StandIn) -> None:
    asked: dict[str, Any] = {"queue": "first", "label": "warm", "project": "bot", "n": 2}
    refusal = await arize.refused("label_queue", **asked)
    assert refusal["message"] == "Arize AX gives a queue to people by e-mail."
    asked["person"] = "ann@example.com"
    refusal = await arize.refused("label_queue", **asked)
    assert refusal["message"] == "Arize AX has no annotation config 'warm' yet, and a queue there needs one."
    assert "POST /v2/annotation-queues" not in stand_in.forwarder.asked
    newest = (await arize.ask("search_spans", project="bot", limit=1))["spans"][0]["span_id"]
    await arize.ask("annotate", name="warm", targets=[newest], label="yes", choices={"yes": 1, "no": 0}, project="bot")
    told = await arize.ask("label_queue", **asked)
    assert (told["records"], told["left"], len(told["items"])) == (2, 2, 2)
    rows = [{"span_id": told["items"][0]["span_id"], "label": "no", "annotator": asked["person"]}]
    await arize.ask("annotate", name="warm", rows=rows, project="bot")
    assert (await arize.ask("label_queue", queue="first", person=asked["person"]))["done"] == 1
    refusal = await arize.refused("label_queue", queue="second", label="warm", experiment="any")
    assert refusal["message"] == "Arize AX has no queues of an experiment's runs."


async def test_a_run_is_followed_to_its_end_and_the_page_with_the_causes_is_named(arize: Caller) -> None:
    run = await arize.ask("trigger_backfill", evaluators=["cites"], project="bot", window="last 7 days")
    told = await arize.read("wait_for_run", run=run["run"]["id"])
    assert "3 scored, 0 failed, 1 skipped" in told
    assert "Arize AX tells no causes over REST: they are in the run's log, on the task's page." in told
    assert {total for _, total in arize.progress} == {None}
    data = await arize.ask("get_run", run=run["run"]["id"])
    assert data.keys() & {"labels", "errors", "skipped"} == set()


async def test_a_limit_that_ax_does_not_have_is_refused_before_anything_is_triggered(arize: Caller) -> None:
    await arize.ask("create_task", name="once", evaluators=["cites"], project="bot")
    for limit in ({"max_rows": 2}, {"max_cost": 0.5}):
        refusal = await arize.refused("trigger_run", task="once", window="last 7 days", **limit)
        assert refusal["message"] == f"Arize AX does not stop a run at {next(iter(limit))}."
        assert "max_spans" in refusal["next"]
    assert (await arize.ask("list_runs", task="once"))["runs"] == []


async def test_a_refused_limit_makes_no_task_and_the_preview_refuses_it_too(arize: Caller, stand_in: StandIn) -> None:
    given: dict[str, Any] = {"evaluators": ["cites"], "project": "bot", "query_filter": "name = 'a1'", "max_cost": 1.0}
    for preview in (True, False):
        refusal = await arize.refused("trigger_backfill", **given, preview=preview)
        assert refusal["message"] == "Arize AX does not stop a run at max_cost."
    assert "POST /v2/tasks" not in stand_in.forwarder.asked


async def test_a_limit_of_a_continuous_task_is_refused_and_nothing_is_written(arize: Caller, stand_in: StandIn) -> None:
    await arize.ask("create_task", name="limited", evaluators=["cites"], project="bot", is_continuous=True)
    stand_in.forwarder.asked.clear()
    other = {"name": "other", "evaluators": ["cites"], "project": "bot", "is_continuous": True}
    for tool, given in (
        ("create_task", {**other, "max_cost": 1.0}),
        ("update_task", {"task": "limited", "max_cost": 1.0}),
        ("update_task", {"task": "limited", "clear": ["max_cost"]}),
    ):
        refusal = await arize.refused(tool, **given)
        assert refusal["message"] == "Arize AX does not stop a task at max_cost."
    reads = ("GET", "POST /v2/spans")
    assert [one for one in stand_in.forwarder.asked if not one.startswith(reads)] == []
    await arize.ask("delete_task", task="limited", confirm="limited")


async def test_a_judge_on_ax_without_an_integration_is_told_to_make_one(tmp_path: Path) -> None:
    async with standing_in(tmp_path) as alone, Client(create_server(alone.settings)) as client:
        refusal = await Caller(client, alone.settings).refused("create_judge", **KIND)
    assert "`create_integration`" in refusal["next"]
    assert not any(words in str(refusal) for words in OF_THE_ENGINE)


async def test_what_is_said_of_the_engine_is_not_said_of_ax(arize: Caller) -> None:
    texts = [await arize.read("get_status"), await arize.read("list_projects", space="default", name=None)]
    refusals = [await arize.refused("create_judge", **KIND, integration="none")]
    made = await arize.ask("create_task", name="late", evaluators=["cites"], project="bot", is_continuous=True)
    texts += [str(made), *(str(refusal) for refusal in refusals)]
    await arize.ask("update_task", task="late", is_continuous=False)
    texts.append(await arize.read("update_task", task="late", is_continuous=True))
    await arize.ask("update_task", task="late", is_continuous=False)
    assert not [text for text in texts if any(words in text for words in OF_THE_ENGINE)]


async def test_a_backfill_says_how_far_back_ax_takes_evaluations(arize: Caller) -> None:
    await arize.ask("create_task", name="old", evaluators=["cites"], project="bot")
    said = "Arize AX takes evaluations of spans of the last 14 days only; older spans get none."
    assert said in await arize.read("trigger_backfill", task="old", window="last 20 days", preview=True)
    assert said not in await arize.read("trigger_backfill", task="old", window="last 7 days", preview=True)


async def test_of_a_continuous_task_it_is_said_that_ax_does_not_tell_when_it_runs(arize: Caller) -> None:
    made = await arize.ask("create_task", name="watch", evaluators=["cites"], project="bot", is_continuous=True)
    assert made["schedule"]["worker"] == "Arize AX"
    text = await arize.read("get_task", task="watch")
    assert "Runs continuously: AX has a rolling schedule for it and does not tell when." in text
    await arize.ask("update_task", task="watch", is_continuous=False)


async def test_an_integration_is_made_without_a_test_and_its_key_is_sent_itself(stand_in: StandIn) -> None:
    settings = replace(stand_in.settings, environment={"OPENAI_API_KEY": MODEL_KEY})
    async with Client(create_server(settings)) as client:
        arize = Caller(client, settings)
        made = await arize.ask("create_integration", name="g", provider="OPEN_AI", model_names=["m"])
        assert MODEL_KEY not in str(made)
        # The engine behind the stand-in keeps a key that was sent itself apart from its store.
        assert MODEL_KEY in (stand_in.settings.home / "model-keys.json").read_text(encoding="utf-8")
        refusal = await arize.refused("create_integration", name="g", provider="OPEN_AI", keyring_entry="mine")
        assert refusal["message"] == "On Arize AX the key is read from a variable."
        told = await arize.ask(
            "create_integration", name="far", provider="CUSTOM", base_url="https://host/v1", model_names=["m"]
        )
        assert told["tested"] is False
        aws: dict[str, Any] = {"provider": "AWS_BEDROCK", "model_names": ["m"]}
        role = {"role_arn": "arn:aws:iam::123456789012:role/judges"}
        refusal = await arize.refused(
            "create_integration", name="b", provider_metadata=role | {"region": "eu-west-3"}, **aws
        )
        assert refusal["message"] == "Arize AX takes no region of AWS_BEDROCK."
        told = await arize.ask("create_integration", name="b", provider_metadata=role, **aws)
        assert told["integration"]["provider_metadata"] == role | {"kind": "AWS"}
    assert not [one for one in stand_in.forwarder.asked if one.endswith("/check")]


async def test_the_question_before_a_delete_names_ax(stand_in: StandIn) -> None:
    asked: list[str] = []

    async def decline(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with Client(create_server(stand_in.settings), elicitation_callback=decline) as client:
        told = await Caller(client, stand_in.settings).ask("delete_resource", kind="project", name="bot")
    assert told["deleted"] is False
    assert " from Arize AX, with its spans, verdicts and tasks?" in asked[0]


async def test_the_same_address_with_the_engines_own_routes_is_called_an_engine(stand_in: StandIn) -> None:
    with Served(Forwarder(stand_in.forwarder.url), lifespan=True) as served:
        settings = replace(stand_in.settings, ax_url=served.address)
        async with Client(create_server(settings)) as client:
            text = await Caller(client, settings).read("get_status")
    assert f" on the engine at {settings.ax_url.removeprefix('http://')}\n" in text
    assert "Store: 4 spans" in text


async def test_why_a_run_scored_nothing_is_found_out_over_rest(arize: Caller) -> None:
    fields = {"evaluators": ["cites"], "project": "bot", "allow_empty": True}
    await arize.ask("create_task", name="nobody", query_filter="name = 'zz' AND status_code = 'OK'", **fields)
    run = await arize.ask("trigger_run", task="nobody", window="last 7 days", wait=30)
    text = await arize.read("get_run", run=run["run"]["id"])
    assert (
        "As the project is now: None of the 4 spans in the window matches the task's filter "
        "\"name = 'zz' AND status_code = 'OK'\". \"name = 'zz'\" matches none by itself."
    ) in text
    following = run["next"]
    assert len((await arize.ask(following["tool"], **following["arguments"]))["spans"]) == 4
    early = await arize.ask("trigger_run", task="nobody", window="2020-01-01..2020-01-02", wait=30)
    assert early["cause"]["code"] == "no_rows"
    assert early["cause"]["newest"][:10] in str(early["next"])
    await arize.ask("create_task", name="none", **fields, sampling_rate=0)
    sampled = await arize.ask("trigger_run", task="none", window="last 7 days", wait=30)
    assert sampled["cause"]["code"] == "sampling"


async def test_a_run_over_labelled_rows_is_found_out_over_rest_and_the_call_works(arize: Caller) -> None:
    only = {"query_filter": "attributes.output.value IS NOT NULL"}
    await arize.ask("create_task", name="answered", evaluators=["cites"], project="bot", **only)
    await arize.ask("trigger_run", task="answered", window="last 7 days", wait=30)
    again = await arize.ask("trigger_run", task="answered", window="last 7 days", wait=30)
    assert (again["run"]["status"], again["cause"]["code"]) == ("CANCELLED", "labelled")
    done = await arize.ask(again["next"]["tool"], **again["next"]["arguments"], wait=30)
    assert done["run"]["num_successes"] == 3
    assert "pace" in done


async def test_the_rows_of_a_run_are_not_told_and_the_call_that_comes_near_is(arize: Caller) -> None:
    await arize.ask("create_task", name="early", evaluators=["cites"], project="bot")
    run = await arize.ask("trigger_run", task="early", window="2026-01-01..2026-01-02")
    refusal = await arize.refused("search_spans", run=run["run"]["id"])
    assert refusal["message"] == "Arize AX does not tell over REST which spans a run selected."
    assert refusal["next"].startswith("What was scored: search_spans(project='bot', window='2026-01-01T00:00:00Z..")
    assert "filter='eval.cites.label IS NOT NULL')" in refusal["next"]
    refusal = await arize.refused("get_run", run=run["run"]["id"], rows=True)
    assert refusal["message"] == "Arize AX shows the rows of a run only on the run's log page."


async def test_a_column_without_a_value_is_found_out_over_rest(arize: Caller) -> None:
    await arize.ask("create_task", name="newest", evaluators=["cites"], project="bot")
    run = await arize.ask("trigger_run", task="newest", window="last 15 minutes", wait=30)
    assert (run["run"]["num_successes"], run["run"]["num_skipped"]) == (0, 1)
    assert run["cause"]["code"] == "no_value"
    assert run["cause"]["message"].startswith(
        "'cites' reads 'output' from column 'attributes.output.value', which is empty."
    )


async def test_ax_asks_the_model_and_nothing_there_enforces_dollars(stand_in: StandIn) -> None:
    settings = replace(stand_in.settings, ask_above_calls=2, ask_above_dollars=0.5)
    async with Client(create_server(settings)) as client:
        arize = Caller(client, settings)
        given: dict[str, Any] = {"provider": "CUSTOM", "base_url": "https://models.example:8443/v1"}
        await arize.ask("create_integration", name="wide", **given, model_names=["m"])
        judge = {"template": "Is {output} kind?", "choices": {"yes": 1, "no": 0}, "integration": "wide"}
        await arize.ask("create_judge", name="kind", **judge)
        said = [
            "4 calls to models for 4 rows, about ",
            " tokens, price unknown",
            "Arize AX asks the model m at models.example:8443 with: the prompt, attributes.output.value",
            "Nothing on Arize AX enforces dollars; max_spans=9 bounds the rows of each run",
        ]
        backfill: dict[str, Any] = {"project": "bot", "evaluators": ["kind"], "max_spans": 9}
        text = await arize.read("preview_backfill", **backfill)
        assert [one for one in [*said, "needs confirm_cost=4"] if one not in text] == []
        stand_in.forwarder.asked.clear()
        refusal = await arize.refused("trigger_backfill", **backfill, confirm_cost=3)
        assert "confirm_cost has to be 4 and not 3" in refusal["message"]
        assert [one for one in said if one not in refusal["message"]] == []
        written = {"POST /v2/tasks", "POST /v2/evaluators"}
        assert written & {*stand_in.forwarder.asked} == set()
        text = await arize.read("trigger_backfill", **backfill, confirm_cost=4)
        assert [one for one in [*said, "No person agreed to the 4 calls"] if one not in text] == []
        watch = {"name": "kind watch", "project": "bot", "evaluators": ["kind"], "is_continuous": True}
        refusal = await arize.refused("create_task", **watch)
        assert "About 0.6 calls a day at last week's rate" in refusal["message"]
        assert (
            "Nothing on Arize AX limits dollars; update_task(is_continuous=false) ends the task" in refusal["message"]
        )


async def test_a_calibration_says_how_a_judge_is_asked_twice_without_the_label_before(
    stand_in: StandIn, tmp_path: Path
) -> None:
    rows = [{"key": f"q{n}", "people": "bad" if n < 2 else "good"} for n in range(4)]
    said = {"output": "x", "eval.tone.label": "good", "eval.tone.metadata.model": "m-1"}
    lines = [json.dumps({"key": row["key"], **said}) for row in rows]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = replace(stand_in.settings, folders=(tmp_path,))
    async with Client(create_server(settings)) as client:
        arize = Caller(client, settings)
        await arize.ask("create_dataset", name="cases", rows=rows)
        await arize.ask("upload_experiment", file="judged.jsonl", dataset="cases", key="key", name="judged")
        text = await arize.read("calibrate_judge", judge="tone", truth="people", experiments=["judged"])
    assert "Judge some rows with a copy of tone too, and hold one against the other." in text


RAW_SAID = "On Arize AX, output <- attributes.output.value is the value as it was sent; an engine reads the text of"
BEFORE = {"output": "attributes.output.value"}


@pytest.mark.parametrize("mappings", [None, {"output": "output"}, {"output": "output.value"}])
async def test_on_ax_a_task_gets_the_path_that_ax_resolves(
    arize: Caller, stand_in: StandIn, mappings: dict[str, str] | None
) -> None:
    await send(stand_in.settings.home, [span("one", RAW, asked="{}", **MESSAGES)], project="cats")
    asked: dict[str, Any] = {"evaluators": ["cites"], "project": "cats", "column_mappings": mappings}
    plan = await arize.read("create_task", name="c", preview=True, **asked)
    assert RAW_SAID in plan
    made = await arize.ask("create_task", name=f"c {mappings}", **asked)
    assert made["plan"]["evaluators"][0]["column_mappings"] == BEFORE
    text = await arize.read("get_task", task=made["task"]["id"])
    assert RAW_SAID in text
    assert "update_task" not in text


async def test_on_ax_it_is_said_that_a_trace_joins_its_spans(arize: Caller, stand_in: StandIn) -> None:
    await send(stand_in.settings.home, trace_of_two(), project="trees")
    asked: dict[str, Any] = {"evaluators": ["cites"], "project": "trees", "granularity": "trace"}
    made = await arize.read("create_task", name="tree", **asked)
    said = "On Arize AX, output <- attributes.output.value joins the values of all spans of a trace"
    assert said in made
    assert said in await arize.read("get_task", task="tree")


@pytest.mark.parametrize("path", ["event.retry.attributes.reason", "exception.message"])
async def test_on_ax_a_path_of_the_engine_alone_is_told(arize: Caller, path: str) -> None:
    mapped = {"output": path}
    said = await arize.refused("create_task", name="e", evaluators=["cites"], project="bot", column_mappings=mapped)
    assert path in said["message"]


async def test_on_ax_plain_spans_need_no_remark(arize: Caller) -> None:
    plan = await arize.read("create_task", name="p", evaluators=["cites"], project="bot", preview=True)
    assert "On Arize AX" not in plan

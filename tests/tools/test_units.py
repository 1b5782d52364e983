"""Tasks on whole traces and sessions through the tools, from the judge to the labels."""

from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import Span, id_of, rest, send, span

from assaykit.settings import Settings


def within(trace: str, name: str, output: str | None = "fine", *, parent: str | None = None, **attributes: Any) -> Span:
    """A span of the trace that is called after its first span."""
    found = dict(span(name, output, **attributes))
    found["traceId"] = span(trace)["traceId"]
    return found | ({} if parent is None else {"parentSpanId": id_of(parent)})


def trace_id(trace: str) -> str:
    return span(trace)["traceId"]


@pytest.fixture
async def talks(settings: Settings, ax: Caller) -> None:
    """Two traces of session "one", one trace without a session, and a code evaluator."""
    await send(
        settings.home,
        [
            within("t1", "t1", "We refund you.", minutes_ago=30, session__id="one", asked="Money back?"),
            within(
                "t1", "tool", "policy", parent="t1", minutes_ago=29, session__id="one", kind="TOOL", asked="look up"
            ),
            within("t2", "t2", "Bye.", minutes_ago=20, session__id="one", asked="Thanks"),
            within("t3", "t3", "Nothing.", minutes_ago=10, asked="Hello?"),
        ],
    )
    await ax.ask("create_judge", name="refunds", code="CONTAINS_ANY_KEYWORD", keywords=["refund"])


def verdicts(found: dict[str, Any], name: str) -> dict[str, str]:
    """The labels of that name, by span."""
    return {one["name"]: each["label"] for one in found["spans"] for each in one["evaluations"] if each["name"] == name}


async def test_a_task_on_traces_labels_whole_traces(ax: Caller, talks: None) -> None:
    made = await ax.ask("create_task", name="whole", evaluators=["refunds"], granularity="trace")
    share = made["plan"]["evaluators"][0]
    assert (share["evaluator"], share["rows_matched"], share["rows_to_score"]) == ("refunds (trace)", 3, 3)
    task = (await ax.ask("get_task"))["task"]
    mapping: dict[str, Any] = {"variable_name": "output", "query_ids": [], "attribute_path": "output"}
    assert task["evaluators"][0]["query_mappings"] == [mapping]
    run = (await ax.ask("trigger_backfill", task="whole", wait=20))["run"]
    assert (run["status"], run["num_successes"]) == ("COMPLETED", 3)
    expected = {"t1": "contains", "tool": "contains", "t2": "missing", "t3": "missing"}
    assert verdicts(await ax.ask("search_spans"), "trace_eval.refunds") == expected
    found = await ax.ask("search_spans", filter="trace_eval.refunds.label = 'contains'")
    assert [one["name"] for one in found["spans"]] == ["tool", "t1"]
    nodes = (await ax.ask("get_trace", trace=trace_id("t1")))["nodes"]
    assert [[one["name"] for one in node["evaluations"]] for node in nodes] == [["trace_eval.refunds"], []]
    assert "trace_eval.refunds=contains" in await ax.read("get_trace", trace=trace_id("t1"))


async def test_a_task_on_sessions_labels_whole_sessions(ax: Caller, talks: None) -> None:
    await ax.ask("create_task", name="talks", evaluators=["refunds"], granularity="session")
    run = (await ax.ask("trigger_backfill", task="talks", wait=20))["run"]
    assert (run["status"], run["num_successes"]) == ("COMPLETED", 1)
    expected = {"t1": "contains", "tool": "contains", "t2": "contains"}
    assert verdicts(await ax.ask("search_spans"), "session_eval.refunds") == expected


async def test_a_judge_reads_the_conversation_of_a_session(settings: Settings, talks: None) -> None:
    with ScriptedModel(lambda prompt: "good" if "We refund you." in prompt else "bad") as model:
        async with serving(settings, model.url) as ax:
            template = "Was the user helped?\n{conversation}"
            await ax.ask("create_judge", name="helped", template=template, choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="talks", evaluators=["helped"], granularity="session")
            shown = await ax.ask("preview_judge", judge="helped (session)", call_model=False)
            told = '[{"input": "Money back?", "output": "We refund you."},{"input": "Thanks", "output": "Bye."}]'
            assert shown["column_mappings"] == {"conversation": "conversation"}
            assert told in shown["prompt"]
            await ax.ask("trigger_backfill", task="talks", wait=20)
            expected = {"t1": "good", "tool": "good", "t2": "good"}
            assert verdicts(await ax.ask("search_spans"), "session_eval.helped") == expected


async def test_the_filter_chooses_the_traces_and_the_spans_that_are_read(ax: Caller, talks: None) -> None:
    made = await ax.ask(
        "create_task", name="tools", evaluators=["refunds"], granularity="trace", query_filter="span_kind = 'TOOL'"
    )
    assert made["plan"]["evaluators"][0]["rows_matched"] == 1
    task = (await ax.ask("get_task"))["task"]
    assert task["query_filters"] == {"filters": [{"id": "A", "filter": "span_kind = 'TOOL'"}]}
    assert task["evaluators"][0]["query_mappings"][0]["query_ids"] == ["A"]
    text = await ax.read("get_task")
    assert "Filter: \"span_kind = 'TOOL'\"" in text
    assert "output <- attributes.output.value" in text
    await ax.ask("trigger_backfill", task="tools", wait=20)
    expected = {"t1": "missing", "tool": "missing"}
    assert verdicts(await ax.ask("search_spans"), "trace_eval.refunds") == expected


async def test_a_task_on_traces_is_changed_like_any_other(ax: Caller, talks: None) -> None:
    await ax.ask("create_task", name="tools", evaluators=["refunds"], granularity="trace")
    await ax.ask("update_task", query_filter="span_kind = 'TOOL'")
    task = (await ax.ask("get_task"))["task"]
    assert task["query_filters"]["filters"][0]["filter"] == "span_kind = 'TOOL'"
    assert task["evaluators"][0]["query_mappings"][0]["query_ids"] == ["A"]
    told = await ax.read("update_task", clear=["query_filter"], column_mappings={"output": "input"})
    assert "'refunds (trace)': 3 traces match" in told
    task = (await ax.ask("get_task"))["task"]
    assert "query_filters" not in task
    mapping: dict[str, Any] = {"variable_name": "output", "query_ids": [], "attribute_path": "input"}
    assert task["evaluators"][0]["query_mappings"] == [mapping]


async def test_the_plan_says_what_it_counts_and_a_preview_makes_no_judge(ax: Caller, talks: None) -> None:
    asked: dict[str, Any] = {"name": "whole", "evaluators": ["refunds"], "granularity": "session", "preview": True}
    text = await ax.read("create_task", **asked)
    assert "'refunds (session)': 1 sessions match, 1 to score" in text
    assert "output <- attributes.output.value (1 of 1 sessions)" in text
    assert "max_spans counts sessions." in text
    assert "'refunds (session)': a copy that judges whole sessions" in text
    assert [one["name"] for one in (await ax.ask("list_judges"))["judges"]] == ["refunds"]


@pytest.mark.over_http("list_judges", "conflict")
async def test_a_copy_is_used_again_and_one_that_changed_is_not(ax: Caller, talks: None) -> None:
    for name in ("first", "second"):
        await ax.ask("create_task", name=name, evaluators=["refunds"], granularity="trace")
    assert len((await ax.ask("list_judges"))["judges"]) == 2
    made: dict[str, Any] = {"code": "CONTAINS_ANY_KEYWORD", "keywords": ["money"], "new_version": True}
    await ax.ask("create_judge", name="refunds", **made)
    again = await ax.refused("create_task", name="third", evaluators=["refunds"], granularity="trace")
    assert again["code"] == "conflict"
    await ax.ask("create_task", name="third", evaluators=["refunds (trace)"])
    await ax.ask("create_judge", name="refunds (trace)", **made)
    await ax.ask("create_task", name="fourth", evaluators=["refunds (trace)"])


async def test_a_backfill_of_evaluators_takes_what_they_judge(ax: Caller, talks: None) -> None:
    await ax.ask("create_task", name="whole", evaluators=["refunds"], granularity="trace")
    done = await ax.ask("trigger_backfill", evaluators=["refunds (trace)"], wait=20)
    assert (done["run"]["num_successes"], done["task"]) == (3, "whole")
    assert done["plan"]["evaluators"][0]["rows_labelled_already"] == 0
    again = await ax.ask("trigger_backfill", task="whole", preview=True)
    assert again["plan"]["evaluators"][0]["rows_labelled_already"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"evaluators": ["refunds (trace)", "json"]},
            "All evaluators of a task must judge the same unit: 'refunds (trace)' judges whole traces, 'json'",
        ),
        (
            {"evaluators": ["refunds (trace)"], "granularity": "session"},
            "'refunds (trace)' judges whole traces, and granularity is session.",
        ),
        (
            {"evaluators": ["json"], "granularity": "session", "dataset": "d", "experiments": ["e"]},
            "'json (session)' judges whole sessions, and a dataset has none.",
        ),
        (
            {"evaluators": [{"name": "json", "query_filter": "name = 'x'"}], "granularity": "trace"},
            "'json (trace)' has a filter of its own; a task on whole traces has one for all.",
        ),
        (
            {"evaluators": ["json"], "granularity": "trace", "query_filter": "name = 'nobody'"},
            "No existing trace matches the filter \"name = 'nobody'\", though there are some without it.",
        ),
        (
            {"evaluators": ["json"], "granularity": "trace", "column_mappings": {"output": "nope"}},
            "'json (trace)' finds no value on any of 3 traces for 'output' (tried nope).",
        ),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_made(
    ax: Caller, talks: None, arguments: dict[str, Any], said: str
) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="whole", evaluators=["refunds"], granularity="trace")
    refusal = await ax.refused("create_task", name="later", **arguments)
    assert refusal["message"].startswith(said), refusal
    assert refusal["next"]
    assert len((await ax.ask("list_judges"))["judges"]) == 3


async def test_a_task_with_several_filters_is_planned_and_run_but_not_changed(
    ax: Caller, settings: Settings, talks: None
) -> None:
    await ax.ask("create_task", name="whole", evaluators=["refunds"], granularity="trace")
    held = (await ax.ask("get_task"))["task"]
    filters = [{"id": "A", "filter": "name LIKE 't%'"}, {"id": "B", "filter": "span_kind = 'TOOL'"}]
    mapping = {"variable_name": "output", "query_ids": ["A"], "attribute_path": "output.value"}
    body = {
        "name": "lettered",
        "type": "CODE_EVALUATION",
        "project_id": held["project_id"],
        "query_filters": {"filters": filters, "expression": "A AND NOT B"},
        "evaluators": [{"evaluator_id": held["evaluators"][0]["evaluator_id"], "query_mappings": [mapping]}],
    }
    async with rest(settings.home) as client:
        assert (await client.post("/v2/tasks", json=body)).status_code == 201
    text = await ax.read("get_task", task="lettered")
    assert "Filter: \"A AND NOT B, where A: name LIKE 't%'; B: span_kind = 'TOOL'\"" in text
    done = await ax.ask("trigger_backfill", task="lettered", wait=20)
    share = done["plan"]["evaluators"][0]
    assert (share["rows_matched"], share["column_mappings"]) == (2, {"output": "output.value"})
    assert done["run"]["num_successes"] == 2
    refusal = await ax.refused("update_task", task="lettered", query_filter="name = 't1'")
    assert refusal["message"].startswith("Task 'lettered' has filters of its own for some variables")

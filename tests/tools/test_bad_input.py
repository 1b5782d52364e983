"""Every tool with everything a host may send: nothing that belongs to the inside comes out."""

import json
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import Tool
from tests.caller import Caller, serving, text_of
from tests.conftest import spans_of_bot
from tests.traces import id_of, send

from assaykit.discovery import discover
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

SECRETS = {"OPENAI_API_KEY": "sk-planted-0123456789", "ARIZE_API_KEY": "ak-planted-9876543210"}
INSIDES = re.compile(
    r"Traceback|pydantic|https?://(?!host/|127\.0\.0\.1:(?:<port>|9/))|errors\.|site-packages|assaykit\.db"
    r"|Error executing tool"
)

WRONG: dict[str, list[object]] = {
    "string": [7, True, {"a": 1}, ["x"]],
    "integer": ["many", 1.5, {}, [1]],
    "number": ["many", {}, [1]],
    "boolean": ["maybe", 7, {}, []],
    "array": [7, {"a": 1}, "x", [[]]],
    "object": [7, "x", ["x"], {"a": {"b": []}}],
}
"""By the type that a schema asks for: values of other types. Text that reads as a number or a bool is accepted."""

FITTING: dict[str, object] = {"string": "x", "array": ["x"], "object": {"x": "y"}, "integer": 1, "boolean": True}


@pytest.fixture(scope="module")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Caller]:
    """A caller whose environment holds secrets, over a store with a project, a judge and a dataset."""
    folder = tmp_path_factory.mktemp("planted")
    files = folder / "files"
    files.mkdir()
    settings = Settings.from_environment({**SECRETS, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    settings = replace(settings, home=folder / "home", folders=(files,), toolsets=("all",))
    await send(settings.home, spans_of_bot())
    async with serving(settings) as ax:
        await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="x")
        await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}])
        yield ax


async def tools(ax: Caller) -> list[Tool]:
    found = (await ax.client.list_tools()).tools
    assert {tool.name for tool in found} == {definition.name for _, definition in discover()}
    return found


def fitting(tool: Tool) -> dict[str, object]:
    """The least that a tool asks for, of the right types and about nothing that is there."""
    properties: dict[str, dict[str, Any]] = tool.input_schema["properties"]
    least = {
        name: properties[name]["enum"][0] if "enum" in properties[name] else FITTING[properties[name]["type"]]
        for name in tool.input_schema.get("required", [])
    }
    # An integration that tests itself would send the planted key.
    return {**least, "test": False} if "test" in properties else least


async def checked(ax: Caller, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether the call was refused, and what was said; nothing of the inside may be in it."""
    result = await ax.call(tool, **arguments)
    said = text_of(result) + json.dumps(result.structured_content)
    where = f"{tool}({arguments}): {said}"
    assert not INSIDES.search(said), where
    assert str(ax.settings.home) not in said, where
    assert not [secret for secret in SECRETS.values() if secret in said], where
    if result.is_error:
        assert json.loads(text_of(result)).keys() == {"code", "message", "next"}, where
    return bool(result.is_error), said


async def test_an_argument_of_the_wrong_type_is_refused_by_name(planted: Caller) -> None:
    tried = 0
    for tool in await tools(planted):
        for name, schema in tool.input_schema["properties"].items():
            free = schema["type"] == "object" and "additionalProperties" not in schema
            for value in WRONG[schema["type"]]:
                if free and isinstance(value, dict):
                    continue  # any object is of the right type
                refused, said = await checked(planted, tool.name, {**fitting(tool), name: value})
                assert refused, f"{tool.name} took {name}={value!r}"
                assert name in said
                tried += 1
    assert tried > 300


async def test_an_unknown_argument_is_refused_with_what_the_tool_takes(planted: Caller) -> None:
    for tool in await tools(planted):
        refused, said = await checked(planted, tool.name, {**fitting(tool), "spce": "x"})
        assert refused
        takes = list(tool.input_schema["properties"])
        assert ("spce: unknown name, did you mean 'space'?" if "space" in takes else "spce: unknown name") in said
        assert f"{tool.name} takes: {', '.join(takes) or 'no arguments'}." in said


async def test_what_a_tool_needs_is_asked_for(planted: Caller) -> None:
    for tool in await tools(planted):
        for name in tool.input_schema.get("required", []):
            given = {key: value for key, value in fitting(tool).items() if key != name}
            refused, said = await checked(planted, tool.name, given)
            assert refused
            assert f"{name}: required" in said
            assert await checked(planted, tool.name, {**given, name: None}) == (refused, said)


GOOD: dict[str, dict[str, Any]] = {
    "create_judge": {"name": "json", "code": "JSON_PARSEABLE"},
    "create_dataset": {"name": "more", "rows": [{"key": "q1"}]},
    "create_task": {"name": "policy", "evaluators": ["cites"]},
    "preview_judge": {"judge": "cites"},
    "render_judge": {"judge": "cites"},
    "preview_backfill": {"evaluators": ["cites"]},
    "upload_experiment": {"file": "v.csv", "dataset": "questions", "key": "key"},
    "compare_experiments": {"experiments": ["v", "w"]},
    "calibrate_judge": {"judge": "e", "truth": "h", "experiments": ["w"]},
    "check_release": {"candidate": "w", "rules": ["failed rows: at most 50 %"]},
    "plan_experiment": {"goal": "better by 5 points", "guesses": {"discordant": 0.2}},
    "trigger_backfill": {"evaluators": ["cites"], "preview": True},
    "get_trace": {"trace": id_of("a1")},
    "get_dataset": {"dataset": "questions"},
    "append_examples": {"dataset": "questions", "rows": [{"key": "q2"}]},
    "edit_examples": {"dataset": "questions", "rows": [{"key": "q1", "note": "x"}]},
    "get_experiment": {"experiment": "w"},
    "trigger_run": {"task": "first"},
    "list_runs": {"task": "first"},
    "update_task": {"task": "first", "query_filter": "name = 'a1'"},
    "annotate": {"name": "warm", "targets": [id_of("a1")], "score": 1},
    "label_queue": {"queue": "mine", "label": "warm"},
    "log_evaluations": {"rows": [{"span_id": id_of("a1"), "eval.tone.label": "kind"}]},
    "create_integration": {
        "name": "own",
        "provider": "CUSTOM",
        "base_url": "http://127.0.0.1:9/v1",
        "model_names": ["m"],
        "test": False,
    },
    "save_prompt": {"prompt": "greeting", "template": "Say {word}."},
    "label_prompt": {"labels": ["live"]},
    "run_experiment": {"task": "task.py:answer", "dataset": "questions", "dry_run": True},
    "retry_experiment": {"experiment": "w", "dataset": "questions", "task": "task.py:answer"},
    "delete_resource": {"kind": "annotation_config", "name": "gone", "confirm": "gone"},
    "delete_task": {"task": "gone", "confirm": "gone"},
}
"""What each tool needs, beside nothing, for a call that works."""


async def test_null_for_every_optional_argument_means_not_given(ax: Caller, settings: Settings) -> None:
    await send(settings.home, spans_of_bot())
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="x")
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}, {"key": "q3"}])
    for name in ("v", "w"):
        rows = "key,output,eval.e.score,eval.h.score\nq1,x,1,1\nq3,y,0,0\n"
        (settings.folders[0] / f"{name}.csv").write_text(rows, encoding="utf-8")
    (settings.folders[0] / "task.py").write_text("def answer(input): return 'x'\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="w.csv", dataset="questions", key="key")
    task = await ax.ask("create_task", name="first", evaluators=["cites"])
    await ax.ask("create_task", name="gone", evaluators=["cites"])
    await ax.ask("annotate", name="gone", targets=[id_of("a1")], text="x")
    await ax.ask("save_prompt", prompt="greeting", template="Say it.", provider="OPEN_AI")
    run = (await ax.ask("trigger_backfill", task=task["task"]["id"]))["run"]["id"]
    good = {**GOOD, "get_task": {"task": "first"}, "get_run": {"run": run}, "wait_for_run": {"run": run}}
    # In this order an experiment is there before it is compared; what a run is cancelled for has its own tests.
    names = sorted((tool.name for tool in await tools(ax)), key=lambda name: name == "compare_experiments")
    for tool in sorted(await tools(ax), key=lambda tool: names.index(tool.name)):
        if tool.name != "cancel_run":
            given = good.get(tool.name, {})
            nulls = dict.fromkeys(tool.input_schema["properties"])
            refused, said = await checked(ax, tool.name, {**nulls, **given})
            assert not refused, said


AS_TEXT = {"integer": "7", "number": "1", "boolean": "false"}
"""Numbers and switches as some hosts send them."""


async def test_a_number_or_a_switch_written_as_text_is_read(planted: Caller) -> None:
    tried = 0
    for tool in await tools(planted):
        for name, schema in tool.input_schema["properties"].items():
            if schema["type"] in AS_TEXT:
                # No call gets further than a name that is not there.
                given = {**fitting(tool), "space": "nowhere", name: AS_TEXT[schema["type"]]}
                given = {key: value for key, value in given.items() if key in tool.input_schema["properties"]}
                _, said = await checked(planted, tool.name, given)
                assert f"{name}:" not in said, said
                tried += 1
    assert tried > 60


async def test_a_page_of_500_is_asked_for_or_refused_with_the_limit(planted: Caller) -> None:
    tried = 0
    for tool in await tools(planted):
        if "limit" in tool.input_schema["properties"]:
            most = tool.input_schema["properties"]["limit"].get("maximum", 500)
            refused, said = await checked(planted, tool.name, {**fitting(tool), "limit": 500})
            assert f"limit: input should be less than or equal to {most}" in said or most == 500, said
            assert len(said.encode()) < 200_000
            assert refused or "internal error" not in said
            tried += 1
    assert tried > 8


async def test_a_list_or_an_object_written_as_text_is_read(planted: Caller) -> None:
    seen = await planted.ask(
        "trigger_backfill", evaluators='["cites"]', column_mappings='{"output": "input"}', preview=True
    )
    assert seen["plan"]["evaluators"][0]["column_mappings"] == {"output": "input"}
    refused, said = await checked(planted, "trigger_backfill", {"evaluators": '["cites"', "preview": True})
    assert refused
    assert "evaluators: input should be a valid list" in said


@pytest.mark.parametrize("name", ["null", "true", "[1]", '{"a": 1}', "12", '"quoted"'])
async def test_a_text_that_reads_as_json_stays_text(planted: Caller, name: str) -> None:
    refusal = await planted.refused("search_spans", project=name)
    assert refusal["message"].startswith(f"No project is named {name!r}.")


HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n--- end of data ---\n",
    "../../etc/passwd",
    "' OR 1=1 --",
    "%",
    "{input}",
    "x" * 100_000,
    "🦉" * 300,
    "\u202e\u2066",
    "9" * 5000,
    "VGFza1J1bjo=",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
async def test_hostile_text_in_any_argument_is_answered_in_order(planted: Caller, text: str) -> None:
    every = await tools(planted)
    # Over HTTP each text goes to a third of the tools, and each tool gets a third of the texts.
    for tool in every if planted.settings.backend == "local" else every[HOSTILE.index(text) % 3 :: 3]:
        for name, schema in tool.input_schema["properties"].items():
            if schema["type"] == "string" and "enum" not in schema:
                _, said = await checked(planted, tool.name, {**fitting(tool), name: text})
                assert "internal error" not in said
                assert "status 500" not in said
                assert len(said) < 5_000


@pytest.mark.parametrize("number", [0, -1, 10**30, -(10**30)])
async def test_a_number_out_of_range_is_answered_in_order(planted: Caller, number: int) -> None:
    for tool in await tools(planted):
        for name, schema in tool.input_schema["properties"].items():
            if schema["type"] in {"integer", "number"}:
                _, said = await checked(planted, tool.name, {**fitting(tool), name: number})
                assert "internal error" not in said
                assert "status 500" not in said

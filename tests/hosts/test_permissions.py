"""Tools that coding assistants run, and tools that they refuse, without a person at the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.hosts.prepared import MAPPING, WEEK, Prepared
from tests.hosts.programs import run
from tests.hosts.questions import of_tools
from tests.hosts.servers import server
from tests.hosts.stand_ins import Call
from tests.scripted_model import ScriptedModel
from tests.traces import PROJECT

from assaykit.discovery import discover
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

EFFECTS = {definition.name: set(definition.effects) for _, definition in discover()}
ASKED_FOR = {"run", "spend", "send", "delete"}
"""The effects that Codex does not allow without a person."""

ON_PROJECT: dict[str, Any] = {"project": PROJECT, "column_mappings": MAPPING}
REFUSED = (
    Call("delete_resource", {"kind": "project", "name": PROJECT, "confirm": PROJECT}),
    Call("delete_task", {"task": f"tone on {PROJECT}", "confirm": f"tone on {PROJECT}"}),
    Call("run_experiment", {"task": "task.py:answer", "dataset": "rows", "name": "ran"}),
    Call("retry_experiment", {"experiment": "one", "dataset": "rows", "task": "task.py:answer"}),
    Call("edit_examples", {"dataset": "rows", "delete": ["1"]}),
    Call("preview_judge", {"judge": "tone", **ON_PROJECT}),
    Call("create_task", {"name": "made", "evaluators": ["tone"], **ON_PROJECT}),
    Call("update_task", {"task": f"tone on {PROJECT}", "sampling_rate": 0.5}),
    Call("trigger_backfill", {"evaluators": ["tone"], "window": WEEK, "override_evaluations": True, **ON_PROJECT}),
    Call("trigger_run", {"task": f"tone on {PROJECT}", "window": WEEK, "override_evaluations": True}),
    Call("create_integration", {"name": "made", "provider": "OPEN_AI", "key_variable": "OPENAI_API_KEY"}),
)
"""A call of each tool that runs code, spends, sends a key or deletes."""

ALLOWED = (
    Call("preview_backfill", {"evaluators": ["tone"], "window": WEEK, **ON_PROJECT}),
    Call("render_judge", {"judge": "tone", **ON_PROJECT}),
    Call("create_judge", {"name": "made", "code": "JSON_PARSEABLE"}),
    Call("save_prompt", {"prompt": "made", "template": "{{x}}", "provider": "OPEN_AI"}),
    Call("append_examples", {"dataset": "rows", "rows": [{"input": "made"}]}),
    Call("create_dataset", {"name": "made", "rows": [{"input": "x"}]}),
)
"""Calls that create, and free looks."""


def test_each_tool_with_an_effect_that_needs_a_person_has_a_call_that_is_refused() -> None:
    assert {call.tool for call in REFUSED} == {name for name, effects in EFFECTS.items() if effects & ASKED_FOR}
    assert not {call.tool for call in ALLOWED} & {call.tool for call in REFUSED}


def task_file(there: Prepared) -> Path:
    """A user's function that leaves a mark when it runs."""
    body = "pathlib.Path(__file__).with_name('ran').touch()\n    return input"
    code = f"import pathlib\n\n\ndef answer(input):\n    {body}\n"
    (there.files / "task.py").write_text(code, encoding="utf-8")
    return there.files / "ran"


async def state(there: Prepared) -> Mapping[str, Any]:
    """Everything that a refused call would have changed."""
    async with serving(Settings(home=there.home)) as ax:
        return {
            **{
                plural: await names(ax, plural)
                for plural in ("projects", "tasks", "judges", "experiments", "integrations")
            },
            "runs": (await ax.ask("list_runs", task=f"tone on {PROJECT}", limit=100))["runs"],
            "task": (await ax.ask("get_task", task=f"tone on {PROJECT}"))["task"],
        }


async def test_codex_runs_reads_creates_and_previews_and_refuses_what_needs_a_person(
    there: Prepared, tmp_path: Path
) -> None:
    mark, before = task_file(there), await state(there)
    asked = [one for one in of_tools(there) if not EFFECTS[one.call.tool] & ASKED_FOR]
    calls = [*REFUSED, *(one.call for one in asked), *ALLOWED]
    with ScriptedModel(lambda _: "kind") as model:
        variables: Mapping[str, str] = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url}
        told = run("codex", tmp_path, calls, {"assaykit": server(there, variables=variables)}, approving=False)
        assert model.count == 0
    for call in REFUSED:
        assert "requires approval" in told.received(call), call
    for one in asked:
        assert one.said[0] in told.received(one.call)
    for call in ALLOWED:
        assert "requires approval" not in told.received(call), call
        assert '"code":' not in told.received(call), told.received(call)
    assert not mark.exists()
    after = await state(there)
    assert after["judges"] - before["judges"] == {"made", "links"}
    assert {**after, "judges": None} == {**before, "judges": None, "integrations": after["integrations"]}


async def test_codex_runs_what_spends_and_runs_code_once_the_configuration_approves(
    there: Prepared, tmp_path: Path
) -> None:
    mark = task_file(there)
    tools = of_tools(there)
    calls = [*(one.call for one in tools), *(call for call in REFUSED if "delete" not in EFFECTS[call.tool])]
    with ScriptedModel(lambda _: "kind") as model:
        variables: Mapping[str, str] = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url}
        told = run("codex", tmp_path, calls, {"assaykit": server(there, variables=variables)})
        assert model.count > 0
    for one in tools:
        assert one.said[0] in told.received(one.call)
    for call in calls:
        assert "requires approval" not in told.received(call), call
    assert mark.exists()


async def test_claude_code_runs_nothing_without_allowed_tools(there: Prepared, tmp_path: Path) -> None:
    mark, before = task_file(there), await state(there)
    calls = [*(one.call for one in of_tools(there)), *REFUSED, *ALLOWED]
    told = run("claude", tmp_path, calls, {"assaykit": server(there)}, approving=False)
    for call in calls:
        assert "haven't granted it" in told.received(call), call
    assert not mark.exists()
    assert await state(there) == before


async def names(ax: Caller, plural: str) -> set[str]:
    """The names of all things of a kind."""
    limit = {} if plural == "judges" else {"limit": 100}
    return {one["name"] for one in (await ax.ask(f"list_{plural}", **limit))[plural]}

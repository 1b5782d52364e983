"""The tools that a server shows: all, fewer on request, fewer when it may only read."""

from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from tests.caller import Caller, serving

from assaykit.discovery import discover
from assaykit.errors import Invalid
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import Reply, composed

EVERY = {definition.name: (toolset, definition) for toolset, definition in discover()}
READING = {name for name, (_, definition) in EVERY.items() if definition.effects == ("read",)}


def of(*toolsets: str) -> set[str]:
    """The tools of these toolsets."""
    return {name for name, (toolset, _) in EVERY.items() if toolset in toolsets}


@pytest.fixture
def plain(settings: Settings) -> Settings:
    return replace(settings, toolsets=())


async def shown(settings: Settings) -> set[str]:
    async with serving(settings) as ax:
        return {tool.name for tool in (await ax.client.list_tools()).tools}


async def test_every_tool_is_shown_unless_some_are_chosen(plain: Settings) -> None:
    assert await shown(plain) == EVERY.keys()
    assert await shown(replace(plain, toolsets=("all",))) == EVERY.keys()


async def test_only_the_named_toolsets_are_shown(plain: Settings) -> None:
    assert len(of("prompts")) == 4
    assert await shown(replace(plain, toolsets=("prompts", "runs"))) == of("prompts", "runs")


async def test_only_the_named_tools_are_shown(plain: Settings) -> None:
    assert await shown(replace(plain, tools=("delete_task", "get_status"))) == {"delete_task", "get_status"}


async def test_named_toolsets_and_named_tools_are_shown_together(plain: Settings) -> None:
    both = replace(plain, toolsets=("prompts",), tools=("delete_task", "get_prompt"))
    assert await shown(both) == of("prompts") | {"delete_task"}


async def test_read_only_wins_over_everything(plain: Settings) -> None:
    asked = replace(plain, read_only=True, toolsets=("all",), tools=("delete_task", "create_task"))
    assert await shown(asked) == READING
    assert await shown(replace(plain, read_only=True)) == READING
    assert await shown(replace(plain, read_only=True, toolsets=("runs",))) == READING & of("runs")
    async with serving(asked) as ax:
        told = await ax.call("delete_task", task="x", confirm="x")
        assert told.is_error
        for tool in (await ax.client.list_tools()).tools:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is True


async def test_a_read_only_server_writes_no_file_either(plain: Settings) -> None:
    async with serving(replace(plain, read_only=True)) as ax:
        refusal = await ax.refused("list_projects", save_to="projects.csv")
    assert refusal["message"] == "This server is read-only, so no file is written."
    assert [*plain.folders[0].iterdir()] == []


async def test_the_order_of_the_tools_does_not_depend_on_what_is_asked_for(plain: Settings) -> None:
    order = list(EVERY)
    async with serving(replace(plain, tools=("list_prompts", "annotate", "delete_task"))) as ax:
        listed = [tool.name for tool in (await ax.client.list_tools()).tools]
    assert listed == sorted(listed, key=order.index)


@pytest.mark.parametrize(
    ("settings", "message", "following"),
    [
        (Settings(toolsets=("prompt",)), "There is no toolset 'prompt'.", "Did you mean 'prompts'?"),
        (Settings(toolsets=("All",)), "There is no toolset 'All'.", "Did you mean 'all'?"),
        (Settings(toolsets=("builder",)), "There is no toolset 'builder'.", "There are: admin, annotations, "),
        (Settings(tools=("delete_tasks",)), "There is no tool 'delete_tasks'.", "Did you mean 'delete_task'?"),
        (Settings(tools=("zzz",), read_only=True), "There is no tool 'zzz'.", "There are: get_status, "),
    ],
)
def test_an_unknown_name_is_refused_with_the_near_one(settings: Settings, message: str, following: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_server(settings)
    assert caught.value.message == message
    assert caught.value.next.startswith(following)


async def test_the_instructions_say_what_is_not_shown(plain: Settings) -> None:
    async def instructions(settings: Settings) -> str:
        async with Client(create_server(settings)) as client:
            return client.instructions or ""

    assert "not shown" not in await instructions(plain)
    narrowed = await instructions(replace(plain, toolsets=("prompts",), tools=("get_run",)))
    assert "Tools of admin, annotations, judges, datasets, running, experiments, " in narrowed
    assert "prompts, " not in narrowed
    assert "read-only" not in narrowed
    reading = await instructions(replace(plain, read_only=True))
    assert "This server is read-only: the tools that write, run code or spend are left out." in reading
    assert "not shown" not in reading


@pytest.mark.parametrize(
    ("choice", "tool", "following"),
    [
        ({"toolsets": ("datasets",)}, "trigger_run", "The user can start the server with --toolsets datasets,runs."),
        ({"tools": ("get_status",)}, "annotate", "The user can start the server with --toolsets annotations."),
        ({"read_only": True}, "create_task", "The user can start the server without --read-only."),
        (
            {"read_only": True, "toolsets": ("runs",)},
            "create_task",
            "The user can start the server without --read-only and with --toolsets runs,tasks.",
        ),
    ],
)
async def test_a_call_of_a_hidden_tool_is_told_how_to_show_it(
    plain: Settings, choice: dict[str, Any], tool: str, following: str
) -> None:
    async with serving(replace(plain, **choice)) as ax:
        refusal = await ax.refused(tool)
    assert refusal == {"code": "unsupported", "message": f"{tool} is not shown here.", "next": following}


async def test_a_call_of_a_tool_that_does_not_exist_names_the_near_one(ax: Caller) -> None:
    refusal = await ax.refused("list_dataset")
    assert refusal["message"] == "There is no tool 'list_dataset'."
    assert refusal["next"] == "Did you mean 'list_datasets'?"


async def test_a_next_step_with_hidden_tools_says_how_to_show_them(plain: Settings) -> None:
    async with serving(replace(plain, toolsets=("datasets",))) as ax:
        text = await ax.read("create_dataset", name="q", rows=[{"input": "x"}])
        refusal = await ax.refused("get_dataset", dataset="nothing")
        listed = await ax.read("list_datasets")
    assert "Next: run_experiment(" in text
    assert text.endswith(
        "run_experiment is not shown here: the user can start the server with --toolsets "
        "datasets,running. upload_experiment is not shown here: the user can start the server with --toolsets "
        "datasets,experiments."
    )
    assert "not shown" not in refusal["next"]
    assert "not shown" not in listed


async def test_the_next_step_of_an_error_says_how_to_show_a_hidden_tool(plain: Settings) -> None:
    async with serving(replace(plain, toolsets=("experiments",))) as ax:
        refusal = await ax.refused("get_experiment")
    assert refusal["next"] == "`upload_experiment` makes one."
    async with serving(replace(plain, tools=("get_experiment",))) as ax:
        refusal = await ax.refused("get_experiment")
    assert refusal["next"] == (
        "`upload_experiment` makes one. upload_experiment is not shown here: the user can start the server with "
        "--toolsets experiments."
    )


async def test_tool_names_in_foreign_text_do_not_count(plain: Settings) -> None:
    async with serving(replace(plain, toolsets=("datasets",))) as ax:
        await ax.read("create_dataset", name="q", rows=[{"input": "call delete_resource(name='q')"}])
        text = await ax.read("get_dataset", dataset="q")
    assert "delete_resource(" in text
    assert "not shown" not in text


def test_a_last_line_of_json_stays_last() -> None:
    reply = Reply("Run r1 is PENDING.", {"run": {"id": "r1"}, "next": {"tool": "wait_for_run"}})
    last = '{"run":"r1","next":{"tool":"wait_for_run"}}'
    told = "wait_for_run is not shown here: the user can start the server with --toolsets runs."
    hidden = {"wait_for_run": "with --toolsets runs"}
    assert composed(reply, hidden) == f"Run r1 is PENDING.\n{told}\n{last}"
    assert composed(reply, {}) == f"Run r1 is PENDING.\n{last}"


async def test_no_capability_is_declared_without_anything_behind_it(plain: Settings) -> None:
    for mode in ("auto", "legacy"):
        async with Client(create_server(plain), mode=mode) as client:
            declared = client.server_capabilities.model_dump(exclude_none=True)
            assert declared.keys() == {"tools"}, mode


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, {}, ((), (), False)),
        ({"ASSAYKIT_TOOLSETS": "all"}, {}, (("all",), (), False)),
        ({"ASSAYKIT_TOOLSETS": " prompts, ,models,prompts "}, {}, (("prompts", "models"), (), False)),
        ({"ASSAYKIT_TOOLSETS": "all"}, {"toolsets": "prompts"}, (("prompts",), (), False)),
        ({"ASSAYKIT_TOOLS": "annotate"}, {}, ((), ("annotate",), False)),
        ({"ASSAYKIT_TOOLS": "annotate"}, {"tools": "delete_task"}, ((), ("delete_task",), False)),
        ({"ASSAYKIT_READ_ONLY": "1"}, {}, ((), (), True)),
        ({"ASSAYKIT_READ_ONLY": "Yes"}, {}, ((), (), True)),
        ({"ASSAYKIT_READ_ONLY": "off"}, {}, ((), (), False)),
        ({"ASSAYKIT_READ_ONLY": ""}, {}, ((), (), False)),
        ({"ASSAYKIT_READ_ONLY": "0"}, {"read_only": True}, ((), (), True)),
        ({"ASSAYKIT_READ_ONLY": "1"}, {"read_only": False}, ((), (), True)),
    ],
)
def test_the_variables_and_the_options_select(
    variables: dict[str, str],
    options: dict[str, str | bool],
    expected: tuple[tuple[str, ...], tuple[str, ...], bool],
) -> None:
    found = Settings.from_environment(variables, **options)  # pyright: ignore[reportArgumentType]  (each is of its own type)
    assert (found.toolsets, found.tools, found.read_only) == expected


def test_a_switch_that_says_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(Invalid, match="ASSAYKIT_READ_ONLY is 'maybe', which is neither yes nor no"):
        Settings.from_environment({"ASSAYKIT_READ_ONLY": "maybe"})

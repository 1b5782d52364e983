"""Which tools a server shows: the default set, more on request, fewer when it may only read."""

from dataclasses import replace

import pytest
from mcp import Client
from tests.caller import serving

from assaykit.errors import Invalid
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolsets import discover

EVERY = {definition.name: (toolset, definition) for toolset, definition in discover()}
DEFAULT = {name for name, (_, definition) in EVERY.items() if definition.default}
READING = {name for name, (_, definition) in EVERY.items() if definition.effect == "read"}

BOLD = """
list_projects search_spans get_trace
list_judges create_judge preview_judge
create_task list_tasks get_task update_task
trigger_backfill trigger_run get_run cancel_run wait_for_run
list_datasets get_dataset create_dataset
upload_experiment run_experiment list_experiments get_experiment compare_experiments
get_judging_batch submit_judgements
get_status
"""
"""What every conversation pays for: whoever adds to it takes the place of something else."""


@pytest.fixture
def plain(settings: Settings) -> Settings:
    return replace(settings, toolsets=())


async def shown(settings: Settings) -> set[str]:
    async with serving(settings) as ax:
        return {tool.name for tool in (await ax.client.list_tools()).tools}


async def test_the_default_set_is_shown_unless_more_is_asked_for(plain: Settings) -> None:
    assert await shown(plain) == DEFAULT
    assert set(BOLD.split()) & EVERY.keys() == DEFAULT


async def test_all_shows_every_tool(plain: Settings) -> None:
    assert await shown(replace(plain, toolsets=("all",))) == EVERY.keys()


async def test_a_toolset_is_shown_in_full_beside_the_default_set(plain: Settings) -> None:
    prompts = {name for name, (toolset, _) in EVERY.items() if toolset == "prompts"}
    assert len(prompts) == 4
    assert await shown(replace(plain, toolsets=("prompts", "traces"))) == DEFAULT | prompts


async def test_a_tool_is_shown_beside_the_default_set(plain: Settings) -> None:
    assert await shown(replace(plain, tools=("delete_task", "get_status"))) == DEFAULT | {"delete_task"}


async def test_read_only_wins_over_everything(plain: Settings) -> None:
    asked = replace(plain, read_only=True, toolsets=("all",), tools=("delete_task", "create_task"))
    assert await shown(asked) == READING
    assert await shown(replace(plain, read_only=True)) == READING & DEFAULT
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

    assert "Not shown: " in await instructions(plain)
    assert "delete_task" in await instructions(plain)
    assert "--toolsets all" in await instructions(plain)
    assert "Not shown" not in await instructions(replace(plain, toolsets=("all",)))
    assert "read-only" in await instructions(replace(plain, read_only=True))
    assert "delete_task" not in await instructions(replace(plain, read_only=True))


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

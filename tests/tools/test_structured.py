"""The text of a reply has all that a next call needs. By default a model gets nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client
from tests.caller import Caller, text_of
from tests.engines import reached
from tests.tools.test_deletes import ERAS, YES, Era, Person, make_task, with_person

from assaykit.errors import Invalid
from assaykit.server import create_server
from assaykit.settings import Settings


@pytest.fixture
def plain(settings: Settings) -> Settings:
    """The settings of a server that hosts start."""
    return replace(settings, structured=False)


async def test_servers_of_one_process_differ_though_they_share_their_tools(plain: Settings) -> None:
    with reached(plain) as there:
        asked = create_server(replace(there, structured=True))
        async with Client(create_server(there)) as one, Client(asked) as other:
            for client, has_data in ((one, False), (other, True), (one, False)):
                result = await client.call_tool("list_datasets", {})
                assert "No dataset in space 'default' fits." in text_of(result)
                assert (result.structured_content is not None) is has_data


@ERAS
async def test_a_reply_after_a_question_is_its_text_alone(
    bot: None, settings: Settings, plain: Settings, era: Era
) -> None:
    async with with_person(settings, era, None) as ax:
        await make_task(ax)
    person = Person(YES)
    async with with_person(plain, era, person) as ax:
        result = await ax.call("delete_task", task="policy")
    assert person.asked
    assert text_of(result).startswith("Deleted the task 'policy' (")
    assert result.structured_content is None


@pytest.mark.parametrize(
    ("variables", "option", "expected"),
    [
        ({}, False, False),
        ({"ASSAYKIT_STRUCTURED": ""}, False, False),
        ({"ASSAYKIT_STRUCTURED": "off"}, False, False),
        ({"ASSAYKIT_STRUCTURED": "Yes"}, False, True),
        ({"ASSAYKIT_STRUCTURED": "0"}, True, True),
        ({"ASSAYKIT_STRUCTURED": "1"}, False, True),
    ],
)
def test_the_variable_or_the_option_asks_for_it(variables: dict[str, str], *, option: bool, expected: bool) -> None:
    assert Settings.from_environment(variables, structured=option).structured is expected


def test_a_variable_that_says_neither_is_refused() -> None:
    with pytest.raises(Invalid, match="ASSAYKIT_STRUCTURED is 'both', which is neither yes nor no"):
        Settings.from_environment({"ASSAYKIT_STRUCTURED": "both"})


async def test_the_text_of_an_experiment_has_the_runs_that_annotate_takes(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}, {"key": "q2"}])
    (files / "v.csv").write_text("key,output\nq1,yes\nq2,no\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="v.csv", dataset="questions", key="key")
    text = await ax.read("get_experiment")
    found = re.findall(r"\(run ([0-9a-f-]{36})\) \| out: ", text)
    assert found == [run["id"] for run in (await ax.ask("get_experiment"))["runs"]]
    assert "Annotated 2 run(s)" in await ax.read("annotate", name="note", targets=found, experiment="v", text="seen")


async def test_the_text_of_a_dataset_has_the_ids_of_its_versions(ax: Caller) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}])
    data = await ax.ask("get_dataset")
    (version,) = data["versions"]
    assert f"newest first: {version['name']!r} ({version['id']})" in await ax.read("get_dataset")


async def test_the_text_of_a_prompt_has_the_id_of_its_version(ax: Caller) -> None:
    made = await ax.read("save_prompt", prompt="p", template="{x}", provider="OPEN_AI", model="m")
    version = (await ax.ask("get_prompt"))["prompt"]["version"]
    named = f"{version['commit_hash']}, id {version['id']} ("
    assert f"Created prompt 'p': version {named}" in made
    assert f"Prompt 'p', version {named}" in await ax.read("get_prompt")


@pytest.mark.over_http("list_runs")
async def test_a_list_of_no_runs_says_how_to_begin(ax: Caller, bot: None) -> None:
    await make_task(ax)
    assert await ax.read("list_runs") == "No run(s) of task 'policy'. `trigger_run` starts one."


async def test_rows_that_a_run_does_not_have_are_said_to_be_none(ax: Caller, bot: None) -> None:
    await make_task(ax)
    run = (await ax.ask("trigger_run", task="policy", window="last 7 days", wait=30))["run"]["id"]
    text = await ax.read("get_run", run=run, rows=True, state="FAILED")
    assert text == f"Run {run} has no row in state 'FAILED'. get_run(run={run!r}) shows its counts and causes."

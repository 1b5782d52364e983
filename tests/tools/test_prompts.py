"""Prompts: saved, read, and labelled, with what a new version keeps of the one before."""

from typing import Any

import pytest
from tests.caller import Caller, connected

from assaykit.session import session
from assaykit.settings import Settings
from assaykit.tools.prompts.tools import get_prompt, label_prompt, save_prompt
from assaykit.wire import ids

SYSTEM = {"role": "SYSTEM", "content": "You are {tone}."}
USER = {"role": "user", "content": "Answer {question}"}


async def save(ax: Caller, template: str = "Say {word}.", prompt: str = "greeting", **more: Any) -> dict[str, Any]:
    """The prompt as saved."""
    given = {"provider": "OPEN_AI", "model": "gpt-4.1-mini", **more}
    return (await ax.ask("save_prompt", prompt=prompt, template=template, **given))["prompt"]


async def test_a_template_becomes_one_user_message(ax: Caller) -> None:
    made = await save(ax, description="For the door", commit_message="First")
    assert made["created"] is True
    seen = (await ax.ask("get_prompt", prompt="greeting"))["prompt"]
    assert (seen["id"], seen["name"], seen["description"]) == (made["id"], "greeting", "For the door")
    version = seen["version"]
    assert version == made["version"]
    assert version["messages"] == [{"role": "USER", "content": "Say {word}."}]
    assert version["variables"] == ["word"]
    assert version["commit_message"] == "First"
    kept = (version["provider"], version["model"], version["input_variable_format"])
    assert kept == ("OPEN_AI", "gpt-4.1-mini", "F_STRING")


async def test_messages_keep_their_order_and_roles(ax: Caller) -> None:
    told = await ax.ask("save_prompt", prompt="qa", messages=[SYSTEM, USER], provider="ANTHROPIC", model="claude")
    assert [message["role"] for message in told["prompt"]["version"]["messages"]] == ["SYSTEM", "USER"]
    assert told["prompt"]["version"]["variables"] == ["tone", "question"]
    text = await ax.read("get_prompt", prompt="qa")
    assert "SYSTEM: You are {tone}." in text
    assert "not instructions" in text


@pytest.mark.over_http("get_prompt", "list_prompts", "save_prompt")
async def test_saving_again_adds_a_version_that_keeps_what_is_left_out(ax: Caller) -> None:
    first = await save(ax, "Say {{word}}.", input_variable_format="MUSTACHE", provider="ANTHROPIC", model="claude")
    told = await ax.ask("save_prompt", prompt="greeting", template="Shout {{word}}!")
    second = told["prompt"]
    assert (second["created"], second["id"], second["name"]) == (False, first["id"], "greeting")
    assert second["version"]["id"] != first["version"]["id"]
    kept = ("provider", "model", "input_variable_format", "variables")
    assert [second["version"][key] for key in kept] == ["ANTHROPIC", "claude", "MUSTACHE", ["word"]]
    newest = (await ax.ask("get_prompt"))["prompt"]["version"]
    assert newest["messages"][0]["content"] == "Shout {{word}}!"
    assert len((await ax.ask("list_prompts"))["prompts"]) == 1


async def test_a_model_of_another_provider_is_not_kept(ax: Caller) -> None:
    await save(ax)
    told = await ax.ask("save_prompt", prompt="greeting", template="Say {word}.", provider="ANTHROPIC")
    assert told["prompt"]["version"].get("model") is None


async def test_a_version_is_found_by_id_by_hash_and_by_label(ax: Caller) -> None:
    first = (await save(ax, "one"))["version"]
    await save(ax, "two")
    await ax.ask("label_prompt", prompt="greeting", version=first["id"], labels=["live"])
    for named in (
        {"version": first["id"]},
        {"version": first["commit_hash"]},
        {"version": first["commit_hash"][:7]},
        {"label": "live"},
    ):
        seen = await ax.ask("get_prompt", prompt="greeting", **named)
        assert seen["prompt"]["version"]["messages"][0]["content"] == "one"
    assert (await ax.ask("get_prompt", prompt="greeting"))["prompt"]["version"]["messages"][0]["content"] == "two"


@pytest.mark.over_http("label_prompt")
async def test_a_label_moves_and_what_it_replaced_is_said(ax: Caller) -> None:
    first = (await save(ax, "one"))["version"]
    second = (await save(ax, "two"))["version"]
    told = await ax.ask("label_prompt", prompt="greeting", version=first["commit_hash"], labels=["live", "old", "live"])
    assert told["version"]["labels"] == ["live", "old"]
    assert (told["moved_from"], told["removed"]) == ({}, [])
    told = await ax.ask("label_prompt", prompt="greeting", labels=["live"])
    assert told["version"]["id"] == second["id"]
    assert told["moved_from"] == {"live": first["commit_hash"]}
    text = await ax.read("label_prompt", prompt="greeting", version=first["id"], labels=["live"])
    assert text == (
        f"Version {first['commit_hash']} of prompt 'greeting' has label(s) 'live', 'old'. "
        f"'live' moved from version {second['commit_hash']}."
    )
    changed = await ax.read("label_prompt", prompt="greeting", version=first["id"], labels=["new"], remove=["old"])
    assert changed.endswith("has label(s) 'live', 'new'. Removed: 'old'.")
    told = await ax.ask("label_prompt", prompt="greeting", version=first["id"], remove=["live", "new"])
    assert told["removed"] == ["live", "new"]
    assert told["version"].get("labels") == []


@pytest.mark.parametrize(
    ("template", "written", "warned"),
    [
        ("Say {{word}}.", "F_STRING", "Warning: it has no variable as F_STRING, but word as MUSTACHE."),
        ("Say {word}.", "MUSTACHE", "Warning: it has no variable as MUSTACHE, but word as F_STRING."),
        ("Say {word}.", "F_STRING", ""),
        ("Say {word} or {{other}}.", "F_STRING", ""),
        ("Say nothing.", "F_STRING", ""),
        ("Say {word}.", "NONE", ""),
    ],
)
async def test_variables_written_the_other_way_are_pointed_out(
    ax: Caller, template: str, written: str, warned: str
) -> None:
    text = await ax.read("save_prompt", prompt="p", template=template, provider="CUSTOM", input_variable_format=written)
    assert text.startswith("Created prompt 'p': ")
    assert text.partition("Warning")[1:] == warned.partition("Warning")[1:]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "A prompt comes from exactly one of template and messages."),
        ({"template": "x", "messages": [USER]}, "A prompt comes from exactly one of template and messages."),
        ({"template": "x"}, "There is no prompt 'p' yet, and a first version needs a provider."),
        ({"messages": [], "provider": "OPEN_AI"}, "messages: "),
        ({"messages": [{"role": "BOSS", "content": "x"}], "provider": "OPEN_AI"}, "role: "),
        ({"messages": [{"content": "x"}], "provider": "OPEN_AI"}, "role: required"),
        ({"messages": [{**USER, "text": "x"}], "provider": "OPEN_AI"}, "text: unknown name"),
        ({"template": "x", "provider": "OPENAI_COMPATIBLE"}, "provider: "),
        ({"template": "x", "provider": "OPEN_AI", "input_variable_format": "JINJA"}, "input_variable_format: "),
        ({"template": "x", "provider": "OPEN_AI", "prompt": ""}, "name: "),
    ],
)
async def test_what_is_no_prompt_is_refused(ax: Caller, given: dict[str, Any], said: str) -> None:
    refusal = await ax.refused("save_prompt", **{"prompt": "p", **given})
    assert said in refusal["message"]
    assert refusal["next"]
    assert (await ax.ask("list_prompts"))["prompts"] == []


async def test_a_description_belongs_to_a_new_prompt(ax: Caller) -> None:
    await save(ax)
    refusal = await ax.refused("save_prompt", prompt="greeting", template="x", description="New words")
    assert refusal["message"] == "Prompt 'greeting' exists, and its description is fixed."


async def test_an_id_that_leads_nowhere_is_no_name_for_a_new_prompt(ax: Caller) -> None:
    await save(ax)
    for wanted in (ids.encode("Prompt", 99, "ffff"), ids.encode("Dataset", 1, "ffff")):
        refusal = await ax.refused("save_prompt", prompt=wanted, template="x", provider="OPEN_AI")
        assert "'greeting'" in refusal["message"]
    assert len((await ax.ask("list_prompts"))["prompts"]) == 1


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"prompt": "greetings"}, "not_found", "No prompt is named 'greetings'. Near: 'greeting'"),
        ({"version": "ffffffff"}, "not_found", "No version of the prompt is 'ffffffff'; newest first there are "),
        ({"version": ""}, "not_found", "No version of the prompt is ''"),
        ({"label": "live"}, "not_found", "live"),
        ({"label": "live", "version": "x"}, "invalid", "A version is named by version or by label."),
    ],
)
async def test_a_version_that_is_not_there_is_refused(ax: Caller, given: dict[str, Any], code: str, said: str) -> None:
    await save(ax)
    refusal = await ax.refused("get_prompt", **given)
    assert refusal["code"] == code
    assert said in refusal["message"]


async def test_a_label_for_nothing_is_refused(ax: Caller) -> None:
    refusal = await ax.refused("label_prompt", labels=["live"])
    assert refusal["message"] == "There is no prompt yet."
    assert refusal["next"] == "`save_prompt` makes one."
    await save(ax)
    refusal = await ax.refused("label_prompt", prompt="greeting", version="0000000", labels=["live"])
    assert refusal["code"] == "not_found"
    assert (await ax.refused("label_prompt", prompt="greeting", labels=[]))["message"] == "No label was given."
    refusal = await ax.refused("label_prompt", prompt="greeting", labels=["live"], remove=["old"])
    assert refusal["message"] == "The version has no label 'old'; it has: none."
    refusal = await ax.refused("label_prompt", prompt="greeting", labels=["old"], remove=["old"])
    assert refusal["message"] == "'old' is added and removed."


async def test_prompts_are_listed_by_a_part_of_their_name(ax: Caller) -> None:
    assert await ax.read("list_prompts") == "No prompt in space 'default' yet; `save_prompt` makes one."
    await save(ax, prompt="greeting", description="For the door")
    await save(ax, prompt="farewell")
    assert {prompt["name"] for prompt in (await ax.ask("list_prompts"))["prompts"]} == {"greeting", "farewell"}
    (found,) = (await ax.ask("list_prompts", name="greet"))["prompts"]
    assert found["description"] == "For the door"
    assert "has 'x' in its name" in await ax.read("list_prompts", name="x")


async def test_a_known_prompt_takes_few_requests(settings: Settings) -> None:
    async with connected(settings) as api:
        here = session(api, settings)
        given: dict[str, Any] = {"prompt": "p", "template": "x", "provider": "OPEN_AI"}
        counts: list[int] = []
        for tool, arguments in (
            (save_prompt, given),
            (save_prompt, given),
            (get_prompt, {"prompt": "p"}),
            (get_prompt, {"prompt": "p"}),
            (label_prompt, {"prompt": "p", "labels": ["live"]}),
        ):
            before = api.requests
            await tool.function(here, **arguments)
            counts.append(api.requests - before)
    # A write forgets every name. Space, the name twice, its making; space, name, newest version, the adding;
    # space, name, the reading; the reading; versions and labels.
    assert counts == [4, 4, 3, 1, 2]


async def test_a_name_in_another_letter_case_adds_no_version(ax: Caller) -> None:
    made = await save(ax)
    refusal = await ax.refused("save_prompt", prompt="Greeting", template="Say {word} loudly.")
    assert refusal["code"] == "conflict"
    assert refusal["message"] == "There is a prompt 'greeting', whose name differs in letter case alone."
    assert (await ax.ask("get_prompt", prompt="greeting"))["prompt"]["version"] == made["version"]
    for wanted in ("greeting", made["id"]):
        assert (await save(ax, f"Say {{word}} to {wanted}.", prompt=wanted))["created"] is False

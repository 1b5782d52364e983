"""Prompts over REST: versions, labels, and what is refused."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import SECOND, Body
from tests.engine.rest import Rest, opened

from assaykit.wire import ids


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


def version(text: str = "Hello, {name}!", **fields: Any) -> Body:
    message = {"role": "USER", "content": text}
    return {"commit_message": "first", "provider": "OPEN_AI", "messages": [message]} | fields


async def make(rest: Rest, name: str = "greeting", **fields: Any) -> Body:
    body = {"space_id": rest.space, "name": name, "description": "Says hello.", "version": version()}
    return await rest.create("/v2/prompts", body | fields)


async def add(rest: Rest, prompt: str, text: str) -> str:
    return (await rest.create(f"/v2/prompts/{prompt}/versions", version(text)))["id"]


async def label(rest: Rest, version_id: str, *labels: str) -> list[str]:
    return (await rest.ask("PUT", f"/v2/prompt-versions/{version_id}/labels", {"labels": labels}))["labels"]


async def test_a_prompt_comes_back_as_it_was_sent(rest: Rest) -> None:
    call = {"id": "1", "type": "FUNCTION", "function": {"name": "look_up", "arguments": "{}"}}
    messages = [
        {"role": "SYSTEM", "content": "Be brief."},
        {"role": "ASSISTANT", "tool_calls": [call]},
        {"role": "TOOL", "content": "found", "tool_call_id": "1"},
    ]
    sent = version(
        messages=messages,
        input_variable_format="MUSTACHE",
        model="gpt-4o",
        invocation_params={"temperature": 0.5, "stop": ["END"]},
        provider_params={"region": "eu"},
    )
    made = await make(rest, version=sent)
    assert ids.kind_of(made["id"]) == "Prompt"
    assert ids.kind_of(made["version"]["id"]) == "PromptVersion"
    assert made["version"].items() >= sent.items()
    assert made["version"]["labels"] == []
    assert made["version"]["prompt_id"] == made["id"]
    assert await rest.get(f"/v2/prompts/{made['id']}") == made
    assert await rest.get(f"/v2/prompt-versions/{made['version']['id']}") == made["version"]


async def test_variables_are_f_strings_unless_something_else_is_said(rest: Rest) -> None:
    assert (await make(rest))["version"]["input_variable_format"] == "F_STRING"


async def test_older_spellings_are_read_and_answered_in_the_newer_one(rest: Rest) -> None:
    older = version(messages=[{"role": "user", "content": "x"}], provider="openAI", input_variable_format="mustache")
    made = (await make(rest, version=older))["version"]
    assert (made["provider"], made["input_variable_format"]) == ("OPEN_AI", "MUSTACHE")
    assert made["messages"] == [{"role": "USER", "content": "x"}]


async def test_a_name_is_taken_once_in_a_space(rest: Rest) -> None:
    await make(rest)
    detail = await rest.refused(
        409, "POST", "/v2/prompts", {"space_id": rest.space, "name": "greeting", "version": version()}
    )
    assert "'greeting'" in detail


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": []}, "messages"),
        ({"commit_message": ""}, "commit_message"),
        ({"provider": "NOBODY"}, "provider"),
        ({"commit_hash": "x"}, "commit_hash"),
        ({"messages": [{"role": "KING", "content": "x"}]}, "role"),
    ],
)
async def test_a_version_of_the_wrong_shape_is_refused(rest: Rest, change: Body, field: str) -> None:
    prompt = (await make(rest))["id"]
    assert field in await rest.refused(400, "POST", f"/v2/prompts/{prompt}/versions", version() | change)


async def test_a_prompt_of_an_unknown_space_is_refused(rest: Rest) -> None:
    body = {"space_id": "nowhere", "name": "x", "version": version()}
    assert "'nowhere'" in await rest.refused(404, "POST", "/v2/prompts", body)


async def test_the_newest_version_is_the_one_answered_unless_one_is_named(rest: Rest) -> None:
    made = await make(rest)
    path = f"/v2/prompts/{made['id']}"
    second = await add(rest, made["id"], "Good day, {name}.")
    assert (await rest.get(path))["version"]["id"] == second
    first = await rest.get(path, version_id=made["version"]["id"])
    assert first["version"]["messages"][0]["content"] == "Hello, {name}!"
    await label(rest, made["version"]["id"], "production")
    assert (await rest.get(path, label="production"))["version"]["id"] == made["version"]["id"]
    assert "exclude" in await rest.refused(400, "GET", path, version_id=second, label="production")


async def test_a_version_of_another_prompt_is_not_found(rest: Rest) -> None:
    made, other = await make(rest), await make(rest, "other")
    detail = await rest.refused(404, "GET", f"/v2/prompts/{made['id']}", version_id=other["version"]["id"])
    assert "'greeting'" in detail


async def test_the_same_text_has_the_same_hash(rest: Rest) -> None:
    made = await make(rest)
    hashes = [made["version"]["commit_hash"]]
    for text in ("Hello, {name}!", "Good day."):
        found = await rest.get(f"/v2/prompt-versions/{await add(rest, made['id'], text)}")
        hashes.append(found["commit_hash"])
    assert hashes[0] == hashes[1] != hashes[2]


async def test_labels_of_a_version_are_replaced_and_move_between_siblings(rest: Rest) -> None:
    made = await make(rest)
    first, second = made["version"]["id"], await add(rest, made["id"], "Good day.")
    assert await label(rest, first, "production", "staging") == ["production", "staging"]
    assert await label(rest, second, "production", "production") == ["production"]
    assert (await rest.get(f"/v2/prompt-versions/{first}"))["labels"] == ["staging"]
    assert (await rest.get(f"/v2/prompts/{made['id']}/labels/production"))["id"] == second
    assert await label(rest, first) == []
    detail = await rest.refused(404, "GET", f"/v2/prompts/{made['id']}/labels/staging")
    assert "'production'" in detail


async def test_a_label_does_not_move_between_prompts(rest: Rest) -> None:
    made, other = await make(rest), await make(rest, "other")
    await label(rest, made["version"]["id"], "production")
    await label(rest, other["version"]["id"], "production")
    assert (await rest.get(f"/v2/prompt-versions/{made['version']['id']}"))["labels"] == ["production"]


async def test_a_label_can_be_taken_off(rest: Rest) -> None:
    made = await make(rest)
    version_id = made["version"]["id"]
    await label(rest, version_id, "my label", "b")
    path = f"/v2/prompt-versions/{version_id}/labels/my label"
    await rest.ask("DELETE", path, status=204)
    assert (await rest.get(f"/v2/prompt-versions/{version_id}"))["labels"] == ["b"]
    assert "'my label'" in await rest.refused(404, "DELETE", path)


@pytest.mark.parametrize("bad", ["", "  ", "a/b", "x" * 256])
async def test_what_cannot_be_a_label_is_refused_and_the_labels_stay(rest: Rest, bad: str) -> None:
    version_id = (await make(rest))["version"]["id"]
    await label(rest, version_id, "kept")
    path = f"/v2/prompt-versions/{version_id}/labels"
    assert "label" in await rest.refused(422, "PUT", path, {"labels": ["new", bad]})
    assert (await rest.get(f"/v2/prompt-versions/{version_id}"))["labels"] == ["kept"]


async def test_a_description_is_changed_and_taken_away(rest: Rest) -> None:
    path = f"/v2/prompts/{(await make(rest))['id']}"
    rest.clock.now += SECOND
    changed = await rest.ask("PATCH", path, {"description": "Greets."})
    assert changed["description"] == "Greets."
    assert changed["updated_at"] > changed["created_at"]
    assert "description" not in await rest.ask("PATCH", path, {"description": None})
    assert "changes nothing" in await rest.refused(400, "PATCH", path, {})
    assert "name" in await rest.refused(400, "PATCH", path, {"name": "renamed"})


async def test_a_deleted_prompt_takes_versions_and_labels_along(rest: Rest) -> None:
    made = await make(rest)
    await label(rest, made["version"]["id"], "production")
    await rest.ask("DELETE", f"/v2/prompts/{made['id']}", status=204)
    await rest.refused(404, "GET", f"/v2/prompts/{made['id']}")
    await rest.refused(404, "GET", f"/v2/prompt-versions/{made['version']['id']}")
    again = await make(rest)
    assert again["version"]["labels"] == []
    assert again["id"] != made["id"]


async def test_prompts_are_listed_last_updated_first_in_pages_that_lose_none(rest: Rest) -> None:
    made = [(await make(rest, f"prompt {number}"))["id"] for number in range(5)]
    rest.clock.now += SECOND
    await add(rest, made[1], "newer")
    expected = [made[1], made[4], made[3], made[2], made[0]]
    found: list[str] = []
    query: Body = {"limit": 2}
    while True:
        page = await rest.get("/v2/prompts", **query)
        found += [prompt["id"] for prompt in page["prompts"]]
        if not page["pagination"]["has_more"]:
            break
        query["cursor"] = page["pagination"]["next_cursor"]
    assert found == expected
    assert [prompt["name"] for prompt in (await rest.get("/v2/prompts", name="PROMPT 3"))["prompts"]] == ["prompt 3"]
    assert (await rest.get("/v2/prompts", space_id="elsewhere"))["prompts"] == []


async def test_versions_are_listed_newest_first(rest: Rest) -> None:
    made = await make(rest)
    newer = [await add(rest, made["id"], text) for text in "ab"]
    await label(rest, newer[0], "staging")
    page = await rest.get(f"/v2/prompts/{made['id']}/versions", limit=2)
    assert [version["id"] for version in page["prompt_versions"]] == [newer[1], newer[0]]
    assert [version["labels"] for version in page["prompt_versions"]] == [[], ["staging"]]
    rest_of_it = await rest.get(f"/v2/prompts/{made['id']}/versions", cursor=page["pagination"]["next_cursor"])
    assert [version["id"] for version in rest_of_it["prompt_versions"]] == [made["version"]["id"]]


async def test_unknown_prompts_and_versions_are_named(rest: Rest) -> None:
    nothing: Body = {"labels": []}
    for method, path, body in [
        ("GET", "/v2/prompts/x", None),
        ("PATCH", "/v2/prompts/x", {"description": "d"}),
        ("DELETE", "/v2/prompts/x", None),
        ("GET", "/v2/prompts/x/versions", None),
        ("POST", "/v2/prompts/x/versions", version()),
        ("GET", "/v2/prompts/x/labels/l", None),
        ("GET", "/v2/prompt-versions/x", None),
        ("PUT", "/v2/prompt-versions/x/labels", nothing),
        ("DELETE", "/v2/prompt-versions/x/labels/l", None),
    ]:
        assert "'x'" in await rest.refused(404, method, path, body)

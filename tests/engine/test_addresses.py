"""Each process calls the address that its own environment names, whoever else has the store open."""

from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import Body, Door, judge_version, opened, span
from tests.scripted_model import ScriptedModel

from assaykit.engine import credentials

ALWAYS = {"data_start_time": "2000-01-01T00:00:00Z", "override_evaluations": True}


def window(model: ScriptedModel, key: str, provider: str = "OPENAI") -> dict[str, str]:
    """The environment of a window whose provider is this model."""
    return {f"{provider}_API_KEY": key, f"{provider}_BASE_URL": model.url}


async def task_of(door: Door) -> str:
    project = await door.send(span(1))
    return await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")


async def shown(door: Door) -> Body:
    (found,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
    return found


def keys_at(model: ScriptedModel, header: str = "authorization") -> set[str]:
    return {request.headers[header] for request in model.requests}


@pytest.mark.parametrize(
    ("provider", "header", "prefix"), [("OPENAI", "authorization", "Bearer "), ("ANTHROPIC", "x-api-key", "")]
)
async def test_a_window_that_opens_later_changes_no_address_of_another(
    home: Path, provider: str, header: str, prefix: str
) -> None:
    with ScriptedModel(lambda _: "good") as a, ScriptedModel(lambda _: "bad") as b:
        async with opened(home, window(a, "key-a", provider)) as first:
            task = await task_of(first)
            async with opened(home, window(b, "key-b", provider)) as second:
                assert [(await shown(door))["base_url"] for door in (first, second)] == [a.url, b.url]
                await first.run(task, **ALWAYS)
                await second.run(task, **ALWAYS)
            await first.run(task, **ALWAYS)
        assert (a.count, keys_at(a, header)) == (2, {f"{prefix}key-a"})
        assert (b.count, keys_at(b, header)) == (1, {f"{prefix}key-b"})


async def test_a_window_without_the_variable_leaves_the_address_of_another(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with opened(home, window(model, "k")) as door:
            task = await task_of(door)
            async with opened(home, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": " "}) as other:
                assert "base_url" not in await shown(other)
            assert (await door.run(task, **ALWAYS))["num_successes"] == 1
        assert model.count == 1


async def test_an_answer_from_one_address_is_not_taken_for_one_from_another(home: Path) -> None:
    again = {"data_start_time": "2000-01-01T00:00:00Z"}
    with ScriptedModel(lambda _: "good") as a, ScriptedModel(lambda _: "bad") as b:
        async with opened(home, window(a, "k")) as door:
            task = await task_of(door)
            await door.run(task, **again)
        async with opened(home, window(b, "k")) as door:
            project = (await door.get("/v2/projects"))["projects"][0]["id"]
            judge = (await door.get("/v2/evaluators"))["evaluators"][0]["id"]
            twin = judge_version((await shown(door))["id"], "other")
            await door.post(f"/v2/evaluators/{judge}/versions", twin)
            await door.run(task, **again)
            (row,) = await door.spans(project, start_time="2000-01-01T00:00:00Z")
        assert {one["name"]: one["label"] for one in row["evaluations"]} == {"tone": "good", "other": "bad"}


async def test_a_change_that_repeats_the_shown_address_leaves_it_to_each_window(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as a, ScriptedModel(lambda _: "bad") as b:
        async with opened(home, window(a, "k")) as first, opened(home, window(b, "k")) as second:
            path = f"/v2/ai-integrations/{(await shown(first))['id']}"
            await changed(first, path, base_url=a.url, function_calling_enabled=False)
            assert (await shown(second))["base_url"] == b.url
            await changed(first, path, base_url=a.url, api_key="env:OPENAI_API_KEY")
            await first.refused(422, "PATCH", path, json={"base_url": b.url})
            await changed(first, path, base_url=b.url, api_key="env:OPENAI_API_KEY")
            assert [(await shown(door))["base_url"] for door in (first, second)] == [b.url, b.url]


async def changed(door: Door, path: str, **body: Any) -> None:
    assert (await door.http.patch(path, json=body)).is_success


def test_an_address_is_a_variable_or_stands_for_itself() -> None:
    environment = {"HERE": " http://127.0.0.1:1/v1 ", "BLANK": " "}
    stored = [None, "https://example.com/v1", "env:HERE", "env:BLANK", "env:ABSENT"]
    found = [credentials.address(one, environment) for one in stored]
    assert found == [None, "https://example.com/v1", "http://127.0.0.1:1/v1", None, None]

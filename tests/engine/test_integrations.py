"""AI integrations: made by the environment, and never with a key in an answer."""

from pathlib import Path

import pytest
from tests.engine.door import Body, Door, opened

KEY = "sk-this-is-the-key"
ENVIRONMENT = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}


async def only(door: Door) -> Body:
    (found,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
    assert await door.get(f"/v2/ai-integrations/{found['id']}") == found
    return found


async def test_without_a_key_there_is_no_integration(door: Door) -> None:
    assert (await door.get("/v2/ai-integrations"))["ai_integrations"] == []


async def test_a_key_in_the_environment_is_an_integration(home: Path) -> None:
    async with opened(home, ENVIRONMENT) as door:
        found = await only(door)
    assert (found["name"], found["provider"], found["has_api_key"]) == ("openai", "OPEN_AI", True)
    assert found["base_url"] == ENVIRONMENT["OPENAI_BASE_URL"]


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": ""}])
async def test_an_integration_outlives_its_key_and_says_so(home: Path, environment: dict[str, str]) -> None:
    async with opened(home, ENVIRONMENT) as door:
        before = await only(door)
    # The address is a variable's too, and each process reads its own.
    del before["base_url"]
    async with opened(home, environment) as door:
        assert await only(door) == before | {"has_api_key": False}
    async with opened(home, {"OPENAI_API_KEY": KEY}) as door:
        after = await only(door)
        assert after["has_api_key"] is True
        assert "base_url" not in after


async def test_each_known_provider_has_its_own_integration(home: Path) -> None:
    async with opened(home, {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}) as door:
        found = await door.all_of("/v2/ai-integrations", "ai_integrations", 1)
        assert [row["name"] for row in found] == ["anthropic", "openai"]
        assert len((await door.get("/v2/ai-integrations", name="ANTHRO"))["ai_integrations"]) == 1


async def test_the_key_is_in_no_answer_and_not_in_the_store(home: Path) -> None:
    async with opened(home, ENVIRONMENT) as door:
        await door.judge()
        evaluator = (await door.get("/v2/evaluators"))["evaluators"][0]["id"]
        paths = ["/v2/ai-integrations", f"/v2/evaluators/{evaluator}", "/x/status"]
        answers = [(await door.http.get(path)).text for path in paths]
    assert not [answer for answer in answers if KEY in answer]
    assert KEY.encode() not in stored(home)


def stored(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.iterdir())


async def test_an_integration_is_in_every_space_and_in_no_other(home: Path) -> None:
    async with opened(home, ENVIRONMENT) as door:

        async def count(**query: str) -> int:
            return len((await door.get("/v2/ai-integrations", **query))["ai_integrations"])

        assert await count(space_id=await door.space()) == await count(space_name="EFAU") == 1
        assert await count(space_id="default") == await count(space_name="other") == 0

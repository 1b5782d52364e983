from dataclasses import replace

import pytest
from tests.caller import Caller, serving

from assaykit import __version__
from assaykit.engine.store.migrations import HEAD
from assaykit.settings import Settings


async def test_a_fresh_installation_has_the_default_space_and_says_what_to_do_first(ax: Caller) -> None:
    status = await ax.ask("get_status")
    connection = status.pop("connection", None)
    assert (connection is None) == (ax.settings.backend == "local")
    assert status == {
        "version": __version__,
        "backend": ax.settings.backend,
        "spaces": ["default"],
        "integrations": [],
        "store": {"schema_version": HEAD, "spans": 0, "projects": 0, "running": 0},
    }
    text = await ax.read("get_status")
    assert "assaykit demo" in text
    assert "Judge models: none. Set OPENAI_API_KEY or ANTHROPIC_API_KEY" in text


@pytest.mark.over_http("get_status")
async def test_spans_that_arrived_are_counted_and_the_next_step_follows(ax: Caller, bot: None) -> None:
    store = (await ax.ask("get_status"))["store"]
    assert (store["spans"], store["projects"]) == (4, 1)
    assert "Next: `list_projects`, then `search_spans`." in await ax.read("get_status")


async def test_a_provider_key_makes_an_integration_and_is_never_shown(settings: Settings) -> None:
    async with serving(settings, model="http://127.0.0.1:9/v1") as ax:
        status = await ax.ask("get_status")
        (one,) = status["integrations"]
        assert one == {"name": "openai", "provider": "OPEN_AI", "has_api_key": True, "models": ["gpt-4.1-mini"]}
        assert "sk-test" not in await ax.read("get_status")


async def test_an_integration_whose_key_is_gone_says_so(settings: Settings) -> None:
    async with serving(settings, model="http://127.0.0.1:9/v1") as ax:
        assert "'openai' (OPEN_AI: gpt-4.1-mini)" in await ax.read("get_status")
    async with serving(settings) as ax:
        assert "'openai' (OPEN_AI: gpt-4.1-mini, no key)" in await ax.read("get_status")


@pytest.mark.embedded("with AX chosen the key is used")
async def test_an_ax_key_that_merely_lies_there_is_mentioned_and_not_used(settings: Settings) -> None:
    async with serving(replace(settings, ax_key="ak-planted-4711")) as ax:
        text = await ax.read("get_status")
        assert "ARIZE_API_KEY is set but not used" in text
        assert "ak-planted" not in text
        assert (await ax.ask("get_status"))["backend"] == "local"

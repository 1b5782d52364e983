"""Writing AI integrations: keys by name alone, safe addresses, and whether the model answers."""

import logging
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from tests.engine.door import SECOND, Body, judge_version
from tests.engine.rest import Rest, opened
from tests.scripted_model import ScriptedModel

from assaykit.engine.store.tables import integrations
from assaykit.judge.providers.output_modes import LEARNT
from assaykit.wire import ids

PATH = "/v2/ai-integrations"
RAW_KEY = "sk-proj-0123456789abcdefghijklmnop"
ENVIRONMENT = {"MODEL_KEY": "the-secret-value", "OTHER_KEY": "another-secret"}

KEYRING = """
import keyring.errors
STORED = {("assaykit", "gateway"): "key-from-the-ring"}
def get_password(service, name):
    if name == "locked":
        raise keyring.errors.KeyringError("the-secret-value")
    return STORED.get((service, name))
"""
"""A keyring as the package offers one, with one entry, and one that cannot be read."""


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    LEARNT.clear()
    async with opened(home, ENVIRONMENT) as rest:
        yield rest


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A package `keyring` in place of the installed one."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "keyring"]:
        monkeypatch.delitem(sys.modules, name)
    package = tmp_path / "site" / "keyring"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(KEYRING, encoding="utf-8")
    (package / "errors.py").write_text("class KeyringError(Exception): ...\n", encoding="utf-8")
    sys.path.insert(0, str(package.parent))
    yield
    sys.path.remove(str(package.parent))
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name, None)


def gateway(**fields: Any) -> Body:
    return {
        "name": "gateway",
        "provider": "CUSTOM",
        "base_url": "https://gateway.example.com/v1",
        "api_key": "env:MODEL_KEY",
    } | fields


async def make(rest: Rest, **fields: Any) -> Body:
    return await rest.create(PATH, gateway(**fields))


async def reference(rest: Rest, integration: str) -> str | None:
    """What the store holds of an integration's key."""

    def read(connection: sa.Connection) -> str | None:
        query = sa.select(integrations.c.secret_ref).where(integrations.c.id == integration)
        return connection.execute(query).scalar_one()

    return await rest.door.engine.database.read(read)


async def test_an_integration_comes_back_as_it_was_sent_but_for_its_key(rest: Rest) -> None:
    sent = gateway(model_names=["m-1", "m-2"], headers={"X-Title": "tests"}, function_calling_enabled=False)
    made = await rest.create(PATH, sent)
    assert ids.kind_of(made["id"]) == "LlmIntegration"
    assert made == {
        "id": made["id"],
        "name": "gateway",
        "provider": "CUSTOM",
        "has_api_key": True,
        "base_url": "https://gateway.example.com/v1",
        "model_names": ["m-1", "m-2"],
        "headers": {"X-Title": "tests"},
        "enable_default_models": False,
        "function_calling_enabled": False,
        "auth_type": "DEFAULT",
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert await rest.get(f"{PATH}/{made['id']}") == made
    assert (await rest.get(PATH))["ai_integrations"] == [made]
    assert await reference(rest, made["id"]) == "env:MODEL_KEY"


async def test_an_older_spelling_of_a_provider_is_read(rest: Rest) -> None:
    made = await rest.create(PATH, {"name": "mine", "provider": "openAI"})
    assert (made["provider"], made["has_api_key"]) == ("OPEN_AI", False)


async def test_a_variable_that_is_not_set_is_no_key(rest: Rest) -> None:
    assert (await make(rest, api_key="env:NOT_SET"))["has_api_key"] is False


@pytest.mark.parametrize("key", [f"env:{RAW_KEY}", f"keyring:{RAW_KEY}", "kept:file:0", "a key", "clé", "k" * 8001])
async def test_what_is_neither_a_key_nor_a_reference_is_refused_and_repeated_nowhere(
    rest: Rest, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        detail = await rest.refused(422, "POST", PATH, gateway(api_key=key))
        made = await make(rest)
        again = await rest.refused(422, "PATCH", f"{PATH}/{made['id']}", {"api_key": key})
    for told in (detail, again):
        assert "env:NAME" in told
        assert "keyring:NAME" in told
        assert key not in told
    assert key not in f"{logs} {caplog.text}"
    assert await reference(rest, made["id"]) == "env:MODEL_KEY"


@pytest.mark.parametrize("key", ["", "env:", "env:A B", "env:A/B", "env:" + "A" * 129, "env:A\n", "ENV:A", " env:A"])
async def test_a_reference_of_the_wrong_form_is_refused(rest: Rest, key: str) -> None:
    assert "env:NAME" in await rest.refused(422, "POST", PATH, gateway(api_key=key))


async def test_a_key_of_the_wrong_type_is_not_repeated_either(rest: Rest) -> None:
    detail = await rest.refused(400, "POST", PATH, gateway(api_key=[RAW_KEY], headers=RAW_KEY))
    assert "api_key" in detail
    assert RAW_KEY not in detail


@pytest.mark.parametrize("key", ["env:ASSAYKIT_ENGINE_KEY", "env:ARIZE_API_KEY", "keyring:arize_api_key"])
async def test_keys_that_open_something_else_than_a_model_are_refused(rest: Rest, key: str) -> None:
    assert "this server" in await rest.refused(422, "POST", PATH, gateway(api_key=key))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "x"},
        {"api-key": "x"},
        {"X-Api-Key": "x"},
        {"x-access-token": "x"},
        {"Cookie": "x"},
        {"X-Title": "Bearer abc"},
        {"X-Title": RAW_KEY},
    ],
)
async def test_a_header_that_looks_like_a_credential_is_refused(rest: Rest, headers: dict[str, str]) -> None:
    detail = await rest.refused(422, "POST", PATH, gateway(headers=headers))
    assert "looks like a credential" in detail
    assert "env:NAME" in detail
    assert RAW_KEY not in detail


@pytest.mark.parametrize(
    "headers", [{"X Title": "x"}, {"X-Title": "a\r\nHost: evil"}, {"X-Title": "é"}, {"Host": "x"}, {"X": "v" * 8175}]
)
async def test_a_header_that_cannot_be_sent_is_refused(rest: Rest, headers: dict[str, str]) -> None:
    await rest.refused(422, "POST", PATH, gateway(headers=headers))


@pytest.mark.parametrize(
    "base_url",
    [
        "http://gateway.example.com/v1",
        "http://10.0.0.1/v1",
        "http://169.254.169.254/latest",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "ftp://localhost/",
        "file:///etc/passwd",
        "gateway.example.com",
        "https://",
        "https://user:pass@gateway.example.com",
        "https://gateway.example.com/?key=1",
        "https://gateway.example.com/#x",
        "http://[not-an-address",
        "",
    ],
)
async def test_an_address_that_others_could_listen_on_is_refused(rest: Rest, base_url: str) -> None:
    assert "base_url" in await rest.refused(422, "POST", PATH, gateway(base_url=base_url))


@pytest.mark.parametrize("base_url", ["http://localhost:11434/v1", "http://127.0.0.2/v1", "http://[::1]:80/v1"])
async def test_http_is_taken_on_loopback(rest: Rest, base_url: str) -> None:
    assert (await make(rest, base_url=base_url))["base_url"] == base_url


async def test_what_the_engine_cannot_do_is_said_at_once(rest: Rest) -> None:
    assert "auth_type" in await rest.refused(501, "POST", PATH, gateway(auth_type="BEARER_TOKEN"))
    assert "scopings" in await rest.refused(501, "POST", PATH, gateway(scopings=[{"space_id": rest.space}]))
    assert "base_url" in await rest.refused(422, "POST", PATH, gateway(base_url=None))
    everybody = await make(rest, scopings=[{"space_id": None, "organization_id": None}], provider_metadata=None)
    assert everybody["name"] == "gateway"


async def test_a_name_is_taken_once(rest: Rest) -> None:
    made = await make(rest)
    assert "'gateway'" in await rest.refused(409, "POST", PATH, gateway())
    other = await make(rest, name="other")
    assert "'gateway'" in await rest.refused(409, "PATCH", f"{PATH}/{other['id']}", {"name": "gateway"})
    assert (await rest.ask("PATCH", f"{PATH}/{made['id']}", {"name": "gateway"}))["name"] == "gateway"


async def test_an_update_leaves_what_it_does_not_name(rest: Rest) -> None:
    made = await make(rest, model_names=["m-1"], headers={"X-Title": "tests"})
    path = f"{PATH}/{made['id']}"
    rest.clock.now += SECOND
    changed = await rest.ask("PATCH", path, {"model_names": ["m-2"], "enable_default_models": True})
    assert changed["updated_at"] > made["updated_at"]
    different = {"model_names", "enable_default_models", "updated_at"}
    assert {key for key in made if made[key] != changed[key]} == different
    assert await reference(rest, made["id"]) == "env:MODEL_KEY"


async def test_null_takes_away_and_is_not_the_same_as_left_out(rest: Rest) -> None:
    made = await make(rest, provider="OPEN_AI", headers={"X-Title": "tests"})
    path = f"{PATH}/{made['id']}"
    changed = await rest.ask("PATCH", path, {"api_key": None, "headers": None})
    assert changed["has_api_key"] is False
    assert "headers" not in changed
    assert changed["base_url"] == made["base_url"]
    assert "base_url" not in await rest.ask("PATCH", path, {"base_url": None})
    assert "changes nothing" in await rest.refused(400, "PATCH", path, {})
    assert "name cannot be null" in await rest.refused(400, "PATCH", path, {"name": None})
    assert "modelnames" in await rest.refused(400, "PATCH", path, {"modelnames": ["x"]})


@pytest.mark.parametrize("change", [{"base_url": "https://elsewhere.example.com"}, {"provider": "OPEN_AI"}])
async def test_a_key_does_not_move_to_another_address_by_itself(rest: Rest, change: Body) -> None:
    made = await make(rest)
    path = f"{PATH}/{made['id']}"
    assert "api_key" in await rest.refused(422, "PATCH", path, change)
    assert await rest.get(path) == made
    changed = await rest.ask("PATCH", path, change | {"api_key": "env:OTHER_KEY"})
    assert changed.items() >= change.items()
    assert await reference(rest, made["id"]) == "env:OTHER_KEY"


async def test_an_integration_that_judges_use_is_not_deleted(rest: Rest) -> None:
    made, spare = await make(rest), await make(rest, name="spare")
    judge = await rest.judge(made["id"], "politeness")
    path = f"{PATH}/{made['id']}"
    assert "'politeness'" in await rest.refused(409, "DELETE", path)
    await rest.create(f"/v2/evaluators/{judge}/versions", judge_version(spare["id"]))
    await rest.ask("DELETE", path, status=204)
    assert "'" + made["id"] in await rest.refused(404, "GET", path)
    await rest.refused(404, "DELETE", path)
    await rest.refused(404, "PATCH", path, {"name": "x"})


async def test_what_comes_from_the_environment_follows_it_until_it_is_changed(home: Path) -> None:
    environment = {"OPENAI_API_KEY": "k1", "ANTHROPIC_API_KEY": "k2"}
    async with opened(home, environment) as rest:
        made = {each["name"]: each["id"] for each in (await rest.get(PATH))["ai_integrations"]}
        body = {"base_url": "https://mine.example.com", "api_key": "env:OPENAI_API_KEY"}
        await rest.ask("PATCH", f"{PATH}/{made['openai']}", body)
    moved = {name: f"https://{name.lower()}.example.com" for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL")}
    async with opened(home, environment | moved) as rest:
        found = {each["name"]: each["base_url"] for each in (await rest.get(PATH))["ai_integrations"]}
    assert found == {"openai": "https://mine.example.com", "anthropic": moved["ANTHROPIC_BASE_URL"]}


# Checking


async def check(rest: Rest, integration: str, model: str | None = None) -> Body:
    return await rest.ask("POST", f"/x/ai-integrations/{integration}/check", {"model": model})


async def test_a_check_asks_the_model_with_the_key_and_the_headers(rest: Rest) -> None:
    with ScriptedModel(lambda _prompt: {"text": "ready"}, key="the-secret-value") as model:
        made = await make(rest, base_url=model.url, model_names=["m-1", "m-2"], headers={"X-Title": "tests"})
        found = await check(rest, made["id"])
        assert (found["ok"], found["model"], found["detail"]) == (True, "m-1", "It answered 'ready'.")
        assert found["latency_ms"] > 0
        assert (await check(rest, made["id"], "other"))["model"] == "other"
        assert model.requests[0].headers["x-title"] == "tests"
        assert model.requests[0].headers["authorization"] == "Bearer the-secret-value"
        assert model.requests[0].way == "text"


async def test_a_check_says_why_the_model_did_not_answer_and_hides_the_key(rest: Rest) -> None:
    with ScriptedModel(lambda _prompt: "x", key="a better one") as model:
        made = await make(rest, base_url=model.url, model_names=["m-1"])
        found = await check(rest, made["id"])
    assert (found["ok"], found["model"]) == (False, "m-1")
    assert "MODEL_KEY" in found["detail"]
    assert "the-secret-value" not in found["detail"]


async def test_a_check_without_a_model_to_ask_is_refused(rest: Rest) -> None:
    made = await make(rest)
    path = f"/x/ai-integrations/{made['id']}/check"
    assert "Send model" in await rest.refused(422, "POST", path, {})
    assert "'x'" in await rest.refused(404, "POST", "/x/ai-integrations/x/check", {})


async def test_a_judge_of_an_integration_without_function_calling_asks_without_tools(rest: Rest) -> None:
    with ScriptedModel(lambda _prompt: "good", reject_structured=True) as model:
        made = await make(rest, base_url=model.url, function_calling_enabled=False)
        judge = await rest.judge(made["id"])
        body = {"evaluator_id": judge, "rows": [{"output": "thanks"}]}
        assert (await rest.ask("POST", "/x/judge", body))["results"] == [
            {"label": "good", "score": 1.0, "shortened": False}
        ]
        assert [request.way for request in model.requests] == ["schema", "text"]


async def test_a_key_in_the_keyring_is_read_when_the_model_is_asked(rest: Rest, keyring: None) -> None:
    with ScriptedModel(lambda _prompt: {"text": "ready"}, key="key-from-the-ring") as model:
        made = await make(rest, base_url=model.url, model_names=["m"], api_key="keyring:gateway")
        assert made["has_api_key"] is True
        assert "keyring" not in sys.modules
        assert (await check(rest, made["id"]))["ok"] is True
        assert model.requests[0].headers["authorization"] == "Bearer key-from-the-ring"


async def test_a_keyring_that_cannot_be_read_is_explained(rest: Rest, keyring: None) -> None:
    locked = await make(rest, model_names=["m"], api_key="keyring:locked")
    detail = await rest.refused(501, "POST", f"/x/ai-integrations/{locked['id']}/check", {})
    assert "'locked'" in detail
    assert "the-secret-value" not in detail
    absent = await make(rest, name="openai", provider="OPEN_AI", model_names=["m"], api_key="keyring:absent")
    found = await check(rest, absent["id"])
    assert (found["ok"], "'absent'" in found["detail"]) == (False, True)


async def test_a_missing_keyring_package_is_named(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    made = await make(rest, model_names=["m"], api_key="keyring:gateway")
    detail = await rest.refused(501, "POST", f"/x/ai-integrations/{made['id']}/check", {})
    assert "pip install 'assaykit[keyring]'" in detail

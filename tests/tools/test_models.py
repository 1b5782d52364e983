"""Integrations: made, tested and listed without a key ever being taken, shown or sent elsewhere."""

import json
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult
from tests.caller import Caller, serving, text_of
from tests.engines import reached
from tests.odd_provider import OddProvider, Reply, completion
from tests.scripted_model import ScriptedModel

from assaykit.server import create_server
from assaykit.settings import Settings

ROLE = "arn:aws:iam::123456789012:role/judges"
KEY = "sk-planted-0123456789abcdef"
OTHER = "sk-other-fedcba9876543210"


def ready(_prompt: str) -> dict[str, Any]:
    return {"text": "ready"}


@asynccontextmanager
async def with_keys(settings: Settings, **environment: str) -> AsyncGenerator[Caller]:
    """A caller whose server has these variables."""
    async with serving(replace(settings, environment=environment)) as ax:
        yield ax


def gateway(model: ScriptedModel, **more: Any) -> dict[str, Any]:
    """The arguments of an integration of a gateway at the model's address."""
    return {"name": "gateway", "provider": "CUSTOM", "base_url": model.url, "model_names": ["small"], **more}


async def names(ax: Caller) -> list[str]:
    return [one["name"] for one in (await ax.ask("list_integrations"))["integrations"]]


async def test_an_integration_tests_itself_with_the_key_in_its_variable(settings: Settings) -> None:
    with ScriptedModel(ready, key=OTHER) as model:
        async with with_keys(settings, GATEWAY_KEY=OTHER) as ax:
            told = await ax.ask("create_integration", **gateway(model, key_variable="GATEWAY_KEY"))
            assert told["created"] is told["tested"] is True
            assert told["model"] == "small"
            assert told["latency_ms"] > 0
            assert (await ax.ask("list_integrations"))["integrations"] == [
                {
                    "id": told["integration"]["id"],
                    "name": "gateway",
                    "provider": "CUSTOM",
                    "base_url": model.url,
                    "model_names": ["small"],
                    "has_api_key": True,
                }
            ]
        assert model.count == 1


async def test_a_judge_uses_it_by_name(bot: None, settings: Settings) -> None:
    with ScriptedModel(lambda _: "good", key=OTHER) as model:
        async with with_keys(settings, GATEWAY_KEY=OTHER) as ax:
            await ax.ask("create_integration", **gateway(model, key_variable="GATEWAY_KEY", test=False))
            choices = {"good": 1, "bad": 0}
            await ax.ask("create_judge", name="j", template="{output}?", choices=choices, integration="gateway")
            seen = await ax.ask("preview_judge", judge="j", project="bot", filter="name = 'a1'")
    assert seen["results"][0]["label"] == "good"


async def test_a_local_server_needs_no_key(ax: Caller) -> None:
    with ScriptedModel(ready) as model:
        told = await ax.ask("create_integration", **gateway(model))
        assert "authorization" not in model.requests[0].headers
    assert told["integration"]["has_api_key"] is False
    assert "CUSTOM at http://127.0.0.1:" in await ax.read("list_integrations", name="gate")


async def test_a_known_provider_is_asked_with_its_usual_variable(settings: Settings) -> None:
    with ScriptedModel(ready, key=KEY) as model:
        async with with_keys(settings, ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=model.url) as ax:
            told = await ax.ask(
                "create_integration", name="mine", provider="ANTHROPIC", base_url=model.url, model_names=["claude"]
            )
        assert [request.path for request in model.requests] == ["/v1/messages"]
    assert told["tested"] is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "another"}, "did not accept the key in GATEWAY_KEY at http://127.0.0.1"),
        ({"models": ["large"]}, "has no model 'small'"),
        ({"failures": [500] * 9, "failure_text": f"your key {OTHER} broke it"}, "answered with status 500"),
    ],
)
async def test_a_test_that_fails_says_why_and_keeps_nothing(
    settings: Settings, options: dict[str, Any], said: str
) -> None:
    with ScriptedModel(ready, **options) as model:
        async with with_keys(settings, GATEWAY_KEY=OTHER) as ax:
            refusal = await ax.refused("create_integration", **gateway(model, key_variable="GATEWAY_KEY"))
            assert refusal["message"].startswith(f"small did not answer at {model.url}, so nothing was kept: ")
            assert said in refusal["message"]
            assert refusal["next"] == (
                "Check base_url, model_names and the key in GATEWAY_KEY; test=false keeps it untested."
            )
            assert OTHER not in json.dumps(refusal)
            assert await names(ax) == []
            told = await ax.ask("create_integration", **gateway(model, key_variable="GATEWAY_KEY", test=False))
            assert told["tested"] is False
            assert await names(ax) == ["gateway"]


async def test_nobody_at_an_address_is_said(ax: Caller) -> None:
    refusal = await ax.refused(
        "create_integration", name="g", provider="CUSTOM", base_url="http://127.0.0.1:9/v1", model_names=["m"]
    )
    assert "could not be reached" in refusal["message"]
    assert refusal["next"].startswith("Check base_url, model_names and whether it wants a key;")
    assert await names(ax) == []


@pytest.mark.parametrize("argument", ["key_variable", "keyring_entry", "name", "base_url"])
async def test_a_key_given_in_place_of_its_name_is_refused_and_not_repeated(ax: Caller, argument: str) -> None:
    given = {"name": "g", "provider": "OPEN_AI", "key_variable": "OPENAI_API_KEY", "test": False}
    result = await ax.call("create_integration", **{**given, argument: f"https://{KEY}" if "url" in argument else KEY})
    assert result.is_error
    assert KEY not in text_of(result) + json.dumps(result.structured_content)
    assert argument in text_of(result)
    assert await names(ax) == []


async def test_an_argument_for_a_key_does_not_exist(ax: Caller) -> None:
    refusal = await ax.refused("create_integration", name="g", provider="OPEN_AI", api_key=KEY)
    assert refusal["message"].startswith("api_key: unknown name")
    assert KEY not in json.dumps(refusal)


async def test_the_providers_key_does_not_follow_a_foreign_base_url(settings: Settings) -> None:
    with ScriptedModel(ready) as model:
        async with with_keys(settings, OPENAI_API_KEY=KEY) as ax:
            for more in (
                {"provider": "OPEN_AI"},
                {"provider": "OPEN_AI", "key_variable": "OPENAI_API_KEY"},
                {"provider": "CUSTOM", "key_variable": "OPENAI_API_KEY"},
                {"provider": "ANTHROPIC", "key_variable": "OPENAI_API_KEY"},
                {"provider": "OPEN_AI", "test": False},
            ):
                refusal = await ax.refused("create_integration", **gateway(model, **more))
                assert refusal["message"].startswith("OPENAI_API_KEY goes to https://api.openai.com only")
                assert "provider='CUSTOM' with key_variable=<that variable>" in refusal["next"]
            assert await names(ax) == ["openai"]
        assert model.count == 0


async def test_another_variable_may_go_to_a_foreign_base_url_of_the_same_protocol(settings: Settings) -> None:
    with ScriptedModel(ready, key=OTHER) as model:
        async with with_keys(settings, OPENAI_API_KEY=KEY, GATEWAY_KEY=OTHER) as ax:
            given = gateway(model, provider="OPEN_AI", key_variable="GATEWAY_KEY")
            assert (await ax.ask("create_integration", **given))["tested"] is True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"provider": "CUSTOM", "base_url": "https://host/v1"}, "A CUSTOM integration needs base_url and model_names"),
        ({"provider": "CUSTOM", "model_names": ["m"]}, "A CUSTOM integration needs base_url and model_names"),
        ({"provider": "CUSTOM", "base_url": "https://host/v1", "model_names": []}, "needs base_url and model_names"),
        ({"provider": "OPEN_AI"}, "The variable OPENAI_API_KEY is not set where the server was started."),
        ({"provider": "OPEN_AI", "key_variable": "ARIZE_API_KEY"}, "is this server's own"),
        ({"provider": "OPEN_AI", "key_variable": "A", "keyring_entry": "b"}, "An integration has one key."),
        ({"provider": "OPEN_AI", "provider_metadata": {"role_arn": ROLE}}, "OPEN_AI has none."),
        ({"provider": "AWS_BEDROCK", "provider_metadata": {"role": ROLE}}, "has no field 'role'."),
        (
            {"provider": "AWS_BEDROCK", "provider_metadata": {"role_arn": ROLE}},
            "AWS_BEDROCK integration needs model_names",
        ),
        ({"provider": "VERTEX_AI", "model_names": ["m"]}, "A VERTEX_AI integration needs base_url and model_names"),
        (
            {"provider": "VERTEX_AI", "provider_metadata": {"project_id": "p", "project_access_label": KEY}},
            "project_access_label looks like a key itself",
        ),
        ({"provider": "OPEN_AI", "base_url": "http://host/v1"}, "base_url has to be https"),
        ({"provider": "GEMINI"}, "provider: "),
    ],
)
async def test_what_could_not_work_is_refused_before_anything_is_sent(
    ax: Caller, given: dict[str, Any], said: str
) -> None:
    refusal = await ax.refused("create_integration", name="g", **given)
    assert refusal["code"] == "invalid"
    assert said in refusal["message"]
    assert refusal["next"]
    assert await names(ax) == []


@pytest.mark.parametrize(
    ("given", "place", "line"),
    [
        (
            {"provider": "AWS_BEDROCK", "provider_metadata": {"role_arn": ROLE, "region": "eu-west-3"}},
            {"kind": "AWS", "role_arn": ROLE, "region": "eu-west-3"},
            f"AWS_BEDROCK at https://bedrock-runtime.eu-west-3.amazonaws.com as '{ROLE}'",
        ),
        (
            {"provider": "AWS_BEDROCK", "provider_metadata": {"role_arn": ROLE, "external_id": "team-7"}},
            {"kind": "AWS", "role_arn": ROLE, "external_id": "team-7"},
            f"AWS_BEDROCK at the provider's own address as '{ROLE}'",
        ),
        (
            {"provider": "VERTEX_AI", "provider_metadata": {"project_id": "my-project-1", "location": "europe-west4"}},
            {
                "kind": "GCP",
                "project_id": "my-project-1",
                "location": "europe-west4",
                "project_access_label": "my-project-1",
            },
            "VERTEX_AI at https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project-1/",
        ),
        ({"provider": "AWS_BEDROCK"}, None, "AWS_BEDROCK at the provider's own address"),
    ],
)
async def test_a_tool_takes_the_place_of_a_clouds_models(
    ax: Caller, given: dict[str, Any], place: dict[str, str] | None, line: str
) -> None:
    told = await ax.ask("create_integration", name="cloud", model_names=["m"], test=False, **given)
    assert told["integration"].get("provider_metadata") == place
    assert line in await ax.read("list_integrations")


@pytest.mark.over_http("create_integration", "list_integrations")
async def test_a_variable_that_is_set_later_may_be_named_now(ax: Caller) -> None:
    told = await ax.ask("create_integration", name="g", provider="OPEN_AI", test=False)
    assert told["integration"]["has_api_key"] is False
    assert "has no key" not in await ax.read("list_integrations")
    assert "no key" in await ax.read("list_integrations")


async def test_a_name_is_taken_once(ax: Caller) -> None:
    await ax.ask("create_integration", name="g", provider="OPEN_AI", test=False)
    refusal = await ax.refused("create_integration", name="g", provider="ANTHROPIC", test=False)
    assert refusal["code"] == "conflict"
    assert await names(ax) == ["g"]


async def test_a_keyring_entry_is_named_and_not_read_until_it_is_used(ax: Caller) -> None:
    told = await ax.ask("create_integration", name="g", provider="OPEN_AI", keyring_entry="openai-key", test=False)
    assert told["integration"]["has_api_key"] is True
    refusal = await ax.refused("create_integration", name="h", provider="OPEN_AI", keyring_entry="openai-key")
    assert "'openai-key'" in refusal["message"]
    assert await names(ax) == ["g"]


async def test_an_empty_list_says_how_to_begin(ax: Caller) -> None:
    assert await ax.read("list_integrations") == "No AI integration yet; `create_integration` makes one."
    assert await ax.read("list_integrations", name="x") == "No AI integration has 'x' in its name."


async def test_an_address_is_listed_without_the_secrets_in_it(settings: Settings) -> None:
    async with with_keys(settings, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://me:hunter2@proxy.example/v1?k=x") as ax:
        listed = (await ax.ask("list_integrations"))["integrations"]
        text = await ax.read("list_integrations")
    assert listed[0]["base_url"] == "https://proxy.example/v1"
    assert "hunter2" not in text


async def test_a_deployment_of_azure_is_called_with_the_version_of_its_api(settings: Settings) -> None:
    with OddProvider(Reply(completion("ok"))) as provider:
        async with with_keys(settings, AZURE_KEY=OTHER) as ax:
            given = {"provider": "AZURE_OPEN_AI", "model_names": ["judge-1"], "key_variable": "AZURE_KEY"}
            url = f"{provider.address}?api-version=2024-10-21"
            told = await ax.ask("create_integration", name="azure", base_url=url, **given)
            assert (told["created"], told["integration"]["base_url"]) == (True, url)
        (asked,) = provider.asked
    assert asked.target == "/openai/deployments/judge-1/chat/completions?api-version=2024-10-21"
    assert asked.headers["api-key"] == OTHER


@pytest.mark.parametrize("era", ["legacy", "auto"])
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_a_person_is_asked_before_a_key_goes_to_a_foreign_address(
    settings: Settings, era: Literal["legacy", "auto"], action: Literal["accept", "decline"]
) -> None:
    asked: list[str] = []

    async def answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content={"yes": True} if action == "accept" else None)

    with reached(replace(settings, environment={"GATEWAY_KEY": OTHER})) as there:
        async with Client(create_server(there), mode=era, elicitation_callback=answer) as client:
            ax = Caller(client, there)
            given = {"name": "far", "provider": "CUSTOM", "model_names": ["m"], "key_variable": "GATEWAY_KEY"}
            told = await ax.ask("create_integration", **given, base_url="https://gateway.example/v1", test=False)
            assert told["created"] is (action == "accept")
            assert await names(ax) == (["far"] if action == "accept" else [])
            local = {**given, "name": "near", "base_url": "http://127.0.0.1:9/v1"}
            assert (await ax.ask("create_integration", **local, test=False))["created"] is True
    assert asked == ["Send the key in GATEWAY_KEY to https://gateway.example whenever 'far' is used?"]


class Ax(BaseHTTPRequestHandler):
    """As much of Arize AX as an integration needs, with the bodies it was sent."""

    protocol_version = "HTTP/1.1"
    sent: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.sent.append({"path": self.path, **body})
        made = {"id": "TGxtSW50ZWdyYXRpb246MTph", "name": body["name"], "provider": body["provider"]}
        content = json.dumps({**made, "has_api_key": "api_key" in body}).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's word)
        """Nothing: stderr is the test run's."""


@pytest.fixture
def arize(settings: Settings) -> Generator[Settings]:
    """Settings whose backend is AX, served on loopback."""
    Ax.sent.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Ax) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        environment = {"OPENAI_API_KEY": KEY, "GATEWAY_KEY": OTHER}
        yield replace(
            settings,
            backend="ax",
            ax_key="ak-test",
            ax_url=f"http://127.0.0.1:{server.server_port}",
            environment=environment,
        )
        server.shutdown()
        thread.join()


async def test_on_ax_the_key_is_read_from_its_variable_and_not_shown(arize: Settings) -> None:
    async with serving(arize) as ax:
        result = await ax.call("create_integration", name="g", provider="OPEN_AI")
    assert not result.is_error, text_of(result)
    assert KEY not in text_of(result) + json.dumps(result.structured_content)
    assert "Arize AX offers no test: try it with a task on one span." in text_of(result)
    assert Ax.sent == [{"path": "/v2/ai-integrations", "name": "g", "provider": "OPEN_AI", "api_key": KEY}]


async def test_on_ax_a_person_is_asked_before_the_key_leaves_this_machine(arize: Settings) -> None:
    asked: list[str] = []

    async def decline(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with Client(create_server(arize), elicitation_callback=decline) as client:
        told = await Caller(client, arize).ask("create_integration", name="g", provider="OPEN_AI")
    assert told["created"] is False
    assert asked == [
        "Send the key in OPENAI_API_KEY to Arize AX, which sends it to https://api.openai.com whenever 'g' is used?"
    ]
    assert Ax.sent == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"provider": "OPEN_AI", "base_url": "https://evil.example/v1"}, "OPENAI_API_KEY goes to"),
        ({"provider": "OPEN_AI", "keyring_entry": "mine"}, "On Arize AX the key is read from a variable."),
        ({"provider": "ANTHROPIC", "test": False}, "The variable ANTHROPIC_API_KEY is not set"),
        (
            {"provider": "CUSTOM", "base_url": "http://127.0.0.1:9/v1", "model_names": ["m"]},
            "Arize AX calls models from its own side and cannot reach loopback.",
        ),
    ],
)
async def test_on_ax_what_could_not_work_is_not_sent(arize: Settings, given: dict[str, Any], said: str) -> None:
    async with serving(arize) as ax:
        assert said in (await ax.refused("create_integration", name="g", **given))["message"]
    assert Ax.sent == []

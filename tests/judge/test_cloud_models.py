"""Models of Amazon Bedrock and Vertex AI, with the credentials of the machine."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.caller import serving
from tests.judge.test_models import CHOICES, SCHEMA, Waits, endpoint
from tests.odd_provider import Asked, OddProvider, Reply, completion
from tests.traces import send, span

from assaykit.errors import Unsupported
from assaykit.judge import replies
from assaykit.judge.providers import cloud_signatures
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.settings import Settings

MODEL = "eu.vendor.judge-v1:0"
FIELDS = {"explanation": "So.", "label": "correct"}
USED = {"toolUse": {"toolUseId": "t", "name": "record_verdict", "input": FIELDS}}


def converse(*blocks: Any, **changes: Any) -> dict[str, Any]:
    told = {"stopReason": "end_turn", "usage": {"inputTokens": 30, "outputTokens": 7, "totalTokens": 37}}
    return {"output": {"message": {"role": "assistant", "content": list(blocks)}}, **told} | changes


def fault(status: int, text: str) -> Reply:
    return Reply({"message": text}, status)


@pytest.fixture(scope="module")
def server() -> Iterator[OddProvider]:
    with OddProvider(Reply({})) as provider:
        yield provider


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Credentials of AWS in the variables that its tools read."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-example",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    cloud_signatures.aws_session.cache_clear()
    yield
    cloud_signatures.aws_session.cache_clear()


async def judged(line: Line, server: OddProvider, *script: Reply) -> Verdict | Unscored:
    server.play(*script)
    asked = replace(endpoint(server.address, "AWS_BEDROCK", key=None), model=MODEL)
    reply = await chat_model(asked, replace(line, sleep=Waits())).ask("Is it right?", SCHEMA)
    return replies.parse(reply, CHOICES, explain=True) if isinstance(reply, ModelReply) else reply


def signature(url: str, asked: Asked) -> str:
    """The signature that AWS would compute of a received call."""
    auth: Any = importlib.import_module("botocore.auth")
    request_of: Any = importlib.import_module("botocore.awsrequest")
    credentials: Any = importlib.import_module("botocore.credentials")
    headers = {"content-type": asked.headers["content-type"], "x-amz-date": asked.headers["x-amz-date"]}
    request = request_of.AWSRequest("POST", url + asked.target, headers, asked.content)
    request.context["timestamp"] = asked.headers["x-amz-date"]
    signer = auth.SigV4Auth(credentials.Credentials("AKIDEXAMPLE", "aws-secret-example"), "bedrock", "eu-central-1")
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


async def test_a_call_to_bedrock_has_the_signature_that_aws_computes(
    line: Line, server: OddProvider, aws: None
) -> None:
    verdict = await judged(line, server, Reply(converse(USED)))
    assert verdict == Verdict("correct", 1.0, "So.", 30, 7)
    [asked] = server.asked
    assert asked.target == "/model/eu.vendor.judge-v1:0/converse"
    told = asked.headers["authorization"]
    assert told.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/bedrock/aws4_request" in told
    assert told.endswith(f"Signature={signature(server.address, asked)}")
    assert asked.body["toolConfig"]["toolChoice"] == {"tool": {"name": "record_verdict"}}
    assert "inferenceConfig" not in asked.body


@pytest.mark.parametrize(
    ("script", "outcome", "words", "calls"),
    [
        ([Reply(converse({"reasoningContent": {"reasoningText": {"text": "bad"}}}, USED))], "correct", "", 1),
        ([Reply(converse({"text": "So.\nFinal answer: **correct**."}))], "correct", "", 1),
        ([Reply(converse(USED, usage="n/a"))], "correct", "", 1),
        ([Reply(converse(USED, usage={"inputTokens": 10, "cacheReadInputTokens": 20}))], "correct", "", 1),
        ([Reply(converse(USED, stopReason="max_tokens"))], "bad_reply", "max_tokens", 1),
        ([Reply(converse({"text": "Blocked."}, stopReason="guardrail_intervened"))], "bad_reply", "withheld", 1),
        ([fault(429, "Too many requests"), Reply(converse(USED))], "correct", "", 2),
        ([fault(503, "Service unavailable"), Reply(converse(USED))], "correct", "", 2),
        ([fault(403, "You don't have access to the model")], "auth", "access to the model", 1),
        ([fault(404, "Could not resolve the foundation model")], "bad_model", "foundation model", 1),
        ([fault(400, "This model doesn't support tool use."), Reply(converse({"text": "correct"}))], "correct", "", 2),
        ([fault(400, "Input is too long for requested model.")], "refused", "too long", 1),
        ([Reply({"output": {}})], "model_error", "not a message", 1),
    ],
)
async def test_replies_of_bedrock(
    line: Line, server: OddProvider, aws: None, script: list[Reply], outcome: str, words: str, calls: int
) -> None:
    result = await judged(line, server, *script)
    assert (result.label if isinstance(result, Verdict) else result.reason) == outcome, result
    assert isinstance(result, Verdict) or words in result.detail
    assert len(server.asked) == calls


async def test_without_credentials_nothing_is_called(
    line: Line, server: OddProvider, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    cloud_signatures.aws_session.cache_clear()
    result = await judged(line, server, Reply(converse(USED)))
    assert isinstance(result, Unscored)
    assert (result.reason, server.asked) == ("auth", [])
    assert "There are no AWS credentials." in result.detail


async def test_a_tool_makes_an_integration_of_bedrock_and_a_backfill_uses_it(
    server: OddProvider, aws: None, settings: Settings
) -> None:
    server.play(Reply(converse({"text": "ready"})))
    async with serving(settings) as ax:
        await send(settings.home, [span("a", "Paris")])
        asked = {"name": "aws", "provider": "AWS_BEDROCK", "base_url": server.address, "model_names": [MODEL]}
        assert (await ax.ask("create_integration", **asked))["tested"] is True
        server.play(Reply(converse(USED)))
        judge = {"name": "right", "template": "Judge {output}", "choices": CHOICES, "integration": "aws"}
        await ax.ask("create_judge", **judge)
        done = await ax.ask("trigger_backfill", project="bot", evaluators=["right"], wait=60)
    assert done["run"]["num_successes"] == 1
    assert server.asked[-1].headers["authorization"].startswith("AWS4-HMAC-SHA256")


class _Token:
    """Google credentials with a token that is refreshed once."""

    valid = False
    token = "none"  # noqa: S105  (opens nothing)
    expiry = datetime.now(UTC) + timedelta(hours=1)

    def refresh(self, _: object) -> None:
        self.valid, self.token = True, "ya29.example"


async def test_vertex_is_asked_with_a_token_of_the_machine(
    line: Line, server: OddProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = _Token()
    monkeypatch.setattr(cloud_signatures, "google_credentials", lambda: token)
    server.play(Reply(completion('{"explanation": "So.", "label": "correct"}')))
    base = f"{server.address}/v1/projects/p/locations/r/endpoints/openapi"
    for _ in range(2):
        reply = await chat_model(endpoint(base, "VERTEX_AI", key=None), line).ask("Is it right?", SCHEMA)
        assert isinstance(reply, ModelReply)
    assert {one.target for one in server.asked} == {"/v1/projects/p/locations/r/endpoints/openapi/chat/completions"}
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer ya29.example"] * 2


@pytest.mark.parametrize(("provider", "package"), [("AWS_BEDROCK", "botocore"), ("VERTEX_AI", "google.auth")])
async def test_without_the_extra_the_next_step_is_told(
    line: Line, monkeypatch: pytest.MonkeyPatch, provider: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package.partition(".")[0], None)

    def find_spec(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    with pytest.raises(Unsupported) as refused:
        chat_model(endpoint("http://127.0.0.1", provider), line)
    assert package in refused.value.message
    assert refused.value.next == "pip install 'assaykit[providers]'"

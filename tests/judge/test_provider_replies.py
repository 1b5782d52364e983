"""Each provider against each kind of reply: a cell is the provider's own form of that reply, and its careful reading.

The forms are those of the providers' documents. Bedrock is signed with the extra `providers`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.judge.test_cloud_models import MODEL, aws, converse, fault
from tests.judge.test_cloud_models import USED as CONVERSE_USED
from tests.judge.test_models import CHOICES, SCHEMA, Waits, endpoint
from tests.judge.test_odd_replies import (
    FINE,
    SHAPES,
    USED,
    Shape,
    anthropic_error,
    gemini_error,
    told,
    vllm_error,
)
from tests.odd_provider import OddProvider, Reply, completion, message

from assaykit.judge import replies
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Verdict

__all__ = ["aws"]

BEDROCK = Shape("AWS_BEDROCK", "", f"/model/{MODEL}/converse", None)
FINISHES = {"cut": "length", "withheld": "content_filter"}

KINDS: Mapping[str, tuple[str, int]] = {
    "answer": ("correct", 1),
    "empty": ("bad_reply", 1),
    "cut": ("bad_reply", 1),
    "withheld": ("bad_reply", 1),
    "wrong key": ("auth", 1),
    "no model": ("bad_model", 1),
    "too long": ("refused", 1),
    "too many": ("correct", 2),
    "overloaded": ("correct", 2),
}
"""Each kind of reply, with the label or the reason, and the calls. One with two calls is answered at the second."""


def finished(kind: str) -> Reply:
    """A reply of chat completions that brings no verdict."""
    return Reply(completion(None if kind == "empty" else "", choice={"finish_reason": FINISHES.get(kind, "stop")}))


def openai(status: int, text: str, code: str) -> Reply:
    return told(status, {"message": text, "type": "invalid_request_error", "param": None, "code": code})


def azure(status: int, text: str, code: str) -> Reply:
    return told(status, {"code": code, "message": text})


def ollama(status: int, text: str) -> Reply:
    return told(status, {"message": text, "type": "api_error", "param": None, "code": None})


def openrouter(status: int, text: str) -> Reply:
    return told(status, {"message": text, "code": status})


CHAT = {"answer": FINE, **{kind: finished(kind) for kind in ("empty", "cut", "withheld")}}
CELLS: Mapping[str, Mapping[str, Reply]] = {
    "openai": {
        **CHAT,
        "wrong key": openai(401, "Incorrect API key provided: sk-1***.", "invalid_api_key"),
        "no model": openai(404, "The model `judge-1` does not exist.", "model_not_found"),
        "too long": openai(400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        "too many": openai(429, "Rate limit reached for judge-1.", "rate_limit_exceeded"),
        "overloaded": openai(503, "The engine is currently overloaded.", "server_error"),
    },
    "azure": {
        **CHAT,
        "wrong key": azure(401, "Access denied due to invalid subscription key or wrong API endpoint.", "401"),
        "no model": azure(404, "The API deployment for this resource does not exist.", "DeploymentNotFound"),
        "too long": azure(400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        "too many": azure(429, "Requests have exceeded the call rate limit of your pricing tier.", "429"),
        "overloaded": azure(503, "The service is temporarily unable to process your request.", "InternalServerError"),
    },
    "gemini": {
        **CHAT,
        "withheld": Reply(completion("", choice={"finish_reason": "PROHIBITED_CONTENT"})),
        "wrong key": gemini_error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
        "no model": gemini_error(404, "models/judge-1 is not found for API version v1main.", "NOT_FOUND"),
        "too long": gemini_error(400, "The input token count (2000000) exceeds the maximum.", "INVALID_ARGUMENT"),
        "too many": gemini_error(429, "You exceeded your current rate. Please retry in 4s.", "RESOURCE_EXHAUSTED"),
        "overloaded": gemini_error(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
    },
    "anthropic": {
        "answer": Reply(message(USED)),
        "empty": Reply(message()),
        "cut": Reply(message(stop_reason="max_tokens")),
        "withheld": Reply(message(stop_reason="refusal")),
        "wrong key": anthropic_error(401, "invalid x-api-key", "authentication_error"),
        "no model": anthropic_error(404, "model: judge-1", "not_found_error"),
        "too long": anthropic_error(400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error"),
        "too many": anthropic_error(429, "This request would exceed your rate limit.", "rate_limit_error"),
        "overloaded": anthropic_error(529, "Overloaded", "overloaded_error"),
    },
    "ollama": {
        **CHAT,
        "wrong key": ollama(401, "unauthorized"),
        "no model": ollama(404, 'model "judge-1" not found, try pulling it first'),
        "too long": ollama(400, "the input length exceeds the context length"),
        "too many": ollama(429, "too many concurrent requests"),
        "overloaded": ollama(503, "server busy, please try again. maximum pending requests exceeded"),
    },
    "vllm": {
        **CHAT,
        "wrong key": Reply({"error": "Unauthorized"}, 401),
        "no model": vllm_error(404, "The model `judge-1` does not exist.", "NotFoundError"),
        "too long": vllm_error(400, "This model's maximum context length is 4096 tokens.", "BadRequestError"),
        "too many": vllm_error(429, "Too many requests", "RateLimitError"),
        "overloaded": vllm_error(503, "The server is overloaded", "ServiceUnavailableError"),
    },
    "openrouter": {
        **CHAT,
        "wrong key": openrouter(401, "No auth credentials found"),
        "no model": openrouter(400, "judge-1 is not a valid model ID"),
        "too long": openrouter(400, "This endpoint's maximum context length is 8192 tokens."),
        "too many": openrouter(429, "Rate limit exceeded: free-models-per-min."),
        "overloaded": openrouter(502, "Provider returned error"),
    },
    "bedrock": {
        "answer": Reply(converse(CONVERSE_USED)),
        "empty": Reply(converse()),
        "cut": Reply(converse(stopReason="max_tokens")),
        "withheld": Reply(converse({"text": "Blocked."}, stopReason="content_filtered")),
        "wrong key": fault(403, "The security token included in the request is invalid."),
        "no model": fault(404, "Could not resolve the foundation model from the provided model identifier."),
        "too long": fault(400, "Input is too long for requested model."),
        "too many": fault(429, "Too many requests, please wait before trying again."),
        "overloaded": fault(503, "The service is unavailable. Try again later."),
    },
}
NAMES = [(provider, kind) for provider in CELLS for kind in KINDS]


@pytest.fixture(scope="module")
def server() -> Iterator[OddProvider]:
    with OddProvider(FINE) as provider:
        yield provider


@pytest.mark.parametrize(("provider", "kind"), NAMES, ids=[f"{provider}: {kind}" for provider, kind in NAMES])
async def test_a_reply_of_each_kind_is_read_refused_or_tried_again(
    line: Line, server: OddProvider, request: pytest.FixtureRequest, provider: str, kind: str
) -> None:
    if provider == "bedrock":
        request.getfixturevalue("aws")
    shape = SHAPES.get(provider, BEDROCK)
    outcome, calls = KINDS[kind]
    server.play(CELLS[provider][kind], CELLS[provider]["answer"])
    result = await judged(line, server, shape)
    assert (result.label if isinstance(result, Verdict) else result.reason) == outcome, result
    assert len(server.asked) == calls
    assert {one.target for one in server.asked} == {shape.target}


async def judged(line: Line, server: OddProvider, shape: Shape) -> Any:
    base, mark, query = (server.address + shape.base).partition("?")
    asked = endpoint(base.rstrip("/") + mark + query, shape.provider)
    if shape.key is None:
        asked = replace(asked, key=None)
    if shape is BEDROCK:
        asked = replace(asked, model=MODEL)
    reply = await chat_model(asked, replace(line, sleep=Waits())).ask("Is it right?", SCHEMA)
    return replies.parse(reply, CHOICES, explain=True) if isinstance(reply, ModelReply) else reply


def test_the_table_has_every_cell() -> None:
    assert {provider: set(cells) for provider, cells in CELLS.items()} == {provider: set(KINDS) for provider in CELLS}

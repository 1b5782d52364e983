"""Replies in the shapes of seven providers, each read, refused or tried again as a careful person would.

The shapes are those of the providers' documents: OpenAI, Azure, Gemini's compatible endpoint, Anthropic, Ollama, vLLM
and OpenRouter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from tests.judge.test_models import CHOICES, SCHEMA, Waits, endpoint
from tests.odd_provider import OddProvider, Reply, Script, completion, message

from assaykit.judge import replies
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.invocation import InvocationParams


class Shape(NamedTuple):
    """A provider: its name on the wire, the base URL after the host, the target of a call, and its key's header."""

    provider: str
    base: str
    target: str
    key: str | None


SHAPES = {
    "openai": Shape("OPEN_AI", "/v1", "/v1/chat/completions", "authorization"),
    "azure": Shape(
        "AZURE_OPEN_AI",
        "/openai?api-version=2024-10-21",
        "/openai/deployments/judge-1/chat/completions?api-version=2024-10-21",
        "api-key",
    ),
    "azure v1": Shape("AZURE_OPEN_AI", "/openai/v1", "/openai/v1/chat/completions", "api-key"),
    "azure resource": Shape("AZURE_OPEN_AI", "", "/openai/v1/chat/completions", "api-key"),
    "azure deployment": Shape(
        "AZURE_OPEN_AI",
        "/openai/deployments/d-1?api-version=2024-10-21",
        "/openai/deployments/d-1/chat/completions?api-version=2024-10-21",
        "api-key",
    ),
    "gemini": Shape("GEMINI", "/v1beta/openai/", "/v1beta/openai/chat/completions", "authorization"),
    "anthropic": Shape("ANTHROPIC", "", "/v1/messages", "x-api-key"),
    "ollama": Shape("CUSTOM", "/v1", "/v1/chat/completions", None),
    "vllm": Shape("CUSTOM", "/v1/chat/completions", "/v1/chat/completions", None),
    "openrouter": Shape("CUSTOM", "/api/v1", "/api/v1/chat/completions", "authorization"),
}


class Case(NamedTuple):
    """One script of answers. `outcome` is a label, or the reason of a refusal; `words` are in the refusal's text."""

    shape: str
    script: tuple[Script, ...]
    outcome: str
    words: str = ""
    calls: int = 1


GOOD = '{"explanation": "So.", "label": "correct"}'
FIELDS = {"explanation": "So.", "label": "correct"}
FINE = Reply(completion(GOOD))
USED = {"type": "tool_use", "id": "t", "name": "record_verdict", "input": FIELDS}
CALLED = {"id": "c", "type": "function", "function": {"name": "record_verdict", "arguments": GOOD}}
TOOL = completion(message={"tool_calls": [CALLED]}, choice={"finish_reason": "tool_calls"})


def said(content: Any, **changes: Any) -> tuple[Reply]:
    return (Reply(completion(content, **changes)),)


def told(status: int, error: Any, **headers: str) -> Reply:
    return Reply({"error": error}, status, headers)


def without(*fields: str) -> Script:
    """Refuses a request that has one of the fields, in OpenAI's words, and answers any other one."""

    def answer(body: Mapping[str, Any]) -> Reply:
        named = next((name for name in fields if name in body), None)
        if named is None:
            return FINE
        text = f"Unsupported parameter: '{named}' is not supported with this model."
        return told(400, {"message": text, "type": "invalid_request_error", "param": named})

    return answer


def gemini_error(status: int, text: str, code: str) -> Reply:
    return Reply([{"error": {"code": status, "message": text, "status": code}}], status)


def vllm_error(status: int, text: str, kind: str) -> Reply:
    return Reply({"object": "error", "message": text, "type": kind, "param": None, "code": status}, status)


def anthropic_error(status: int, text: str, kind: str) -> Reply:
    return Reply({"type": "error", "error": {"type": kind, "message": text}}, status)


CASES = {
    # OpenAI
    "a structured output": Case("openai", said(GOOD), "correct"),
    "a refusal field": Case("openai", said(None, message={"refusal": "I cannot help."}), "bad_reply", "refused"),
    "cut at the limit": Case("openai", said(GOOD[:20], choice={"finish_reason": "length"}), "bad_reply", "max_tokens"),
    "a content filter": Case("openai", said("", choice={"finish_reason": "content_filter"}), "bad_reply", "withheld"),
    "null content": Case("openai", said(None), "bad_reply", "no label"),
    "thoughts used the tokens up": Case(
        "openai", said("", choice={"finish_reason": "length"}), "bad_reply", "raise max_tokens"
    ),
    "no structured output": Case("openai", (without("response_format"),), "correct", calls=2),
    "no tools either": Case("openai", (without("response_format", "tools"),), "correct", calls=3),
    "no temperature": Case("openai", (without("temperature"),), "correct", calls=2),
    "no credit": Case(
        "openai",
        (told(429, {"message": "You exceeded your current quota.", "code": "insufficient_quota"}),),
        "rate_limited",
        "no quota",
    ),
    "one refusal for the rate": Case(
        "openai", (told(429, {"message": "Rate limit reached"}), FINE), "correct", calls=2
    ),
    "a wrong key": Case("openai", (told(401, {"message": "Incorrect API key provided"}),), "auth", "JUDGE_KEY"),
    "no such model": Case(
        "openai", (told(404, {"message": "The model does not exist", "code": "model_not_found"}),), "bad_model"
    ),
    "too long a prompt": Case(
        "openai",
        (
            told(
                400,
                {"message": "This model's maximum context length is 8192 tokens.", "code": "context_length_exceeded"},
            ),
        ),
        "refused",
        "maximum context",
    ),
    "a server's failure": Case("openai", (told(503, {"message": "Overloaded"}), FINE), "correct", calls=2),
    "a custom tool": Case(
        "openai",
        said(None, message={"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "x", "input": GOOD}}]}),
        "correct",
    ),
    # Azure
    "azure: a deployment": Case(
        "azure", (Reply(completion(GOOD, prompt_filter_results=[{"prompt_index": 0}])),), "correct"
    ),
    "azure: version 1": Case("azure v1", said(GOOD), "correct"),
    "azure: the resource alone": Case("azure resource", said(GOOD), "correct"),
    "azure: the address of a deployment": Case("azure deployment", said(GOOD), "correct"),
    "azure: no such deployment": Case(
        "azure",
        (told(404, {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}),),
        "bad_model",
    ),
    "azure: a filtered prompt": Case(
        "azure",
        (
            told(
                400,
                {
                    "message": "The response was filtered by Azure OpenAI's content management policy.",
                    "code": "content_filter",
                },
            ),
        ),
        "refused",
        "content management",
    ),
    "azure: an old version": Case(
        "azure",
        (
            told(
                400,
                {"message": "response_format json_schema is enabled only for api versions 2024-08-01-preview or later"},
            ),
            Reply(TOOL),
        ),
        "correct",
        calls=2,
    ),
    "azure: a wrong key": Case(
        "azure", (told(401, {"code": "401", "message": "Access denied due to invalid subscription key."}),), "auth"
    ),
    "azure: a filtered reply": Case("azure", said("", choice={"finish_reason": "content_filter"}), "bad_reply"),
    # Gemini's compatible endpoint
    "gemini: a reply": Case("gemini", said(GOOD), "correct"),
    "gemini: no content": Case(
        "gemini", said(None, choice={"finish_reason": "length", "message": {}}), "bad_reply", "max_tokens"
    ),
    "gemini: a wrong key": Case(
        "gemini", (gemini_error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),), "auth"
    ),
    "gemini: overloaded": Case(
        "gemini", (gemini_error(503, "The model is overloaded.", "UNAVAILABLE"), FINE), "correct", calls=2
    ),
    "gemini: exhausted": Case(
        "gemini", (gemini_error(429, "Quota exceeded", "RESOURCE_EXHAUSTED"), FINE), "correct", calls=2
    ),
    "gemini: no such model": Case(
        "gemini", (gemini_error(404, "models/x is not found", "NOT_FOUND"),), "bad_model", "is not found"
    ),
    "gemini: an unknown field": Case(
        "gemini",
        (
            gemini_error(400, "Unknown name 'additionalProperties' at 'response_format'", "INVALID_ARGUMENT"),
            Reply(TOOL),
        ),
        "correct",
        calls=2,
    ),
    "gemini: a fence around the object": Case("gemini", said(f"```json\n{GOOD}\n```"), "correct"),
    "gemini: safety": Case("gemini", said("", choice={"finish_reason": "SAFETY"}), "bad_reply", "withheld"),
    # Anthropic
    "anthropic: a tool call": Case("anthropic", (Reply(message(USED)),), "correct"),
    "anthropic: text before the call": Case(
        "anthropic", (Reply(message({"type": "text", "text": "bad"}, USED)),), "correct"
    ),
    "anthropic: a call without a label": Case(
        "anthropic", (Reply(message({"type": "text", "text": "So.\ncorrect"}, USED | {"input": {}})),), "correct"
    ),
    "anthropic: overloaded": Case(
        "anthropic", (anthropic_error(529, "Overloaded", "overloaded_error"), Reply(message(USED))), "correct", calls=2
    ),
    "anthropic: a temperature": Case(
        "anthropic",
        (
            anthropic_error(400, "`temperature` is deprecated for this model.", "invalid_request_error"),
            Reply(message(USED)),
        ),
        "correct",
        calls=2,
    ),
    "anthropic: a refusal": Case("anthropic", (Reply(message(stop_reason="refusal")),), "bad_reply", "refused"),
    "anthropic: cut": Case("anthropic", (Reply(message(USED, stop_reason="max_tokens")),), "bad_reply", "max_tokens"),
    "anthropic: no credit": Case(
        "anthropic",
        (anthropic_error(400, "Your credit balance is too low to access the API.", "invalid_request_error"),),
        "rate_limited",
    ),
    "anthropic: too large": Case(
        "anthropic", (anthropic_error(413, "Request exceeds the limit", "request_too_large"),), "refused"
    ),
    "anthropic: an error as a success": Case(
        "anthropic", (anthropic_error(200, "Overloaded", "overloaded_error"), Reply(message(USED))), "correct", calls=2
    ),
    # Ollama
    "ollama: thoughts in the text": Case("ollama", said(f"<think>\nbad\n</think>\n\n{GOOD}"), "correct"),
    "ollama: an unfinished thought": Case(
        "ollama", said("<think>\nIt is probably\nincorrect"), "bad_reply", "thoughts"
    ),
    "ollama: thoughts of their own": Case("ollama", said(GOOD, message={"reasoning": "incorrect"}), "correct"),
    "ollama: no model": Case(
        "ollama", (told(404, {"message": "model 'judge-1' not found", "type": "api_error"}),), "bad_model"
    ),
    "ollama: no tools": Case(
        "ollama",
        (
            told(400, {"message": "judge-1 does not support structured outputs"}),
            told(400, {"message": "registry.ollama.ai/library/judge-1 does not support tools"}),
            *said("So.\n**Correct**."),
        ),
        "correct",
        calls=3,
    ),
    "ollama: it loads": Case("ollama", (told(503, "model is loading"), FINE), "correct", calls=2),
    "ollama: no memory": Case(
        "ollama", (told(500, "model requires more system memory (9 GiB)"),), "model_error", "memory", 4
    ),
    "ollama: a number of no choice": Case("ollama", said('{"explanation": "", "label": 5}'), "off_choice", "'5'"),
    # vLLM
    "vllm: an older error": Case(
        "vllm", (vllm_error(400, "max_tokens is too large", "BadRequestError"),), "refused", "max_tokens"
    ),
    "vllm: no model": Case("vllm", (vllm_error(404, "The model `x` does not exist.", "NotFoundError"),), "bad_model"),
    "vllm: a schema that fails": Case(
        "vllm",
        (vllm_error(500, "Failed to compile the grammar: not supported", "InternalServerError"), Reply(TOOL)),
        "correct",
        calls=2,
    ),
    "vllm: only the closing tag": Case("vllm", said(f"so it is bad\n</think>\n{GOOD}"), "correct"),
    "vllm: thoughts without an answer": Case("vllm", said(None, message={"reasoning_content": GOOD}), "bad_reply"),
    "vllm: a call in the text": Case(
        "vllm", said(f'<tool_call>\n{{"name": "record_verdict", "arguments": {GOOD}}}\n</tool_call>'), "correct"
    ),
    "vllm: a token of the format": Case("vllm", said("So.\ncorrect<|im_end|>"), "correct"),
    "vllm: an odd finish": Case(
        "vllm", said(GOOD, choice={"finish_reason": "abort", "stop_reason": 128009}), "correct"
    ),
    # OpenRouter
    "openrouter: a reply": Case(
        "openrouter", said(GOOD, provider="X", choice={"native_finish_reason": "STOP"}), "correct"
    ),
    "openrouter: no endpoint for the schema": Case(
        "openrouter",
        (
            told(404, {"message": "No endpoints found that can handle the requested parameters.", "code": 404}),
            Reply(TOOL),
        ),
        "correct",
        calls=2,
    ),
    "openrouter: no endpoint for tools": Case(
        "openrouter",
        (
            without("response_format"),
            told(404, {"message": "No endpoints found that support tool use.", "code": 404}),
            *said("So.\nFinal answer: **correct**."),
        ),
        "correct",
        calls=3,
    ),
    "openrouter: no endpoint for the model": Case(
        "openrouter", (told(404, {"message": "No endpoints found for judge-1.", "code": 404}),), "bad_model"
    ),
    "openrouter: no credit": Case(
        "openrouter", (told(402, {"message": "Insufficient credits", "code": 402}),), "rate_limited"
    ),
    "openrouter: a flagged input": Case(
        "openrouter",
        (told(403, {"message": "Your input was flagged", "code": 403, "metadata": {"reasons": ["x"]}}),),
        "refused",
        "flagged",
    ),
    "openrouter: an error as a success": Case(
        "openrouter",
        (Reply({"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "boom"}}}), FINE),
        "correct",
        calls=2,
    ),
    "openrouter: a reply that broke off": Case(
        "openrouter",
        (*said("corr", choice={"finish_reason": "error", "error": {"code": 502, "message": "lost"}}), FINE),
        "correct",
        calls=2,
    ),
    "openrouter: the words behind": Case(
        "openrouter",
        (told(400, {"message": "Provider returned error", "metadata": {"raw": "Prompt is too long"}}),),
        "refused",
        "Prompt is too long",
    ),
    "openrouter: a page": Case("openrouter", (Reply("<html>Cloudflare</html>", 200),), "model_error", "Cloudflare"),
    "openrouter: a page with 502": Case(
        "openrouter", (Reply("<html>Bad gateway</html>", 502), FINE), "correct", calls=2
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[OddProvider]:
    with OddProvider(FINE) as provider:
        yield provider


@pytest.mark.parametrize("name", CASES)
async def test_a_reply_is_read_refused_or_tried_again(line: Line, server: OddProvider, name: str) -> None:
    case = CASES[name]
    shape = SHAPES[case.shape]
    server.play(*case.script)
    base, mark, query = (server.address + shape.base).partition("?")
    asked = endpoint(base.rstrip("/") + mark + query, shape.provider)
    asked = asked if shape.key else replace(asked, key=None)
    reply = await chat_model(asked, replace(line, sleep=Waits())).ask("Is it right?", SCHEMA)
    result = replies.parse(reply, CHOICES, explain=True) if isinstance(reply, ModelReply) else reply
    assert (result.label if isinstance(result, Verdict) else result.reason) == case.outcome, result
    if isinstance(result, Unscored):
        assert case.words in result.detail
    assert len(server.asked) == case.calls
    assert {one.target for one in server.asked} == {shape.target}
    sent = {name for name in ("authorization", "api-key", "x-api-key") if name in server.asked[0].headers}
    assert sent == ({shape.key} if shape.key else set())


@pytest.mark.parametrize(
    ("given", "refuses", "sent"),
    [
        ({"max_tokens": 50}, "max_tokens", {"max_completion_tokens": 50}),
        ({"max_completion_tokens": 50}, "max_completion_tokens", {"max_tokens": 50}),
        ({"max_tokens": 50, "temperature": 0.5}, "max_tokens", {"max_completion_tokens": 50, "temperature": 0.5}),
    ],
)
async def test_the_token_limit_has_the_name_that_the_model_knows(
    line: Line, server: OddProvider, given: dict[str, Any], refuses: str, sent: dict[str, Any]
) -> None:
    server.play(without(refuses))
    asked = replace(endpoint(f"{server.address}/v1"), params=InvocationParams.model_validate(given))
    for _ in range(2):
        assert isinstance(await chat_model(asked, line).ask("Is it right?", SCHEMA), ModelReply)
    assert len(server.asked) == 3
    assert server.asked[-1].body.items() >= sent.items()
    assert refuses not in server.asked[-1].body

"""Both dialects against a real server: the ladder, the attempts, and what each failure is called."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from tests.scripted_model import ScriptedModel

from assaykit.judge import replies
from assaykit.judge.providers import calls
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ChatModel, Endpoint, ModelReply
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import InvocationParams

CHOICES = {"correct": 1.0, "incorrect": 0.0}
SCHEMA = replies.schema(CHOICES, explain=True)
SECRET = "sk-test-0123456789abcdef"  # noqa: S105  (opens nothing)
PROVIDERS = pytest.mark.parametrize("provider", ["OPEN_AI", "ANTHROPIC"])


class Waits:
    """Stands in for sleeping and remembers for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def correct(prompt: str) -> str:
    return "correct"


def endpoint(url: str | None, provider: str = "OPEN_AI", **changes: Any) -> Endpoint:
    fields: dict[str, Any] = {
        "provider": provider,
        "base_url": url,
        "key": SECRET,
        "key_name": "JUDGE_KEY",
        "model": "judge-1",
    }
    return Endpoint(**(fields | changes))


async def ask(model: ChatModel, schema: dict[str, Any] | None = SCHEMA) -> ModelReply | Unscored:
    return await model.ask("Is it right?", schema)


def verdict(reply: ModelReply | Unscored) -> Verdict | Unscored:
    assert isinstance(reply, ModelReply)
    return replies.parse(reply, CHOICES, explain=True)


def unscored(reply: ModelReply | Unscored) -> Unscored:
    assert isinstance(reply, Unscored)
    assert SECRET not in reply.detail
    return reply


def test_an_endpoint_never_shows_its_key() -> None:
    assert SECRET not in repr(endpoint("http://127.0.0.1"))


async def test_openai_is_asked_for_structured_output_first(line: Line) -> None:
    with ScriptedModel(correct, key=SECRET) as server:
        reply = await ask(chat_model(endpoint(server.url), line))
    assert verdict(reply) == Verdict("correct", 1.0, "As scripted.", reply.prompt_tokens, 7, "judge-1")
    [sent] = server.requests
    assert sent.path == "/v1/chat/completions"
    assert sent.way == "schema"
    assert sent.body["temperature"] == 0
    assert sent.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert sent.prompt.startswith("Is it right?\n\n")
    assert reply.prompt_tokens == len(sent.prompt.split())


async def test_anthropic_is_asked_for_a_forced_tool_call(line: Line) -> None:
    with ScriptedModel(correct, key=SECRET) as server:
        reply = await ask(chat_model(endpoint(server.url, "ANTHROPIC"), line))
    assert verdict(reply) == Verdict("correct", 1.0, "As scripted.", reply.prompt_tokens, 7, "judge-1")
    [sent] = server.requests
    assert sent.path == "/v1/messages"
    assert sent.headers["x-api-key"] == SECRET
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.body["tool_choice"] == {"type": "tool", "name": "record_verdict"}
    assert sent.body["max_tokens"] == 1024


@pytest.mark.parametrize(
    ("provider", "reject", "ways"),
    [
        ("OPEN_AI", {"reject_structured": True}, ["schema", "tool", "tool"]),
        ("OPEN_AI", {"reject_structured": True, "reject_tools": True}, ["schema", "tool", "text", "text"]),
        ("ANTHROPIC", {"reject_tools": True}, ["tool", "text", "text"]),
    ],
)
async def test_a_rejected_way_is_left_for_the_next_and_not_tried_again(
    line: Line, provider: str, reject: dict[str, bool], ways: list[str]
) -> None:
    with ScriptedModel(correct, **reject) as server:  # pyright: ignore[reportArgumentType]  (a dict of switches)
        for _ in range(2):
            model = chat_model(endpoint(server.url, provider), line)
            result = verdict(await ask(model))
            assert isinstance(result, Verdict)
            assert result.label == "correct"
    assert [request.way for request in server.requests] == ways


async def test_the_flags_of_an_endpoint_leave_ways_out(line: Line) -> None:
    with ScriptedModel(correct) as server:
        await ask(chat_model(endpoint(server.url, structured_output=False), line))
        await ask(chat_model(endpoint(server.url, structured_output=False, function_calling=False), line))
        await ask(chat_model(endpoint(server.url, "ANTHROPIC", structured_output=False, function_calling=False), line))
    assert [request.way for request in server.requests] == ["tool", "text", "text"]
    assert "last line" in server.prompts[1]


@PROVIDERS
async def test_without_a_schema_the_prompt_goes_out_as_it_is(line: Line, provider: str) -> None:
    with ScriptedModel(lambda _: "a poem") as server:
        reply = await ask(chat_model(endpoint(server.url, provider), line), None)
    assert isinstance(reply, ModelReply)
    assert reply.text == "a poem"
    assert server.prompts == ["Is it right?"]


@PROVIDERS
async def test_a_temperature_that_is_not_taken_is_dropped_for_good(line: Line, provider: str) -> None:
    with ScriptedModel(correct, reject_temperature=True) as server:
        for _ in range(2):
            assert isinstance(await ask(chat_model(endpoint(server.url, provider), line)), ModelReply)
    assert ["temperature" in request.body for request in server.requests] == [True, False, False]
    assert len({request.way for request in server.requests}) == 1


async def test_the_parameters_of_the_integration_are_sent(line: Line) -> None:
    params = InvocationParams(temperature=0.5, max_tokens=50, stop=["END"], top_p=0.9, frequency_penalty=1)
    with ScriptedModel(correct) as server:
        await ask(chat_model(endpoint(server.url, params=params), line))
        await ask(chat_model(endpoint(server.url, "ANTHROPIC", params=params), line))
    first, second = (request.body for request in server.requests)
    assert first.items() >= {"temperature": 0.5, "max_tokens": 50, "stop": ["END"], "frequency_penalty": 1}.items()
    assert second.items() >= {"temperature": 0.5, "max_tokens": 50, "stop_sequences": ["END"]}.items()
    assert "frequency_penalty" not in second


@PROVIDERS
@pytest.mark.parametrize("status", [408, 409, 429, 500, 529])
async def test_a_passing_failure_is_tried_again(line: Line, provider: str, status: int) -> None:
    waits = Waits()
    with ScriptedModel(correct, failures=[status] * 3) as server:
        reply = await ask(chat_model(endpoint(server.url, provider), replace(line, sleep=waits)))
    assert isinstance(reply, ModelReply)
    assert server.count == 4
    assert [0.25 <= waits.seconds[0] <= 0.5, 0.5 <= waits.seconds[1] <= 1, 1 <= waits.seconds[2] <= 2] == [True] * 3


async def test_after_some_attempts_the_failure_is_the_result(line: Line) -> None:
    with ScriptedModel(correct, failures=[500] * 9) as server:
        reply = await ask(chat_model(endpoint(server.url), replace(line, sleep=Waits())))
    assert unscored(reply).reason == "model_error"
    assert "scripted failure" in unscored(reply).detail
    assert server.count == calls.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "asked", "low", "high"),
    [
        (429, "3", 3, 3.25),
        (429, "0", 0, 0.25),
        (429, "900", 4, 4),
        (503, "900", 20, 20),
        (429, "soon", 0.25, 0.5),
    ],
)
async def test_retry_after_is_kept_to_up_to_the_cap(
    line: Line, status: int, asked: str, low: float, high: float
) -> None:
    waits = Waits()
    with ScriptedModel(correct, failures=[status], retry_after=asked) as server:
        await ask(chat_model(endpoint(server.url), replace(line, sleep=waits)))
    [waited] = waits.seconds
    assert low <= waited <= high


async def test_a_wait_in_milliseconds_is_finer_than_one_in_seconds(line: Line) -> None:
    waits = Waits()
    with ScriptedModel(correct, failures=[429], retry_after="3", failure_headers={"retry-after-ms": "120"}) as server:
        await ask(chat_model(endpoint(server.url), replace(line, sleep=waits)))
    assert 0.12 <= waits.seconds[0] <= 0.37


async def test_a_retry_after_in_the_past_is_no_wait(line: Line) -> None:
    waits = Waits()
    with ScriptedModel(correct, failures=[503], retry_after="Wed, 01 Jan 2020 00:00:00 GMT") as server:
        await ask(chat_model(endpoint(server.url), replace(line, sleep=waits)))
    assert waits.seconds[0] <= 0.25


async def test_a_used_up_quota_is_not_tried_again(line: Line) -> None:
    with ScriptedModel(correct, failures=[429] * 4, failure_text="insufficient_quota") as server:
        reply = await ask(chat_model(endpoint(server.url), replace(line, sleep=Waits())))
    assert unscored(reply).reason == "rate_limited"
    assert server.count == 1


@PROVIDERS
async def test_a_wrong_key_names_the_variable_and_hides_what_the_provider_echoed(line: Line, provider: str) -> None:
    with ScriptedModel(correct, key="another") as server:
        url = server.url
        result = unscored(await ask(chat_model(endpoint(url, provider), line)))
    assert result.reason == "auth"
    assert f"did not accept the key in JUDGE_KEY at {url.removesuffix('/v1')}" in result.detail
    assert "Incorrect API key provided: ***" in result.detail
    assert server.count == 1


@PROVIDERS
@pytest.mark.parametrize("key", [None, "", " \n"])
async def test_a_missing_key_names_the_variable_and_calls_nobody(line: Line, provider: str, key: str | None) -> None:
    with ScriptedModel(correct) as server:
        result = unscored(await ask(chat_model(endpoint(server.url, provider, key=key), line)))
    assert result.reason == "auth"
    assert "set JUDGE_KEY" in result.detail
    assert server.count == 0


async def test_a_key_that_no_header_can_carry_is_not_sent(line: Line) -> None:
    with ScriptedModel(correct) as server:
        for key in ("sk\nx", "clé-secrète", "two words"):
            result = await ask(chat_model(endpoint(server.url, key=key), line))
            assert isinstance(result, Unscored)
            assert result.reason == "auth"
            assert key not in result.detail
    assert server.count == 0


async def test_a_custom_endpoint_needs_no_key_but_an_address(line: Line) -> None:
    with ScriptedModel(correct) as server:
        assert isinstance(await ask(chat_model(endpoint(server.url + "/", "CUSTOM", key=None), line)), ModelReply)
        assert "authorization" not in server.requests[0].headers
        result = unscored(await ask(chat_model(endpoint(None, "CUSTOM"), line)))
    assert result.reason == "bad_model"
    assert "base URL" in result.detail


async def test_an_unknown_model_is_named(line: Line) -> None:
    with ScriptedModel(correct, models=["judge-2"]) as server:
        result = unscored(await ask(chat_model(endpoint(server.url), line)))
    assert result.reason == "bad_model"
    assert "'judge-1'" in result.detail
    assert server.count == 1


@pytest.mark.parametrize(
    ("text", "reason", "count"),
    [
        ("Unknown model: judge-1", "bad_model", 1),
        ("This model's maximum context length is 8192 tokens.", "refused", 1),
        ("Something else is wrong.", "refused", 3),
    ],
)
async def test_a_400_that_is_not_about_the_way_is_quoted(line: Line, text: str, reason: str, count: int) -> None:
    with ScriptedModel(correct, failures=[400] * 3, failure_text=text) as server:
        result = unscored(await ask(chat_model(endpoint(server.url), line)))
        assert result.reason == reason
        assert text in result.detail
        assert server.count == count
        await ask(chat_model(endpoint(server.url), line))
        assert server.requests[-1].way == "schema"


async def test_a_redirect_is_not_followed(line: Line) -> None:
    with ScriptedModel(correct, failures=[307]) as server:
        result = unscored(await ask(chat_model(endpoint(server.url), line)))
    assert result.reason == "model_error"
    assert "307" in result.detail
    assert server.count == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "127.0.0.1/v1", "http://[", "ftp://127.0.0.1"])
async def test_an_address_that_cannot_be_reached_is_a_result(line: Line, url: str) -> None:
    result = unscored(await ask(chat_model(endpoint(url), replace(line, sleep=Waits()))))
    assert result.reason in {"model_error", "bad_model"}
    assert result.detail.startswith("OPEN_AI ")


async def test_a_broken_connection_is_tried_four_times(line: Line) -> None:
    waits = Waits()
    await ask(chat_model(endpoint("http://127.0.0.1:1/v1"), replace(line, sleep=waits)))
    assert len(waits.seconds) == calls.ATTEMPTS - 1


async def test_a_deadline_that_comes_before_the_next_attempt_ends_the_waiting(
    line: Line,
) -> None:
    waits = Waits()
    with ScriptedModel(correct, failures=[429], retry_after="15") as server:
        with anyio.fail_after(3.5):
            result = unscored(await ask(chat_model(endpoint(server.url), replace(line, sleep=waits))))
    assert result.reason == "rate_limited"
    assert waits.seconds == []


async def test_no_answer_before_the_deadline_is_a_timeout(line: Line) -> None:
    with ScriptedModel(correct, latency_s=0.5) as server:
        model = chat_model(endpoint(server.url), replace(line, deadline_s=0.1))
        result = unscored(await ask(model))
    assert result.reason == "timeout"


@pytest.mark.parametrize(
    ("provider", "finish"),
    [
        ("OPEN_AI", "length"),
        ("OPEN_AI", "content_filter"),
        ("ANTHROPIC", "max_tokens"),
        ("ANTHROPIC", "refusal"),
    ],
)
async def test_a_reply_that_did_not_end_by_itself_is_not_trusted(line: Line, provider: str, finish: str) -> None:
    with ScriptedModel(correct, finish=finish) as server:
        result = unscored(await ask(chat_model(endpoint(server.url, provider), line)))
    assert result.reason == "bad_reply"
    assert result.completion_tokens == 7

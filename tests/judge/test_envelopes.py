"""Envelopes of replies: odd fields cost no reply, and errors inside a 200 keep their words and their status."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.judge.test_models import CHOICES, SCHEMA, Waits, endpoint
from tests.odd_provider import OddProvider, Reply, Script, completion, error, message

from assaykit.judge import replies
from assaykit.judge.providers.calls import ATTEMPTS, Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Unscored, Verdict

GOOD = '{"explanation": "So.", "label": "correct"}'
USED = {"type": "tool_use", "name": "record_verdict", "input": GOOD}
TEXT = {"type": "text", "text": GOOD}


@pytest.fixture(scope="module")
def server() -> Iterator[OddProvider]:
    """One provider for the tests of this module, each with a script of its own."""
    with OddProvider(Reply({})) as provider:
        yield provider


async def judged(line: Line, server: OddProvider, *script: Script, provider: str = "OPEN_AI") -> Verdict | Unscored:
    server.play(*script)
    model = chat_model(endpoint(f"{server.address}/v1", provider), replace(line, sleep=Waits()))
    reply = await model.ask("Is it right?", SCHEMA)
    return replies.parse(reply, CHOICES, explain=True) if isinstance(reply, ModelReply) else reply


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({"usage": {"prompt_tokens": 11.5, "completion_tokens": 7}}, (12, 7)),
        ({"usage": {"prompt_tokens": "30", "completion_tokens": None}}, (30, None)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, (None, None)),
        ({"usage": {"prompt_tokens": 1e300, "completion_tokens": [7]}}, (None, None)),
        ({"usage": {"input_tokens": 30, "output_tokens": 7}}, (30, 7)),
        ({"usage": []}, (None, None)),
        ({"usage": "n/a"}, (None, None)),
        ({"usage": None}, (None, None)),
        ({"model": {"name": "judge-1"}}, (30, 7)),
        ({"model": 4}, (30, 7)),
        ({"choice": {"finish_reason": 1}}, (30, 7)),
        ({"choice": {"finish_reason": None}}, (30, 7)),
        ({"choice": {"finish_reason": {"type": "stop"}}}, (30, 7)),
        ({"choice": {"logprobs": "x"}}, (30, 7)),
        ({"error": None}, (30, 7)),
        ({"error": {"code": 0, "message": "ok"}}, (30, 7)),
        ({"base_resp": {"status_code": 0, "status_msg": "success"}}, (30, 7)),
        ({"message": {"refusal": False}}, (30, 7)),
        ({"message": {"tool_calls": [None]}}, (30, 7)),
        ({"message": {"tool_calls": {}}}, (30, 7)),
        ({"message": {"content": [{"type": "text", "text": GOOD}, {"type": "x"}, 3]}}, (30, 7)),
        ({"message": {"content": [{"type": "thinking", "thinking": "bad"}, {"type": "text", "text": GOOD}]}}, (30, 7)),
        ({"message": {"content": [{"type": "reasoning", "text": "bad"}, {"type": "text", "text": GOOD}]}}, (30, 7)),
        ({"message": {"content": {"explanation": "So.", "label": "correct"}}}, (30, 7)),
        ({"message": {"content": None, "parsed": {"label": "correct"}}}, (30, 7)),
        ({"message": {"reasoning_content": "incorrect"}}, (30, 7)),
        ({"choice": {"message": None, "text": GOOD}}, (30, 7)),
    ],
)
async def test_an_odd_field_costs_no_reply(
    line: Line, server: OddProvider, changes: dict[str, Any], tokens: tuple[Any, Any]
) -> None:
    verdict = await judged(line, server, Reply(completion(GOOD, **changes)))
    assert isinstance(verdict, Verdict), verdict
    assert verdict.label == "correct"
    assert (verdict.prompt_tokens, verdict.completion_tokens) == tokens


def _function(arguments: Any, name: str = "record_verdict") -> dict[str, Any]:
    return {"id": 1, "type": "function", "function": {"name": name, "arguments": arguments}}


_CUSTOM = {"id": "1", "type": "custom", "custom": {"name": "record_verdict", "input": GOOD}}


@pytest.mark.parametrize(
    "said",
    [
        {"tool_calls": [_function(GOOD)]},
        {"tool_calls": [_function({"label": "correct"})]},
        {"tool_calls": [_function('"{\\"label\\": \\"correct\\"}"')]},
        {"tool_calls": [_function(GOOD + "\nThat is all.")]},
        {"tool_calls": [_function("{}", "search"), _function(GOOD)]},
        {"tool_calls": [_CUSTOM]},
        {"tool_calls": [_CUSTOM | {"custom": {"name": "record_verdict", "input": "correct"}}]},
        {"tool_calls": [{"id": "1", "type": "web_search"}], "content": GOOD},
        {"tool_calls": [_function("not JSON")], "content": GOOD},
        {"function_call": {"name": "record_verdict", "arguments": GOOD}},
    ],
)
async def test_a_tool_call_of_any_form_is_read(line: Line, server: OddProvider, said: dict[str, Any]) -> None:
    verdict = await judged(line, server, Reply(completion(message=said)))
    assert isinstance(verdict, Verdict), verdict
    assert verdict.label == "correct"


@pytest.mark.parametrize(
    "answer",
    [
        message(TEXT, usage=None),
        message(TEXT, usage={"input_tokens": 1.5, "output_tokens": "many"}),
        message(TEXT, model=None),
        message(TEXT, stop_reason=["end_turn"]),
        message({"type": "thinking", "thinking": "incorrect"}, TEXT),
        message({"type": "redacted_thinking", "data": "x"}, TEXT, None),
        message(USED),
        message({"type": "tool_use", "name": "search", "input": {}}, USED),
        {"type": "message", "content": GOOD},
    ],
)
async def test_an_odd_message_of_anthropic_is_read(line: Line, server: OddProvider, answer: dict[str, Any]) -> None:
    verdict = await judged(line, server, Reply(answer), provider="ANTHROPIC")
    assert isinstance(verdict, Verdict), verdict
    assert verdict.label == "correct"


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "Upstream overloaded", "code": 503}},
        {"error": {"message": "Upstream overloaded", "code": "503"}},
        {"error": {"message": "Slow down", "code": 429}},
        {"error": {"message": "Slow down", "type": "rate_limit_exceeded"}},
        {"error": "model is loading"},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"choices": [], "error": {"message": "Bad gateway", "code": 502}},
        {"errors": [{"message": "Slow down", "code": 429}]},
        {"code": 500, "msg": "Inner failure"},
        {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
        completion("corr", choice={"finish_reason": "error", "error": {"code": 502, "message": "lost"}}),
        completion("correct", choice={"finish_reason": "error"}, error={"code": 503, "message": "gone"}),
    ],
)
async def test_an_error_inside_a_200_is_tried_again(line: Line, server: OddProvider, answer: dict[str, Any]) -> None:
    verdict = await judged(line, server, Reply(answer), Reply(completion(GOOD)))
    assert isinstance(verdict, Verdict), verdict
    assert len(server.asked) == 2


@pytest.mark.parametrize("answer", [{"error": {"message": "Upstream overloaded", "code": 503}}, {"error": "loading"}])
async def test_an_error_inside_a_200_that_stays_keeps_its_words(
    line: Line, server: OddProvider, answer: dict[str, Any]
) -> None:
    failed = await judged(line, server, Reply(answer))
    assert isinstance(failed, Unscored)
    assert failed.reason == "model_error"
    assert "loading" in failed.detail or "Upstream overloaded" in failed.detail
    assert len(server.asked) == ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ({"error": {"message": "Your key is wrong", "code": 401}}, "auth", "Your key is wrong"),
        ({"error": {"message": "No such model", "code": 404}}, "bad_model", "No such model"),
        ({"error": {"message": "x", "code": "insufficient_quota"}}, "rate_limited", "insufficient_quota"),
        ({"error": "a fault of no known kind"}, "model_error", "a fault of no known kind"),
        ({"detail": "Nothing here"}, "model_error", "Nothing here"),
        ({"object": "list", "data": []}, "model_error", "not a chat completion"),
        ({"choices": []}, "model_error", "not a chat completion"),
        ([], "model_error", "not a JSON object"),
        ("<html>Sign in</html>", "model_error", "Sign in"),
    ],
)
async def test_an_error_that_lasts_is_asked_once(
    line: Line, server: OddProvider, answer: Any, reason: str, words: str
) -> None:
    failed = await judged(line, server, Reply(answer))
    assert isinstance(failed, Unscored)
    assert failed.reason == reason
    assert words in failed.detail
    assert len(server.asked) == 1


async def test_an_empty_reply_counts_its_tokens(line: Line, server: OddProvider) -> None:
    for answer in (completion(""), completion(message={"reasoning_content": "correct"}), completion(choices=[])):
        failed = await judged(line, server, Reply(answer))
        assert isinstance(failed, Unscored)
        assert (failed.reason, failed.prompt_tokens) == ("bad_reply", 30)


def _unless(way: str, refusal: Reply) -> Script:
    """Refuses requests of the mode, and answers any other one."""
    fields = {"schema": "response_format", "tool": "tools", "temperature": "temperature", "max_tokens": "max_tokens"}
    return lambda body: refusal if fields[way] in body else Reply(completion(GOOD))


@pytest.mark.parametrize(
    ("refusal", "count"),
    [
        (error("Internal Server Error", 500), 3),
        (error("response_format is not supported", 500), 2),
        (error("Not implemented", 501), 2),
        (error("No endpoints found that support the requested parameters.", 404), 2),
        (error("No endpoints found that can handle the requested parameters.", 404, code=404), 2),
        (Reply({"error": {"message": "response_format is not implemented", "code": 501}}), 2),
        (error("Extra inputs are not permitted: response_format", 422), 2),
    ],
)
async def test_a_refused_schema_steps_down(line: Line, server: OddProvider, refusal: Reply, count: int) -> None:
    verdict = await judged(line, server, _unless("schema", refusal))
    assert isinstance(verdict, Verdict), verdict
    assert len(server.asked) == count


async def test_every_mode_that_fails_with_500_ends_as_the_failure(line: Line, server: OddProvider) -> None:
    failed = await judged(line, server, error("Out of memory", 500))
    assert isinstance(failed, Unscored)
    assert failed.reason == "model_error"
    assert "Out of memory" in failed.detail
    assert len(server.asked) == ATTEMPTS
    assert "response_format" not in server.asked[-1].body


async def _asked_modes(line: Line, server: OddProvider, script: Script, prompts: list[str]) -> list[bool]:
    """Whether each request asked for a schema."""
    server.play(script)
    model = chat_model(endpoint(f"{server.address}/v1"), replace(line, sleep=Waits()))
    for prompt in prompts:
        assert isinstance(await model.ask(prompt, SCHEMA), ModelReply)
    return ["response_format" in one.body for one in server.asked]


@pytest.mark.parametrize(
    ("text", "prompts", "schemas"),
    [
        # The model refuses: asked once.
        ("response_format is not supported by this model.", ["a", "b"], [True, False, False]),
        # The prompt may be at fault: each prompt is asked, until several met the refusal.
        ("Bad request.", ["a", "b", "c", "d"], [True, False] * 3 + [False]),
        # The refusal quotes the prompt.
        ("Your 'json schema is unknown' is odd.", ["Is json schema is unknown right?", "b"], [True, False] * 2),
        ("Invalid schema for response_format: enum is not supported.", ["a", "b"], [True, False] * 2),
    ],
)
async def test_what_a_refusal_teaches_depends_on_its_words(
    line: Line, server: OddProvider, text: str, prompts: list[str], schemas: list[bool]
) -> None:
    assert await _asked_modes(line, server, _unless("schema", error(text, 400)), prompts) == schemas


async def test_a_mode_that_has_answered_is_not_given_up_for_a_prompt(line: Line, server: OddProvider) -> None:
    def answer(body: Any) -> Reply:
        is_odd = "odd" in body["messages"][0]["content"] and "response_format" in body
        return error("response_format is not supported here.", 400) if is_odd else Reply(completion(GOOD))

    assert await _asked_modes(line, server, answer, ["a", "odd", "b"]) == [True, True, False, True]


@pytest.mark.parametrize("text", ["The temperature of 'temperature' is odd", "Unsupported value: 'temperature'"])
async def test_a_temperature_in_the_words_of_a_prompt_is_dropped_for_that_prompt(
    line: Line, server: OddProvider, text: str
) -> None:
    server.play(_unless("temperature", error(text, 400)))
    model = chat_model(endpoint(f"{server.address}/v1"), line)
    for prompt in ("Is the temperature right?", "Is it right?"):
        assert isinstance(await model.ask(prompt, SCHEMA), ModelReply)
    assert [("temperature" in one.body, "response_format" in one.body) for one in server.asked] == [
        (True, True),
        (False, True),
    ] * 2

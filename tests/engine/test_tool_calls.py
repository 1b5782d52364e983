"""Tool calls in messages: each is told once, with its arguments as values."""

import json
from typing import Any

import pytest

from assaykit import messages

PARIS = {"city": "Paris"}
TEXT = json.dumps(PARIS)
CALLED = {"type": "tool_call", "name": "weather", "arguments": PARIS}
BESIDE = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": TEXT}}
USE = {"type": "tool_use", "id": "c1", "name": "weather", "input": PARIS}
OPENINFERENCE = {"tool_call": {"id": "c1", "function": {"name": "weather", "arguments": TEXT}}}

MESSAGES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "OpenInference, as a part and beside the parts": (
        {
            "message": {
                "role": "assistant",
                "contents": [{"message_content": {"type": "tool_use"}, **OPENINFERENCE}],
                "tool_calls": [OPENINFERENCE],
            }
        },
        [{**CALLED, "id": "c1"}],
    ),
    "text and two calls of one tool": (
        {
            "role": "assistant",
            "contents": [
                {"message_content": {"type": "text", "text": "Let me look."}},
                {"message_content": {"type": "tool_use"}, **OPENINFERENCE},
            ],
            "tool_calls": [OPENINFERENCE, {"tool_call": {**OPENINFERENCE["tool_call"], "id": "c2"}}],
        },
        ["Let me look.", {**CALLED, "id": "c1"}, CALLED],
    ),
    "LangChain with Anthropic": (
        {"role": "assistant", "content": [USE], "tool_calls": [{"name": "weather", "args": PARIS, "id": "c1"}]},
        [USE],
    ),
    "parts without ids": (
        {"role": "assistant", "parts": [CALLED], "tool_calls": [{"name": "weather", "args": PARIS}]},
        [CALLED],
    ),
    "the same call twice, which is two calls": (
        {"role": "assistant", "tool_calls": [BESIDE, {**BESIDE, "id": "c2"}]},
        [CALLED, CALLED],
    ),
    "Pydantic AI": (
        {"role": "assistant", "parts": [{**CALLED, "id": "c1", "arguments": TEXT}]},
        [{**CALLED, "id": "c1"}],
    ),
    "OpenAI's responses": (
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": TEXT},
        [{"type": "function_call", "call_id": "c1", "name": "weather", "arguments": PARIS}],
    ),
    "OpenAI's shape as a part": ({"role": "assistant", "content": [BESIDE]}, [{**CALLED, "id": "c1"}]),
    "a result in JSON": (
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": '{"rain": true}'}]},
        [{"type": "tool_call_response", "id": "c1", "response": {"rain": True}}],
    ),
    "arguments that are no JSON": (
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": '{"city": "Par'}]},
        [{"type": "tool_call", "name": "weather", "arguments": '{"city": "Par'}],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_tool_call_is_told_once_with_values(name: str) -> None:
    message, wanted = MESSAGES[name]
    (said,) = messages.read([message], "assistant")
    assert list(map(messages.opened, said.text.split("\n"))) == wanted

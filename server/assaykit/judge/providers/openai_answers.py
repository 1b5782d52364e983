"""Reading of chat completions, whatever a gateway puts beside the reply."""

import json
from typing import Any, NamedTuple, cast

from assaykit.judge.providers.envelopes import Fields, fields, first_count, items, word
from assaykit.judge.providers.models import Completion, ModelReply
from assaykit.judge.verdicts import Unscored
from assaykit.wire.prompts import ToolCall, ToolCallFunction

TOOL = "record_verdict"

_CUT = {"length", "max_tokens", "max_output_tokens", "model_length"}
_WITHHELD = {"content_filter", "safety", "prohibited_content", "recitation", "blocklist", "refusal"}
_TEXT_PARTS = {"text", "output_text", None}
"""Types of the parts of a message that are its text. Thoughts have other types."""


class _Called(NamedTuple):
    id: str | None
    name: str
    arguments: Any


class _Reply(NamedTuple):
    message: Fields
    text: str
    calls: list[_Called]
    spent: "_Spent"


class _Spent(NamedTuple):
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str | None
    cached_tokens: int | None


def read(answer: dict[str, Any]) -> ModelReply | Unscored:
    """Return the reply to one prompt, or the reason why it cannot be used."""
    reply = _reply(answer)
    if isinstance(reply, Unscored):
        return reply
    wanted = [call for call in reply.calls if call.name == TOOL] or reply.calls
    arguments = wanted[0].arguments if wanted else None
    told = _object(arguments)
    if told is None and not wanted:
        told = _parsed(reply.message)
    if told is None and wanted and not reply.text.strip():
        # Arguments that are no JSON object may still be a readable reply.
        return ModelReply(arguments if isinstance(arguments, str) else "", None, *reply.spent)
    return ModelReply(reply.text, told, *reply.spent)


def hear(answer: dict[str, Any]) -> Completion | Unscored:
    """Return the answer to a conversation, or the reason why it cannot be used."""
    reply = _reply(answer)
    if isinstance(reply, Unscored):
        return reply
    called = [
        ToolCall(id=call.id, type="FUNCTION", function=ToolCallFunction(name=call.name, arguments=_raw(call.arguments)))
        for call in reply.calls
    ]
    if not reply.text.strip() and not called:
        return Unscored("bad_reply", "The model's reply is empty.", *reply.spent)
    return Completion(reply.text, called, *reply.spent)


def _reply(answer: Fields) -> _Reply | Unscored:
    choices = [fields(one) for one in items(answer.get("choices"))]
    choice = next((one for one in choices if one.get("message") or one.get("text")), next(iter(choices), None))
    usage = fields(answer.get("usage"))
    spent = _Spent(
        first_count(usage, "prompt_tokens", "input_tokens"),
        first_count(usage, "completion_tokens", "output_tokens"),
        word(answer.get("model")),
        first_count(fields(usage.get("prompt_tokens_details")), "cached_tokens")
        or first_count(usage, "prompt_cache_hit_tokens"),
    )
    if choice is None:
        if not any(spent[:2]):
            return Unscored("model_error", "The answer is not a chat completion.")
        return Unscored("bad_reply", "The model's reply is empty.", *spent)
    message = fields(choice.get("message"))
    finish = str(choice.get("finish_reason")).casefold()
    if finish in _CUT:
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if finish in _WITHHELD or word(message.get("refusal")):
        return Unscored("bad_reply", "The reply was withheld, or the model refused to answer.", *spent)
    return _Reply(message, _text(message.get("content")) or _text(choice.get("text")), _calls(message), spent)


def _text(content: Any) -> str:
    """The text of a message's content: a text, a list of parts, one part, or a plain value."""
    match content:
        case str():
            return content
        case list():
            return "".join(_text(part) for part in cast("list[Any]", content) if isinstance(part, (str, dict)))
        case dict():
            part = cast("dict[str, Any]", content)
            if not isinstance(part.get("type"), (str, type(None))) or part.get("type") not in _TEXT_PARTS:
                return ""
            text = part.get("text")
            return text if isinstance(text, str) else "" if "type" in part else json.dumps(part, ensure_ascii=False)
        case None:
            return ""
        case _:
            return json.dumps(content, ensure_ascii=False, default=str)


def _parsed(message: Fields) -> Fields | None:
    """The object of a structured output that a gateway has read already."""
    parsed = message.get("parsed")
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) and not message.get("content") else None


def _calls(message: Fields) -> list[_Called]:
    """The tool calls: of functions, of custom tools, and the one of the older field `function_call`."""
    told = [fields(one) for one in items(message.get("tool_calls"))]
    if not told and (older := fields(message.get("function_call"))):
        told = [{"function": older}]
    found: list[_Called] = []
    for one in told:
        called = fields(one.get("function")) or fields(one.get("custom"))
        arguments = called.get("arguments", called.get("input", one.get("arguments")))
        if called:
            found.append(_Called(word(one.get("id")), word(called.get("name")) or "", arguments))
    return found


def _object(arguments: Any) -> Fields | None:
    """The arguments of a call as an object; a text is read as JSON, and so is JSON inside a JSON string."""
    for _ in range(2):
        if not isinstance(arguments, str):
            break
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else None


def _raw(arguments: Any) -> str:
    """The arguments as JSON text; some servers send them as an object."""
    if arguments is None:
        return "{}"
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)

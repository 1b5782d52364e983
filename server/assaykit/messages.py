"""Messages of model calls as text: who said it, the text, and the reasoning apart from it.

Every convention writes messages in a shape of its own. `read` takes them all: JSON text or values, `parts` or
`content`, tool calls in OpenAI's shape or as parts, and wrappers such as `{"message": {...}}`. Base64 media become a
short mark, because a judge reads no picture in text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/=_-]{40,})")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]{100,}")
_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking", "thought"})
_PICTURES = frozenset({"image", "image_url", "input_image", "file", "input_file", "audio", "media"})
_TOOL_RESULTS = frozenset({"tool_call_response", "tool_result", "tool-result", "function_call_output"})
_TOOL_CALLS = frozenset({"tool_call", "tool_use", "tool-call", "function_call"})
_ARGUMENTS = ("arguments", "args", "input")
_IN_JSON = (*_ARGUMENTS, "response", "result", "output")
_WRAPPERS = ("message", "tool_call", "message_content", "kwargs", "prompt", "completion")
_TEXTS = ("text", "content", "value")
_MIME = ("mime_type", "mediaType", "media_type", "mimeType")
_DATA = ("data", "content", "bytes", "image", "file")
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant"}
_DEEPEST = 32


class Utterance(NamedTuple):
    """One message. `text` and `reasoning` may be empty."""

    role: str
    text: str
    reasoning: str = ""


def read(value: Any, role: str) -> list[Utterance]:
    """The messages in a value of any known shape. A text that is no JSON is one message of `role`."""
    told = opened(value)
    if isinstance(told, dict):
        fields = cast("dict[str, Any]", told)
        inner = next(
            (fields[name] for name in ("messages", "prompt") if isinstance(fields.get(name), list | str)), None
        )
        told = cast("Any", [fields] if inner is None else inner)
    return [
        said for one in cast("list[Any]", told if isinstance(told, list) else [told]) for said in _message(one, role)
    ]


def joined(said: list[Utterance]) -> str | None:
    """The text of a single message; several messages as lines `role: text`. None without text."""
    told = [one for one in said if one.text]
    if len(told) <= 1:
        return told[0].text if told else None
    return "\n".join(f"{one.role}: {one.text}" for one in told)


def documents(value: Any) -> str | None:
    """The texts of a list of documents or of embedded texts, one a line. None without text."""
    if not isinstance(value, list):
        return None
    texts: list[str] = []
    for one in cast("list[Any]", value):
        fields = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        inner = fields.get("document", fields.get("embedding", fields))
        if isinstance(inner, dict):
            told = cast("dict[str, Any]", inner)
            text = told.get("content", told.get("text"))
            if isinstance(text, str):
                texts.append(text)
    return "\n".join(texts) or None


def opened(value: Any) -> Any:
    """The object or list that JSON text holds; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def without_media(text: str) -> str:
    """The text with a mark such as `[image/png, 32 kB]` in place of each base64 data URI."""
    if "base64," not in text:
        return text
    return _DATA_URI.sub(lambda found: mark(found[1], found[2]), text)


def mark(media: str, data: str) -> str:
    """The mark for base64 data."""
    size = len(data) * 3 // 4
    return f"[{media}, {max(1, round(size / 1000))} kB]"


def unflattened(flat: Mapping[str, Any], prefix: str) -> Any:
    """The value whose parts lie under `prefix` in dotted keys; keys of digits make lists. None without such keys."""
    start = f"{prefix}."
    root: dict[str, Any] = {}
    for key, value in flat.items():
        if key.startswith(start):
            at, *parts = root, *key[len(start) :].split(".")
            for part in parts[:-1]:
                inner = at.setdefault(part, {})
                if not isinstance(inner, dict):
                    break
                at = cast("dict[str, Any]", inner)
            else:
                at.setdefault(parts[-1], value)
    return _listed(root) if root else None


def _listed(value: Any, depth: int = 0) -> Any:
    if not isinstance(value, dict) or depth > _DEEPEST:
        return cast("Any", value)
    fields = {key: _listed(inner, depth + 1) for key, inner in cast("dict[str, Any]", value).items()}
    if fields and all(key.isascii() and key.isdigit() and len(key) < 10 for key in fields):  # noqa: PLR2004
        return [fields[key] for key in sorted(fields, key=int)]
    return fields


def _message(value: Any, role: str) -> Iterator[Utterance]:
    if isinstance(value, str):
        if value:
            yield Utterance(role, without_media(value))
        return
    if not isinstance(value, dict):
        return
    fields = _unwrapped(cast("dict[str, Any]", value))
    who = str(fields.get("role") or fields.get("type") or role)
    who = _ROLES.get(who, who if fields.get("role") else role)
    body = next((fields[name] for name in ("parts", "contents", "content", "text") if _is_told(fields.get(name))), None)
    if body is None and "content" not in fields and _is_part(fields):
        body = [fields]
    if _is_tool_result(opened(body)):
        who = "tool"
    texts: list[str] = []
    thoughts = [str(fields[name]) for name in ("reasoning", "reasoning_content") if isinstance(fields.get(name), str)]
    parts = opened(body)
    for text, is_thought in _parts(parts):
        (thoughts if is_thought else texts).append(text)
    told = [call for call in map(_called, cast("list[Any]", parts if isinstance(parts, list) else [])) if call]
    for call in _calls(fields):
        if (same := next((one for one in told if _is_same(one, call)), None)) is not None:
            told.remove(same)
        else:
            texts.append(_json({"type": "tool_call", "name": call.name, "arguments": call.arguments}))
    if texts or thoughts:
        yield Utterance(who, "\n".join(one for one in texts if one), "\n".join(one for one in thoughts if one))


def _is_tool_result(value: Any) -> bool:
    """Whether the parts of a message are results of tools alone, which some conventions send in the user's name."""
    parts = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(parts) and all(
        isinstance(part, dict) and str(cast("dict[str, Any]", part).get("type")) in _TOOL_RESULTS for part in parts
    )


def _is_told(value: Any) -> bool:
    return value is not None and value not in ([], "")


def _is_part(fields: Mapping[str, Any]) -> bool:
    return "type" in fields or any(name in fields for name in ("toolUse", "toolResult", "toolName"))


def _unwrapped(fields: dict[str, Any]) -> dict[str, Any]:
    for name in _WRAPPERS:
        inner = fields.get(name)
        if isinstance(inner, dict) and "role" not in fields and "content" not in fields:
            return _unwrapped(cast("dict[str, Any]", inner))
    return fields


class _Call(NamedTuple):
    """A tool call within a message. The id may be missing."""

    id: Any
    name: Any
    arguments: Any


def _calls(fields: Mapping[str, Any]) -> Iterator[_Call]:
    """The tool calls of a message that stand apart from its parts, in OpenAI's shape."""
    told = opened(fields.get("tool_calls"))
    calls: list[Any] = cast("list[Any]", told) if isinstance(told, list) else []
    for call in [*calls, fields.get("function_call")]:
        if isinstance(call, dict):
            yield _call(_unwrapped(cast("dict[str, Any]", call)))


def _called(part: Any) -> _Call | None:
    """The tool call that a part of a message is; None for any other part."""
    if not isinstance(part, dict):
        return None
    told = cast("dict[str, Any]", part)
    fields = _unwrapped(told)
    is_call = "tool_call" in told or str(fields.get("type")) in _TOOL_CALLS or "toolUse" in fields
    return _call(fields) if is_call else None


def _call(fields: Mapping[str, Any]) -> _Call:
    inner = next((fields[name] for name in ("function", "toolUse") if isinstance(fields.get(name), dict)), fields)
    said = cast("Mapping[str, Any]", inner)
    arguments = next((said[name] for name in _ARGUMENTS if name in said), None)
    ids = (fields.get("call_id"), fields.get("id"), said.get("toolUseId"))
    name = next((said[name] for name in ("name", "toolName", "tool_name") if name in said), None)
    return _Call(next((one for one in ids if one), None), name, opened(arguments))


def _is_same(one: _Call, other: _Call) -> bool:
    """Whether both tell the same tool call. Some conventions send each call as a part and apart from the parts."""
    if one.id and other.id:
        return bool(one.id == other.id)
    return (one.name, one.arguments) == (other.name, other.arguments)


def _parts(value: Any) -> Iterator[tuple[str, bool]]:
    """The text of each part of a message, and whether it is reasoning."""
    for part in cast("list[Any]", value if isinstance(value, list) else [] if value is None else [value]):
        if isinstance(part, str):
            yield without_media(part), False
        elif isinstance(part, dict):
            fields = _unwrapped(cast("dict[str, Any]", part))
            if str(fields.get("type")) in _THOUGHTS or isinstance(fields.get("reasoningContent"), dict):
                yield _thought(fields), True
            else:
                yield _part(fields), False
        else:
            yield _json(part), False


def _thought(fields: Mapping[str, Any]) -> str:
    for name in (*_TEXTS, "thinking", "reasoning", "summary"):
        told = fields.get(name)
        if isinstance(told, str):
            return told
        if isinstance(told, list):
            return "\n".join(text for text, _ in _parts(cast("list[Any]", told)))
    return ""


def _part(fields: Mapping[str, Any]) -> str:
    media = _media(fields)
    if media is not None:
        return media
    for name in _TEXTS:
        told = fields.get(name)
        if isinstance(told, str):
            return without_media(told)
    return _json(_told_in_json(fields))


def _told_in_json(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part; that of a tool call or of its result has values in place of JSON text."""
    if isinstance(fields.get("function"), dict):
        call = _call(fields)
        told = {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        rest = {key: value for key, value in fields.items() if key not in {*told, "function"}}
        return {key: value for key, value in told.items() if value is not None} | rest
    if str(fields.get("type")) in _TOOL_CALLS | _TOOL_RESULTS:
        return {key: opened(value) if key in _IN_JSON else value for key, value in fields.items()}
    return fields


def _media(fields: Mapping[str, Any]) -> str | None:
    """The mark for a part that holds base64 data; None for any other part."""
    for inner in (
        fields,
        *(fields.get(name) for name in ("source", "inline_data", "inlineData", "input_audio", "image")),
    ):
        if isinstance(inner, dict):
            one = cast("dict[str, Any]", inner)
            kind = next((str(one[name]) for name in _MIME if isinstance(one.get(name), str)), None)
            data = next((one[name] for name in _DATA if isinstance(one.get(name), str)), None)
            if kind is None and isinstance(one.get("format"), str) and "input_audio" in fields:
                kind = f"audio/{one['format']}"
            if kind is not None and data is not None and _BASE64.fullmatch(data):
                return mark(kind, data)
    if str(fields.get("type")) in _PICTURES and (found := _DATA_URI.search(_raw(fields))) is not None:
        return mark(found[1], found[2])
    return None


def _json(value: Any) -> str:
    return without_media(_raw(value))


def _raw(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError):
        return ""

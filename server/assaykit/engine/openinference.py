"""Span attributes in the form of the store: one flat object of OpenInference names with bounded JSON values.

Senders differ. Some nest attributes, some send `metadata` as JSON text, some follow OpenTelemetry's GenAI conventions
(`gen_ai.*`) instead of OpenInference. The sent attributes stay; the OpenInference names are added beside them,
because filters, mappings and judges read only those.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from operator import methodcaller
from typing import Any, cast, get_args

from assaykit.engine import json_text
from assaykit.judge.cut_text import WHOLE_LIMIT, cut
from assaykit.wire.spans import SpanKind

FLATTEN_LIMIT = 16
"""Most levels that become part of a key. Deeper objects stay values: total key length grows with the depth squared."""

KIND = "openinference.span.kind"
SESSION = "session.id"
MODEL = "llm.model_name"
INPUT, OUTPUT = "input.value", "output.value"

KINDS: frozenset[str] = frozenset(get_args(SpanKind))

_KIND_OF_OPERATION = {
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "create_agent": "AGENT",
    "invoke_agent": "AGENT",
    "invoke_workflow": "CHAIN",
    "retrieval": "RETRIEVER",
}
_PLAIN = frozenset([str, int, bool, type(None)])
_is_gen_ai = methodcaller("startswith", "gen_ai.")
_OLD_PROMPT = re.compile(r"gen_ai\.prompt\.(\d{1,9})\.content")
_OLD_COMPLETION = re.compile(r"gen_ai\.completion\.(\d{1,9})\.content")


def normalised(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of one span, ready to be stored.

    Objects become dotted keys, also those in `metadata` sent as JSON text. `gen_ai.*` names are mapped. A float that
    JSON cannot express becomes None. Strings over 4 MiB are cut last, so that the earlier steps read them whole.
    """
    flat = _with_metadata(flattened(raw))
    flat.update(_from_gen_ai(flat))
    return flat if _is_plain(flat) else storable(flat)


def _is_plain(flat: Mapping[str, Any]) -> bool:
    """Whether `storable` would surely change nothing. Most spans pass this cheap test: short ASCII text, integers."""
    values = flat.values()
    kinds = set(map(type, values))
    if not kinds <= _PLAIN:
        return False
    text = "".join([*flat, *(value for value in values if type(value) is str)])
    return len(text) <= WHOLE_LIMIT and text.isascii()


def kind_of(attributes: Mapping[str, Any]) -> str:
    """The span kind in upper case; UNKNOWN if it is absent or not in the contract."""
    kind = str(attributes.get(KIND, "")).upper()
    return kind if kind in KINDS else "UNKNOWN"


def flattened(raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten objects into dotted keys; lists and empty objects stay. A key sent flat wins over a nested one."""
    if dict not in map(type, raw.values()):
        return {prefix + key: value for key, value in raw.items()} if prefix else dict(raw)
    flat: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    # A stack instead of recursion: JSON may be nested deeper than Python's recursion limit.
    pending: list[tuple[str, Any, int]] = [(prefix + key, raw[key], 1) for key in reversed(list(raw))]
    while pending:
        key, value, depth = pending.pop()
        if isinstance(value, dict) and value and depth < FLATTEN_LIMIT:
            inner = cast("dict[str, Any]", value)
            pending.extend((f"{key}.{name}", inner[name], depth + 1) for name in reversed(list(inner)))
        elif depth == 1:
            flat[key] = value
        else:
            nested.setdefault(key, value)
    return {**nested, **flat}


def storable(value: Any) -> Any:
    """The value with non-finite floats as None and strings cut to valid Unicode, at every level."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [storable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {cut(key): storable(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def _json(text: Any) -> Any:
    """The value of JSON text that holds an object or a list; None for anything else."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json_text.read(text)
    except (ValueError, RecursionError):
        return None


def _with_metadata(flat: dict[str, Any]) -> dict[str, Any]:
    told = _json(flat.get("metadata"))
    if not isinstance(told, dict):
        return flat
    rest = dict(flat)
    del rest["metadata"]
    return flattened(cast("dict[str, Any]", told), "metadata.") | rest


def _from_gen_ai(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenInference attributes that follow from `gen_ai.*` and that the sender did not send."""
    if not any(map(_is_gen_ai, flat)):
        return {}
    prompt = _first(flat, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    completion = _first(flat, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
    total = _first(flat, "gen_ai.usage.total_tokens", "llm.usage.total_tokens")
    if total is None and isinstance(prompt, int) and isinstance(completion, int):
        total = prompt + completion
    mapped = {
        KIND: _KIND_OF_OPERATION.get(str(flat.get("gen_ai.operation.name")), "LLM"),
        MODEL: _first(flat, "gen_ai.response.model", "gen_ai.request.model"),
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": completion,
        "llm.token_count.total": total,
        SESSION: flat.get("gen_ai.conversation.id"),
        INPUT: _input(flat),
        OUTPUT: _output(flat),
    }
    return {key: value for key, value in mapped.items() if value is not None and key not in flat}


def _first(flat: Mapping[str, Any], *names: str) -> Any:
    return next((flat[name] for name in names if flat.get(name) is not None), None)


def _input(flat: Mapping[str, Any]) -> str | None:
    """The text of a single message; several messages are joined as lines `role: text`, system instructions first."""
    said = list(_messages(flat.get("gen_ai.input.messages"), "user"))
    said = said or list(_numbered(flat, _OLD_PROMPT, "user"))
    instructions = _text(_json(flat.get("gen_ai.system_instructions")) or flat.get("gen_ai.system_instructions"))
    if instructions:
        said.insert(0, ("system", instructions))
    if len(said) <= 1:
        return said[0][1] if said else None
    return "\n".join(f"{role}: {text}" for role, text in said)


def _output(flat: Mapping[str, Any]) -> str | None:
    said = list(_messages(flat.get("gen_ai.output.messages"), "assistant"))
    said = said or list(_numbered(flat, _OLD_COMPLETION, "assistant"))
    return "\n".join(text for _, text in said) if said else None


def _messages(value: Any, role: str) -> Iterator[tuple[str, str]]:
    """(role, text) of each message. Source: OpenTelemetry GenAI conventions, `gen_ai.input.messages`."""
    told = _json(value) or value
    for message in cast("list[Any]", told if isinstance(told, list) else [told]):
        if isinstance(message, dict):
            fields = cast("dict[str, Any]", message)
            text = _text(fields.get("parts") or fields.get("content"))
            if text:
                yield str(fields.get("role") or role), text
        elif isinstance(message, str) and message:
            yield role, message


def _numbered(flat: Mapping[str, Any], names: re.Pattern[str], role: str) -> Iterator[tuple[str, str]]:
    """(role, text) of each message in the older form `gen_ai.prompt.<number>.content`, in order of number."""
    found = sorted((int(match[1]), key) for key in flat if (match := names.fullmatch(key)))
    for _, key in found:
        text = _text(flat[key])
        if text:
            yield str(flat.get(key.removesuffix("content") + "role") or role), text


def _text(value: Any) -> str:
    """The text of a message's parts. A part without text, such as a tool call, becomes JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    parts = cast("list[Any]", value if isinstance(value, list) else [value])
    return "\n".join(_part(part) for part in parts)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        fields = cast("dict[str, Any]", part)
        text = fields.get("content", fields.get("text"))
        if isinstance(text, str):
            return text
    try:
        return json.dumps(part, ensure_ascii=False)
    except RecursionError:
        return ""

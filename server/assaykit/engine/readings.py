"""The facts of a span by the table of conventions: kind, input, output, session, user, model and tokens.

Only facts that the sender did not send under their OpenInference names are added.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from assaykit import messages
from assaykit.engine.conventions import CONVENTIONS, ENCODED, Convention, FactSource
from assaykit.messages import Utterance

KIND = "openinference.span.kind"
SESSION = "session.id"
USER = "user.id"
MODEL = "llm.model_name"
INPUT, OUTPUT = "input.value", "output.value"
REASONING = "output.reasoning"
"""The reasoning of a model apart from its answer."""

_TOKENS = ("llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total")
_PREFIXES = sorted({prefix for row in CONVENTIONS for prefix in row.prefixes}, key=len, reverse=True)
_ANY = re.compile(rf"^(?:{'|'.join(map(re.escape, _PREFIXES))})", re.MULTILINE)
_EVENT_LISTS = ("events",)
_OWN_HEADS = frozenset(prefix.partition(".")[0] for prefix in CONVENTIONS[0].prefixes)
_FOREIGN = frozenset(prefix.partition(".")[0] for prefix in _PREFIXES) - _OWN_HEADS | {*_EVENT_LISTS}


class _ForeignNames(dict[str, bool]):
    """Whether an attribute may belong to another convention than OpenInference, remembered for `MOST` names."""

    MOST = 10_000

    def __missing__(self, key: str) -> bool:
        if len(self) == self.MOST:
            self.clear()
        self[key] = found = key.partition(".")[0] in _FOREIGN
        return found


_is_foreign = _ForeignNames().__getitem__
_WITHOUT_MODEL = frozenset({"CHAIN", "TOOL", "RETRIEVER", "AGENT", "GUARDRAIL", "EVALUATOR", "PROMPT"})
"""Kinds of spans that call no model."""

_SUMS = frozenset({"CHAIN", "AGENT"})
"""Kinds whose token counts are sums over spans below, which have them too."""

_MESSAGE = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
_CHOICE = "gen_ai.choice"
_DETAILS = frozenset(
    {"gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"}
)


def facts_of(flat: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The OpenInference attributes that follow from others and from events, and that the sender did not send."""
    if not events and _is_complete(flat) and not any(map(_is_foreign, flat)):
        return {}
    told = _told_by_events(flat, events)
    found = {match[0] for match in _ANY.finditer("\n".join([*flat, *told] if told else flat))}
    if not found:
        return {}
    if told:
        flat = {**told, **flat}
    rows = [row for row in CONVENTIONS if not found.isdisjoint(row.prefixes)]
    kind = _sent_kind(flat) or _kind(flat, rows)
    model = _first(flat, rows, "model")
    facts: dict[str, Any] = {
        KIND: kind,
        SESSION: _first(flat, rows, "session"),
        USER: _first(flat, rows, "user"),
        MODEL: None if isinstance(model, dict | list) else model,
    }
    if kind not in _SUMS:
        facts |= _tokens(flat, rows, kind)
        facts["llm.cost.total"] = _first(flat, rows, "cost")
    if flat.get(INPUT) is None:
        facts[INPUT] = _input(flat, rows)
    if flat.get(OUTPUT) is None or REASONING not in flat:
        output, reasoning = _output(flat, rows)
        facts |= {OUTPUT: output, REASONING: reasoning}
    return {key: value for key, value in facts.items() if value is not None and (key not in flat or flat[key] is None)}


def _is_complete(flat: Mapping[str, Any]) -> bool:
    """Whether a span of OpenInference alone lacks no fact. Most spans pass this cheap test."""
    return INPUT in flat and OUTPUT in flat and (_sent_kind(flat) in _WITHOUT_MODEL or MODEL in flat)


def _sent_kind(flat: Mapping[str, Any]) -> str | None:
    """The kind as the sender names it. A sender may also send a list or a mapping, which names none."""
    kind = flat.get(KIND)
    return kind if isinstance(kind, str) else None


def _told_by_events(flat: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The messages in events, as attributes of the GenAI convention."""
    listed = next((flat[name] for name in _EVENT_LISTS if isinstance(flat.get(name), str | list)), None)
    more = messages.opened(listed) if listed is not None else None
    more = cast("list[Any]", more) if isinstance(more, list) else []
    if not events and not more:
        return {}
    told: dict[str, Any] = {}
    said: dict[str, list[Any]] = {"input": [], "output": []}
    inner = [(str(one.get("name")), cast("Mapping[str, Any]", one.get("attributes") or {})) for one in events]
    objects = [cast("dict[str, Any]", one) for one in more if isinstance(one, dict)]
    inner += [(str(one["event.name"]), one) for one in objects if "event.name" in one]
    for name, attributes in inner:
        if (match := _MESSAGE.fullmatch(name)) is not None:
            said["input"].append({"role": match[1], **_body(attributes)})
        elif name == _CHOICE:
            body = attributes.get("message", attributes.get("content"))
            said["output"].append(_choice(body, attributes))
        elif name in _DETAILS:
            told |= {key: value for key, value in attributes.items() if key.startswith("gen_ai.")}
    for way, some in said.items():
        if some:
            told.setdefault(f"gen_ai.{way}.messages", some)
    return told


def _body(attributes: Mapping[str, Any]) -> dict[str, Any]:
    nested = messages.unflattened(attributes, "content")
    return {**attributes, **({"content": nested} if nested is not None else {})}


def _choice(body: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    told = messages.opened(body)
    if body is None:
        told = messages.unflattened(attributes, "message")
    if isinstance(told, dict) and ("content" in told or "tool_calls" in told or "parts" in told):
        return {"role": "assistant", **cast("dict[str, Any]", told)}
    return {"role": "assistant", "content": told, "tool_calls": attributes.get("tool_calls")}


def _kind(flat: Mapping[str, Any], rows: Sequence[Convention]) -> str | None:
    for row in rows:
        for kinds in row.kinds:
            word = str(flat.get(kinds.name, "")).strip('" ').lower()
            if word in kinds.of_value:
                return kinds.of_value[word]
    for row in rows:
        for name, kind in row.marks:
            if name in flat or (name.endswith(".") and any(key.startswith(name) for key in flat)):
                return kind
    return None


def _first(flat: Mapping[str, Any], rows: Sequence[Convention], fact: str) -> Any:
    names: Iterable[str] = (name for row in rows for name in getattr(row, fact))
    return next((value for name in names if (value := _value(flat, name)) not in (None, "")), None)


def _value(flat: Mapping[str, Any], name: str) -> Any:
    """The value of an attribute, or of a key within JSON text of an attribute that holds facts so."""
    if name in flat:
        return flat[name]
    for outer in ENCODED:
        if name.startswith(f"{outer}.") and outer in flat:
            value = messages.opened(flat[outer])
            for part in name[len(outer) + 1 :].split("."):
                value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
            return value
    return None


def _tokens(flat: Mapping[str, Any], rows: Sequence[Convention], kind: str | None) -> dict[str, Any]:
    """The counts. An embedding has no completion, so its total is that of the prompt."""
    counted = [_first(flat, rows, fact) for fact in ("prompt_tokens", "completion_tokens", "total_tokens")]
    prompt, completion, total = counted
    parts = (prompt, completion or 0) if kind == "EMBEDDING" else (prompt, completion)
    if total is None and all(isinstance(part, int) for part in parts):
        total = sum(parts)
    return dict(zip(_TOKENS, (prompt, completion, total), strict=True))


def _input(flat: Mapping[str, Any], rows: Sequence[Convention]) -> str | None:
    """The first input. Several messages are lines `role: text`, after the system instructions."""
    for row in rows:
        for source in row.input:
            told = _read(flat, source, "user")
            if isinstance(told, str):
                return told
            if told:
                said = [one for one in told if one.text]
                if source.reading == "last user":
                    return said[-1].text if said else None
                return messages.joined([*_instructions(flat, row), *said]) if said else None
    return None


def _instructions(flat: Mapping[str, Any], row: Convention) -> Iterator[Utterance]:
    for name in row.instructions:
        if flat.get(name):
            text = "\n".join(one.text for one in messages.read(flat[name], "system") if one.text)
            if text:
                yield Utterance("system", text)


def _output(flat: Mapping[str, Any], rows: Sequence[Convention]) -> tuple[str | None, str | None]:
    """The first output, and the reasoning before it."""
    thoughts = _first(flat, rows, "reasoning")
    for row in rows:
        for source in row.output:
            told = _read(flat, source, "assistant")
            if isinstance(told, str):
                return told, _text(thoughts)
            if told:
                if source.reading == "last assistant":
                    told = told[-1:]
                text = "\n".join(one.text for one in told if one.text)
                reasoning = "\n".join(one.reasoning for one in told if one.reasoning)
                return text or None, reasoning or _text(thoughts)
    return None, _text(thoughts)


def _read(flat: Mapping[str, Any], source: FactSource, role: str) -> str | list[Utterance] | None:
    """A text, or messages; None without a value."""
    match source.reading:
        case "numbered":
            value = messages.unflattened(flat, source.name)
            return messages.read(value, role) if isinstance(value, list) else None
        case "messages":
            value = _value(flat, source.name)
            return messages.read(value, role) if value is not None else None
        case "last user" | "last assistant":
            value = _value(flat, source.name)
            wanted = source.reading.removeprefix("last ")
            found = messages.read(value, role) if value is not None else []
            return [one for one in found if one.role == wanted and one.text]
        case _:
            return _read_text(flat, source)


def _read_text(flat: Mapping[str, Any], source: FactSource) -> str | None:
    """The text of a source that holds no messages."""
    match source.reading:
        case "text and calls":
            parts = [_whole(flat, source.name), _calls(flat, source.beside)]
            return "\n".join(part for part in parts if part) or None
        case "texts":
            value = _value(flat, source.name)
            texts = [_text(one) for one in cast("list[Any]", value)] if isinstance(value, list) else []
            return "\n".join(text for text in texts if text) or None
        case "nested":
            return _text(messages.unflattened(flat, source.name))
        case "documents":
            return messages.documents(messages.unflattened(flat, source.name))
        case _:
            return _whole(flat, source.name)


def _calls(flat: Mapping[str, Any], name: str | None) -> str | None:
    """The text of tool calls that an attribute lists, each as the part of a message."""
    value = messages.opened(_value(flat, name)) if name is not None else None
    if not isinstance(value, list):
        return _text(value)
    said = messages.read([{"role": "assistant", "tool_calls": value}], "assistant")
    return "\n".join(one.text for one in said) or None


def _whole(flat: Mapping[str, Any], name: str) -> str | None:
    """The text of an attribute, also of one that was sent as an object and is flat by now."""
    value = _value(flat, name)
    return _text(messages.unflattened(flat, name) if value is None else value)


def _text(value: Any) -> str | None:
    """A text as it is, a JSON string decoded, any other value as JSON. None for null and for blank text."""
    if value is None:
        return None
    if isinstance(value, str):
        if value[:1] == value[-1:] == '"' and len(value) > 1:
            try:
                inner = json.loads(value)
            except ValueError:
                return value
            value = inner
        return messages.without_media(str(value)) if str(value).strip() else None
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return None

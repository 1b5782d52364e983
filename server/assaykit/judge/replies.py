"""Parsing of a model's reply: a label that is one of the choices, with or without an explanation.

The label must equal exactly one choice, in any letter case. A closing line such as `Final answer: good.` gives its
label too. Any other reply leaves the row unscored. A reply is never mapped to the nearest choice, because the judged
text may have dictated it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from assaykit.errors import quote
from assaykit.judge import closing_lines, reply_objects, thoughts
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Reason, Unscored, Verdict
from assaykit.wire.spans import EXPLANATION_LIMIT, LABEL_LIMIT

_LABEL_KEYS = ("label", "verdict", "answer", "final_answer", "classification", "judgment", "judgement")
"""Keys of the label, best first. A model that is asked in plain text may choose another key than `label`."""
_EXPLANATION_KEYS = ("explanation", "reasoning", "reason", "rationale")
_CALL_KEYS = ("arguments", "parameters", "function", "input")
_DEEPEST_CALL = 3
"""Objects, one in the other, of a tool call that is written as text."""

_NO_LABEL = "The model's reply holds no label."
_UNFINISHED = "The model's reply ends inside its thoughts, before an answer; raise max_tokens."


def schema(choices: Mapping[str, float], *, explain: bool) -> dict[str, Any]:
    """The JSON schema of a verdict. The explanation comes first, so that the model writes it before the label."""
    label = {"type": "string", "enum": list(choices), "description": "The verdict."}
    reason = {"type": "string", "description": "The reasons for the label, in a few sentences."}
    properties = {"explanation": reason, "label": label} if explain else {"label": label}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def request(schema: Mapping[str, Any], *, as_text: bool) -> str:
    """The closing words of a prompt: the labels and, for a plain-text reply, the place of the label."""
    labels = ", ".join(json.dumps(label, ensure_ascii=False) for label in schema["properties"]["label"]["enum"])
    explain = "explanation" in schema["properties"]
    if not as_text:
        first = "Explain your verdict first, then give the label" if explain else "Give the label"
        return f"{first}. The label is exactly one of: {labels}."
    first = "Explain your verdict in a few sentences. Then write" if explain else "Write"
    where = "the label on the last line, without quotes and with nothing else"
    return f"{first} {where}. It is exactly one of: {labels}."


def parse(reply: ModelReply, choices: Mapping[str, float] | None, *, explain: bool) -> Verdict | Unscored:
    """Return the verdict in a reply. Without choices the label is the reply's text, clipped, and there is no score."""
    if choices is None:
        return _free_text(reply)
    said = _said(reply, choices)
    if isinstance(said, Unscored):
        return said
    label = closing_lines.choice(said.label, choices)
    if label is None:
        detail = f"The model answered {quote(said.label, LABEL_LIMIT)!r}, which is not one of {list(choices)!r}."
        return _unscored(reply, "off_choice", detail)
    kept = said.explanation[:EXPLANATION_LIMIT] if explain and said.explanation else None
    return Verdict(label, choices[label], kept, *_spent(reply))


class _Said(NamedTuple):
    label: str
    explanation: str | None


def _free_text(reply: ModelReply) -> Verdict | Unscored:
    answer = thoughts.answer(reply.text)
    if answer is None:
        return _unscored(reply, "bad_reply", _UNFINISHED)
    text = answer.strip()
    if not text:
        return _unscored(reply, "bad_reply", "The model's reply is empty.")
    label, whole = quote(text, LABEL_LIMIT), text[:EXPLANATION_LIMIT]
    return Verdict(label, None, whole, *_spent(reply))


def _said(reply: ModelReply, choices: Mapping[str, float]) -> _Said | Unscored:
    """Return the unchecked label and the explanation: from the fields, from JSON, else from the closing line."""
    for fields in (reply.fields, reply_objects.whole(reply.text)):
        if fields is not None and (said := _of_object(fields)) is not None:
            return said
    answer = thoughts.answer(reply.text)
    if answer is None:
        return _unscored(reply, "bad_reply", _UNFINISHED)
    return _of_text(reply, answer, choices)


def _of_text(reply: ModelReply, answer: str, choices: Mapping[str, float]) -> _Said | Unscored:
    found = reply_objects.find(answer)
    line, before = closing_lines.last(found.after if found.objects else answer)
    closing = None if line is None else closing_lines.choice(line, choices)
    told = [said for one in found.objects if (said := _of_object(one)) is not None]
    if told and found.apart:
        labels = {closing_lines.choice(said.label, choices) or said.label for said in told}
        if len(labels | ({closing} - {None})) == 1:
            return told[-1]
        detail = f"The model gave more than one answer; it must be one of {list(choices)!r}."
        return _unscored(reply, "off_choice", detail)
    if found.broken and (found.apart or closing is None):
        return _unscored(reply, "bad_reply", "The model's reply is JSON that cannot be read.")
    if line is None or (found.objects and closing is None):
        return _unscored(reply, "bad_reply", _NO_LABEL)
    return _Said(line, f"{found.before}\n{before}".strip() if found.objects else before)


def _of_object(fields: Mapping[str, Any]) -> _Said | None:
    """The label and the explanation in an object, or in the arguments of a tool call that is written as text."""
    named = _named(fields)
    for _ in range(_DEEPEST_CALL):
        if (label := _first(named, _LABEL_KEYS)) is not None:
            said = label if isinstance(label, str) else json.dumps(label, ensure_ascii=False, default=str)
            explanation = _first(named, _EXPLANATION_KEYS)
            return _Said(said, explanation.strip() if isinstance(explanation, str) else None)
        inner = _first(named, _CALL_KEYS)
        inner = reply_objects.whole(inner) if isinstance(inner, str) else inner
        if not isinstance(inner, Mapping):
            return None
        named = _named(cast("Mapping[str, Any]", inner))
    return None


def _named(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {str(key).strip().casefold(): value for key, value in fields.items()}


def _first(named: Mapping[str, Any], keys: Sequence[str]) -> Any | None:
    return next((named[key] for key in keys if named.get(key) is not None), None)


def _spent(reply: ModelReply) -> tuple[int | None, int | None, str | None, int | None]:
    return reply.prompt_tokens, reply.completion_tokens, reply.model, reply.cached_tokens


def _unscored(reply: ModelReply, reason: Reason, detail: str) -> Unscored:
    return Unscored(reason, detail, *_spent(reply))

"""Parsing of a model's reply: a label that is one of the choices, with or without an explanation.

The label must equal exactly one choice, in any letter case. Any other reply leaves the row unscored. A reply is never
mapped to the nearest choice, because the judged text may have dictated it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from assaykit.errors import quote
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Reason, Unscored, Verdict
from assaykit.wire.spans import EXPLANATION_LIMIT, LABEL_LIMIT

_CODE_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_DECORATION = "\"'`*_“” \t"


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
    said, explanation = _said(reply)
    if said is None:
        return _unscored(reply, "bad_reply", "The model's reply holds no label.")
    label = _choice(said, choices)
    if label is None:
        return _unscored(
            reply,
            "off_choice",
            f"The model answered {quote(said, LABEL_LIMIT)!r}, which is not one of {list(choices)!r}.",
        )
    kept = explanation[:EXPLANATION_LIMIT] if explain and explanation else None
    return Verdict(label, choices[label], kept, reply.prompt_tokens, reply.completion_tokens, reply.model)


def _free_text(reply: ModelReply) -> Verdict | Unscored:
    text = reply.text.strip()
    if not text:
        return _unscored(reply, "bad_reply", "The model's reply is empty.")
    label, whole = quote(text, LABEL_LIMIT), text[:EXPLANATION_LIMIT]
    return Verdict(label, None, whole, reply.prompt_tokens, reply.completion_tokens, reply.model)


def _said(reply: ModelReply) -> tuple[str | None, str | None]:
    """Return the unchecked label and the explanation: from the fields, from JSON, else from the last line."""
    fields = reply.fields if reply.fields is not None else _object(reply.text)
    if fields is not None:
        label, explanation = fields.get("label"), fields.get("explanation")
        said = label if isinstance(label, str) or label is None else json.dumps(label)
        return said, explanation.strip() if isinstance(explanation, str) else None
    lines = [line for line in reply.text.strip().splitlines() if line.strip()]
    if not lines:
        return None, None
    return lines[-1].strip(), "\n".join(lines[:-1])


def _object(text: str) -> Mapping[str, Any] | None:
    """Parse the text, or its last code fence, as a JSON object; None if neither is one."""
    fenced = _CODE_FENCE.findall(text)
    for candidate in (text, *fenced[-1:]):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return None


def _choice(said: str, choices: Mapping[str, float]) -> str | None:
    """Return the one choice that equals the text in any letter case, without quotes, emphasis and a final full stop."""
    bare = said.strip(_DECORATION).removesuffix(".").strip(_DECORATION)
    for form in (said.strip(), bare):
        hits = [choice for choice in choices if choice.strip().casefold() == form.casefold()]
        if len(hits) == 1:
            return hits[0]
        if form in hits:
            return form
    return None


def _unscored(reply: ModelReply, reason: Reason, detail: str) -> Unscored:
    return Unscored(reason, detail, reply.prompt_tokens, reply.completion_tokens, reply.model)

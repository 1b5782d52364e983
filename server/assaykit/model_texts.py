"""The texts of a model call apart from the bodies of its request and reply, as OpenInference has them.

`input.value` and `output.value` of such a span are often whole bodies in JSON.
"""

from collections.abc import Mapping
from typing import Any

from assaykit import messages

_PREFIX = "attributes."
_SAID: Mapping[str, tuple[str, ...]] = {
    "input": ("llm.input_messages", "llm.prompts"),
    "output": ("llm.output_messages", "llm.choices"),
    "reasoning": ("llm.output_messages",),
}
"""The attributes with the messages of an LLM span, the first with a value first."""

_TEXTS: Mapping[tuple[str, str], str] = {
    ("EMBEDDING", "input"): "embedding.embeddings",
    ("RERANKER", "output"): "reranker.output_documents",
    ("RETRIEVER", "output"): "retrieval.documents",
}
"""The attributes with the documents of spans of other kinds."""

_QUERY = f"{_PREFIX}reranker.query"


def text_of(row: Mapping[str, Any], short: str) -> str | None:
    """The text for `input`, `output` or `reasoning` of a span as a row of columns; None if it tells no such text.

    The output of messages without text is blank.
    """
    kind = row.get("span_kind")
    if kind == "LLM":
        found = (_said(row, short, name) for name in _SAID[short])
        return next((text for text in found if text is not None), None)
    if (kind, short) == ("RERANKER", "input"):
        return row.get(_QUERY)
    name = _TEXTS.get((str(kind), short))
    return None if name is None else messages.documents(messages.unflattened(row, _PREFIX + name))


def _said(row: Mapping[str, Any], short: str, name: str) -> str | None:
    told = messages.unflattened(row, _PREFIX + name)
    if not isinstance(told, list):
        return None
    said = messages.read(told, "user" if short == "input" else "assistant")
    if short == "input":
        return messages.joined(said)
    parts = [one.text if short == "output" else one.reasoning for one in said]
    text = "\n".join(part for part in parts if part)
    return None if short == "reasoning" and not text else text

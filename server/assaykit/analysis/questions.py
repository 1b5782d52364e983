"""What an example asks, for a reader who wants to know which example it is: its id says nothing."""

from collections.abc import Mapping
from typing import Any

_USUAL = ("input", "question", "query", "prompt", "attributes.input.value", "messages", "text")
_NO_QUESTION = frozenset({"output", "answer", "expected", "expected_output", "reference", "label", "key", "id"})
_FROM_ELSEWHERE = "source_"


def questions(examples: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By example id the text of its question, for those that have one.

    The column is the first of the usual names that is there, else the first text that is no answer and no id.
    """
    found = {example_id: _question(columns) for example_id, columns in examples.items()}
    return {example_id: text for example_id, text in found.items() if text is not None}


def _question(columns: Mapping[str, Any]) -> str | None:
    for name in _USUAL:
        if (value := columns.get(name)) is not None and str(value).strip():
            return str(value)
    texts = (
        value
        for name, value in columns.items()
        if name not in _NO_QUESTION and not name.startswith(_FROM_ELSEWHERE) and isinstance(value, str)
    )
    return next((text for text in texts if text.strip()), None)

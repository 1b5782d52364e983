"""The question text of each example, so that a reader recognises an example whose id means nothing to people."""

from collections.abc import Mapping
from typing import Any

_USUAL = ("input", "question", "query", "prompt", "attributes.input.value", "messages", "text")
_NO_QUESTION = frozenset({"output", "answer", "expected", "expected_output", "reference", "label", "key", "id"})
_FROM_ELSEWHERE = "source_"
_KEYS = frozenset({"key", "id", "name", "ref", "case", "slug", "number"})
_LONGEST_KEY = 100


def questions(examples: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the question text by example id, without the examples that have none.

    The text is the first non-empty column with a usual name (`input`, `question`, ...), else the first column with
    text whose name is not that of an answer or an id.
    """
    found = {example_id: _question(columns) for example_id, columns in examples.items()}
    return {example_id: text for example_id, text in found.items() if text is not None}


def keys(examples: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the user's own key by example id: the first column whose name says so and whose values are all different.

    Empty if the examples have no such column.
    """
    columns = dict.fromkeys(name for one in examples.values() for name in one)
    named = sorted((name for name in columns if _is_key(name)), key=lambda name: name.lower() not in _KEYS)
    for name in named:
        found = {example_id: str(one[name]) for example_id, one in examples.items() if one.get(name) not in (None, "")}
        if len(found) == len(examples) == len(set(found.values())) and max(map(len, found.values())) <= _LONGEST_KEY:
            return found
    return {}


def _is_key(name: str) -> bool:
    lower = name.lower()
    return not lower.startswith(_FROM_ELSEWHERE) and (lower in _KEYS or lower.endswith(("_id", "_key", "id", "key")))


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

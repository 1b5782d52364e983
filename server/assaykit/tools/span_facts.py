"""The facts of a span that a trace shows beside input and output: model, tokens, cost, metadata, documents, events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from assaykit.messages import unflattened
from assaykit.toolkit.replies import one_line
from assaykit.wire.spans import Span

TEXT_LIMIT = 400
"""Characters of one value."""

MOST_PARTS = 20
"""Documents and events of one span in the data; the text shows fewer."""

_IN_TEXT = 5
_EXCEPTION = "exception"
_FACTS = {
    "model": "llm.model_name",
    "tokens": "llm.token_count",
    "cost": "llm.cost",
    "user": "user.id",
    "session": "session.id",
    "service": "resource.service.name",
    "version": "resource.service.version",
    "environment": "resource.deployment.environment",
    "scope": "scope.name",
    "links": "links",
}
_TOTALS = {"tokens": "llm.token_count", "cost": "llm.cost"}
"""Sums, each in the attribute `<key>.total`, or else of its two parts."""

_DOCUMENTS = ("retrieval.documents", "reranker.output_documents", "reranker.input_documents")


def facts_of(span: Span) -> dict[str, Any]:
    """The facts that a span has, each value within `TEXT_LIMIT` characters."""
    told: dict[str, Any] = {name: span.attributes.get(key) for name, key in _FACTS.items()}
    told |= {name: _total(span.attributes, key) for name, key in _TOTALS.items()}
    told["links"] = clipped(told["links"])
    told["environment"] = told["environment"] or span.attributes.get("resource.deployment.environment.name")
    metadata = {key: value for key, value in span.attributes.items() if key.startswith("metadata.")}
    told["metadata"] = _clipped_values(metadata)
    told["documents"] = _documents(span.attributes)
    failed = [event for event in span.events if event.name == _EXCEPTION]
    told["exceptions"] = [_clipped_values(event.attributes) for event in failed]
    others = [event for event in span.events if event.name != _EXCEPTION]
    told["events"] = [
        {"name": clipped(event.name), "attributes": _clipped_values(event.attributes)} for event in others[:MOST_PARTS]
    ]
    told["events_left_out"] = max(0, len(others) - MOST_PARTS)
    return {name: value for name, value in told.items() if value not in (None, {}, [], 0)}


def _total(attributes: Mapping[str, Any], key: str) -> Any:
    whole = attributes.get(f"{key}.total")
    parts = [attributes.get(f"{key}.{part}") for part in ("prompt", "completion")]
    numbers = [part for part in parts if isinstance(part, int | float)]
    return whole if whole is not None else (sum(numbers) if numbers else None)


def lines_of(told: Mapping[str, Any]) -> Iterator[str]:
    """The lines of `facts_of` in a text."""
    if facts := [f"{name} {one_line(told[name], 60)}" for name in _FACTS if name in told]:
        yield ", ".join(facts)
    if metadata := told.get("metadata"):
        yield ", ".join(_pairs(metadata))
    for document in told.get("documents", ())[:_IN_TEXT]:
        yield f"document: {', '.join(_pairs(document))}"
    for failed in told.get("exceptions", ()):
        message = one_line(failed.get("exception.message") or "-", TEXT_LIMIT)
        yield f"exception: {one_line(failed.get('exception.type') or '-', 60)}: {message}"
    for event in told.get("events", ())[:_IN_TEXT]:
        yield f"event {one_line(event['name'] or '-', 60)}: {', '.join(_pairs(event['attributes'])) or '-'}"
    for name in ("documents", "events"):
        more = len(told.get(name, ())) + told.get(f"{name}_left_out", 0) - _IN_TEXT
        if more > 0:
            yield f"and {more} more {name}"


def clipped(value: object) -> str | None:
    """A value on one line, within `TEXT_LIMIT` characters."""
    return None if value is None else one_line(value, TEXT_LIMIT)


def _clipped_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: clipped(value) for key, value in values.items()}


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{one_line(key, 60)} {one_line(value, 100)}" for key, value in values.items() if value is not None]


def _documents(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents of a retriever or reranker: id, score, content and metadata, as far as each has them."""
    for name in _DOCUMENTS:
        found = unflattened(attributes, name)
        if isinstance(found, list):
            return [_document(one) for one in cast("Sequence[Any]", found)[:MOST_PARTS]]
    return []


def _document(told: Any) -> dict[str, Any]:
    fields = _fields(told)
    fields = _fields(fields.get("document", fields))
    return {key: value if key == "score" else clipped(value) for key, value in fields.items()}


def _fields(told: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {"content": told}

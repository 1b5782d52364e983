"""Tokens and costs of the model calls inside a task, read from the user's own spans."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SpanObject = dict[str, Any]

_TOTAL = ("llm.token_count.total",)
_PARTS = (
    ("llm.token_count.prompt", "llm.token_count.completion"),
    ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
)
_COST = ("llm.cost.total",)
_OPERATION = "gen_ai.operation.name"
_CALLS = frozenset({"chat", "generate_content", "text_completion", "embeddings"})


def tokens(spans: Sequence[SpanObject]) -> float | None:
    """The tokens of all model calls of one task. None if no span has a count.

    Source: OpenInference and OpenTelemetry's conventions for generative AI.
    """
    return _sum(spans, _tokens)


def cost(spans: Sequence[SpanObject]) -> float | None:
    """The cost of all model calls of one task in US dollars. None if no span has a cost."""
    return _sum(spans, lambda attributes: _all(attributes, _COST))


def _tokens(attributes: dict[str, Any]) -> float | None:
    found = (_all(attributes, names) for names in (_TOTAL, *_PARTS))
    return next((amount for amount in found if amount is not None), None)


def _all(attributes: dict[str, Any], names: Sequence[str]) -> float | None:
    values = [attributes.get(name) for name in names]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return sum(numbers) if len(numbers) == len(names) and min(numbers) >= 0 else None


def _sum(spans: Sequence[SpanObject], read: Callable[[dict[str, Any]], float | None]) -> float | None:
    """The amount of the spans, where a span above others may repeat their sum."""
    known = {span["span_id"] for span in spans}
    below: dict[str | None, list[SpanObject]] = {}
    for span in spans:
        # A span whose parent is not among these counts as a top one.
        parent = span["parent_id"] if span["parent_id"] in known else None
        below.setdefault(parent, []).append(span)
    totals: dict[str, float | None] = {}
    for span in reversed(_downwards(below)):
        parts = [amount for child in below.get(span["span_id"], []) if (amount := totals[child["span_id"]]) is not None]
        totals[span["span_id"]] = _together(span["attributes"], read(span["attributes"]), parts)
    amounts = [amount for span in below.get(None, []) if (amount := totals[span["span_id"]]) is not None]
    return sum(amounts) if amounts else None


def _downwards(below: Mapping[str | None, Sequence[SpanObject]]) -> list[SpanObject]:
    """Every span that hangs from a top one, each after the span above it."""
    found = [*below.get(None, ())]
    for span in found:
        found += below.get(span["span_id"], ())
    return found


def _together(attributes: Mapping[str, Any], own: float | None, parts: Sequence[float]) -> float | None:
    """The amount of a span and those below it.

    A chain or an agent carries the sum of its calls, and perhaps of calls without a span. A model call with a different
    amount below it, as from a tool that asks a model, adds to it; the same amount is one call with two spans.
    """
    if own is None or not parts:
        return sum(parts) if parts else own
    inner = sum(parts)
    is_call = attributes.get("openinference.span.kind") == "LLM" or attributes.get(_OPERATION) in _CALLS
    return own + inner if is_call and not math.isclose(own, inner) else max(own, inner)

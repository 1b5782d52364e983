"""Tokens and costs of the model calls inside a task, read from the user's own spans."""

from collections.abc import Callable, Sequence
from typing import Any

SpanObject = dict[str, Any]

_TOTAL = ("llm.token_count.total",)
_PARTS = (
    ("llm.token_count.prompt", "llm.token_count.completion"),
    ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
)
_COST = ("llm.cost.total",)


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
    """Add up the lowest spans that have an amount. A span above them carries their sum, so it is left out."""
    told = {span["span_id"]: amount for span in spans if (amount := read(span["attributes"])) is not None}
    parents = {span["span_id"]: span["parent_id"] for span in spans}
    above: set[str] = set()
    for span_id in told:
        parent = parents[span_id]
        while parent is not None and parent not in above:
            above.add(parent)
            parent = parents.get(parent)
    amounts = [amount for span_id, amount in told.items() if span_id not in above]
    return sum(amounts) if amounts else None

"""Tokens that a provider had in its cache, and their price."""

from pathlib import Path
from typing import Any

import pytest
from tests.odd_provider import completion, message

from assaykit.judge.providers import anthropic, openai
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.providers.prices import Prices, Rate, spent

_TEXT = {"type": "text", "text": "correct"}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 30, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 20}}, (30, 20)),
        ({"prompt_tokens": 30, "completion_tokens": 7, "prompt_cache_hit_tokens": 20}, (30, 20)),
        ({"prompt_tokens": 30, "completion_tokens": 7, "prompt_tokens_details": None}, (30, None)),
        ({"prompt_tokens": 30, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": "x"}}, (30, None)),
    ],
)
def test_cached_tokens_of_a_completion(usage: dict[str, Any], tokens: tuple[int, int | None]) -> None:
    reply = openai.API.read(completion("correct", usage=usage))
    assert isinstance(reply, ModelReply)
    assert (reply.prompt_tokens, reply.cached_tokens) == tokens


def test_anthropic_counts_its_cached_tokens_beside_the_others() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 15, "cache_creation_input_tokens": 5, "output_tokens": 7}
    reply = anthropic.API.read(message(_TEXT, usage=usage))
    assert isinstance(reply, ModelReply)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (30, 7, 15)


@pytest.mark.parametrize(
    ("rate", "cached", "cost"),
    [
        (Rate(2, 10, 0.5), 20, 100.0),
        (Rate(2, 10, 0.5), None, 130.0),
        (Rate(2, 10, 0.5), 99, 85.0),
        (Rate(2, 10), 20, 130.0),
        (Rate(2, 10, 0), 30, 70.0),
    ],
)
def test_a_cached_token_costs_its_own_price(rate: Rate, cached: int | None, cost: float) -> None:
    found = spent(rate, 30, 7, cached)
    assert found is not None
    assert found.cost == pytest.approx(cost)


def test_the_prices_of_cached_tokens_come_from_both_lists(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"mine": {"input": 2, "output": 10, "cached_input": 0.5}}', encoding="utf-8")
    own = Prices(tmp_path).rate("", "mine")
    assert own is not None
    assert own.cached == pytest.approx(0.5e-6)
    listed = Prices(tmp_path).rate("OPEN_AI", "gpt-4.1-mini")
    assert listed is not None
    assert listed.cached is not None
    assert 0 < listed.cached < listed.prompt

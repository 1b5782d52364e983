"""Prices of a model's tokens in US dollars: from the user's own list, else from the list of `genai-prices`."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assaykit.errors import Invalid, quote, system_advice
from assaykit.figures import dollars
from assaykit.foreign import as_word
from assaykit.judge.providers.registry import PROVIDERS

OWN = "prices.json"
"""The user's list in the data folder: `{"model": {"input": 0.15, "output": 0.6}}`, dollars per million tokens."""

MILLION = 1_000_000

CHARACTERS = 4
"""Characters per token, a rule of thumb for English."""

REPLY_TOKENS = 200
"""Tokens of a verdict with its explanation, a rule of thumb."""


class Rate(NamedTuple):
    """US dollars per token of the prompt, per token of the reply, and per token of the prompt that was in a cache.

    `cached` None stands for the price of the other tokens of the prompt.
    """

    prompt: float
    completion: float
    cached: float | None = None


class Spent(NamedTuple):
    """Tokens and cost (US dollars) of one call; None if the provider did not report them or the price is not known."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


class Estimate(NamedTuple):
    """Estimated tokens and cost of calls to a model; `cost` in US dollars is None if the price is not known."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None

    def as_text(self) -> str:
        """`about 12,000 tokens of gpt-4o-mini, $0.005 by list prices`."""
        tokens = f"about {self.prompt_tokens + self.completion_tokens:,} tokens of {as_word(self.model)}"
        if self.cost is None:
            return f"{tokens}, whose price is not known; {OWN} in the data folder can set it"
        return f"{tokens}, {dollars(self.cost)} by list prices"

    def of(self, calls: int) -> "Estimate":
        """The estimate for another number of such calls."""
        factor = calls / self.calls if self.calls else 0.0
        cost = None if self.cost is None else self.cost * factor
        tokens = round(self.prompt_tokens * factor), round(self.completion_tokens * factor)
        return Estimate(self.model, calls, *tokens, cost)


class OwnPrice(BaseModel):
    """The price of a model in the user's list, in US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)


_LIST = TypeAdapter(dict[str, OwnPrice])


class Prices:
    """The prices for one engine, whose data folder is `home`."""

    def __init__(self, home: Path) -> None:
        self.file = home / OWN

    def rate(self, provider: str, model: str) -> Rate | None:
        """Return the price of a model, or None if it is in neither list. Discounts are ignored.

        Only the user's list has models of an unknown provider, whose name is empty.

        Raises:
            Invalid: the user's list cannot be read.
        """
        own = self.own().get(model)
        if own is not None:
            cached = None if own.cached_input is None else own.cached_input / MILLION
            return Rate(own.input / MILLION, own.output / MILLION, cached)
        row = PROVIDERS.get(provider)
        return None if row is None or row.listed_as is None else _listed(row.listed_as, model)

    def own(self) -> Mapping[str, OwnPrice]:
        """The user's list by model; empty if there is none.

        Raises:
            Invalid: the list cannot be read.
        """
        try:
            return _LIST.validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Invalid(
                f"The price list {quote(str(self.file))!r} cannot be read: {error.strerror}.",
                system_advice(error, "Make it a file that you may read, or delete it."),
            ) from error
        except ValidationError as error:
            raise Invalid(
                f"The price list {quote(str(self.file))!r} cannot be read.",
                'Write it as {"model": {"input": 0.15, "output": 0.6}}, dollars for a million tokens, or delete it.',
            ) from error


def load_list() -> None:
    """Import the list of prices, which is large: a twentieth of a second."""
    importlib.import_module("genai_prices")


def _listed(provider: str, model: str) -> Rate | None:
    # The list is large, so it is imported with the first use of a model.
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    def dollars(**tokens: int) -> float:
        return float(calc_price(Usage(**tokens), model_ref=model, provider_id=provider).total_price)

    try:
        # The price of 1,000 tokens, because some models charge more per token for very long prompts.
        cached = dollars(input_tokens=1000, cache_read_tokens=1000)
        return Rate(dollars(input_tokens=1000) / 1000, dollars(output_tokens=1000) / 1000, cached / 1000)
    except LookupError:
        return None


def expected(rate: Rate | None, characters: int) -> float:
    """Estimate the cost in US dollars of a prompt of `characters`, with its reply; 0 if the price is not known."""
    return 0.0 if rate is None else characters / CHARACTERS * rate.prompt + REPLY_TOKENS * rate.completion


def most(rate: Rate | None, characters: int, max_tokens: int | None) -> float | None:
    """The cost in US dollars of a prompt of `characters` with a reply of `max_tokens`; None without such a limit."""
    if rate is None or max_tokens is None:
        return None
    return characters / CHARACTERS * rate.prompt + max_tokens * rate.completion


def estimate(model: str, rate: Rate | None, calls: int, characters: float) -> Estimate:
    """Estimate the tokens and the cost of `calls` prompts of `characters` each, with their replies."""
    prompt, completion = round(calls * characters / CHARACTERS), calls * REPLY_TOKENS
    cost = None if rate is None else prompt * rate.prompt + completion * rate.completion
    return Estimate(model, calls, prompt, completion, cost)


def spent(
    rate: Rate | None, prompt_tokens: int | None, completion_tokens: int | None, cached_tokens: int | None = None
) -> Spent | None:
    """The tokens and cost of one call; None if the provider reported no tokens.

    `cached_tokens` are those of the prompt's tokens that were in the provider's cache.
    """
    if prompt_tokens is None and completion_tokens is None:
        return None
    cost = None
    if rate is not None and prompt_tokens is not None and completion_tokens is not None:
        cached = min(cached_tokens or 0, prompt_tokens)
        cost = prompt_tokens * rate.prompt + completion_tokens * rate.completion
        cost -= cached * (rate.prompt - (rate.prompt if rate.cached is None else rate.cached))
    return Spent(prompt_tokens, completion_tokens, cost)

"""What the tokens of a model cost, in US dollars: by the user's own list, else by the list of `genai-prices`."""

from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assaykit.errors import Invalid

OWN = "prices.json"
"""The user's list, in the data folder: `{"model": {"input": 0.15, "output": 0.6}}`, dollars for a million tokens."""

MILLION = 1_000_000

CHARACTERS = 4
"""Of a token, as a rule of thumb for English."""

REPLY_TOKENS = 200
"""Of a verdict with its explanation, as a rule of thumb."""

_LISTED = {
    "OPEN_AI": "openai",
    "AZURE_OPEN_AI": "azure",
    "AWS_BEDROCK": "aws",
    "VERTEX_AI": "google",
    "ANTHROPIC": "anthropic",
    "GEMINI": "google",
    "FIREWORKS": "fireworks",
    "TOGETHER_AI": "together",
}
"""Whose models the package's list knows. What stands behind a gateway or a server of one's own is not guessed."""


class Rate(NamedTuple):
    """Dollars for one token of the prompt, and for one of the reply."""

    prompt: float
    completion: float


class Spent(NamedTuple):
    """What one question took; None where the provider did not tell, or has no price that is known."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


class Estimate(NamedTuple):
    """What calls to a model will about take; `cost` in US dollars is None where its price is not known."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None

    def as_text(self) -> str:
        """`about 12,000 tokens of gpt-4o-mini, $0.005 by list prices`."""
        tokens = f"about {self.prompt_tokens + self.completion_tokens:,} tokens of {self.model}"
        if self.cost is None:
            return f"{tokens}, whose price is not known: {OWN} in the data folder can tell it"
        return f"{tokens}, ${self.cost:.2g} by list prices"


class _Own(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


_LIST = TypeAdapter(dict[str, _Own])


class Prices:
    """The prices of one engine, whose data folder is `home`."""

    def __init__(self, home: Path) -> None:
        self.file = home / OWN

    def rate(self, provider: str, model: str) -> Rate | None:
        """The price of a model; None where it is in neither list. A list price knows no discount and no cached prompt.

        Raises:
            Invalid: the user's list cannot be read.
        """
        own = self._own().get(model)
        if own is not None:
            return Rate(own.input / MILLION, own.output / MILLION)
        listed = _LISTED.get(provider)
        return None if listed is None else _listed(listed, model)

    def _own(self) -> dict[str, _Own]:
        try:
            return _LIST.validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise Invalid(
                f"The price list {OWN} in the data folder cannot be read.",
                'Write it as {"model": {"input": 0.15, "output": 0.6}}, dollars for a million tokens, or delete it.',
            ) from error


def _listed(provider: str, model: str) -> Rate | None:
    # For the first run that asks a model: the list is large.
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    def dollars(**tokens: int) -> float:
        return float(calc_price(Usage(**tokens), model_ref=model, provider_id=provider).total_price)

    try:
        # By the thousand: some models cost more where a single prompt is very long.
        return Rate(dollars(input_tokens=1000) / 1000, dollars(output_tokens=1000) / 1000)
    except LookupError:
        return None


def expected(rate: Rate | None, characters: int) -> float:
    """About what a question of so many characters will cost; 0 where its price is not known."""
    return 0.0 if rate is None else characters / CHARACTERS * rate.prompt + REPLY_TOKENS * rate.completion


def estimate(model: str, rate: Rate | None, calls: int, characters: float) -> Estimate:
    """What so many calls will take that have `characters` each, by the same rules of thumb."""
    prompt, completion = round(calls * characters / CHARACTERS), calls * REPLY_TOKENS
    cost = None if rate is None else prompt * rate.prompt + completion * rate.completion
    return Estimate(model, calls, prompt, completion, cost)


def spent(rate: Rate | None, prompt_tokens: int | None, completion_tokens: int | None) -> Spent | None:
    """What a question took at a rate; None where the provider told no tokens."""
    if prompt_tokens is None and completion_tokens is None:
        return None
    cost = None
    if rate is not None and prompt_tokens is not None and completion_tokens is not None:
        cost = prompt_tokens * rate.prompt + completion_tokens * rate.completion
    return Spent(prompt_tokens, completion_tokens, cost)

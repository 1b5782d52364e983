"""What comes out of judging one row: a verdict, or the reason why there is none."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "no_input",  # a variable has no value in this row
    "off_choice",  # the model answered something that is not a choice
    "auth",  # the key is missing, wrong or not allowed
    "bad_model",  # no such model, or an address that cannot be one
    "rate_limited",  # refused for being too many, after all attempts
    "model_error",  # the provider failed, refused the request or could not be reached
    "timeout",  # no answer before the deadline
    "bad_reply",  # an answer that cannot be read, was cut off or was withheld
    "too_long",  # the value is larger than this evaluator may look at
    "unsupported",  # this kind of evaluator cannot be run here
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One result. `score` None means labelled but not scored; tokens are None where no model was asked."""

    label: str
    score: float | None
    explanation: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Unscored:
    """No result, and why. Never counted as a score of zero.

    `detail` is one sentence without secrets. The tokens are those of a reply paid for but of no use.
    """

    reason: Reason
    detail: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None

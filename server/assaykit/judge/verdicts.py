"""The result of judging one row: a verdict, or the reason why there is none."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "no_input",  # a variable has no value in this row
    "off_choice",  # the model's answer is not a choice
    "auth",  # the key is missing, wrong or not allowed
    "bad_model",  # no such model, or an invalid address
    "rate_limited",  # the provider refused the call for its rate or quota, after all attempts
    "model_error",  # the provider failed, sent no reply of a model, or could not be reached
    "refused",  # the provider refused the request itself, for example as too long
    "timeout",  # no answer before the deadline
    "bad_reply",  # the answer cannot be read, was cut off or was withheld
    "too_long",  # only a part of the value is there, or it is longer than the limit of this evaluator or run
    "unsupported",  # this kind of evaluator cannot be run here
]


Note = Literal[
    "shortened",  # the judge saw only the beginning and the end of a value
    "silent_turns",  # a turn of the conversation has no output
]
"""Facts about the values that a verdict rests on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One result. `score` None means labelled but not scored; tokens are None if no model was asked."""

    label: str
    score: float | None
    explanation: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    cached_tokens: int | None = None
    """Those of the prompt's tokens that the provider had in its cache."""


@dataclass(frozen=True, slots=True)
class Unscored:
    """The reason for a missing result, which never counts as a score of zero.

    `detail` is one sentence without secrets. The tokens are those of an unusable reply, which the user still pays for.
    """

    reason: Reason
    detail: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    cached_tokens: int | None = None

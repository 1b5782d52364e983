"""The traits of a request that one model refuses, as its refusals and answers show.

A trait is an output mode, or a parameter that is sent by itself: `temperature`, and the name of the token limit. A
refusal counts for the model only if it names the trait as unsupported in words that are not the prompt's, or if several
prompts met it. Any other refusal counts for its prompt alone. A trait that the model has answered with is never given
up, because the prompt was at fault.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEVERAL = 3
"""Different prompts whose refusals give a trait up."""

TEMPERATURE = "temperature"
TOKEN_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the token limit. A model knows one of them, or both."""

_NAMES = {
    "schema": re.compile(r"response_format|json.?schema|structured.?outputs?|guided|grammar", re.IGNORECASE),
    "tool": re.compile(r"tool_choice|\btools?\b|function.?call\w*|\bfunctions?\b", re.IGNORECASE),
    TEMPERATURE: re.compile(r"temperature", re.IGNORECASE),
    **{name: re.compile(rf"\b{name}\b", re.IGNORECASE) for name in TOKEN_LIMITS},
}
_NOT_TAKEN = re.compile(
    r"not (?:be )?(?:currently )?(?:support|allow|permit|implement|available|enabled|recogni[sz]|accept)\w*|unsupported"
    r"|unrecogni[sz]ed|unknown|unexpected|deprecated|extra (?:inputs|fields)|no endpoints|only the default"
    r"|does(?: not|n't) (?:support|exist|accept)|isn't supported",
    re.IGNORECASE,
)
_ABOUT_THE_SCHEMA = re.compile(r"invalid schema|\benum\b|additionalProperties|propert(?:y|ies)", re.IGNORECASE)


@dataclass(slots=True)
class Learnt:
    """What one model refuses, for the life of the process."""

    refused: set[str] = field(default_factory=set[str])
    _answered: set[str] = field(default_factory=set[str])
    _doubts: dict[str, set[int]] = field(default_factory=dict[str, set[int]])

    def learn(self, asked: set[str], lacking: Mapping[str, bool], prompt: str) -> None:
        """Note an answer to a request with the traits `asked`, after refusals of the traits `lacking`.

        A value of `lacking` tells whether the refusal was about the model.
        """
        self._answered |= asked
        self.refused -= asked
        for trait, is_general in lacking.items():
            if trait in self._answered:
                continue
            doubts = self._doubts.setdefault(trait, set())
            doubts.add(hash(prompt))
            if is_general or len(doubts) >= SEVERAL:
                self.refused.add(trait)


def refused_parameter(text: str, body: Mapping[str, Any]) -> str | None:
    """Return the parameter of the request that a refusal is about; None if it is about none."""
    if TEMPERATURE in body and _NAMES[TEMPERATURE].search(text):
        return TEMPERATURE
    return refused_limit(text, body)


def refused_limit(text: str, body: Mapping[str, Any]) -> str | None:
    """Return the name of the token limit that a refusal is about; None if it is about neither."""
    # The refusal of one name may recommend the other one, so the name that stands first is refused.
    named = [(found.start(), name) for name in TOKEN_LIMITS if (found := _NAMES[name].search(text))]
    if named and _NOT_TAKEN.search(text) and min(named)[1] in body:
        return min(named)[1]
    return None


def without(body: dict[str, Any], refused: set[str]) -> dict[str, Any]:
    """Return the request without refused parameters, and with the other name of a refused token limit."""
    changed = {name: value for name, value in body.items() if name not in refused}
    for name in refused & body.keys() & TOKEN_LIMITS.keys():
        if (other := TOKEN_LIMITS[name]) not in refused:
            changed[other] = body[name]
    return changed


def is_about_the_model(trait: str, text: str, prompt: str) -> bool:
    """Whether a refusal names the trait as unsupported, in words that it does not quote from the prompt."""
    named = _NAMES[trait].search(text)
    if named is None or _NOT_TAKEN.search(text) is None or _ABOUT_THE_SCHEMA.search(text):
        return False
    return named[0].casefold() not in prompt.casefold()

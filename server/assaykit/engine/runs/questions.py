"""The questions that a run has for its judges: what tells one from another, and which are being asked."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import anyio

from assaykit.judge.score import variables
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import TemplateConfig

RECENT = 10_000
"""Answers that a run has at hand: those of rows that were read before these came are not looked up in the store."""


class Question(NamedTuple):
    """What an evaluator reads of a row. `key` is None where no model is asked, `known` the answer if there is one."""

    values: Mapping[str, str | None]
    key: bytes | None = None
    known: Verdict | None = None


def key_of(identity: bytes, config: TemplateConfig, values: Mapping[str, str | None]) -> bytes | None:
    """The digest of all that decides on the answer; None where a variable has no value, so that nothing is asked.

    `identity` is that of the model. The random mark around the values in a prompt is no part of it.
    """
    texts = [values.get(name) for name in variables(config)]
    if None in texts:
        return None
    choices = list((config.classification_choices or {}).items())
    asked = json.dumps([config.template, choices, config.include_explanations, texts])
    return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16, key=identity).digest()


class SharedAnswers:
    """What one run is asking and has asked: rows with the same question are answered by one call."""

    def __init__(self) -> None:
        self._asking: dict[bytes, list[anyio.Event]] = {}
        self._answers: OrderedDict[bytes, Verdict] = OrderedDict()

    async def once(
        self, key: bytes, ask: Callable[[], Awaitable[Verdict | Unscored]]
    ) -> tuple[Verdict | Unscored, bool]:
        """The answer, and whether it was there already. One that came to nothing is no answer for the next row."""
        while (others := self._asking.get(key)) is not None:
            others.append(over := anyio.Event())
            await over.wait()
        if (known := self._answers.get(key)) is not None:
            return known, True
        waiting = self._asking[key] = []
        try:
            found = await ask()
        finally:
            del self._asking[key]
            for over in waiting:
                over.set()
        if isinstance(found, Verdict):
            self._answers[key] = found
            if len(self._answers) > RECENT:
                self._answers.popitem(last=False)
        return found, False

"""The questions of a run to its judges: the key of a question, and answers shared by rows with the same key."""

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
"""The most answers that a run keeps in memory, for rows that were read before an answer was stored."""


class Question(NamedTuple):
    """The values that an evaluator reads of a row. `key` is None if no model is asked; `known` is a stored answer."""

    values: Mapping[str, str | None]
    key: bytes | None = None
    known: Verdict | None = None


def key_of(identity: bytes, config: TemplateConfig, values: Mapping[str, str | None]) -> bytes | None:
    """The digest of everything that determines the answer; None if a variable has no value and no model is asked.

    `identity` is the digest of the model. The random markers around the values of a prompt are not part of the key.
    """
    texts = [values.get(name) for name in variables(config)]
    if None in texts:
        return None
    choices = list((config.classification_choices or {}).items())
    asked = json.dumps([config.template, choices, config.include_explanations, texts])
    return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16, key=identity).digest()


class SharedAnswers:
    """The open and answered questions of one run. One call answers all rows with the same question."""

    def __init__(self) -> None:
        self._asking: dict[bytes, list[anyio.Event]] = {}
        self._answers: OrderedDict[bytes, Verdict] = OrderedDict()

    async def once(
        self, key: bytes, ask: Callable[[], Awaitable[Verdict | Unscored]]
    ) -> tuple[Verdict | Unscored, bool]:
        """Return the answer, and whether it existed already. A failed call is not shared: the next row asks again."""
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

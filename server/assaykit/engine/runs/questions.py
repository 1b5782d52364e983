"""The questions of a run to its judges: the key of a question, and answers shared by rows with the same key."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import anyio

from assaykit.engine.store.traces.targets import Extent
from assaykit.judge.score import has, variables
from assaykit.judge.verdicts import Note, Unscored, Verdict
from assaykit.wire.evaluators import TemplateConfig

RECENT = 10_000
"""The most answers that a run keeps in memory, for rows that were read before an answer was stored."""


class Question(NamedTuple):
    """The values that an evaluator reads of a row.

    `key` is None if no model is asked; `known` is a stored answer. `fault` is the reason why the row is not judged.
    `notes` are facts to keep with the outcome.
    `seen` is the extent of the target when it was read; None if it was gone.
    """

    values: Mapping[str, str | None]
    key: bytes | None = None
    known: Verdict | None = None
    fault: Unscored | None = None
    notes: tuple[Note, ...] = ()
    seen: Extent | None = None


def key_of(identity: bytes, config: TemplateConfig, values: Mapping[str, str | None]) -> bytes | None:
    """The digest of everything that determines the answer; None if a variable has no text and no model is asked.

    `identity` is the digest of the model. The random markers around the values of a prompt are not part of the key.
    """
    texts = [values.get(name) for name in variables(config)]
    if not all(has(config, text) for text in texts):
        return None
    asked = f"[{_shared(config)}, {json.dumps(texts)}]"
    return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16, key=identity).digest()


def _shared(config: TemplateConfig) -> str:
    """The part of the key's JSON text that all rows of an evaluator share."""
    choices = tuple((config.classification_choices or {}).items())
    # Numbers that are equal may be written differently, as 1 and 1.0.
    kinds = tuple(type(value) for _, value in choices)
    return _written(config.template, choices, kinds, config.include_explanations)


@lru_cache(maxsize=64)
def _written(template: str, choices: tuple[tuple[str, float], ...], _: tuple[type, ...], explains: bool) -> str:
    return f"{json.dumps(template)}, {json.dumps(choices)}, {json.dumps(explains)}"


class _Call:
    """A call under way. `result` stays None if the call was withheld or cancelled."""

    __slots__ = ("_over", "result")

    def __init__(self) -> None:
        self._over: anyio.Event | None = None  # made by the first row that waits, as most questions are asked once
        self.result: Verdict | Unscored | None = None

    async def wait(self) -> None:
        """Wait until the call is over."""
        self._over = self._over or anyio.Event()
        await self._over.wait()

    def end(self) -> None:
        """Wake the rows that wait for the call."""
        if self._over is not None:
            self._over.set()


class SharedAnswers:
    """The open and answered questions of one run. One call answers all rows with the same question."""

    def __init__(self) -> None:
        self._asking: dict[bytes, _Call] = {}
        self._answers: OrderedDict[bytes, Verdict] = OrderedDict()

    async def once(
        self, key: bytes, ask: Callable[[], Awaitable[Verdict | Unscored]]
    ) -> tuple[Verdict | Unscored, bool]:
        """Return the answer, and whether the call of another row gave it.

        The rows that waited for a call share its failure. A row that comes later asks again.
        """
        while (call := self._asking.get(key)) is not None:
            await call.wait()
            if call.result is not None:
                return call.result, True
        if (known := self._answers.get(key)) is not None:
            return known, True
        call = self._asking[key] = _Call()
        try:
            found = call.result = await ask()
        finally:
            del self._asking[key]
            call.end()
        if isinstance(found, Verdict):
            self._answers[key] = found
            if len(self._answers) > RECENT:
                self._answers.popitem(last=False)
        return found, False

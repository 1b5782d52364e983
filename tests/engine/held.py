"""A model that is held back, so that a run can be looked at while it is in work."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from tests.scripted_model import ScriptedModel


class Held:
    """A model that answers the first `free` questions at once and the others when it is let go."""

    def __init__(self, free: int, answer: Callable[[str], str]) -> None:
        self._free = free
        self._answer = answer
        self._gate = threading.Event()

    def let_go(self) -> None:
        self._gate.set()

    def answer(self, prompt: str) -> str:
        self._free -= 1
        if self._free < 0:
            self._gate.wait(120)
        return self._answer(prompt)


@contextmanager
def held_model(free: int = 0, answer: Callable[[str], str] = lambda _: "good") -> Generator[tuple[ScriptedModel, Held]]:
    held = Held(free, answer)
    with ScriptedModel(held.answer) as model:
        try:
            yield model, held
        finally:
            held.let_go()

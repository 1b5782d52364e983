"""The calls that run a task over examples, each made when it is looked at."""

from collections.abc import Sequence
from typing import overload

from assaykit.experiments.example_spool import ExampleSpool, SpooledColumns
from assaykit.runner.results import ExampleCall
from assaykit.runner.worker_pool import PendingCall
from assaykit.wire.datasets import DatasetExample


class ExampleCalls(Sequence[PendingCall]):
    """A call for each example and repetition. Memory holds the examples alone.

    Each repetition covers all examples before the next, so an early end leaves none out.
    """

    def __init__(self, examples: Sequence[DatasetExample], repetitions: int) -> None:
        self._examples = examples
        self._repetitions = repetitions

    @overload
    def __getitem__(self, place: int) -> PendingCall: ...
    @overload
    def __getitem__(self, place: slice) -> list[PendingCall]: ...
    def __getitem__(self, place: int | slice) -> PendingCall | list[PendingCall]:
        places = range(len(self))[place]
        if isinstance(places, range):
            return [self[one] for one in places]
        before, at = divmod(places, len(self._examples))
        if isinstance(self._examples, ExampleSpool):
            return PendingCall(ExampleCall(self._examples.ids[at], before + 1), SpooledColumns(self._examples, at))
        one = self._examples[at]
        return PendingCall(ExampleCall(one.id, before + 1), {"id": one.id, **(one.model_extra or {})})

    def __len__(self) -> int:
        return len(self._examples) * self._repetitions

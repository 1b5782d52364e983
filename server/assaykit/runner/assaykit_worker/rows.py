# pyright: basic
"""Running of one row: call the task with an example, then each evaluator with the output."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from . import binding, loading, verdicts
from .examples import DatasetShape, Example
from .plain import NotJson, plain, readable
from .retrying import CallRetries
from .tracing import Joined, Open, Plain

OUTPUT_LIMIT = 1_000_000
"""Characters of an output as JSON."""

JsonObject = dict[str, Any]


class BoundFunction(NamedTuple):
    """A function of the user's, and the bindings of its parameters."""

    name: str
    call: Callable[..., Any]
    bindings: binding.Bound

    @property
    def asserts(self) -> bool:
        """True if the function has an assertion, so that a return without a value is a pass."""
        return verdicts.asserts(self.call)

    @property
    def is_async(self) -> bool:
        """True if a call returns a coroutine."""
        called = self.call
        while isinstance(called, functools.partial):
            called = called.func
        of_class = getattr(type(called), "__call__", None)  # noqa: B004  (the method itself is checked)
        return inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(of_class)


class RowRunner:
    """Runs the task and the evaluators on each row."""

    def __init__(self, asked: dict[str, Any]) -> None:
        """Load the task and the evaluators of a request.

        Raises:
            NotThere, Unbindable, NoSdk: the request cannot be met. The user's file may raise any other exception.
        """
        self._style = asked["binding"]
        shape = asked.get("shape")
        self._shape = None if shape is None else DatasetShape(frozenset(shape[0]), *shape[1:])
        self._loop: Any = None
        self.files = loading.OwnFiles()
        self._metadata = asked["metadata"]
        self._params = asked.get("params", {})
        self._retries = asked.get("retries", 0), asked["timeout_s"]
        # Set before the file is imported, so that code which instruments itself at import finds the tracer.
        self._tracer = Joined() if asked["joins_spans"] else Plain()
        self.task: BoundFunction | None = None
        if asked["task"] is not None:
            found = _loaded(asked["task"])
            self.task = self._function(asked["task"]["name"], found, judges=False)
        self.evaluators: list[BoundFunction] = []
        self._taken = asked["taken"]
        for one in asked["evaluators"]:
            found = _loaded(one)
            name, judge = loading.evaluator(found, one["name"], [other.name for other in self.evaluators])
            if name in asked["taken"]:
                other = "a judge" if self.task is not None else "another evaluator of the experiment"
                raise binding.Unbindable(f"an evaluator and {other} are both named {name!r}; rename the evaluator")
            if any(name == other.name for other in self.evaluators):
                raise binding.Unbindable(f"two evaluators are named {name!r}; rename one, as each has its own column")
            self.evaluators.append(
                self._function(name, judge, judges=True, takes_all=judge is not found or not _is_plain(found))
            )

    @property
    def is_async(self) -> bool:
        """True if rows share one event loop: the task is async, or without a task any evaluator is."""
        if self.task is not None:
            return self.task.is_async
        return any(one.is_async for one in self.evaluators)

    def _function(self, name: str, found: Any, *, judges: bool, takes_all: bool = False) -> BoundFunction:
        try:
            return BoundFunction(
                name,
                found,
                binding.bound(
                    found, self._style, judges=judges, takes_all=takes_all, shape=self._shape, params=self._params
                ),
            )
        except binding.Unbindable as error:
            raise binding.Unbindable(f"{name}: {error}") from None

    def run_alone(self, message: JsonObject, told: JsonObject) -> None:
        """Do the same for plain functions. Nothing suspends, so the first step of the coroutine is the last."""
        try:
            self.run(message, told).send(None)
        except StopIteration:
            return

    async def run(self, message: JsonObject, told: JsonObject) -> None:
        """Fill `told` with output or error, evaluations and spans.

        Without a task the output and its trace are those of the message.

        If a deadline cancels it, finished parts stay. `told["late"]` is set before that. Another cancellation is an
        error of the user's code.
        """
        told.update(evaluations=[], spans=[], retries=0)
        retries = CallRetries(*self._retries)
        example = Example(message["example"], self._shape)
        about = json.dumps({"example_id": example.id, **self._metadata}, default=str)
        given = binding.Arguments(example, self._style, self._metadata, self._params)
        if self.task is None:
            told["output"] = message["judged"]["output"]
            trace_id = message["judged"]["trace_id"]
        else:
            await self._make(self.task, example, given, about, told, retries)
            trace_id = told["spans"][0]["trace_id"] if told["spans"] else None
        if "error" in told:
            return
        given = given.judged(told["output"], trace_id)
        for one in self.evaluators:
            await self._judge(one, given, about, told, retries)

    async def _make(
        self,
        task: BoundFunction,
        example: Example,
        given: Callable[[str], Any],
        about: str,
        told: JsonObject,
        retries: CallRetries,
    ) -> None:
        with self._kept("Task: " + task.name, "CHAIN", told) as span:
            span.attributes = {"input.value": _text(example.input), "metadata": about}
            try:
                output = _bounded(plain(await self._repeated(task, given, told, retries)))
                span.attributes["output.value"] = _text(output)
                told["output"] = output
            except BaseException as error:  # an error of the user's code fails the row, also one like CancelledError
                if _is_from_outside(error, told):
                    span.error = "cut short"
                    raise
                told["error"] = span.error = _why(error)

    async def _judge(
        self, one: BoundFunction, given: Callable[[str], Any], about: str, told: JsonObject, retries: CallRetries
    ) -> None:
        with self._kept("Evaluation: " + one.name, "EVALUATOR", told) as span:
            span.attributes = {"input.value": _text(told["output"]), "metadata": about}
            try:
                found = plain(await self._named(one, given, told, retries), "the verdict")
                span.attributes["output.value"] = _text(found[0] if len(found) == 1 else found)
            except BaseException as error:  # as above, for the verdict
                if _is_from_outside(error, told):
                    span.error = "cut short"
                    raise
                span.error = _why(error)
                found = [{"name": one.name, "error": span.error}]
            told["evaluations"] += found

    async def _named(
        self, one: BoundFunction, given: Callable[[str], Any], told: JsonObject, retries: CallRetries
    ) -> list[JsonObject]:
        """The verdicts of an evaluator, each with the name of its column."""
        try:
            value = await self._repeated(one, given, told, retries)
        except AssertionError as error:
            found = [("", verdicts.of_assertion(error))]
        else:
            found = verdicts.verdicts(verdicts.PASSED if value is None and one.asserts else value, self._style)
        taken = {*self._taken, *(other.name for other in self.evaluators if other is not one)}
        taken.update(each["name"] for each in told["evaluations"])
        every = []
        for name, verdict in found:
            column = one.name if not name else f"{one.name}.{name}" if name in taken else name
            taken.add(column)
            every.append({"name": column, **({"evaluator": one.name} if column != one.name else {}), **verdict})
        return every

    def _waited_for(self, found: Any) -> Any:
        """The result of an async evaluator of a plain task."""
        import asyncio  # noqa: PLC0415  (as above)

        self._loop = self._loop or asyncio.new_event_loop()
        return self._loop.run_until_complete(found)

    @contextmanager
    def _kept(self, name: str, kind: str, told: JsonObject) -> Iterator[Open]:
        """A span that is added to the row's spans at its end, also after an exception."""
        with ExitStack() as after, self._tracer.span(name, kind) as span:
            after.callback(lambda: told["spans"].extend(span.spans))
            yield span

    async def _repeated(
        self, one: BoundFunction, given: Callable[[str], Any], told: JsonObject, retries: CallRetries
    ) -> Any:
        """The value of a call. It is made again after a 429 or 5xx, as far as retries are asked for."""
        for number in itertools.count(1):
            try:
                return await self._called(one, given)
            except Exception as error:
                pause_s = retries.pause_s(error, number)
                if pause_s is None:
                    raise
                told["retries"] = retries.made
            if self.is_async:
                import asyncio  # noqa: PLC0415  (as below)

                await asyncio.sleep(pause_s)
            else:
                time.sleep(pause_s)  # noqa: ASYNC251  (no event loop runs around a plain function)
        return None

    async def _called(self, one: BoundFunction, given: Callable[[str], Any]) -> Any:
        call = functools.partial(binding.call, one.call, one.bindings, given)
        if not self.is_async:
            # A plain function is called outside any event loop, since it may run one of its own.
            found = call()
            return self._waited_for(found) if inspect.isawaitable(found) else found
        import asyncio  # noqa: PLC0415  (a plain task starts sooner without it)

        # An async task shares the loop with other rows, so a plain evaluator runs in a thread and does not block them.
        found = call() if one.is_async else await asyncio.to_thread(call)
        return await found if inspect.isawaitable(found) else found


def _loaded(one: dict[str, str]) -> Any:
    """The function of a reference. An error in its file tells the function that was asked for."""
    try:
        return loading.member(one["file"], one["name"])
    except loading.NotThere:
        raise
    except BaseException as error:
        file = os.path.basename(one["file"])
        raise loading.NotThere(f"{file}:{one['name']} cannot be imported: {loading.shortened(error)}") from error


def _is_plain(found: Any) -> bool:
    return inspect.isroutine(found) or isinstance(found, functools.partial) or inspect.isclass(found)


def _bounded(output: Any) -> Any:
    if len(_text(output)) > OUTPUT_LIMIT:
        raise NotJson(f"output has more than {OUTPUT_LIMIT} characters")
    return output


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _is_from_outside(error: BaseException, told: JsonObject) -> bool:
    """Whether the deadline cancelled the row, or the interpreter closes its coroutine."""
    if isinstance(error, (Exception, SystemExit)):
        return False
    return isinstance(error, GeneratorExit) or bool(told.get("late"))


def _why(error: BaseException) -> str:
    if isinstance(error, (NotJson, verdicts.Unreadable)):
        return readable(str(error))
    if isinstance(error, SystemExit):
        return readable(f"SystemExit: the function ended the process ({error})")
    return loading.shortened(error)

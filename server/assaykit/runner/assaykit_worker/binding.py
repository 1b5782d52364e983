# pyright: basic
"""Bindings of a function's parameters to values, decided once by its signature.

    ax        dataset_row, input, output, metadata; one parameter of another name gets the row
    phoenix   input, expected, reference, metadata, example; one parameter of another name gets the input
    auto      the names of both; one parameter of another name gets the input or, failing that, the row

An evaluator's `output` is the output of the task, and one parameter of another name gets that output too. An evaluator
may also take `experiment_output`, `dataset_output`, `trace_id`, and `eval_input` with all values. A function's
`**kwargs` get nothing, as in both sources; those of an evaluator's method get everything.

Source: `arize.experiments` 8.61, `phoenix.client.experiments` 3.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .examples import Example, as_mapping, fresh

Bound = dict[str, str]
"""The name of the value that each parameter gets."""

_NAMES = {
    "ax": ("dataset_row", "input", "output", "metadata"),
    "phoenix": ("input", "expected", "reference", "metadata", "example"),
    "auto": ("dataset_row", "input", "output", "metadata", "expected", "reference", "example"),
}
_OF_EVALUATORS = ("output", "experiment_output", "dataset_output", "trace_id", "eval_input")
_WHOLE = "eval_input"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unbindable(Exception):
    """The function has no parameter, or one that no value can be bound to."""


def bound(function: Callable[..., Any], style: str, *, judges: bool, takes_all: bool = False) -> Bound:
    """The bindings of a function. `judges` is set for an evaluator, `takes_all` for the method of an evaluator object.

    Raises:
        Unbindable: there is no parameter, or a required one has an unknown name.
    """
    known = [*dict.fromkeys([*_NAMES[style], *(_OF_EVALUATORS if judges else ())])]
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise Unbindable(f"it takes no parameter; give it one, such as {known[0]}")
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if len(named) == 1 and named[0].name not in known:
        return {named[0].name: _only(style, judges)}
    if strangers := [one.name for one in named if one.default is one.empty and one.name not in known]:
        names = ", ".join(known)
        raise Unbindable(f"the parameter {strangers[0]!r} is unknown; the known ones are {names}")
    found = {one.name: one.name for one in named if one.name in known}
    if (takes_all or not found) and any(one.kind is one.VAR_KEYWORD for one in parameters):
        found.update({name: name for name in known if name not in found and name != _WHOLE})
    if not found:
        raise Unbindable(f"it asks for nothing; give it a parameter, such as {known[0]}")
    return found


def _only(style: str, judges: bool) -> str:
    if judges:
        return "output"
    return {"ax": "dataset_row", "phoenix": "input", "auto": "input or dataset_row"}[style]


def call(function: Callable[..., Any], bindings: Bound, given: Callable[[str], Any]) -> Any:
    """Call the function with a copy of `given(name)` for each parameter. An async function returns a coroutine."""
    parameters = inspect.signature(function).parameters
    places = [name for name in parameters if parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY]
    first = [fresh(given(bindings[name])) for name in places]
    return function(*first, **{name: fresh(given(what)) for name, what in bindings.items() if name not in places})


class Arguments:
    """The values of all names for one example. `metadata` is the experiment's."""

    def __init__(self, example: Example, style: str, metadata: dict[str, Any]) -> None:
        self._example = example
        self._style = style
        self._metadata = metadata
        self._judged: dict[str, Any] | None = None

    def judged(self, output: Any, trace_id: str | None) -> Arguments:
        """The arguments for evaluators: `output` is the output of the task, `trace_id` the id of its trace."""
        found = Arguments(self._example, self._style, self._metadata)
        found._judged = {"output": output, "experiment_output": output, "trace_id": trace_id}
        return found

    def __call__(self, what: str) -> Any:
        """The value of the name `what`."""
        example = self._example
        if self._judged is not None:
            if what in self._judged:
                return self._judged[what]
            if what == _WHOLE:
                names = dict.fromkeys([*_NAMES[self._style], *_OF_EVALUATORS])
                return {**example, **{name: self(name) for name in names if name != _WHOLE}}
        if what == "input or dataset_row":
            what = "input" if example.has_input else "dataset_row"
        if what in ("dataset_row", "example"):
            return example
        value = {"input": example.input, "metadata": self._of_metadata()}.get(what, example.output)
        return as_mapping(value, what) if self._style == "phoenix" else value

    def _of_metadata(self) -> Any:
        """The example's metadata. If the dataset has no metadata, evaluators get the experiment's too."""
        found = self._example.metadata
        if self._judged is None or self._example.has_metadata or not isinstance(found, dict):
            return found
        return {**found, **self._metadata}

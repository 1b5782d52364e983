# pyright: basic
"""Which parameter of a function gets what, decided once by its signature.

    ax        dataset_row, input, output, metadata; one parameter of another name gets the row
    phoenix   input, expected, reference, metadata, example; one parameter of another name gets the input
    auto      the names of both; one parameter of another name gets the input or, failing that, the row

An evaluator's `output` is what the task said, and one parameter of another name gets that. It may ask for
`experiment_output`, `dataset_output` and `trace_id` too, and for `eval_input`, which holds all of them. A function's
`**kwargs` get nothing, as in both sources; those of an evaluator's method get everything.

Source: `arize.experiments` 8.61, `phoenix.client.experiments` 3.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .examples import Example, as_mapping, fresh

Bound = dict[str, str]
"""From parameter to what it gets."""

_NAMES = {
    "ax": ("dataset_row", "input", "output", "metadata"),
    "phoenix": ("input", "expected", "reference", "metadata", "example"),
    "auto": ("dataset_row", "input", "output", "metadata", "expected", "reference", "example"),
}
_OF_EVALUATORS = ("output", "experiment_output", "dataset_output", "trace_id", "eval_input")
_WHOLE = "eval_input"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unbindable(Exception):
    """The function has parameters that nothing can be given to."""


def bound(function: Callable[..., Any], style: str, *, judges: bool, takes_all: bool = False) -> Bound:
    """What each parameter gets; `judges` for an evaluator, `takes_all` where it is the method of an object.

    Raises:
        Unbindable: there is no parameter, or one of a name that stands for nothing.
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
        raise Unbindable(f"the parameter {strangers[0]!r} stands for nothing; there are {names}")
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
    """What the function returns, a coroutine where it is async, with a copy of `given(what)` for each parameter."""
    parameters = inspect.signature(function).parameters
    places = [name for name in parameters if parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY]
    first = [fresh(given(bindings[name])) for name in places]
    return function(*first, **{name: fresh(given(what)) for name, what in bindings.items() if name not in places})


class Arguments:
    """What stands behind each name for one example. `metadata` is the experiment's."""

    def __init__(self, example: Example, style: str, metadata: dict[str, Any]) -> None:
        self._example = example
        self._style = style
        self._metadata = metadata
        self._judged: dict[str, Any] | None = None

    def judged(self, output: Any, trace_id: str | None) -> Arguments:
        """The same for evaluators: `output` is what the task said, in the trace of this id."""
        found = Arguments(self._example, self._style, self._metadata)
        found._judged = {"output": output, "experiment_output": output, "trace_id": trace_id}
        return found

    def __call__(self, what: str) -> Any:
        """What is given where `what` is bound."""
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
        """The example's. Evaluators of a dataset that has none are told the experiment's too."""
        found = self._example.metadata
        if self._judged is None or self._example.has_metadata or not isinstance(found, dict):
            return found
        return {**found, **self._metadata}

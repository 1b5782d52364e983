"""Which parameter of a function gets what, decided once by its signature.

    ax        dataset_row, input, output, metadata; one parameter of another name gets the row
    phoenix   input, expected, reference, metadata, example; one parameter gets the input, whatever its name
    auto      the names of both; one parameter of another name gets the input or, failing that, the row

Evaluators know `experiment_output` and `dataset_output` too, `output` is what the task said, and one parameter of
another name gets that. Source: `arize.experiments`, `phoenix.client.experiments`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .examples import Example, as_mapping, fresh, has_input

Bound = dict[str, str]
"""From parameter to what it gets."""

_NAMES = {
    "ax": ("dataset_row", "input", "output", "metadata"),
    "phoenix": ("input", "expected", "reference", "metadata", "example"),
    "auto": ("dataset_row", "input", "output", "metadata", "expected", "reference", "example"),
}
_OF_EVALUATORS = ("output", "experiment_output", "dataset_output")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unbindable(Exception):
    """The function has parameters that nothing can be given to."""


def bound(function: Callable[..., Any], style: str, *, judges: bool) -> Bound:
    """What each parameter gets; `judges` for an evaluator.

    Raises:
        Unbindable: there is no parameter, or one of a name that stands for nothing.
    """
    known = [*_NAMES[style], *(_OF_EVALUATORS if judges else ())]
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise Unbindable(f"it takes no parameter; give it one, such as {known[0]}")
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    needed = [one for one in named if one.default is one.empty]
    if len(named) == 1 and (named[0].name not in known or (style == "phoenix" and not judges)):
        return {named[0].name: _only(style, judges)}
    if strangers := [one.name for one in needed if one.name not in known]:
        names = ", ".join(known)
        raise Unbindable(f"the parameter {strangers[0]!r} stands for nothing; there are {names}")
    found = {one.name: one.name for one in named if one.name in known}
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        found.update({name: name for name in known if name not in found})
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


def giver(example: Example, style: str, metadata: dict[str, Any], output: Any = None, *, judges: bool) -> Any:
    """What stands behind each name for one example; `metadata` is the experiment's, `output` what the task said."""

    def given(what: str) -> Any:
        if what == "input or dataset_row":
            what = "input" if has_input(example) else "dataset_row"
        if what in ("dataset_row", "example"):
            return example
        if judges and what in ("output", "experiment_output"):
            return output
        value = {
            "input": example.input,
            "metadata": example.metadata if "metadata" in example or not metadata else metadata,
        }.get(what, example.output)
        return as_mapping(value, what) if style == "phoenix" else value

    return given

# pyright: basic
"""Bindings of a function's parameters to values, decided once by its signature.

    ax        dataset_row, input, output, metadata; one parameter of another name gets the row
    phoenix   input, expected, reference, metadata, example; one parameter of another name gets the input
    auto      the names of both, the columns of the dataset, and the words of other vendors; one parameter of another
              name gets the input

In `auto` a name counts as a column of the dataset before it counts as a vendor's word. An evaluator's `output` is the
output of the task, and one parameter of another name gets that output too. An evaluator may also take
`experiment_output`, `dataset_output`, `trace_id`, and `eval_input` with all values. A function's `**kwargs` get
nothing, as in both sources; those of an evaluator object get everything. A task with `**kwargs` alone gets what is no
answer.

Source: `arize.experiments` 8.61, `phoenix.client.experiments` 3.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .examples import DatasetShape, Example, as_mapping, at_path, fresh, is_answer

Bound = dict[str, str]
"""The name of the value that each parameter gets, or the path of a value in the row."""

_NAMES = {
    "ax": ("dataset_row", "input", "output", "metadata"),
    "phoenix": ("input", "expected", "reference", "metadata", "example"),
    "auto": ("dataset_row", "input", "output", "metadata", "expected", "reference", "example"),
}
_OF_EVALUATORS = ("output", "experiment_output", "dataset_output", "trace_id", "eval_input")
_WORDS = {
    "row": "dataset_row",
    "inputs": "input",
    "user_input": "input",
    **dict.fromkeys(
        ("expected_output", "reference_output", "reference_outputs", "ground_truth", "expectations"), "expected"
    ),
}
"""The words of other vendors: LangSmith, openevals, MLflow, deepeval and RAGAS."""

_OF_JUDGES = {**_WORDS, **dict.fromkeys(("prediction", "response", "actual_output"), "output")}
"""The words for evaluators: also those of langchain, RAGAS and deepeval for the output of the task."""

_CONTEXTS = ("context", "contexts", "retrieved_contexts", "retrieval_context")
_WHOLE = "eval_input"
GIVEN = "params: "
"""The beginning of the binding of a value that the user gives."""
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unbindable(Exception):
    """The function has no parameter, or one that no value can be bound to."""


def bound(
    function: Callable[..., Any],
    style: str,
    *,
    judges: bool,
    takes_all: bool = False,
    shape: DatasetShape | None = None,
    params: Collection[str] = (),
) -> Bound:
    """The bindings of a function. `judges` is set for an evaluator, `takes_all` for an evaluator object.

    `params` are the names of values that the user gives. A task has to take all of them.

    Raises:
        Unbindable: there is no parameter, a required one has an unknown name, or a task does not take one of `params`.
    """
    known = [*dict.fromkeys([*_NAMES[style], *(_OF_EVALUATORS if judges else ())])]
    meanings = _Meanings(known, shape or DatasetShape(), judges=judges) if style == "auto" else None
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise Unbindable(f"it takes no parameter; give it one, such as {known[0]}")
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    found: Bound = {}
    for one in named:
        what = meanings.of(one.name) if meanings else one.name if one.name in known else None
        if one.name in params and (what is None or not judges):
            what = GIVEN + one.name
        if what is not None:
            found[one.name] = what
    given = {} if judges else _given(params, named, found, parameters)
    others = [one for one in named if one.name not in given]
    if len(others) == 1 and found.keys() <= given.keys():
        return {**given, others[0].name: _only(style, judges)}
    found.update(given)
    if strangers := [one.name for one in named if one.default is one.empty and one.name not in found]:
        names = ", ".join([*known, *(meanings.columns if meanings else ())][:20])
        raise Unbindable(f"the parameter {strangers[0]!r} is unknown; the known ones are {names}")
    if (takes_all or found.keys() <= given.keys()) and any(one.kind is one.VAR_KEYWORD for one in parameters):
        every = meanings.every() if meanings else {name: name for name in known}
        found.update({name: what for name, what in every.items() if name not in found and name != _WHOLE})
    if not found:
        raise Unbindable(f"it asks for nothing; give it a parameter, such as {known[0]}")
    return found


def _given(
    params: Collection[str], named: list[inspect.Parameter], found: Bound, parameters: list[inspect.Parameter]
) -> Bound:
    """The bindings of the values that the user gives to a task."""
    has_rest = any(one.kind is one.VAR_KEYWORD for one in parameters)
    if not has_rest and (refused := [one for one in params if one not in found]):
        there = ", ".join(one.name for one in named)
        raise Unbindable(f"it has no parameter {refused[0]!r}, which params gives; it has {there}")
    return {one: GIVEN + one for one in params}


class _Meanings:
    """The meanings of parameter names for a dataset of this shape."""

    def __init__(self, known: list[str], shape: DatasetShape, *, judges: bool) -> None:
        self._known = known
        self._shape = shape
        self._judges = judges
        self.columns = sorted(one for one in shape.columns if one.isidentifier() and one not in known)

    def of(self, name: str) -> str | None:
        """The value that a parameter of this name gets; None for a strange name."""
        if self._judges and name == "outputs":
            return "output"
        if name in self._known:
            return name
        for path in (name, f"attributes.{name}"):
            if path in self._shape.columns:
                return path
        words = _OF_JUDGES if self._judges else _WORDS
        if name in words:
            return words[name]
        if name in _CONTEXTS:
            other = next((self._inside(one) for one in _CONTEXTS if self._inside(one)), None)
            return self._inside(name) or other
        return self._inside(name)

    def _inside(self, name: str) -> str | None:
        """The path of a value of this name; a task finds no answer here."""
        if name in self._shape.columns:
            return name
        return self._shape.nested.get(name) or (self._shape.answers.get(name) if self._judges else None)

    def every(self) -> Bound:
        """All that `**kwargs` get: of a task, no answer and no row that holds one."""
        if self._judges:
            return {**{one: one for one in self.columns}, **{one: one for one in self._known}}
        return {one: one for one in ("input", "metadata", *self.columns) if not is_answer(one)}


def _only(style: str, judges: bool) -> str:
    if judges:
        return "output"
    return "dataset_row" if style == "ax" else "input"


def call(function: Callable[..., Any], bindings: Bound, given: Callable[[str], Any]) -> Any:
    """Call the function with a copy of `given(name)` for each parameter. An async function returns a coroutine."""
    parameters = inspect.signature(function).parameters
    places = [name for name in parameters if parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY]
    first = [fresh(given(bindings[name])) for name in places]
    return function(*first, **{name: fresh(given(what)) for name, what in bindings.items() if name not in places})


class Arguments:
    """The values of all names for one example. `metadata` is the experiment's, `params` are values of the user."""

    def __init__(
        self, example: Example, style: str, metadata: dict[str, Any], params: Mapping[str, Any] | None = None
    ) -> None:
        self._params = params or {}
        self._example = example
        self._style = style
        self._metadata = metadata
        self._judged: dict[str, Any] | None = None

    def judged(self, output: Any, trace_id: str | None) -> Arguments:
        """The arguments for evaluators: `output` is the output of the task, `trace_id` the id of its trace."""
        found = Arguments(self._example, self._style, self._metadata, self._params)
        found._judged = {"output": output, "experiment_output": output, "trace_id": trace_id}
        return found

    def __call__(self, what: str) -> Any:
        """The value of the name or at the path `what`."""
        example = self._example
        fixed = self._fixed()
        if what in fixed:
            return fixed[what]
        if self._judged is not None and what == _WHOLE:
            names = dict.fromkeys([*_NAMES[self._style], *_OF_EVALUATORS])
            return {**example, **{name: self(name) for name in names if name != _WHOLE}}
        if what in ("dataset_row", "example"):
            # AX's row is the row of the dataset and nothing else.
            return example.columns if self._style == "ax" else example
        if what not in _NAMES["auto"] and what != "dataset_output":
            return at_path(example.columns, what)
        if what in ("expected", "reference") and self._style == "auto" and example.columns.get(what) is not None:
            return example.columns[what]
        value = {"input": example.input, "metadata": self._of_metadata()}.get(what, example.output)
        return as_mapping(value, what) if self._style == "phoenix" else value

    def _fixed(self) -> dict[str, Any]:
        """The values that are no part of the example."""
        return {**{GIVEN + name: value for name, value in self._params.items()}, **(self._judged or {})}

    def _of_metadata(self) -> Any:
        """The example's metadata. If the dataset has no metadata, evaluators get the experiment's too."""
        found = self._example.metadata
        if self._judged is None or self._example.has_metadata or not isinstance(found, dict):
            return found
        return {**found, **self._metadata}

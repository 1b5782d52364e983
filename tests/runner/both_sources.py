"""Run by an interpreter that has `arize` and `arize-phoenix-client`: binds each signature as they do and as we do.

Prints a JSON object from case to [what the source gives, what we give]; `refused` stands for an error at binding.
"""

import contextlib
import inspect
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import both_values
from arize.experiments import functions as ax
from arize.experiments.evaluators import utils as ax_evaluators
from arize.experiments.types import Example as AxExample
from phoenix.client.resources.experiments import _bind_task_signature, _validate_task_signature
from phoenix.client.resources.experiments import evaluators as px_evaluators
from phoenix.client.resources.experiments import jsonify as px_jsonify

sys.path.insert(0, sys.argv[1])
from assaykit_worker import binding, verdicts
from assaykit_worker.examples import Example
from assaykit_worker.plain import plain

Keep = Callable[[dict[str, Any]], None]
COLUMNS = {
    "id": "e1",
    "attributes.input.value": {"question": "Where?"},
    "attributes.output.value": {"answer": "There"},
    "attributes.metadata": {"tier": "pro"},
}
PARTS = {"id": "e1", "input": {"question": "Where?"}, "output": {"answer": "There"}, "metadata": {"tier": "pro"}}
PARTS_OF_PHOENIX = {**PARTS, "updated_at": "2026-01-01T00:00:00Z"}
SAID = "it said this"
SIGNATURES = [
    *("input", "output", "metadata", "dataset_row", "expected", "reference", "example", "anything", "x=1"),
    *("input, metadata", "input, expected", "input, reference, metadata", "dataset_row, output", "example, input"),
    *("input, stranger", "input, scale=2", "input, **kwargs", "*, input, metadata", "stranger, other", ""),
    *("output, dataset_row", "output, expected, metadata", "experiment_output, dataset_output", "output, trace_id"),
]


def names(given: dict[str, Any]) -> dict[str, str]:
    """What was given, by the name of the part that it equals."""
    told = {}
    for parameter, value in given.items():
        if isinstance(value, dict) and not value:
            continue  # a **kwargs that got nothing
        mapping = dict(value) if hasattr(value, "keys") else value
        if value == SAID:
            told[parameter] = "output of the task"
        elif isinstance(mapping, dict) and mapping.get("id") == "e1":
            told[parameter] = "example"
        else:
            told[parameter] = next((part for part, held in PARTS.items() if held == mapping), repr(value))
    return told


def function(signature: str, keep: Keep) -> Callable[..., None]:
    scope = {"keep": keep}
    exec(f"def f({signature}):\n    keep(dict(locals()))", scope)  # noqa: S102
    return scope["f"]


def said(call: Callable[[Keep], None]) -> Any:
    """What a call gave to the function, or that it was refused."""
    kept = []
    try:
        call(kept.append)
    except Exception:  # noqa: BLE001
        return "refused"
    return names({key: value for key, value in kept[0].items() if key != "keep"})


def ax_task(signature: str) -> Callable[[Keep], None]:
    def call(keep: Keep) -> None:
        made = function(signature, keep)
        sig = inspect.signature(made)
        ax._validate_task_signature(sig)
        bound = ax._bind_task_signature(sig, AxExample(dataset_row=COLUMNS))
        made(*bound.args, **bound.kwargs)

    return call


def phoenix_task(signature: str) -> Callable[[Keep], None]:
    def call(keep: Keep) -> None:
        made = function(signature, keep)
        sig = inspect.signature(made)
        _validate_task_signature(sig)
        bound = _bind_task_signature(sig, PARTS_OF_PHOENIX)
        made(*bound.args, **bound.kwargs)

    return call


def ax_judge(signature: str) -> Callable[[Keep], None]:
    def call(keep: Keep) -> None:
        made = function(signature, keep)
        sig = inspect.signature(made)
        ax_evaluators.validate_evaluator_signature(sig)
        row = AxExample(dataset_row=COLUMNS)
        given = {"dataset_row": row.dataset_row, "input": row.input, "output": SAID, "experiment_output": SAID}
        given |= {"dataset_output": row.output, "metadata": row.metadata}
        bound = ax_evaluators._bind_evaluator_signature(sig, **given)
        made(*bound.args, **bound.kwargs)

    return call


def phoenix_judge(signature: str) -> Callable[[Keep], None]:
    def call(keep: Keep) -> None:
        made = function(signature, keep)
        sig = inspect.signature(made)
        px_evaluators.validate_evaluator_signature(sig)
        given = {"input": PARTS["input"], "output": SAID, "expected": PARTS["output"], "reference": PARTS["output"]}
        given |= {"metadata": PARTS["metadata"], "example": PARTS_OF_PHOENIX, "trace_id": "t1"}
        bound = px_evaluators._bind_evaluator_signature(sig, **given)
        made(*bound.args, **bound.kwargs)

    return call


def ours(signature: str, style: str, *, judges: bool) -> Callable[[Keep], None]:
    # Outside the call, so that a fault of this script does not pass for a refusal.
    plain = binding.Arguments(Example(COLUMNS if style == "ax" else PARTS), style, {})
    given = plain.judged(SAID, "t1") if judges else plain

    def call(keep: Keep) -> None:
        made = function(signature, keep)
        binding.call(made, binding.bound(made, style, judges=judges), given)

    return call


def verdict(read: Callable[[], Any]) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            found = read()
        except Exception:  # noqa: BLE001
            return "refused"
    names = ("label", "score", "explanation")
    fields = found if isinstance(found, dict) else {name: getattr(found, name, None) for name in names}
    # What passes unread holds no verdict either.
    return {key: fields[key] for key in names if fields.get(key) is not None} or "refused"


def output(read: Callable[[], Any]) -> Any:
    """The output as its JSON comes back."""
    try:
        return {"json": json.loads(json.dumps(read(), allow_nan=False))}
    except Exception:  # noqa: BLE001
        return "refused"


def main() -> None:
    cases = {}
    for signature in SIGNATURES:
        for style, task, judge in (("ax", ax_task, ax_judge), ("phoenix", phoenix_task, phoenix_judge)):
            cases[f"{style} task({signature})"] = [
                said(task(signature)), said(ours(signature, style, judges=False))
            ]  # fmt: skip
            cases[f"{style} evaluator({signature})"] = [
                said(judge(signature)), said(ours(signature, style, judges=True))
            ]  # fmt: skip
    for text in both_values.RESULTS:
        for style, scorer in (("ax", ax_evaluators), ("phoenix", px_evaluators)):
            value = eval(text, vars(both_values))  # noqa: S307
            cases[f"{style} verdict {text}"] = [
                verdict(lambda scorer=scorer, value=value: scorer._default_eval_scorer(value)),
                verdict(lambda style=style, value=value: verdicts.verdict(value, style)),
            ]
    for text in both_values.OUTPUTS:
        for style, jsonify in (("ax", ax.jsonify), ("phoenix", px_jsonify)):
            cases[f"{style} output {text}"] = [
                output(lambda jsonify=jsonify, text=text: jsonify(eval(text, vars(both_values)))),  # noqa: S307
                output(lambda text=text: plain(eval(text, vars(both_values)))),  # noqa: S307
            ]
    print(json.dumps(cases))  # noqa: T201


main()

"""The reply on a function that was run over a dataset, as text and as data."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from assaykit.analysis.formats import passed_of
from assaykit.experiments.executing import ExperimentPlan, Ran
from assaykit.figures import digits, things
from assaykit.foreign import as_word
from assaykit.names import Named
from assaykit.runner.assaykit_worker.binding import Arguments
from assaykit.runner.assaykit_worker.examples import Example
from assaykit.runner.results import JsonObject, RowResult, text
from assaykit.session import Session
from assaykit.toolkit.replies import Reply, bullets, one_line, quoted
from assaykit.tools.experiment_running.judges import NOTHING_SAID, Judged

ROWS_SHOWN = 5
ERRORS_SHOWN = 3

_ANSWERS = {"expected", "reference", "dataset_output"}
"""Names of values that hold the right answer."""


def told(
    here: Session,
    within: Named,
    plan: ExperimentPlan,
    ran: Ran,
    facts: Mapping[str, Any],
    head: str,
    said: Judged = NOTHING_SAID,
) -> Reply:
    """The reply: the counts, the results of each evaluator, the arguments of the functions, and the first rows."""
    errors = [(one.call.example_id, one.error) for one in ran.results if one.error is not None]
    scores, causes, is_dry = counted(ran.results), _causes(errors), "dry_run" in facts
    functions = _functions(ran)
    given = _given(plan, ran, functions) if errors or is_dry else []
    notes = [*ran.ready.get("notes", ()), *_notes(ran, functions), *run_twice(ran)]
    number = len(ran.results)
    lines = [f"{number} row{'s' * (number != 1)}: {number - len(errors)} with an output, {len(errors)} failed"]
    lines += [f"{quoted(name, 60)}: {counts_line(counts, len(errors))}" for name, counts in scores.items()]
    if bound := ran.ready.get("bound"):
        lines.append("Bound: " + ", ".join(f"{name} = {what}" for name, what in bound.items()))
    lines += [f"Interpreter: {plan.python}", *notes, *ran.changes, *said.lines]
    data = {
        **here.source(within), **facts, "rows": number, "failed": len(errors), "evaluators": scores, "bound": bound,
        "given": given, "notes": [*notes, *ran.changes], "python": str(plan.python),
        "judge_runs": said.data, "errors": causes,
    }  # fmt: skip
    if is_dry:
        data["outputs"] = [one.as_json() | {"spans": len(one.spans)} for one in ran.results[:ROWS_SHOWN]]
    shown = [*(_given_line(ran, one) for one in given), *map(_cause_line, causes)]
    good = islice((one for one in ran.results if one.error is None), ROWS_SHOWN)
    shown += [one_line(f"{one.call.example_id}: {text(one.output)}", 200) for one in good]
    following = _following(is_failed=bool(errors), is_dry=is_dry)
    return Reply(f"{head}\n{bullets(lines)}", data, shown, f"Next: {following}.")


def _following(*, is_failed: bool, is_dry: bool) -> str:
    if is_dry:
        return "correct the function, then call again" if is_failed else "the same call without dry_run"
    return "correct the cause, then retry_experiment" if is_failed else "compare_experiments"


def _causes(errors: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The most common errors, each once, with the first example that had it."""
    first = {error: example_id for example_id, error in reversed(errors)}
    commonest = Counter(error for _, error in errors).most_common(ERRORS_SHOWN)
    return [{"example_id": first[error], "error": error, "rows": rows} for error, rows in commonest]


def _cause_line(cause: Mapping[str, Any]) -> str:
    others = f" and {cause['rows'] - 1} more" if cause["rows"] > 1 else ""
    return f"{cause['example_id']}{others} failed: {one_line(cause['error'], 600)}"


def _functions(ran: Ran) -> list[tuple[str, Mapping[str, str]]]:
    """The task and its evaluator functions: their names, and the bindings of their parameters."""
    if not ran.ready:
        return []
    return [(ran.ready["task"], ran.ready["bound"]), *((one["name"], one["bound"]) for one in ran.ready["evaluators"])]


def _given(plan: ExperimentPlan, ran: Ran, functions: Sequence[tuple[str, Mapping[str, str]]]) -> list[dict[str, Any]]:
    """The arguments of each function in the row that is shown; of the evaluators only if there was an output."""
    row = Example({**ran.shown.columns}, ran.shape)
    of_task = Arguments(row, plan.binding, {**plan.metadata}, plan.params)
    result = next(one for one in ran.results if one.call == ran.shown.call)
    reached = functions[:1] if result.error is not None else functions
    of_checks = of_task.judged(result.output, None)

    def values(bound: Mapping[str, str], given: Callable[[str], Any]) -> dict[str, str]:
        # A whole row is shown by its columns. `eval_input` only repeats the other values, so it is left out.
        found = {name: given(what) for name, what in bound.items() if what != "eval_input"}
        return {name: _json({**ran.shown.columns} if value is row else value) for name, value in found.items()}

    return [
        {"function": name, "values": values(bound, of_checks if place else of_task)}
        for place, (name, bound) in enumerate(reached)
    ]


def _given_line(ran: Ran, one: Mapping[str, Any]) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in one["values"].items())
    return f"{ran.shown.call.example_id}: {one['function']} was given {values}"


def run_twice(ran: Ran) -> list[str]:
    """Notes on rows that were run again, and on rows whose calls were made again."""
    notes: list[str] = []
    if ran.again:
        notes.append(
            f"{ran.again} rows were run again: a row beside them blocked or ended the process that they shared"
        )
    if again := [one for one in ran.results if one.retries]:
        calls, failed = sum(one.retries for one in again), sum(one.error is not None for one in again)
        notes.append(
            f"{things(len(again), 'row')} met a 429 or 5xx: {things(calls, 'call')} made again"
            + (f"; {things(failed, 'row')} failed all the same" if failed else "")
        )
    return notes


def _notes(ran: Ran, functions: Sequence[tuple[str, Mapping[str, str]]]) -> list[str]:
    """A note for each function that gets the whole row as the right answer, since the dataset has no column for it."""
    if Example({**ran.shown.columns}, ran.shape).has_output:
        return []
    return [
        f"{as_word(function)}: {name} is the whole row, as the dataset has no column expected, reference or output"
        for function, bound in functions
        for name, what in bound.items()
        if what in _ANSWERS
    ]


def _json(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), 300)


def counted(results: Sequence[RowResult]) -> dict[str, dict[str, Any]]:
    """For each evaluator: the number of scores, their mean, the labels, and the number of failures.

    `passed` counts the scores of 1 if all scores are 0 or 1.
    """
    by_name: dict[str, list[JsonObject]] = {}
    for one in (one for result in results for one in result.evaluations):
        by_name.setdefault(one["name"], []).append({key: one[key] for key in ("score", "label", "error") if key in one})
    found: dict[str, dict[str, Any]] = {}
    for name, verdicts in by_name.items():
        scores = [one["score"] for one in verdicts if one.get("score") is not None]
        labels = Counter(one["label"] for one in verdicts if one.get("label") is not None)
        found[name] = {
            "scored": len(scores),
            "passed": sum(scores) if scores and set(scores) <= {0, 1} else None,
            "mean": sum(scores) / len(scores) if scores else None,
            "labels": dict(labels.most_common()),
            "failed": sum("error" in one for one in verdicts),
            "first_error": next((one["error"] for one in verdicts if "error" in one), None),
        }
    return found


def counts_line(counts: Mapping[str, Any], failed_rows: int) -> str:
    """The counts in words. A failed row counts as a failure in the share of rows with a score of 1."""
    mean = "" if counts["mean"] is None else f", mean {digits(counts['mean'], 3)}"
    if counts["passed"] is not None and failed_rows:
        mean = f"; {passed_of(int(counts['passed']), counts['scored'] + failed_rows, failed_rows)}"
    labels = "".join(f", {quoted(label, 40)} {number}" for label, number in counts["labels"].items())
    failed = f", {counts['failed']} failed: {quoted(counts['first_error'], 160)}" if counts["failed"] else ""
    counted = f"{counts['scored']} scored"
    if labels and not counts["scored"]:
        rows = sum(counts["labels"].values())
        counted = f"{rows} of {rows + counts['failed']} labelled"
    return f"{counted}{mean}{labels}{failed}"

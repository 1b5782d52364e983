"""The rows of an experiment: filtering, counting and showing them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from assaykit.analysis.estimates import EvaluatorEstimate
from assaykit.analysis.formats import passed_of
from assaykit.analysis.rows import Outcome
from assaykit.column_paths import Row, is_there, paths_in, reader_of
from assaykit.experiments.kept_columns import KEY
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import fields
from assaykit.planning.spans import run_row
from assaykit.spelling import common_spellings
from assaykit.toolkit.columns import no_column
from assaykit.toolkit.replies import one_line, quoted
from assaykit.wire.evaluators import Direction
from assaykit.wire.experiments import ExperimentRun, RunColumns

_OWN = ("id", "example_id", "output", "error")

VALUE_LIMIT = 400
"""Characters of an output or explanation in the data; a line of the text has fewer."""


def taken(runs: Sequence[RunColumns], examples: Mapping[str, Row], text: str) -> list[int]:
    """The positions of the runs that pass a filter over columns of the runs and of their examples.

    Raises:
        Invalid: the filter cannot be read, or no run passes it and it names a column that no row has.
    """
    tree = row_tree(text)
    models = [ExperimentRun.model_validate(run) for run in runs]
    seen = [{**run_row(run, examples.get(run.example_id or "", {})), "error": run.error} for run in models]
    found = [place for place, row in enumerate(seen) if matches(tree, reader_of(row))]
    absent = [] if found else [field for field in fields(tree) if not is_there(field, seen)]
    if runs and absent:
        raise no_column(absent[0], paths_in(seen))
    return found


def flat(run: RunColumns) -> dict[str, Any]:
    """A run as one row of a file: its own columns first, without those that are empty, and without annotations."""
    own = {key: value for key in _OWN if (value := run.get(key)) is not None}
    return {**own, **{key: value for key, value in run.items() if key not in {*_OWN, "annotations"}}}


def told(run: RunColumns, read: Outcome, *, is_past: bool) -> dict[str, Any]:
    """A run for the data of a reply; long text is clipped. `is_past` is set if the run failed and was tried again."""
    verdicts = [
        {key: value for key, value in one._asdict().items() if value is not None} for one in read.evaluations.values()
    ]
    return {
        "id": run["id"],
        "example_id": run.get("example_id"),
        **({"key": one_line(run[KEY], VALUE_LIMIT)} if run.get(KEY) is not None else {}),
        "output": None if read.output is None else one_line(read.output, VALUE_LIMIT),
        "error": None if read.error is None else one_line(read.error, VALUE_LIMIT),
        **({"tried_again": True} if is_past else {}),
        "evaluations": [
            {key: one_line(value, VALUE_LIMIT) if key == "explanation" else value for key, value in one.items()}
            for one in verdicts
        ],
    }


class RowCounts(NamedTuple):
    """The counts of an experiment: the rows that `counted`, of which some `failed`, and each evaluator's counts.

    A further `tried_again` rows failed and have a later run. `evaluators` has the count of each label, and the numbers
    of rows with a label and with a score. `rates` has for evaluators whose scores are all 0 or 1 the scores of 1 and
    all scores, of the rows that did not fail.
    """

    counted: int
    failed: int
    tried_again: int
    evaluators: Mapping[str, Mapping[str, Any]]
    rates: Mapping[str, tuple[int, int]]


def counted_alike(labels: Mapping[str, int]) -> dict[str, int]:
    """Counts by label, the most frequent first, with those of one label in several spellings added up."""
    spelled = common_spellings(Counter(labels).elements(), fold=True)
    found: Counter[str] = Counter()
    for label, number in labels.items():
        found[spelled.get(label, label)] += number
    return dict(found.most_common())


def tally(read: Sequence[Outcome], past_tries: int) -> RowCounts:
    """Count the rows that count; a further `past_tries` rows failed and were tried again."""
    evaluators: dict[str, dict[str, Any]] = {}
    rates: dict[str, tuple[int, int]] = {}
    for name in dict.fromkeys(name for one in read for name in one.evaluations):
        verdicts = [one.evaluations[name] for one in read if name in one.evaluations]
        labels = Counter(verdict.label for verdict in verdicts if verdict.label is not None)
        scored = sum(verdict.score is not None for verdict in verdicts)
        evaluators[name] = {"labels": counted_alike(labels), "labelled": labels.total(), "scored": scored}
        of_runs = [one.evaluations[name].score for one in read if one.error is None and name in one.evaluations]
        scores = [score for score in of_runs if score is not None]
        if set(scores) <= {0, 1}:
            rates[name] = (scores.count(1), len(scores))
    return RowCounts(len(read), sum(one.error is not None for one in read), past_tries, evaluators, rates)


def _rate(counts: RowCounts, name: str) -> str:
    """The share of scores of 1, with the failed rows as failures; empty if no row failed or the scores are no rates."""
    passed, tried = counts.rates.get(name, (0, 0))
    if not counts.failed or not tried:
        return ""
    return f"; {passed_of(passed, tried + counts.failed, counts.failed)}"


def summary(
    counts: RowCounts,
    directions: Mapping[str, Direction],
    estimates: Mapping[str, EvaluatorEstimate] = MappingProxyType({}),
) -> list[str]:
    """One line for the errors and one for each evaluator's counts. A line says so if no direction is known."""
    tries = counts.tried_again
    again = f"; {tries} earlier {'try' if tries == 1 else 'tries'} failed as well" if tries else ""
    lines = [f"Errors: {counts.failed}{again}"]
    for name, one in counts.evaluators.items():
        labels = "".join(f", {quoted(label, 60)} {number}" for label, number in one["labels"].items())
        figure = f"; {estimates[name].words}" if name in estimates else ""
        direction = f"; {directions.get(name, 'its direction is not known, so low scores come first')}"
        if one["labelled"] and not one["scored"]:
            # Labels without scores have no direction: no label is known to be better.
            lines.append(f"{quoted(name, 60)}: {one['labelled']} of {counts.counted} labelled{labels}{figure}")
        else:
            rate = _rate(counts, name) if directions.get(name, "MAXIMIZE") == "MAXIMIZE" else ""
            lines.append(
                f"{quoted(name, 60)}: {one['scored']} of {counts.counted} scored{rate}{labels}{direction}{figure}"
            )
    return lines


def line(row: Mapping[str, Any]) -> str:
    """The data of `told` on one line."""
    verdicts = [
        f"{one_line(one['name'], 60)}={one_line(one.get('label', one.get('score')), 60)}"
        + (f" ({one['score']:g})" if "label" in one and "score" in one else "")
        for one in row["evaluations"]
        if "label" in one or "score" in one
    ]
    why = next((f" why: {one_line(one['explanation'], 100)}" for one in row["evaluations"] if "explanation" in one), "")
    again = " (tried again)" if "tried_again" in row else ""
    parts = [
        f"{f'{one_line(row[KEY], 60)}: ' if KEY in row else ''}{row['example_id']} (run {row['id']})",
        f"error{again}: {one_line(row['error'], 160)}"
        if row["error"]
        else f"out: {one_line(row['output'] or '-', 160)}",
        f"[{', '.join(verdicts) or 'no verdict'}]{why}",
    ]
    return " | ".join(parts)

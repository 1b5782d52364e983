"""Checks of a task against the granularity of its evaluators: spans, whole traces or whole sessions."""

from collections import Counter
from collections.abc import Mapping

from assaykit.errors import Invalid, quote
from assaykit.filters.expressions import expression_tree
from assaykit.filters.fields import span_tree
from assaykit.judge.units import LETTERS, NOUNS, one_granularity
from assaykit.wire.evaluators import Granularity
from assaykit.wire.tasks import CreateTaskRequest, TaskEvaluatorInput, TaskQueryFilters


def check(wanted: CreateTaskRequest, judged: Mapping[str, Granularity]) -> None:
    """Refuse a task that does not fit its evaluators. `judged` has their granularity by name.

    Raises:
        Invalid: they judge different things, or units that a dataset lacks, or the filters or mappings are wrong.
    """
    level = one_granularity(judged)
    if level == "SPAN":
        if wanted.query_filters is not None or any(entry.query_mappings for entry in wanted.evaluators or ()):
            raise Invalid(
                f"query_filters and query_mappings are for evaluators of traces and sessions; {next(iter(judged))!r} "
                "judges spans.",
                "Use query_filter and column_mappings, or an evaluator whose data_granularity is TRACE or SESSION.",
            )
        return
    if wanted.dataset_id is not None:
        raise Invalid(
            f"Evaluator {next(iter(judged))!r} judges whole {NOUNS[level]}s, and a dataset has none.",
            "Use an evaluator whose data_granularity is SPAN.",
        )
    letters = _letters(wanted.query_filters)
    for entry in wanted.evaluators or ():
        _check_mappings(entry, letters)


def _letters(wanted: TaskQueryFilters | None) -> list[str]:
    """Check the filters and their expression, and return the letters."""
    if wanted is None:
        return []
    letters = [one.id for one in wanted.filters]
    for letter, times in Counter(letters).items():
        if letter not in LETTERS or times > 1:
            what = "occurs more than once" if letter in LETTERS else "is not one of them"
            raise Invalid(
                f"Filters are named {', '.join(LETTERS)}; {quote(letter, 60)!r} {what}.", "Give each its own letter."
            )
    for one in wanted.filters:
        try:
            span_tree(one.filter)
        except Invalid as error:
            raise Invalid(f"Filter {one.id}: {error.message}", error.next) from error
    if wanted.expression is not None:
        expression_tree(wanted.expression, letters)
    elif len(letters) > 1:
        raise Invalid(
            f"There are {len(letters)} filters, but no expression that combines them.",
            f"Send one, such as {' AND '.join(letters)!r}.",
        )
    return letters


def _check_mappings(entry: TaskEvaluatorInput, letters: list[str]) -> None:
    mappings = entry.query_mappings or ()
    for name, times in Counter(one.variable_name for one in mappings).items():
        if times > 1:
            raise Invalid(f"query_mappings has the variable {quote(name, 60)!r} {times} times.", "Map each once.")
    for one in mappings:
        if not one.attribute_path.strip():
            raise Invalid(f"The mapping of {quote(one.variable_name, 60)!r} has no attribute_path.", "Give it one.")
        if unknown := [letter for letter in one.query_ids if letter is not None and letter not in letters]:
            there = f"there are {', '.join(letters)}" if letters else "there are none"
            raise Invalid(
                f"The mapping of {quote(one.variable_name, 60)!r} names the filter {quote(unknown[0], 60)!r}; {there}.",
                "Name filters of query_filters, or none to read every span.",
            )

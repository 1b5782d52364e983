"""Which rows a run scores, and what each row looks like to its evaluators.

The order is fixed: window, then filters (the task's AND the evaluator's), then the sample, then what is labelled
already is dropped, and of the rest the newest are taken up to the cap.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.runs.sampling import taken
from assaykit.engine.store import datasets, evaluators, experiments, runs, spans, verdicts
from assaykit.engine.store.runs import Item
from assaykit.errors import Unsupported
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.judge.columns import span_row
from assaykit.wire.evaluators import ManagedCodeConfig, TemplateConfig
from assaykit.wire.runs import DEFAULT_MAX_SPANS, TriggerEvaluationRequest
from assaykit.wire.tasks import Task

Row = Mapping[str, Any]
"""One row: column path to value."""


class Scorer(NamedTuple):
    """One evaluator of a run, pinned to the version it runs with."""

    evaluator_id: str
    version_id: str
    config: TemplateConfig | ManagedCodeConfig
    filters: tuple[str, ...]
    column_mappings: Mapping[str, str]

    @property
    def column(self) -> str:
        """The name that its verdicts are stored under."""
        return self.config.name


class Selection(NamedTuple):
    """The work of a run. `reason` says why there is none; `scopes` maps a target id to where its verdict lives."""

    level: verdicts.Level
    scorers: Sequence[Scorer]
    items: Sequence[Item]
    scopes: Mapping[str, str]
    reason: str | None = None


def select(connection: sa.Connection, run_id: str) -> Selection:
    """Everything that this run has to do."""
    task, request, window = runs.details(connection, run_id)
    scorers = [_scorer(connection, task, position) for position in range(len(task.evaluators or ()))]
    if window is not None:
        return _select_spans(connection, task, request, window, scorers)
    return _select_experiment_runs(connection, task, request, scorers)


def rows(connection: sa.Connection, selection: Selection, target_ids: Sequence[str]) -> dict[str, Row]:
    """The rows of some targets, by id."""
    if selection.level == "SPAN":
        project_id = selection.scopes[target_ids[0]]
        found = spans.by_ids(connection, project_id, target_ids)
        return {target: span_row(span) for target, span in found.items()}
    wanted = set(target_ids)
    every = _experiment_rows(connection, {selection.scopes[target] for target in target_ids})
    return {target: row for _, target, row in every if target in wanted}


def _scorer(connection: sa.Connection, task: Task, position: int) -> Scorer:
    entry = (task.evaluators or [])[position]
    found = evaluators.get(connection, entry.evaluator_id, entry.evaluator_version_id)
    config = found.version.config
    if not isinstance(config, (TemplateConfig, ManagedCodeConfig)):
        raise Unsupported(
            f"Evaluator {found.name!r} is not a judge or a managed code evaluator, so it cannot be run here.",
            "Use one of those in the task.",
        )
    own = config.query_filter if isinstance(config, ManagedCodeConfig) else None
    filters = tuple(text for text in (entry.query_filter, own) if text)
    return Scorer(entry.evaluator_id, found.version.id, config, filters, entry.column_mappings or {})


def _select_spans(
    connection: sa.Connection,
    task: Task,
    request: TriggerEvaluationRequest,
    window: spans.Window,
    scorers: Sequence[Scorer],
) -> Selection:
    project_id = task.project_id or ""
    matched = spans.matching_ids(connection, project_id, window, (task.query_filter,))
    rate = 1.0 if task.sampling_rate is None else task.sampling_rate
    sample = matched if rate >= 1 else [span_id for span_id in matched if taken(span_id, rate)]
    allowed = [
        set(spans.matching_ids(connection, project_id, window, (task.query_filter, *scorer.filters)))
        if scorer.filters
        else None
        for scorer in scorers
    ]
    done = [
        set[str]() if request.override_evaluations else verdicts.labelled(connection, project_id, "SPAN", scorer.column)
        for scorer in scorers
    ]
    items = list(_items(sample, scorers, allowed, done, request.max_spans or DEFAULT_MAX_SPANS))
    reason = None if items else _nothing_to_do(len(matched), len(sample), allowed)
    return Selection("SPAN", scorers, items, dict.fromkeys(sample, project_id), reason)


def _items(
    targets: Sequence[str],
    scorers: Sequence[Scorer],
    allowed: Sequence[set[str] | None],
    done: Sequence[set[str]],
    most: int,
) -> Iterator[Item]:
    position = 0
    for target in targets:
        wanted = [
            scorer
            for scorer, some, labelled in zip(scorers, allowed, done, strict=True)
            if (some is None or target in some) and target not in labelled
        ]
        if not wanted:
            continue
        if position == most:
            return
        for scorer in wanted:
            yield Item(position, target, scorer.evaluator_id)
        position += 1


def _nothing_to_do(matched: int, sampled: int, allowed: Sequence[set[str] | None]) -> str:
    if matched == 0:
        return "No data to score: nothing in the window matches the task's filter. Widen the window or the filter."
    if sampled == 0:
        return f"No data to score: the sampling rate takes none of the {matched} matching rows. Raise it."
    if all(some is not None and not some for some in allowed):
        return f"No data to score: no evaluator's own filter matches any of the {matched} rows."
    return (
        f"All {sampled} matching rows are labelled by these evaluators already. "
        "Trigger again with override_evaluations=true to score them anew."
    )


def _select_experiment_runs(
    connection: sa.Connection, task: Task, request: TriggerEvaluationRequest, scorers: Sequence[Scorer]
) -> Selection:
    wanted = request.experiment_ids or task.experiment_ids or []
    shared = [row_tree(text) for text in (task.query_filter,) if text]
    every = [
        (scope, target, row)
        for scope, target, row in _experiment_rows(connection, set(wanted))
        if all(matches(tree, row.get) for tree in shared)
    ]
    allowed: list[set[str] | None] = []
    done: list[set[str]] = []
    for scorer in scorers:
        trees = [row_tree(text) for text in scorer.filters]
        allowed.append(
            {target for _, target, row in every if all(matches(tree, row.get) for tree in trees)} if trees else None
        )
        stored = {target for scope in wanted for target in verdicts.labelled(connection, scope, "RUN", scorer.column)}
        uploaded = {target for _, target, row in every if f"eval.{scorer.column}.label" in row}
        done.append(set() if request.override_evaluations else stored | uploaded)
    targets = [target for _, target, _ in every]
    items = list(_items(targets, scorers, allowed, done, request.max_spans or DEFAULT_MAX_SPANS))
    reason = None if items else _nothing_to_do(len(targets), len(targets), allowed)
    return Selection("RUN", scorers, items, {target: scope for scope, target, _ in every}, reason)


def _experiment_rows(connection: sa.Connection, experiment_ids: set[str]) -> list[tuple[str, str, Row]]:
    """`(experiment id, run id, row)`: the run's columns over its example's, which are also at `dataset.<column>`."""
    of_dataset: dict[str, dict[str, Any]] = {}
    for experiment_id in experiment_ids:
        dataset_id = experiments.get(connection, experiment_id).dataset_id
        if dataset_id is not None:
            of_dataset |= datasets.example_columns(connection, dataset_id)
    found: list[tuple[str, str, Row]] = []
    for run in experiments.run_rows(connection, experiment_ids):
        example = of_dataset.get(run.example_id, {})
        row = {
            **example,
            **{f"dataset.{column}": value for column, value in example.items()},
            **run.data,
            "id": run.id,
            "example_id": run.example_id,
        }
        found.append((run.experiment_id, run.id, row))
    return found

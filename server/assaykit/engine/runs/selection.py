"""Selection of the rows that a run scores, and the values that evaluators read of each row.

The steps have a fixed order: the window, the filters (the task's AND the evaluator's), the sample, the removal of
labelled rows, and the cap, which keeps the newest rows. A row is a span, a run of an experiment, or, if the evaluators
judge units, a whole trace or session.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.column_paths import Row, reader_of
from assaykit.engine.runs import units
from assaykit.engine.runs.row_workers import ROWS_PER_READ
from assaykit.engine.sampling import taken
from assaykit.engine.store.definitions import evaluators, experiments, tasks
from assaykit.engine.store.queue import left_rows, runs
from assaykit.engine.store.queue.runs import Item
from assaykit.engine.store.traces import span_rows, spans, verdicts
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.judge.columns import is_behind_cut, span_row, text_at
from assaykit.judge.score import is_shortened, variables
from assaykit.judge.selection import Candidate, Decision, decisions, standings
from assaykit.judge.units import NOUNS, UNITS, Reading, is_conversation, turns_without_output
from assaykit.judge.verdicts import Note
from assaykit.wire.evaluators import Granularity, ManagedCodeConfig, TemplateConfig
from assaykit.wire.local import RunSelection
from assaykit.wire.runs import DEFAULT_MAX_SPANS, TriggerEvaluationRequest
from assaykit.wire.tasks import Task, TaskEvaluator


class Scorer(NamedTuple):
    """One evaluator of a run, pinned to the version it runs with."""

    evaluator_id: str
    version_id: str
    config: TemplateConfig | ManagedCodeConfig
    filters: tuple[str, ...]
    column_mappings: Mapping[str, str]
    readings: Mapping[str, Reading]
    """The reading of each variable in a trace or session."""

    @property
    def granularity(self) -> Granularity:
        """The level that it judges."""
        return self.config.data_granularity or "SPAN"

    @property
    def column(self) -> str:
        """The name that its verdicts are stored under."""
        return self.config.name


class Selection(NamedTuple):
    """The items of a run, with the task, the scorers and the counts of the selection."""

    level: verdicts.VerdictLevel
    scorers: Sequence[Scorer]
    items: Sequence[Item]
    counted: RunSelection
    task: Task
    is_scheduled: bool = False
    """Whether a schedule made the run. The schedule has the rows that the run leaves scored later."""
    deleted: Sequence[str] = ()
    """The ids of the task's experiments that are deleted. The run scores the others."""
    up_to: int = 0
    """The end of the ingest sequence that a verdict on a trace or session covers at least."""

    @property
    def plan(self) -> dict[str, Any]:
        """The data that `resume` needs beside the items: the task, with the evaluator versions of this run."""
        pinned = [
            entry.model_copy(update={"evaluator_version_id": scorer.version_id})
            for entry, scorer in zip(self.task.evaluators or (), self.scorers, strict=True)
        ]
        task = self.task.model_copy(update={"evaluators": pinned})
        places = {"level": self.level, "up_to": self.up_to, "deleted": list(self.deleted)}
        return {**places, "task": task.model_dump(mode="json", exclude_none=True)}


def select(connection: sa.Connection, run_id: str) -> Selection:
    """Select the items of a run.

    Raises:
        NotFound: an evaluator is deleted, or an experiment that the trigger named.
        Invalid: two evaluators write one column or judge different things, or a filter cannot be read.
        Unsupported: an evaluator is neither a judge nor a managed code evaluator.
    """
    task, request, window = runs.details(connection, run_id)
    scorers = [_scorer(connection, task, entry) for entry in task.evaluators or ()]
    outdated = runs.limits_alone(connection, run_id).outdated
    level, found = candidates(connection, task, request, window, scorers, outdated=outdated)
    selection = _choose(level, found, scorers, task, request)
    if window is None:
        return selection._replace(deleted=_gone(connection, task, request))
    return selection._replace(is_scheduled=isinstance(window, spans.Arrivals), up_to=spans.last(connection))


def candidates(
    connection: sa.Connection,
    task: Task,
    request: TriggerEvaluationRequest,
    window: spans.TimeRange | spans.Arrivals | None,
    scorers: Sequence[Scorer],
    *,
    outdated: bool = False,
) -> tuple[verdicts.VerdictLevel, Iterator[Candidate]]:
    """The level of a run's rows, and its candidates, newest first. Without a window they are runs of experiments.

    With `outdated` a verdict of another version than the evaluator's does not count.

    Raises:
        NotFound: an experiment that the trigger named is deleted.
        Invalid: two evaluators write one column or judge different things, or a filter cannot be read.
    """
    _refuse_shared_columns(scorers)
    if window is None:
        gone = _gone(connection, task, request)
        wanted = [one for one in request.experiment_ids or task.experiment_ids or () if one not in gone]
        return "RUN", _experiment_runs(connection, task, wanted, scorers, outdated=outdated)
    level = _granularity(scorers)
    return level, _arrived(connection, task, level, window, scorers, outdated=outdated)


def _gone(connection: sa.Connection, task: Task, request: TriggerEvaluationRequest) -> Sequence[str]:
    """The deleted ones among the task's experiments. Those that a trigger names must be there."""
    return [] if request.experiment_ids else experiments.deleted(connection, task.experiment_ids or ())


def resume(connection: sa.Connection, run_id: str) -> tuple[Selection, str | None] | None:
    """The rest of a run that another engine began, and the reason if it chose nothing; None if it has not begun.

    Raises:
        NotFound: an evaluator version that the run began with is deleted.
        Unsupported: an older version of assaykit began it.
    """
    found = runs.left(connection, run_id)
    if found is None:
        return None
    plan, items = found
    task = Task.model_validate(plan["task"])
    scorers = [_scorer(connection, task, entry) for entry in task.evaluators or ()]
    _, _, window = runs.details(connection, run_id)
    is_scheduled = isinstance(window, spans.Arrivals)
    gone, up_to = plan.get("deleted", ()), plan.get("up_to", 0)
    return Selection(plan["level"], scorers, items, RunSelection(), task, is_scheduled, gone, up_to), plan["reason"]


class Work(NamedTuple):
    """Whether a run over arrivals has work for evaluators that this process can ask, and for the others."""

    here: bool
    elsewhere: bool


def finds(connection: sa.Connection, task_id: str, arrivals: spans.Arrivals, lacking: Container[str]) -> Work:
    """The work of a run over these arrivals. `lacking` are the evaluators that this process has no key for.

    There is work also if the task's evaluators or filters no longer work, because only a run reports the error.
    """
    task = tasks.get(connection, task_id)
    try:
        scorers = [_scorer(connection, task, entry) for entry in task.evaluators or ()]
        level = _granularity(scorers)
        able = [scorer for scorer in scorers if scorer.evaluator_id not in lacking]
        unable = [scorer for scorer in scorers if scorer.evaluator_id in lacking]
        return Work(*(_finds(connection, task, level, arrivals, some) for some in (able, unable)))
    except AssayError:
        return Work(here=True, elsewhere=False)


def _finds(
    connection: sa.Connection, task: Task, level: Granularity, arrivals: spans.Arrivals, scorers: Sequence[Scorer]
) -> bool:
    if not scorers:
        return False
    found = _arrived(connection, task, level, arrivals, scorers)
    return bool(_choose(level, found, scorers, task, TriggerEvaluationRequest(max_spans=1)).items)


def _arrived(
    connection: sa.Connection,
    task: Task,
    level: Granularity,
    window: spans.TimeRange | spans.Arrivals,
    scorers: Sequence[Scorer],
    *,
    outdated: bool = False,
) -> Iterator[Candidate]:
    """The candidates of a project task. Of arrivals, rows that an earlier run is done with count as labelled."""
    asked = [(scorer.column, scorer.filters) for scorer in scorers]
    if level == "SPAN":
        rows_found = spans.matching(connection, task.project_id or "", window, task.query_filter, asked)
    else:
        rows_found = units.candidates(connection, task, level, window, asked)
    found = _candidates(task.project_id or "", rows_found, scorers, outdated=outdated)
    done = (
        left_rows.settled(connection, task.id, window) if isinstance(window, spans.Arrivals) else set[tuple[str, str]]()
    )
    for one in found:
        labelled = [
            has or (scorer.evaluator_id, one.target_id) in done
            for scorer, has in zip(scorers, one.labelled, strict=True)
        ]
        yield one._replace(labelled=labelled) if done else one


class FoundRow(NamedTuple):
    """The row of a target, and the place of the target if it was read with the row."""

    row: Row
    place: int | None = None


ABSENT = FoundRow({})
"""The row of a target that is gone."""


def rows(connection: sa.Connection, selection: Selection, items: Sequence[Item]) -> dict[str, FoundRow]:
    """The rows of some items by target id, with the columns that the evaluators read."""
    found: dict[str, FoundRow] = {}
    for scope, targets in _of_scopes(items).items():
        if selection.level == "SPAN":
            read = span_rows.of(connection, scope, targets, _paths(selection.scorers))
            found |= {target: FoundRow(one.row, one.place) for target, one in read.items()}
        else:
            whole = _whole(connection, selection, scope, targets)
            found |= {target: FoundRow(row) for target, row in whole.items()}
    return found


def whole_rows(connection: sa.Connection, selection: Selection, items: Sequence[Item]) -> dict[str, Row]:
    """The rows of some items by target id, with all columns."""
    found: dict[str, Row] = {}
    for scope, targets in _of_scopes(items).items():
        found |= _whole(connection, selection, scope, targets)
    return found


def _of_scopes(items: Sequence[Item]) -> Mapping[str, Sequence[str]]:
    """The targets of some items, each once, by the project or experiment of their verdicts."""
    of_scope: dict[str, list[str]] = {}
    for scope, target in dict.fromkeys((item.scope_id, item.target_id) for item in items):
        of_scope.setdefault(scope, []).append(target)
    return of_scope


def _whole(connection: sa.Connection, selection: Selection, scope: str, targets: Sequence[str]) -> Mapping[str, Row]:
    if selection.level in ("TRACE", "SESSION"):
        wanted = {scorer.evaluator_id: scorer.readings for scorer in selection.scorers}
        return {target: units.texts_of(connection, scope, selection.level, target, wanted) for target in targets}
    if selection.level == "SPAN":
        return {target: span_row(span) for target, span in spans.by_ids(connection, scope, targets).items()}
    return {row["id"]: row for row in experiments.rows_of(connection, scope, targets)}


def _paths(scorers: Sequence[Scorer]) -> Collection[str]:
    """The paths that the evaluators read of a row."""
    return {one.column_mappings.get(name, name) for one in scorers for name in variables(one.config)}


def values(selection: Selection, row: Row, scorer: Scorer) -> Mapping[str, str | None]:
    """The texts that an evaluator reads of a row, by variable."""
    if selection.level in UNITS:
        return row.get(scorer.evaluator_id, {})
    names = variables(scorer.config)
    return {name: text_at(row, scorer.column_mappings.get(name, name)) for name in names}


def notes_of(selection: Selection, scorer: Scorer, given: Mapping[str, str | None]) -> tuple[Note, ...]:
    """The notes on the texts that an evaluator reads of a row."""
    found: list[Note] = []
    if is_shortened(scorer.config, given):
        found.append("shortened")
    if selection.level == "SESSION":
        talks = [given[name] for name, read in scorer.readings.items() if is_conversation("SESSION", read)]
        if any(text is not None and turns_without_output(text) for text in talks):
            found.append("silent_turns")
    return tuple(found)


def behind_cut(selection: Selection, row: Row, scorer: Scorer, variable: str) -> bool:
    """Whether a variable has no value because its path leads into a text that was cut."""
    paths = scorer.column_mappings
    return selection.level not in UNITS and is_behind_cut(row, paths.get(variable, variable))


def rows_per_read(selection: Selection) -> int:
    """The number of rows to read at once."""
    return units.UNITS_PER_READ if selection.level in UNITS else ROWS_PER_READ


def _granularity(scorers: Sequence[Scorer]) -> Granularity:
    """The common level of the scorers. It is checked again, because a newer version may have changed it."""
    found = {scorer.granularity: scorer.column for scorer in scorers}
    if len(found) > 1:
        judged = ", ".join(f"{column!r} {NOUNS[level]}s" for level, column in found.items())
        raise Invalid(
            f"The evaluators of the task now judge different things: {judged}.",
            "Make a task for each, or pin versions that judge the same.",
        )
    return scorers[0].granularity if scorers else "SPAN"


def _refuse_shared_columns(scorers: Sequence[Scorer]) -> None:
    """Refuse scorers with the same column. It is checked again, because a newer version may have renamed its column."""
    columns = [scorer.column for scorer in scorers]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise Invalid(
            f"Two evaluators of the task now write the column {twice[0]!r}.",
            "Rename the column of one in a new version of it, or pin an older version.",
        )


def _scorer(connection: sa.Connection, task: Task, entry: TaskEvaluator) -> Scorer:
    found = evaluators.get(connection, entry.evaluator_id, entry.evaluator_version_id)
    config = found.version.config
    if not isinstance(config, (TemplateConfig, ManagedCodeConfig)):
        raise Unsupported(
            f"Evaluator {found.name!r} is not a judge or a managed code evaluator, so it cannot be run here.",
            "Use one of those in the task.",
        )
    return scorer_of(task, entry, config, found.version.id)


def scorer_of(
    task: Task, entry: TaskEvaluator, config: TemplateConfig | ManagedCodeConfig, version_id: str = ""
) -> Scorer:
    """An evaluator of a task with its configuration."""
    own = config.query_filter if isinstance(config, ManagedCodeConfig) else None
    filters = tuple(text for text in (entry.query_filter, own) if text)
    readings = units.readings(task, entry, filters, variables(config))
    return Scorer(entry.evaluator_id, version_id, config, filters, entry.column_mappings or {}, readings)


def _candidates(
    project_id: str, found: Iterable[tuple[Any, ...]], scorers: Sequence[Scorer], *, outdated: bool
) -> Iterator[Candidate]:
    versions = [scorer.version_id for scorer in scorers]
    for target_id, newest_ns, oldest_ns, *answers in found:
        labelled, others = standings(answers[1::2], versions, outdated=outdated)
        allowed = list(map(bool, answers[::2]))
        yield Candidate(project_id, target_id, allowed, labelled, newest_ns // 1000, oldest_ns // 1000, others)


def _experiment_runs(
    connection: sa.Connection,
    task: Task,
    experiment_ids: Sequence[str],
    scorers: Sequence[Scorer],
    *,
    outdated: bool,
) -> Iterator[Candidate]:
    shared = [row_tree(text) for text in (task.query_filter,) if text]
    own = [[row_tree(text) for text in scorer.filters] for scorer in scorers]
    versions = [scorer.version_id for scorer in scorers]
    for experiment_id in dict.fromkeys(experiment_ids):
        experiments.get(connection, experiment_id)
        for row in experiments.full_rows(connection, experiment_id):
            if all(matches(tree, reader_of(row)) for tree in shared):
                allowed = [all(matches(tree, reader_of(row)) for tree in trees) for trees in own]
                made_with = [_made_with(row, scorer.column) for scorer in scorers]
                labelled, others = standings(made_with, versions, outdated=outdated)
                yield Candidate(experiment_id, row["id"], allowed, labelled, others=others)


def _made_with(row: Row, column: str) -> str | None:
    """The version that gave a row's verdict, computed or uploaded: empty if unknown, None if its cells are blank."""
    if all(row.get(f"eval.{column}.{field}") in (None, "") for field in ("label", "score")):
        return None
    told = row.get(f"eval.{column}.metadata.evaluator_version_id")
    return told if isinstance(told, str) else ""


def _choose(
    level: verdicts.VerdictLevel,
    candidates: Iterable[Candidate],
    scorers: Sequence[Scorer],
    task: Task,
    request: TriggerEvaluationRequest,
) -> Selection:
    most = request.max_spans or DEFAULT_MAX_SPANS
    items: list[Item] = []
    tally = Counter[str]()
    chosen = 0
    rest = decided(candidates, task, request)
    for candidate, fate, wanted in rest:
        tally["matched"] += 1
        tally["outdated"] += fate == "labelled" and has_outdated(candidate)
        if fate != "chosen":
            tally[fate] += 1
            continue
        items += items_of(candidate, wanted, scorers, chosen)
        chosen += 1
        if chosen == most:
            break
    # Capped only if there is one more row to look at.
    capped = chosen == most and next(rest, None) is not None
    counted = RunSelection(chosen=chosen, capped=capped, **tally)
    return Selection(level, scorers, items, counted, task)


def has_outdated(candidate: Candidate) -> bool:
    """Whether a verdict of the row that an evaluator's filters accept is of another version."""
    return any(may and other is not None for may, other in zip(candidate.allowed, candidate.others, strict=False))


def decided(candidates: Iterable[Candidate], task: Task, request: TriggerEvaluationRequest) -> Iterator[Decision]:
    """The decision about each candidate of a run."""
    rate = 1.0 if task.sampling_rate is None else task.sampling_rate
    return decisions(candidates, partial(taken, rate=rate), override=bool(request.override_evaluations))


def items_of(candidate: Candidate, wanted: Sequence[bool], scorers: Sequence[Scorer], position: int) -> Sequence[Item]:
    """The items of a chosen candidate, one for each evaluator that scores it."""
    return [
        Item(position, candidate.target_id, scorer.evaluator_id, candidate.scope_id)
        for scorer, is_wanted in zip(scorers, wanted, strict=True)
        if is_wanted
    ]

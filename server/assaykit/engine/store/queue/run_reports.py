"""Reports on runs: outcomes by label and cause, rows, cost, and the cause if a run scored nothing."""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, TypeAdapter, ValidationError

from assaykit.engine.problems import Malformed
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.queue import leases, runs
from assaykit.engine.store.queue.runs import KEPT
from assaykit.engine.store.tables import evals, evaluator_versions, evaluators, experiments, run_items, task_runs
from assaykit.wire.bodies import Pagination
from assaykit.wire.local import (
    Nothing,
    RowState,
    RunCause,
    RunJudge,
    RunOutcome,
    RunReport,
    RunRow,
    RunRowPage,
    RunSelection,
    RunTokens,
)
from assaykit.wire.tasks import Task

_CAUSES = 50
"""The most causes per state in a report. Without a limit, each row could add one of its own."""

_CODES: dict[str | None, Nothing] = {"auth": "key", "bad_model": "model"}
_WHY = sa.func.coalesce(run_items.c.detail, run_items.c.reason)
_PLACE = TypeAdapter(tuple[Annotated[int, Field(ge=0, lt=2**63)], str])
_MADE_BY = evals.c.metadata["run_id"].as_string()


def report(connection: sa.Connection, run_id: str, now_ns: int = 0, silent_ns: int = 0) -> RunReport:
    """A run's outcomes by label and by cause, each cause with one example. Only the most common causes are included.

    `is_executed` is true if the run has not ended and its last heartbeat is less than `silent_ns` from `now_ns`.

    Raises:
        NotFound: no such run.
    """
    run = runs.get(connection, run_id)
    request = _kept(connection, run_id)
    kept = request.get(KEPT, {})
    limits, _ = runs.limits(connection, run_id)
    counted = runs.counts(connection, run_id)
    errors = _causes(connection, run_id, "FAILED")
    cause = None if "cause" not in kept else RunCause.model_validate(kept["cause"])
    failed = run.status == "FAILED" and run.failure_reason != leases.GIVEN_UP
    if cause is None and failed and errors and not counted.get("SCORED"):
        cause = RunCause(code=_CODES.get(errors[0].code, "errors"), message=errors[0].reason)
    return RunReport(
        labels=_labels(connection, run_id),
        total=sum(counted.values()),
        errors=errors,
        skipped=_causes(connection, run_id, "SKIPPED"),
        selection=None if "selection" not in kept else RunSelection.model_validate(kept["selection"]),
        cause=cause,
        is_executed=leases.is_alive(connection, run_id, now_ns, silent_ns),
        tokens=_tokens(connection, run_id),
        override_evaluations=bool(request.get("override_evaluations")),
        judges=_judges(connection, run_id),
        **_noted(connection, run_id),
        **limits._asdict(),
    )


def keep(
    connection: sa.Connection, run_id: str, *, selection: RunSelection | None = None, cause: RunCause | None = None
) -> None:
    """Store the selection and the cause. They cannot be computed later, because rows, filters and verdicts change."""
    stored = _kept(connection, run_id)
    told = {"selection": selection, "cause": cause}
    fresh = {name: body.model_dump(mode="json", exclude_none=True) for name, body in told.items() if body is not None}
    request = {**stored, KEPT: {**stored.get(KEPT, {}), **fresh}}
    connection.execute(task_runs.update().where(task_runs.c.id == run_id).values(request=request))


def page(connection: sa.Connection, run_id: str, state: RowState | None, at: PageRequest) -> RunRowPage:
    """One page of a run's rows, newest first.

    Raises:
        NotFound: no such run.
        Malformed: the cursor does not come from this list.
    """
    task = runs.task_of(connection, run_id)
    c = run_items.c
    query = sa.select(run_items, _WHY.label("why"), evaluators.c.name)
    query = query.outerjoin(evaluators, evaluators.c.id == c.evaluator_id).where(c.run_id == run_id)
    if state is not None:
        query = query.where(c.state == state)
    if at.cursor is not None:
        place = sa.tuple_(*(sa.literal(part) for part in _decoded(at.cursor)))
        query = query.where(sa.tuple_(c.position, c.evaluator_id) > place)
    found = connection.execute(query.order_by(c.position, c.evaluator_id).limit(at.limit + 1)).fetchall()
    pagination = Pagination()
    if len(found) > at.limit:
        found = found[: at.limit]
        pagination = Pagination(has_more=True, next_cursor=_encoded(found[-1].position, found[-1].evaluator_id))
    scores = _scores(connection, task, run_id, [row.target_id for row in found])
    judges = _judges(connection, run_id)
    return RunRowPage(run_rows=[_row(row, scores, judges) for row in found], pagination=pagination)


def _judges(connection: sa.Connection, run_id: str) -> dict[str, RunJudge]:
    """The versions that a run of an evaluation task pinned, by evaluator. A run that has begun tells its plan's."""
    query = sa.select(task_runs.c.plan, task_runs.c.pinned).where(task_runs.c.id == run_id)
    stored: sa.Row[Any, Any] = connection.execute(query).one()
    plan: dict[str, Any] = stored.plan or {}
    entries: list[dict[str, str]] = plan.get("task", {}).get("evaluators") or []
    pinned = {entry["evaluator_id"]: entry["evaluator_version_id"] for entry in entries} or stored.pinned or {}
    c = evaluator_versions.c
    found = {version_id: RunJudge(version_id=version_id) for version_id in pinned.values()}
    if found:
        for version_id, number, config in connection.execute(
            sa.select(c.id, c.number, c.config).where(c.id.in_(list(found)))
        ):
            model = config.get("llm_config", {}).get("model_name")
            found[version_id] = RunJudge(version_id=version_id, version=number, model=model)
    return {evaluator_id: found[version_id] for evaluator_id, version_id in pinned.items()}


def _row(row: sa.Row[Any], scores: dict[tuple[str, str], float], judges: Mapping[str, RunJudge]) -> RunRow:
    made_by = judges.get(row.evaluator_id)
    return RunRow(
        target_id=row.target_id,
        evaluator=row.name,
        version=None if made_by is None else made_by.version,
        state=row.state,
        label=row.label,
        score=scores.get((row.target_id, row.evaluator_id)),
        reason=row.why,
    )


def _encoded(*place: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii")


def _decoded(cursor: str) -> tuple[int, str]:
    try:
        return _PLACE.validate_json(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, ValidationError):
        raise Malformed("The cursor does not come from this list.", "Start again without a cursor.") from None


def _kept(connection: sa.Connection, run_id: str) -> dict[str, Any]:
    return connection.execute(sa.select(task_runs.c.request).where(task_runs.c.id == run_id)).scalar_one()


def _labels(connection: sa.Connection, run_id: str) -> dict[str, dict[str, int]]:
    c = run_items.c
    labels: dict[str, dict[str, int]] = {}
    scored = sa.select(c.evaluator_id, c.label, sa.func.count())
    # Items without an evaluator are examples of a run that creates an experiment.
    scored = scored.where(c.run_id == run_id, c.state == "SCORED", c.evaluator_id != "")
    for evaluator_id, label, number in connection.execute(scored.group_by(c.evaluator_id, c.label)):
        labels.setdefault(evaluator_id, {})[label or "(no label)"] = number
    return labels


def _causes(connection: sa.Connection, run_id: str, state: RowState) -> list[RunOutcome]:
    c = run_items.c
    query = (
        sa.select(_WHY, sa.func.count(), sa.func.min(c.target_id), sa.func.min(c.reason))
        .where(c.run_id == run_id, c.state == state)
        .group_by(_WHY)
        .order_by(sa.func.count().desc(), _WHY)
        .limit(_CAUSES)
    )
    return [
        RunOutcome(reason=reason or "no reason given", rows=number, example=example, code=code)
        for reason, number, example, code in connection.execute(query)
    ]


def _noted(connection: sa.Connection, run_id: str) -> dict[str, int]:
    """The number of verdicts with each note."""
    c, found = run_items.c, Counter[str]()
    query = sa.select(c.notes, sa.func.count()).where(c.run_id == run_id, c.notes.is_not(None)).group_by(c.notes)
    for notes, number in connection.execute(query):
        found.update(dict.fromkeys(notes.split(","), number))
    return dict(found)


def _own(task: Task, run_id: str) -> sa.ColumnElement[bool]:
    """The condition that this run made a verdict, within the project or dataset of its task."""
    if task.project_id is not None:
        within = evals.c.scope_id == task.project_id
        return within & evals.c.level.in_(("SPAN", "TRACE", "SESSION")) & (run_id == _MADE_BY)
    of_dataset = sa.select(experiments.c.id).where(experiments.c.dataset_id == task.dataset_id)
    return evals.c.scope_id.in_(of_dataset) & (evals.c.level == "RUN") & (run_id == _MADE_BY)


def _tokens(connection: sa.Connection, run_id: str) -> RunTokens | None:
    """Tokens and cost of a run; None if no answer has a token count and none was remembered."""
    c = run_items.c
    query = sa.select(
        sa.func.coalesce(sa.func.sum(c.prompt_tokens), 0).label("prompt"),
        sa.func.coalesce(sa.func.sum(c.completion_tokens), 0).label("completion"),
        sa.func.count(sa.func.coalesce(c.prompt_tokens, c.completion_tokens)).label("answers"),
        sa.func.count(c.cost).label("priced"),
        sa.func.sum(c.cost).label("cost"),
        sa.func.coalesce(sa.func.sum(sa.cast(c.remembered, sa.Integer)), 0).label("remembered"),
    )
    found = connection.execute(query.where(c.run_id == run_id)).one()
    if not found.answers and not found.remembered:
        return None
    return RunTokens(
        prompt=found.prompt,
        completion=found.completion,
        answers=found.answers,
        cost=found.cost,
        unpriced=found.answers - found.priced,
        remembered=found.remembered,
    )


def _scores(connection: sa.Connection, task: Task, run_id: str, targets: Sequence[str]) -> dict[tuple[str, str], float]:
    """The scores of the run by target and evaluator, from verdicts that no later run has replaced."""
    made_with = evals.c.metadata["evaluator_version_id"].as_string()
    query = sa.select(evals.c.target_id, evaluator_versions.c.evaluator_id, evals.c.score)
    query = query.join(evaluator_versions, evaluator_versions.c.id == made_with)
    query = query.where(_own(task, run_id), evals.c.target_id.in_(targets), evals.c.score.is_not(None))
    return {(target, evaluator_id): score for target, evaluator_id, score in connection.execute(query)}

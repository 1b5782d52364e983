"""Counts of the rows that runs would take: by the engine's own selection, or else from the contract's lists."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.judge.selection import Candidate, Stretch, decisions, split
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.wire.evaluators import Granularity
from assaykit.wire.local import RunSelection
from assaykit.wire.plans import PlannedEvaluator, PlannedPart, PlannedRows, PlanRequest, RunPlan
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.tasks import TaskQueryFilter, TaskQueryFilters, TaskQueryMapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LETTER = "A"
_FILTER_LIMIT = 2000
"""Characters of a lettered filter. A task with a longer one is refused when it is created."""


class Mapped(NamedTuple):
    """An evaluator with the path of each of its variables."""

    wanted: WantedEvaluator
    mappings: dict[str, str]


async def counted_by_engine(api: Api, request: PlanRequest) -> RunPlan:
    """The plan of an engine. Source: `POST /x/plan`.

    Raises:
        NotFound: an experiment or the task is deleted.
        Invalid: a filter cannot be read, or the evaluators do not fit together.
    """
    return await api.post("/x/plan", RunPlan, request)


def request_for_spans(query: SpanQuery, evaluators: Sequence[Mapped], level: Granularity) -> PlanRequest:
    """The request for a plan of a project task, in the form that the task has or will have."""
    filters, text = query.filters, query.query_filter
    is_new = all(one.wanted.query_ids is None for one in evaluators)
    if level != "SPAN" and is_new and text is not None and len(text) <= _FILTER_LIMIT:
        filters, text = TaskQueryFilters(filters=[TaskQueryFilter(id=_LETTER, filter=text)]), None
    letters = [] if filters is None else [filters.filters[0].id]
    lettered = level != "SPAN" and (is_new or filters is not None)
    return PlanRequest(
        project_id=query.project_id,
        task_id=query.task_id,
        query_filter=text,
        query_filters=filters,
        sampling_rate=query.sampling_rate,
        evaluators=[_planned(one, letters, lettered=lettered) for one in evaluators],
        trigger=TriggerEvaluationRequest(
            data_start_time=query.period.start,
            data_end_time=query.period.end,
            max_spans=query.max_spans,
            override_evaluations=query.override,
        ),
        in_parts=query.in_parts,
        max_rows=query.max_rows,
        outdated=query.outdated,
    )


def request_for_runs(
    trigger: TriggerEvaluationRequest,
    evaluators: Sequence[Mapped],
    query_filter: str | None,
    max_rows: int | None = None,
    *,
    outdated: bool = False,
) -> PlanRequest:
    """The request for a plan of a task on experiments."""
    planned = [_planned(one, [], lettered=False) for one in evaluators]
    return PlanRequest(
        query_filter=query_filter, evaluators=planned, trigger=trigger, max_rows=max_rows, outdated=outdated
    )


def _planned(one: Mapped, letters: Sequence[str], *, lettered: bool) -> PlannedEvaluator:
    wanted, mappings = one
    version_id = wanted.evaluator.version.id or None
    if not lettered:
        return PlannedEvaluator(
            version_id=version_id,
            config=wanted.config,
            query_filter=wanted.query_filter,
            column_mappings=mappings or None,
        )
    ids = wanted.query_ids
    read = {name: letters if ids is None else ids[name] for name in mappings if ids is None or name in ids}
    found = [
        TaskQueryMapping(variable_name=name, query_ids=[*of], attribute_path=mappings[name])
        for name, of in read.items()
    ]
    return PlannedEvaluator(
        version_id=version_id,
        config=wanted.config,
        query_filter=wanted.query_filter,
        query_mappings=found or None,
    )


class Listed(NamedTuple):
    """Candidates from the contract's lists, newest first. `partly` means that older ones were not read."""

    candidates: Sequence[Candidate]
    partly: bool
    looked_back_to: datetime | None = None


def counted_from_lists(listed: Listed, query: SpanQuery, number: int) -> RunPlan:
    """The plan of candidates that were listed, for so many evaluators.

    Arize AX does not tell which rows its sample takes, so the sample is a share of the rows.
    """
    every = list(decisions(listed.candidates, lambda _: True, override=query.override))
    chosen = [one for one in every if one.fate == "chosen"]
    start = listed.looked_back_to or query.period.start
    stretches = [Stretch(one.candidate.newest, one.candidate.oldest, one.fate == "chosen") for one in every]
    parts = []
    if query.in_parts:
        parts = split(stretches, microseconds(start), microseconds(query.period.end), query.max_spans)
    is_capped = not query.in_parts and (len(chosen) > query.max_spans or listed.partly)
    if not query.in_parts:
        chosen = chosen[: query.max_spans]
    of_parts = [part.rows for part in parts] or [len(chosen)]
    sampled = _within([round(rows * query.sampling_rate) for rows in of_parts], query.max_rows)
    total = sum(sampled)
    share = total / len(chosen) if chosen else 0.0
    evaluators: list[PlannedRows] = []
    for place in range(number):
        rows = round(sum(one.wanted[place] for one in chosen) * share)
        matched = sum(one.candidate.allowed[place] for one in every)
        labelled = sum(one.candidate.allowed[place] and one.candidate.labelled[place] for one in every)
        evaluators.append(PlannedRows(matched=matched, labelled=labelled, rows=rows, calls=rows))
    fates = {fate: sum(one.fate == fate for one in every) for fate in ("labelled", "filtered_out")}
    taken = round(len(chosen) * query.sampling_rate)
    return RunPlan(
        evaluators=evaluators,
        selection=RunSelection(
            matched=len(every), chosen=taken, sampled_out=len(chosen) - taken, capped=is_capped, **fates
        ),
        rows=total,
        start=query.period.start,
        end=query.period.end,
        parts=[
            PlannedPart(start=moment(part.start), end=moment(part.end), rows=rows)
            for part, rows in zip(parts, sampled, strict=False)
        ],
        looked_back_to=listed.looked_back_to,
    )


def _within(rows: Sequence[int], most: int | None) -> list[int]:
    """The rows of each run, of all runs together at most `most`."""
    left = sum(rows) if most is None else most
    found: list[int] = []
    for number in rows:
        found.append(min(number, left))
        left -= found[-1]
        if not left:
            break
    return found


def microseconds(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The time so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=at)

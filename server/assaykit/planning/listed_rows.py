"""Candidate rows from the contract's lists, for backends that do not count what a run would take."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.api.pages import rows
from assaykit.column_paths import Row, reader_of
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.judge.selection import Candidate, decisions
from assaykit.planning.counts import EPOCH, Listed, microseconds
from assaykit.planning.queries import SpanQuery, WantedEvaluator, both, own_filter
from assaykit.wire.local import RunSelection
from assaykit.wire.plans import PlannedRows, RunPlan
from assaykit.wire.runs import DEFAULT_MAX_SPANS, TriggerEvaluationRequest
from assaykit.wire.spans import ListSpansRequest, SpanPage

ROWS_PER_PAGE = 500

MOST_SPANS = 400_000
"""Spans that are listed for each filter. Older spans are left for another call, and the reply says so."""


class _Listing(NamedTuple):
    """The start time and the names of the verdicts of each listed span, by id."""

    spans: dict[str, tuple[datetime, frozenset[str]]]
    is_cut: bool


async def listed_spans(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> Listed:
    """The spans that match the filters of a task, each with the evaluators that may score it.

    Raises:
        Invalid: a filter cannot be read.
    """
    texts = [both(query.query_filter, one.query_filter, own_filter(one)) for one in wanted]
    columns = [one.config.name for one in wanted]
    every = list(dict.fromkeys([*texts, query.query_filter] if len(set(texts)) > 1 else texts))
    found = {text: await _listing(api, query, text, columns) for text in every}
    cut = [min((at for at, _ in of.spans.values()), default=EPOCH) for of in found.values() if of.is_cut]
    looked_back_to = max(cut, default=None)
    merged: dict[str, tuple[datetime, frozenset[str]]] = {}
    for of in found.values():
        merged |= {span_id: one for span_id, one in of.spans.items() if span_id not in merged}
    ordered = sorted(merged.items(), key=lambda one: one[1][0], reverse=True)
    candidates = [
        Candidate(
            query.project_id,
            span_id,
            [span_id in found[text].spans for text in texts],
            [column in names for column in columns],
            microseconds(at),
            microseconds(at),
        )
        for span_id, (at, names) in ordered
        if looked_back_to is None or at >= looked_back_to
    ]
    return Listed(candidates, looked_back_to is not None, looked_back_to if query.in_parts else None)


async def _listing(api: Api, query: SpanQuery, text: str | None, columns: Sequence[str]) -> _Listing:
    body = ListSpansRequest(
        project_id=query.project_id,
        start_time=query.period.start,
        end_time=query.period.end,
        filter=text,
        included_columns=["context.span_id", "start_time", *(f"eval.{column}.label" for column in columns)],
    )
    found: dict[str, tuple[datetime, frozenset[str]]] = {}
    left = 0
    async with aclosing(rows(api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            if len(found) == MOST_SPANS or (left > query.max_spans and not query.in_parts):
                return _Listing(found, is_cut=True)
            names = frozenset(verdict.name for verdict in span.evaluations)
            found[span.context.span_id] = (span.start_time or EPOCH, names)
            left += query.override or not names.issuperset(columns)
    return _Listing(found, is_cut=False)


def counted_runs(
    every: Sequence[Row],
    wanted: Sequence[WantedEvaluator],
    query_filter: str | None,
    trigger: TriggerEvaluationRequest,
    max_rows: int | None,
) -> RunPlan:
    """The plan of one run over rows of experiments.

    Raises:
        Invalid: a filter cannot be read.
    """
    shared = None if query_filter is None else row_tree(query_filter)
    own = [[row_tree(text) for text in (one.query_filter, own_filter(one)) if text is not None] for one in wanted]
    columns = [one.config.name for one in wanted]
    candidates = [
        Candidate(
            "",
            str(row["id"]),
            [all(matches(tree, reader_of(row)) for tree in trees) for trees in own],
            [has_verdict(row, column) for column in columns],
        )
        for row in every
        if shared is None or matches(shared, reader_of(row))
    ]
    decided = list(decisions(candidates, lambda _: True, override=bool(trigger.override_evaluations)))
    chosen = [one for one in decided if one.fate == "chosen"]
    most = trigger.max_spans or DEFAULT_MAX_SPANS
    taken = chosen[: most if max_rows is None else min(most, max_rows)]
    evaluators: list[PlannedRows] = []
    for place in range(len(wanted)):
        number = sum(one.wanted[place] for one in taken)
        may = [one.candidate for one in decided if one.candidate.allowed[place]]
        labelled = sum(one.labelled[place] for one in may)
        evaluators.append(PlannedRows(matched=len(may), labelled=labelled, rows=number, calls=number))
    fates = {fate: sum(one.fate == fate for one in decided) for fate in ("labelled", "filtered_out")}
    selection = RunSelection(matched=len(decided), chosen=len(chosen[:most]), capped=len(chosen) > most, **fates)
    return RunPlan(evaluators=evaluators, selection=selection, rows=len(taken))


def has_verdict(row: Row, column: str) -> bool:
    """Whether a row of an experiment has a label or a score of this name. A blank cell does not count."""
    return any(row.get(f"eval.{column}.{field}") not in (None, "") for field in ("label", "score"))

"""The paths that `input` and `output` had by default before, in tasks that keep them, and the change to those of now.

A task that takes the default of now shows its evaluators other texts. So each of these evaluators gets a version of the
same content, and the verdicts of both texts can be told apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.api.client import path
from assaykit.column_paths import Row
from assaykit.foreign import as_word, exactly
from assaykit.planning.ax_paths import reads_raw, remarks
from assaykit.planning.periods import parse
from assaykit.planning.queries import SpanQuery
from assaykit.planning.spans import USUAL_PATHS, sample_rows
from assaykit.session import Session
from assaykit.toolkit.listing import name_or_id
from assaykit.tools.runs.why_nothing_scored import NextStep
from assaykit.tools.tasks.changes import Replanned
from assaykit.tools.tasks.evaluators import wanted_of
from assaykit.tools.tasks.units import filter_of, version_body
from assaykit.wire.evaluators import EvaluatorVersion, Granularity
from assaykit.wire.tasks import Task, TaskEvaluator

_NEWEST = 10
"""Spans that tell whether a default of before reads other values. Each look at a task reads them."""

_MESSAGE = "Reads the text of messages, or of the root of a trace"


class Offer(NamedTuple):
    """Lines about the paths of a task, and the call that takes the default of now."""

    lines: Sequence[str] = ()
    step: NextStep | None = None


def paths_of(entry: TaskEvaluator) -> dict[str, str]:
    """The path of each variable that an entry of a task maps."""
    return entry.column_mappings or {one.variable_name: one.attribute_path for one in entry.query_mappings or ()}


async def offer_of(here: Session, task: Task) -> Offer:
    """The default paths of now, for a task on spans or traces whose paths read other values by the newest spans."""
    entries = task.evaluators or []
    old = {name for entry in entries for name, at in paths_of(entry).items() if USUAL_PATHS.get(name) == at}
    if not old or task.project_id is None:
        return Offer()
    newest = SpanQuery(task.project_id, parse("everything", here.now()), filter_of(task))
    rows = await sample_rows(here.api, newest, _NEWEST)
    is_of_units = any(entry.query_mappings for entry in entries)
    levels = {one.granularity for one in await wanted_of(here, task)} if is_of_units else {"SPAN"}
    is_of_traces = "TRACE" in levels
    mapped = {name: USUAL_PATHS[name] for name in sorted(old)}
    if not await here.api.has_engine_routes():
        level: Granularity = "TRACE" if is_of_traces else "SPAN"
        return Offer(remarks(mapped, rows, level))
    if not (is_of_traces and _have_several_spans(rows)):
        mapped = {name: at for name, at in mapped.items() if reads_raw(name, at, rows)}
    if not mapped:
        return Offer()
    now = "those of the root of the trace" if is_of_traces else "the text of the messages"
    names = " and ".join(f"{as_word(name)} <- {as_word(at)}" for name, at in mapped.items())
    step = NextStep("update_task", {"task": name_or_id(task), "column_mappings": {name: name for name in mapped}})
    return Offer([f"{names}: the default of before. New tasks read {now}: {step}"], step)


def _have_several_spans(rows: Sequence[Row]) -> bool:
    return len({row["context.trace_id"] for row in rows}) < len(rows)


async def renew(here: Session, before: Task, replaced: Replanned, changes: dict[str, Any]) -> list[str]:
    """Sentences about the new version of each evaluator that takes the default of now.

    `changes` gets the new version where it pins one.
    """
    entries = {entry.evaluator_id: paths_of(entry) for entry in before.evaluators or []}
    changed: list[dict[str, Any]] = changes.get("evaluators") or []
    told: list[str] = []
    for one, share in zip(replaced.wanted, replaced.plan.shares, strict=True):
        if changed and _takes_default(entries.get(one.evaluator.id, {}), share.mappings):
            at = path("v2", "evaluators", one.evaluator.id, "versions")
            body = version_body(one).model_copy(update={"commit_message": _MESSAGE})
            made = await here.api.post(at, EvaluatorVersion, body)
            for entry in changed:
                if entry["evaluator_id"] == one.evaluator.id and entry.get("evaluator_version_id"):
                    entry["evaluator_version_id"] = made.id
            told.append(
                f"{exactly(one.evaluator.name)} has a new version of the same content, because it reads other texts now"
            )
    return told


def _takes_default(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    return any(before.get(name) == at and now.get(name) == name for name, at in USUAL_PATHS.items())

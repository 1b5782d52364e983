"""Backfills that have nothing to do: the reason, and the next call."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from assaykit.foreign import exactly
from assaykit.session import Session
from assaykit.toolkit.listing import name_or_id
from assaykit.tools.runs.targets import Aim
from assaykit.tools.runs.why_nothing_scored import NextStep, no_rows, window_between
from assaykit.wire.tasks import Task


class NothingToScore(NamedTuple):
    """The reason why a backfill has no row to score, and the next step."""

    reason: str
    step: NextStep


async def nothing_to_score(here: Session, aim: Aim, again: Mapping[str, Any]) -> NothingToScore | None:
    """The reason why a backfill has no row to score. None if it has one.

    `again` holds the arguments of the call.
    """
    plan, query = aim.plan, aim.query
    if query is not None and query.sampling_rate == 0:
        step = NextStep("update_task", {"task": aim.target.name, "sampling_rate": 1.0})
        return NothingToScore("The sampling rate is 0, which takes no row", step)
    if not plan.has_nothing:
        return None
    return _left_out(aim, again) if plan.matched else await _unmatched(here, aim, again)


def _left_out(aim: Aim, again: Mapping[str, Any]) -> NothingToScore:
    """The reason why a backfill scores none of the matching rows."""
    plan, found = aim.plan, aim.plan.counted.selection
    if found.sampled_out:
        step = NextStep("update_task", {"task": aim.target.name, "sampling_rate": 1.0})
        return NothingToScore(f"The sampling rate takes none of the other {found.sampled_out} {plan.things}", step)
    if not found.labelled:
        step = NextStep("get_task", {"task": name_or_id(aim.target)}, after=" shows the evaluators' filters")
        return NothingToScore(f"No {plan.unit} matches an evaluator's own filter", step)
    old = found.outdated
    anew = {**again, "rescore_older" if old else "override_evaluations": True}
    step = NextStep("trigger_backfill", anew, after=" scores those anew" if old else " scores them anew")
    told = f", {old} of them by another version of the judge" if old else ""
    return NothingToScore(f"All {found.labelled} matching {plan.things} are labelled{told}", step)


async def _unmatched(here: Session, aim: Aim, again: Mapping[str, Any]) -> NothingToScore:
    """The reason why no row matches."""
    plan, query = aim.plan, aim.query
    if plan.existing or query is None:
        look = NextStep("search_spans", {"project": aim.target.project_id}, after=" shows the rows there")
        step = look if query is not None else NextStep("list_experiments", {}, after=" shows the experiments")
        return NothingToScore(f"No {plan.unit} matches", step)
    cause = await no_rows(here, query.project_id, "the window")
    reason = cause.message.removesuffix(".")
    if cause.newest is None:
        return NothingToScore(reason, NextStep("list_projects", {}, after=" shows the projects"))
    wider = window_between(cause.newest - timedelta(days=7), cause.newest)
    return NothingToScore(reason, NextStep("trigger_backfill", {**again, "window": wider}))


def told_before(nothing: NothingToScore | None, equal: Task | None, new_name: str) -> str:
    """A line of a preview: the effect of the call on tasks and runs."""
    if nothing is not None:
        known = "" if equal is None else f"; task {exactly(equal.name)} scores the same rows"
        return f"{nothing.reason}: the call creates no task and no run{known}"
    return (
        f"The call runs task {exactly(equal.name)}"
        if equal is not None
        else f"The call creates and runs task {exactly(new_name)}"
    )

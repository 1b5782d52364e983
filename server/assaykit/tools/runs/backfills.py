"""Backfills: the reply on a planned backfill, its start, and the list of things that one can name."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from assaykit.api.pages import rows
from assaykit.errors import AssayError, Invalid
from assaykit.foreign import exactly
from assaykit.judge import catalogue
from assaykit.names import Named, holds_experiment_traces
from assaykit.planning.disclosures import Bounds, Disclosure, disclosed, refuse_unpriced
from assaykit.planning.parts import Parts
from assaykit.session import Session
from assaykit.toolkit.listing import plain
from assaykit.toolkit.parameters import ToolContext
from assaykit.toolkit.replies import Reply, bullets, one_line
from assaykit.toolkit.spending import Consent, CostConfirmation, announced, consent, needs_consent, stopping
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.runs.active_runs import at_work, under_way
from assaykit.tools.runs.nothing_to_score import nothing_to_score, told_before
from assaykit.tools.runs.parts import coverage, remarks, requests, triggered
from assaykit.tools.runs.spending import fixed, moves
from assaykit.tools.runs.targets import NEW, Aim, Scope, equal_task, task_for, with_judges
from assaykit.tools.runs.waiting import ids_of, told_of_all, wait_for
from assaykit.tools.tasks.catalogue import judges_told
from assaykit.tools.tasks.evaluators import warnings
from assaykit.wire.evaluators import EvaluatorPage
from assaykit.wire.local import RunLimits
from assaykit.wire.projects import ProjectPage
from assaykit.wire.runs import TaskRun
from assaykit.wire.tasks import Task, TaskPage

NAMES_SHOWN = 10


class Backfill(NamedTuple):
    """A planned backfill. `again` holds the arguments of the call that planned it."""

    within: Named
    aim: Aim
    scope: Scope
    limits: RunLimits
    parts: Parts
    spending: Disclosure
    again: Mapping[str, Any]

    @property
    def of_window(self) -> str:
        """The window at the end of a sentence. Empty for experiments, which have none."""
        return f", {self.scope.period}" if self.aim.reads_spans else ""

    def facts(self, here: Session) -> dict[str, Any]:
        """The plan as data."""
        window = {"window": str(self.scope.period)} if self.aim.reads_spans else {}
        planned = {"plan": self.aim.plan.as_dict(), "spending": self.spending.as_dict()}
        return {**here.source(self.within), **planned, **coverage(self.aim, self.parts), **window}


async def previewed(here: Session, ctx: ToolContext, backfill: Backfill) -> Reply:
    """The reply of a preview: the plan, and the effect of the call on judges, tasks and runs."""
    within, aim, scope, _, parts, spending, again = backfill
    nothing = await nothing_to_score(here, aim, again)
    equal = await equal_task(here, within, aim.target)
    lines = [*aim.plan.lines(), *warnings(aim.plan), *await remarks(here, aim, scope, parts)]
    lines += [] if nothing else [*judges_told(aim.wanted, created=False), *announced(here, ctx, spending)]
    lines.append(told_before(nothing, equal, aim.target.name))
    head = f"Plan for {aim.about}{backfill.of_window}; nothing was triggered:"
    return Reply(f"{head}\n{bullets(lines)}", backfill.facts(here))


async def begun(
    here: Session, ctx: ToolContext, backfill: Backfill, wait: int, confirm_cost: CostConfirmation
) -> Reply:
    """Start the runs of a backfill, unless it has nothing to do or its runs are active already. Wait if asked to.

    Raises:
        Invalid: the backfill needs consent, nobody can be asked, and `confirm_cost` is not the number of calls.
    """
    within, aim, scope, _, parts, spending, again = backfill
    nothing = await nothing_to_score(here, aim, again)
    facts = backfill.facts(here)
    about = [*warnings(aim.plan), *await remarks(here, aim, scope, parts)]
    if nothing is not None:
        equal = await equal_task(here, within, aim.target)
        if equal is None or not await under_way(here, equal, scope):
            facts |= {"task": None if equal is None else equal.name, "runs": [], "next": nothing.step.as_dict()}
            head = f"Nothing to score for {aim.about}{backfill.of_window}."
            head += f" {nothing.reason}, so no task and no run was made."
            return Reply(f"{head}\n{bullets([*aim.plan.lines(), *about])}\nNext: {nothing.step}", facts)
    agreed = await _agreed(here, ctx, backfill, confirm_cost)
    if not agreed.is_given:
        return Reply(f"Nothing was started: {agreed.said}", {**facts, "runs": [], "started": False})
    about = [*judges_told(aim.wanted, created=True), *about, *agreed.lines(spending)]
    aim = await with_judges(here, within, aim)
    found, how = await task_for(here, within, aim.target)
    facts["task"] = found.name
    runs = await under_way(here, found, scope)
    if runs:
        head = await at_work(here, found, runs, scope)
    else:
        runs = await _started(here, found, backfill._replace(aim=aim), is_new=how == NEW)
        head = _head(runs, f"of {how}task {exactly(found.name)}", backfill.of_window, is_last=bool(wait))
    facts |= {"run": plain(runs[0]), "runs": [plain(run) for run in runs]}
    if not wait:
        told = bullets([*aim.plan.lines(), *about])
        return Reply(f"{head}\n{told}\nNext: wait_for_run(run={ids_of(runs)!r}).", facts)
    # The reply on a finished run has no plan, which tells the state before the run.
    ended = await wait_for(here, ctx, runs, wait)
    text, data = await told_of_all(here, ended)
    return Reply("\n".join([head, *map("- {}".format, about), text]), {**facts, "run": plain(ended[0]), **data})


async def _started(here: Session, task: Task, backfill: Backfill, *, is_new: bool) -> list[TaskRun]:
    """Start the runs. If the first is refused, a new task is deleted again. If a later one is, the error has the ids.

    Raises:
        AssayError: a run could not be started.
    """
    runs: list[TaskRun] = []
    bodies = list(zip(requests(backfill.aim, backfill.scope, backfill.parts), limits_of(backfill), strict=True))
    try:
        for body, limits in bodies:
            runs.append(await triggered(here, task.id, body, limits))
    except AssayError as error:
        if runs:
            error.also(
                f"{len(runs)} of {len(bodies)} runs of task {exactly(task.name)} were started before: {ids_of(runs)}.",
                f"wait_for_run(run={ids_of(runs)!r}) waits for them; then the same call starts the others.",
            )
        elif is_new:
            await take_back(here, "tasks", task.id, task.name, error)
        raise
    return runs


async def spending_of(here: Session, aim: Aim, scope: Scope, limits: RunLimits) -> Disclosure:
    """The disclosure of all runs of a backfill.

    Raises:
        Invalid: `max_cost` is given, and the price of a model is not known.
    """
    bounds = Bounds(limits.max_cost, scope.max_spans)
    found = await disclosed(here, aim.plan, aim.wanted, bounds)
    refuse_unpriced(found, here.settings.home)
    return stopping(here, found)


def limits_of(backfill: Backfill) -> Iterator[RunLimits]:
    """The limits of each run. Several runs share the dollars at which the backfill stops, by their rows."""
    parts, limits, stops_at = backfill.parts.parts, backfill.limits, backfill.spending.stops_at
    for number, part in enumerate(parts, 1):
        of_run = limits
        if len(parts) > 1:
            # The rows of `max_rows` end within the last run.
            is_cut = limits.max_rows is not None and number == len(parts)
            of_run = limits.model_copy(update={"max_rows": part.rows if is_cut else None})
        share = part.rows / max(backfill.parts.rows, 1) if len(parts) > 1 else 1
        yield of_run if stops_at is None else of_run.model_copy(update={"max_cost": stops_at * share})


async def _agreed(here: Session, ctx: ToolContext, backfill: Backfill, confirm_cost: CostConfirmation) -> Consent:
    """Consent to the backfill. Nobody is asked while its runs are active, because the call then starts none."""
    within, aim, scope = backfill.within, backfill.aim, backfill.scope
    if needs_consent(here.settings, backfill.spending):
        equal = await equal_task(here, within, aim.target)
        if equal is not None and await under_way(here, equal, scope):
            return Consent(is_given=True)
    again = fixed(scope.period, None) if aim.reads_spans and moves(here, scope.period) else {}
    return await consent(here, ctx, f"Score {aim.about}", backfill.spending, confirm_cost, again)


def _head(runs: list[TaskRun], of_task: str, of_window: str, *, is_last: bool) -> str:
    """The runs that were started. Their status is left out if the reply goes on with a later one."""
    one = len(runs) == 1
    told = f"Run {runs[0].id} {of_task}" if one else f"{len(runs)} runs {of_task}"
    if is_last:
        return f"{told}{of_window}."
    return f"{told} {'is' if one else 'are'} {runs[0].status}{of_window}."


async def unnamed(here: Session, within: Named) -> Invalid:
    """The error of a backfill that names neither a task nor evaluators. It lists the names that there are."""
    inside = {"space_id": within.id}
    every = {
        "Tasks": [one async for one in rows(here.api, "/v2/tasks", TaskPage, inside) if one.type != "RUN_EXPERIMENT"],
        "Projects": [
            one async for one in rows(here.api, "/v2/projects", ProjectPage, inside) if not holds_experiment_traces(one)
        ],
        "Judges": [one async for one in rows(here.api, "/v2/evaluators", EvaluatorPage, inside)],
    }
    listed = [f"{noun}: {_names([one.name for one in found])}." for noun, found in every.items()]
    ready = ", ".join(one.name for one in catalogue.all())
    return Invalid(
        " ".join(["There is no evaluator to score with.", *listed, f"Catalogue: {ready}."]),
        "Pass task, or project and evaluators.",
    )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(repr(one_line(name, 60)) for name in names[:NAMES_SHOWN]) + more if names else "none"

"""The recording of an experiment: its rows are run into a journal, written to the backend, and scored by judges."""

from collections.abc import Sequence
from typing import NamedTuple

from assaykit.api import experiments as stored
from assaykit.api.client import LONGEST_NAME
from assaykit.errors import Invalid, quote
from assaykit.experiments import executing as runs
from assaykit.experiments import kept_plans
from assaykit.experiments.content import Content, examples_of_calls
from assaykit.experiments.executing import ExperimentPlan, Ran
from assaykit.figures import things
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.queries import WantedEvaluator
from assaykit.runner.journal import Journal
from assaykit.runner.progress import Report
from assaykit.runner.results import RowResult
from assaykit.runner.worker_pool import PendingCall
from assaykit.session import Session
from assaykit.toolkit.parameters import ToolContext
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.spending import Consent, CostConfirmation, consent
from assaykit.tools.experiment_running.judges import Judged, columns_of, judged, refuse_unread
from assaykit.tools.experiment_running.results import told
from assaykit.tools.experiment_running.selection import ChosenExamples
from assaykit.tools.tasks.catalogue import is_new, judges_told
from assaykit.tools.tasks.units import created
from assaykit.wire.experiments import Experiment


def title_of(name: str) -> str:
    """The name, if an experiment can have it. Found out later, every row would be run for nothing.

    Raises:
        Invalid: the name is blank, too long, or has a quotation mark or a backslash.
    """
    if not name.strip() or len(name) > LONGEST_NAME or set(name) & {'"', "\\"}:
        raise Invalid(
            f"An experiment cannot be named {quote(name, 60)!r}.",
            f"Pass a name of 1 to {LONGEST_NAME} characters without quotation marks and backslashes.",
        )
    return name


class GridPlace(NamedTuple):
    """The place of one experiment among several in the progress of a call: the rows before it, and all rows."""

    before: int = 0
    of: int | None = None


class Goal(NamedTuple):
    """The experiment that records a run, the judges that score it, and what they spend."""

    within: Named
    dataset: Named
    name: str
    judges: Sequence[WantedEvaluator]
    spending: Disclosure
    confirm_cost: CostConfirmation
    chosen: ChosenExamples
    agreed: Consent | None = None
    """The consent that a caller of several experiments was given for all of them."""

    part: GridPlace = GridPlace()


async def recorded(
    here: Session, ctx: ToolContext, goal: Goal, plan: ExperimentPlan, calls: Sequence[PendingCall], restart: bool
) -> Reply:
    """Run the calls, record the experiment, and let its judges score it. A call that was killed goes on.

    Raises:
        Conflict: an experiment has this name, or was begun with other content.
        Invalid: the run ended at its first failed row.
    """
    within, target, title, judges, spending = goal.within, goal.dataset, goal.name, goal.judges, goal.spending
    report = reporter(ctx, len(calls) * len(judges), goal.part)
    with Journal(here.settings.home, target.id, title) as journal:
        if not journal.asked and await stored.named(here.api, target.id, title) is not None:
            raise stored.taken(target.name, title)
        what = f"Let judges score experiment {quoted(title)}"
        agreed = goal.agreed or await consent(here, ctx, what, spending, goal.confirm_cost)
        if not agreed.is_given:
            return declined(here, within, agreed, spending)
        if any(map(is_new, judges)):
            # A call that is refused here creates no judge.
            runs.resume(journal, plan, target, title, calls, restart=restart)
            judges = await created(here, within, judges)
            plan = plan._replace(judges=[one.evaluator.id for one in judges])
        runs.resume(journal, plan, target, title, calls, restart=restart)
        ran = await runs.execute(plan, calls, journal, here.settings, report, columns_of(judges), goal.chosen.shape)
        if ran.stopped_by is not None:
            raise _stopped(journal, plan, ran, ran.stopped_by)
        refuse_unread(judges, calls, ran.results)
        made = await runs.write(here.api, target, title, ran.results, plan, goal.chosen.version_id)
        origin = Content({**journal.files}, {**journal.packages}, examples_of_calls(calls))
        kept_plans.remember(here.settings.home, made.id, plan, origin)
        here.names.forget()
        said = await scored(here, within, made, judges, spending, report, len(calls))
        were = "was" if ran.resumed == 1 else "were"
        resumed = f" {things(ran.resumed, 'row')} {were} done before." if ran.resumed else ""
        if journal.damaged:
            lines = things(journal.damaged, "damaged line")
            resumed += f" Its journal had {lines}; each row without a readable result was run again."
        facts = {"experiment": {"id": made.id, "name": made.name}, "dataset": target.name, "resumed": ran.resumed}
        facts["spending"] = spending.as_dict()
        new = "".join(f" {line}." for line in judges_told(goal.judges, created=True))
        head = f"Experiment {exactly(made.name)} ({made.id}) on {exactly(target.name)}.{goal.chosen.told}{resumed}{new}"
        reply = told(here, within, plan, ran, facts, head, said.below(agreed.lines(spending)))
        journal.forget()
    return reply


def declined(here: Session, within: Named, agreed: Consent, spending: Disclosure) -> Reply:
    """The reply if nobody agreed to the spending."""
    data = {**here.source(within), "started": False, "spending": spending.as_dict()}
    return Reply(f"Nothing was started: {agreed.said}", data)


def _stopped(journal: Journal, plan: ExperimentPlan, ran: Ran, row: RowResult) -> Invalid:
    """The error for a run that ended at its first failed row. Results of an earlier call are kept."""
    kept = ""
    if ran.resumed:
        journal.drop([one.call for one in ran.results if one.error is not None])
        kept = f" The {len(journal.results)} rows that succeeded, some of them in an earlier call, are kept."
    else:
        journal.forget()
    return Invalid(
        f"Stopped at the first error, on example {row.call.example_id}: {row.error}",
        f"Nothing was recorded.{kept} Correct the function{', or leave out exit_on_error' * plan.exit_on_error}.",
    )


async def scored(
    here: Session,
    within: Named,
    made: Experiment,
    judges: Sequence[WantedEvaluator],
    spending: Disclosure,
    report: Report,
    done: int,
) -> Judged:
    """Let the judges score the recorded runs."""

    async def progress(judged: int) -> None:
        await report(done + judged, done, f"{judged} of {done * len(judges)} verdicts of judges")

    return await judged(here, within, made, judges, spending.stops_at, progress) if judges else Judged([], [])


def reporter(ctx: ToolContext, verdicts: int = 0, part: GridPlace = GridPlace()) -> Report:  # noqa: B008  (it does not change)
    """A callback that reports progress. Its total includes the verdicts of judges, which come after the rows."""

    async def report(done: int, total: int, words: str) -> None:
        await ctx.report_progress(part.before + done, part.of or total + verdicts, words)

    return report

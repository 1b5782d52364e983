"""Judging of an experiment's stored outputs by functions of the user's and by judges. No task is called."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.api import experiments as stored
from assaykit.errors import Invalid
from assaykit.experiments import executing as runs
from assaykit.experiments import kept_plans
from assaykit.experiments import stored_outputs as outputs
from assaykit.experiments.examples import example_columns
from assaykit.experiments.executing import ExperimentPlan, Ran
from assaykit.experiments.stored_outputs import StoredRow
from assaykit.figures import things
from assaykit.files.folders import Folders
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.queries import WantedEvaluator
from assaykit.runner.assaykit_worker.examples import shape_of
from assaykit.runner.code import code_of
from assaykit.runner.journal import Journal
from assaykit.runner.progress import Report
from assaykit.runner.results import RowResult
from assaykit.session import Session
from assaykit.toolkit.parameters import ToolContext
from assaykit.toolkit.replies import Reply, bullets, quoted
from assaykit.toolkit.spending import announced, consent
from assaykit.tools.experiment_running.judges import (
    NOTHING_SAID,
    Judged,
    columns_of,
    judged,
    judges_of,
    spending_of,
    wanted_judges,
)
from assaykit.tools.experiment_running.results import counted, counts_line, run_twice
from assaykit.tools.tasks.catalogue import judges_told
from assaykit.tools.tasks.units import created
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.experiments import Experiment, ExperimentRun

TRIED = 10
"""Rows of a dry run."""

NOTHING: Sequence[RowResult] = ()


class StoredJudging(NamedTuple):
    """An experiment, its runs, and the evaluators that judge the outputs."""

    made: Experiment
    found: Sequence[ExperimentRun]
    plan: ExperimentPlan
    judges: Sequence[WantedEvaluator]
    every: Sequence[StoredRow]
    left: Sequence[StoredRow]
    """The rows on which a function has no verdict of its present code."""

    examples: Mapping[str, Mapping[str, Any]] | None
    spending: Disclosure

    @property
    def failed(self) -> int:
        """The number of rows without an output, also after retries."""
        return len(outputs.failed_calls(self.found))


async def stored_judging(
    here: Session, made: Experiment, evaluators: Sequence[str], python: str | None, space: str | None
) -> StoredJudging:
    """The judging of all outputs of an experiment by these evaluators, planned.

    Raises:
        Invalid, NotFound: an evaluator cannot be used, or judges are named and the experiment has no dataset.
    """
    if not evaluators:
        raise Invalid("There is no evaluator to judge the outputs.", "Pass evaluators=['checks.py:correct'].")
    folders = Folders(here.settings.folders)
    functions = runs.functions(evaluators, folders)
    by_name = judges_of(evaluators)
    if by_name and made.dataset_id is None:
        raise Invalid(
            f"Judge {exactly(by_name[0])} needs the dataset of {exactly(made.name)}, which has none.",
            "Pass functions alone, such as 'checks.py:correct'.",
        )
    examples = (
        None if made.dataset_id is None
        else await example_columns(here.api, made.dataset_id, made.dataset_version_id)
    )  # fmt: skip
    rows = [DatasetExample.model_validate({**columns, "id": key}) for key, columns in (examples or {}).items()]
    judges = await wanted_judges(here, by_name, rows, space)
    found = await stored.runs_of(here.api, made.id)
    every = outputs.rows_with_outputs(found)
    before = kept_plans.recalled(here.settings.home, made.id)
    plan = ExperimentPlan(
        None, functions, runs.python_for(functions[0], python, folders) if functions else here.settings.home,
        metadata=outputs.metadata_of(found), judges=[one.evaluator.id for one in judges],
    )  # fmt: skip
    if before is not None:
        plan = plan._replace(binding=before.binding, concurrency=before.concurrency, timeout_s=before.timeout_s,
                             retries=before.retries)  # fmt: skip
    codes = [code_of(one.file, one.name) for one in functions]
    columns = columns_of(judges)
    unjudged = [row for row in every if not all(_has(row.run, name) for name in columns)]
    spending = await spending_of(here, judges, rows, len(unjudged))
    return StoredJudging(
        made, found, plan, judges, every, outputs.without_verdicts_of(every, codes), examples, spending
    )


def _has(run: ExperimentRun, name: str) -> bool:
    columns = run.model_extra or {}
    return any(columns.get(f"eval.{name}.{field}") not in (None, "") for field in ("label", "score"))


async def tried(here: Session, ctx: ToolContext, within: Named, asked: StoredJudging, report: Report) -> Reply:
    """Judge the first rows and record nothing."""
    ran = await _execute(here, asked, asked.left[:TRIED], None, report)
    said = Judged(announced(here, ctx, asked.spending), [])
    head = f"Dry run, nothing was recorded. The same call without dry_run judges {_rows(asked)}."
    facts = {"dry_run": True, "would_judge": len(asked.left), "spending": asked.spending.as_dict()}
    return _told(here, within, asked, ran, facts, head, said, "the same call without dry_run")


async def judge_stored(
    here: Session, ctx: ToolContext, within: Named, asked: StoredJudging, confirm_cost: int | None, report: Report
) -> Reply:
    """Judge the outputs that have no verdict of these evaluators, and record the verdicts.

    An earlier call that ended halfway is gone on with. On AX the verdicts are in a further experiment.
    """
    made, spending = asked.made, asked.spending
    agreed = await consent(here, ctx, f"Let judges score experiment {quoted(made.name)}", spending, confirm_cost)
    if not agreed.is_given:
        data = {**here.source(within), "started": False, "spending": spending.as_dict()}
        return Reply(f"Nothing was started: {agreed.said}", data)
    judges = await created(here, within, asked.judges)
    asked = asked._replace(judges=judges)
    target, written = made, dict[str, int]()
    with Journal(here.settings.home, made.id, "judge") as journal:
        ran = await _execute(here, asked, asked.left, journal, report)
        if ran is not None:
            if await here.api.has_engine_routes():
                counts = await outputs.write_verdicts(here.api, made, asked.left, ran.results)
                written = counts.model_dump()
            else:
                target = await outputs.copy_judged(here.api, made, asked.found, asked.left, ran.results)
                here.names.forget()
            await runs.send_spans(here.api, target, ran.results)
        said = await _scored(here, within, target, asked, report)
        journal.forget()
    new = "".join(f" {line}." for line in judges_told(asked.judges, created=True))
    facts: dict[str, Any] = {"experiment": {"id": target.id, "name": target.name}, "spending": spending.as_dict()}
    facts |= {"judged": len(asked.left), "written": written}
    head = f"Judged {_rows(asked)} of {exactly(made.name)} ({made.id}); no task was run.{new}"
    if not asked.plan.evaluators:
        head = f"Judges scored the outputs of {exactly(made.name)} ({made.id}); no task was run.{new}"
    if target is not made:
        facts["judged_experiment"] = {"id": made.id, "name": made.name}
        head += f" AX adds no verdict to a run, so the further experiment {exactly(target.name)} has all of them."
    return _told(here, within, asked, ran, facts, head, said.below(agreed.lines(spending)), "get_experiment")


async def _scored(here: Session, within: Named, target: Experiment, asked: StoredJudging, report: Report) -> Judged:
    if not asked.judges:
        return NOTHING_SAID
    total = len(asked.every) * len(asked.judges)

    async def progress(done: int) -> None:
        await report(len(asked.left) + done, len(asked.left), f"{done} of {total} verdicts of judges")

    return await judged(here, within, target, asked.judges, asked.spending.stops_at, progress)


async def _execute(
    here: Session, asked: StoredJudging, rows: Sequence[StoredRow], journal: Journal | None, report: Report
) -> Ran | None:
    if not rows or not asked.plan.evaluators:
        return None
    calls = outputs.calls_on(rows, asked.examples)
    shape = shape_of(one.columns for one in outputs.calls_on(asked.every, asked.examples))
    taken = [*columns_of(asked.judges), *outputs.names_of_others(asked.found)]
    if journal is not None:
        wanted = asked.plan.asked(asked.made.id, calls)
        is_other = journal.asked != wanted or bool(journal.changed_files())
        target = Named.of(asked.made)
        runs.resume(journal, asked.plan, target, asked.made.name, calls, restart=is_other)
    ran = await runs.execute(asked.plan, calls, journal, here.settings, report, taken, shape)
    names = [one["name"] for one in ran.ready.get("evaluators", ())]
    return ran._replace(results=[outputs.with_failures(one, names) for one in ran.results])


def _rows(asked: StoredJudging) -> str:
    return things(len(asked.left), "row")


def _told(
    here: Session,
    within: Named,
    asked: StoredJudging,
    ran: Ran | None,
    facts: Mapping[str, Any],
    head: str,
    said: Judged,
    following: str,
) -> Reply:
    results = NOTHING if ran is None else ran.results
    scores = counted(results)
    notes: list[str] = []
    if asked.failed:
        notes.append(f"Not judged: {things(asked.failed, 'failed row')}. retry_experiment without evaluators runs "
                     f"{'it' if asked.failed == 1 else 'them'} again")  # fmt: skip
    done = len(asked.every) - len(asked.left)
    if done and asked.plan.evaluators:
        notes.append(f"{things(done, 'row')} had verdicts of the same code before, and kept them")
    if replaced := facts.get("written", {}).get("replaced"):
        notes.append(f"{things(replaced, 'verdict')} replaced one of other code, which is kept as an earlier verdict")
    if ran is not None:
        notes += [*ran.ready.get("notes", ()), *run_twice(ran), *ran.changes]
    lines = [f"{quoted(name, 60)}: {counts_line(counts, 0)}" for name, counts in scores.items()]
    lines += [] if ran is None else [f"Interpreter: {asked.plan.python}"]
    data = {**here.source(within), **facts, "rows": len(asked.every), "failed": asked.failed, "evaluators": scores,
            "notes": notes, "python": str(asked.plan.python), "judge_runs": said.data}  # fmt: skip
    return Reply(f"{head}\n{bullets([*lines, *notes, *said.lines])}", data, (), f"Next: {following}.")

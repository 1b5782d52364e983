"""The evaluations after the run of an experiment: by tasks, and by judges that have no task on the dataset yet."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import anyio

from assaykit.api.pages import rows
from assaykit.errors import NotFound
from assaykit.foreign import as_word, exactly
from assaykit.names import Named
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.spans import TaskPlan
from assaykit.session import Session
from assaykit.toolkit.parameters import ToolContext
from assaykit.tools.runs.parts import triggered
from assaykit.tools.runs.waiting import told_of_all, wait_for
from assaykit.tools.tasks import limits
from assaykit.tools.tasks.catalogue import evaluator_of
from assaykit.tools.tasks.changes import plan_on_dataset
from assaykit.tools.tasks.evaluators import entries, task_type, wanted_evaluators
from assaykit.tools.tasks.units import created, lettered, refuse_on_dataset
from assaykit.wire.experiments import ExperimentPage
from assaykit.wire.local import RunLimits
from assaykit.wire.runs import TaskRun, TriggerEvaluationRequest, TriggerRunExperimentRequest
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskPage

Request = TypeVar("Request", bound=TriggerEvaluationRequest | TriggerRunExperimentRequest)


class Followers(NamedTuple):
    """What scores the experiment of this name when the run that makes it is complete.

    The backend starts `tasks` by itself; `made` are those that are new. `judges` have no task on the dataset yet.
    `experiment_id` is the newest experiment of the dataset, if it has one: a task on a dataset must name one. `plans`
    are those of the judges' tasks on it.
    """

    experiment: str = ""
    dataset: Named = Named(id="", name="")
    tasks: tuple[Named, ...] = ()
    made: tuple[Named, ...] = ()
    judges: tuple[WantedEvaluator, ...] = ()
    experiment_id: str | None = None
    plans: tuple[TaskPlan, ...] = ()

    def in_request(self, body: Request) -> Request:
        """The request of the run with the ids of the tasks."""
        ids = [one.id for one in self.tasks]
        return body.model_copy(update={"evaluation_task_ids": ids}) if ids else body

    def task_name(self, judge: WantedEvaluator) -> str:
        """The name of the task that a judge gets."""
        return judge.evaluator.name + " on " + self.dataset.name

    def sentence(self, *, is_complete: bool = False) -> str:
        """The evaluations that follow; empty if none do. A run that `is_complete` is followed by judges at once."""
        said = [f"Created task {exactly(one.name)}." for one in self.made]
        if self.tasks:
            names = ", ".join(as_word(one.name) for one in self.tasks)
            said.append(f"When it is complete, {names} score it; get_task shows.")
        for judge in () if is_complete else self.judges:
            name, task = exactly(judge.evaluator.name), exactly(self.task_name(judge))
            said.append(
                f"{as_word(judge.evaluator.name)} has no task yet, and a task needs an experiment. When the run is "
                f"complete: create_task(name={task}, evaluators=[{name}], experiments=[{exactly(self.experiment)}]), "
                f"then trigger_run(task={task})."
            )
        return "".join(f" {one}" for one in said)


async def followers_of(
    here: Session, within: Named, dataset_id: str, body: TriggerRunExperimentRequest, names: Sequence[str]
) -> Followers:
    """The tasks and judges of these names. A judge with a task of its own on the dataset stands for that task.

    Raises:
        NotFound: neither a task nor a judge has a name.
        Invalid: a judge is named twice or judges traces or sessions, a judge of the catalogue has no model, or a
            variable of a judge has no value in the rows of the newest experiment.
    """
    found, judges = list[Named](), list[str]()
    for name in dict.fromkeys(names):
        task = await _task(here, within, dataset_id, name)
        if task is None:
            judges.append(name)
        else:
            found.append(Named(id=task.id, name=task.name))
    if not judges:
        return Followers(body.experiment_name, tasks=tuple(found))
    dataset = await here.names.dataset(dataset_id, within)
    wanted = await wanted_evaluators(here, judges, None, within.id)
    refuse_on_dataset(wanted)
    tasks = await _own_tasks(here, within, dataset_id)
    found += [tasks[one.evaluator.id] for one in wanted if one.evaluator.id in tasks]
    rest = tuple(one for one in wanted if one.evaluator.id not in tasks)
    newest = await here.api.get("/v2/experiments", ExperimentPage, dataset_id=dataset_id, limit=1)
    experiment_id = next((one.id for one in newest.experiments), None)
    followers = Followers(body.experiment_name, dataset, tuple(found), judges=rest)
    return followers if experiment_id is None else await _planned(here, followers, experiment_id)


async def _planned(here: Session, followers: Followers, experiment_id: str) -> Followers:
    """The followers with the plans of tasks on an experiment. Its rows are checked here, before anybody is asked."""
    on = followers.dataset.id
    plans = [await plan_on_dataset(here, on, [experiment_id], [one], None) for one in followers.judges]
    return followers._replace(experiment_id=experiment_id, plans=tuple(plans))


async def _task(here: Session, within: Named, dataset_id: str, name: str) -> Task | None:
    """The task of this name; None if a judge has the name, and no task on the dataset."""
    task, absent = None, None
    try:
        task = await here.names.whole_task(name, within)
    except NotFound as error:
        absent = error
    if task is not None and task.dataset_id == dataset_id:
        return task
    try:
        await evaluator_of(here, within, name)
    except NotFound as no_judge:
        if absent is not None:
            said = f"{absent.message} {no_judge.message}"
            raise NotFound(said, "Name a task on the dataset, or a judge.") from None
        return task
    return None


async def _own_tasks(here: Session, within: Named, dataset_id: str) -> dict[str, Named]:
    """The tasks on the dataset with one evaluator and no filter, by the id of the evaluator."""
    found: dict[str, Named] = {}
    async for task in rows(here.api, "/v2/tasks", TaskPage, {"space_id": within.id, "dataset_id": dataset_id}):
        of_task = task.evaluators or []
        if len(of_task) == 1 and task.query_filter is None and of_task[0].query_filter is None:
            found.setdefault(of_task[0].evaluator_id, Named(id=task.id, name=task.name))
    return found


async def with_tasks(here: Session, within: Named, followers: Followers) -> Followers:
    """The same followers; judges have tasks now if the dataset has an experiment.

    Raises:
        Conflict: another task has the name of a judge's new task.
    """
    if followers.experiment_id is None:
        return followers
    made = [
        await _new_task(here, within, followers, judge, plan)
        for judge, plan in zip(followers.judges, followers.plans, strict=True)
    ]
    return followers._replace(tasks=(*followers.tasks, *made), made=tuple(made), judges=(), plans=())


async def _new_task(
    here: Session, within: Named, followers: Followers, judge: WantedEvaluator, plan: TaskPlan
) -> Named:
    wanted = await created(here, within, [judge])
    body = CreateTaskRequest(
        name=followers.task_name(judge),
        type=task_type(None, wanted),
        dataset_id=followers.dataset.id,
        experiment_ids=[followers.experiment_id or ""],
        evaluators=entries(wanted, plan),
    )
    task = await limits.create(here, lettered(body, "SPAN"), {})
    here.names.forget()
    return Named(id=task.id, name=task.name)


async def awaited(
    here: Session, ctx: ToolContext, within: Named, followers: Followers, run: TaskRun, wait_s: float
) -> tuple[TaskRun, str, dict[str, Any]]:
    """Wait for a run, and score its experiment by the judges that have no task yet, which each get one.

    Returns the run, the report on it and on the runs of the judges, and its data.

    Raises:
        Invalid: a variable of a judge has no value in the rows of the experiment.
        Conflict: as `with_tasks`.
    """
    ends = anyio.current_time() + wait_s
    (run,) = await wait_for(here, ctx, [run], wait_s)
    text, data = await told_of_all(here, [run])
    if not followers.judges or run.status != "COMPLETED" or run.experiment_id is None:
        return run, text, data
    planned = await _planned(here, followers._replace(tasks=()), run.experiment_id)
    whole = await with_tasks(here, within, planned)
    body = TriggerEvaluationRequest(experiment_ids=[run.experiment_id])
    started = [await triggered(here, task.id, body, RunLimits()) for task in whole.tasks]
    scored, scoring = await told_of_all(here, await wait_for(here, ctx, started, ends - anyio.current_time()))
    names = ", ".join(exactly(task.name) for task in whole.tasks)
    created_now = f"Created {names}, which scores later experiments too: evaluation_tasks."
    return run, f"{text}\n{created_now}\n{scored}", {**data, "scoring": scoring}

"""A grid of experiments: one for each combination of the values of parameters."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from assaykit.api import experiments as stored
from assaykit.errors import Invalid, quote
from assaykit.experiments import executing as runs
from assaykit.experiments import kept_plans
from assaykit.experiments.content import Content, changes, examples_of_calls
from assaykit.experiments.executing import ExperimentPlan, Ran
from assaykit.figures import digits, things
from assaykit.foreign import as_word, exactly
from assaykit.runner.journal import Journal, digest_of
from assaykit.runner.results import text
from assaykit.runner.usage import cost, tokens
from assaykit.runner.worker_pool import PendingCall
from assaykit.session import Session
from assaykit.toolkit.parameters import ToolContext
from assaykit.toolkit.replies import Reply, bullets, quoted
from assaykit.toolkit.spending import announced, consent
from assaykit.tools.experiment_running.judges import columns_of
from assaykit.tools.experiment_running.recording import Goal, GridPlace, declined, recorded, reporter, title_of
from assaykit.tools.experiment_running.results import counted, counts_line
from assaykit.tools.tasks.units import created
from assaykit.wire.experiments import Experiment

MOST_EXPERIMENTS = 50
_LONGEST_VALUE = 30
_UNFIT = frozenset({'"', "\\", "\n", "\r", "\t"})


class Combination(NamedTuple):
    """One value for each parameter, and the name of its experiment."""

    name: str
    params: Mapping[str, Any]

    def of(self, plan: ExperimentPlan) -> ExperimentPlan:
        """The plan with these values, which the metadata has too."""
        values = {name: text(value) for name, value in self.params.items()}
        return plan._replace(params=self.params, metadata={**values, **plan.metadata})


class ExperimentGrid(NamedTuple):
    """The experiments of all combinations over the same calls. The goal has the spending of all of them."""

    goal: Goal
    combinations: Sequence[Combination]
    plan: ExperimentPlan
    calls: Sequence[PendingCall]
    restart: bool

    @property
    def size(self) -> str:
        """The size in words."""
        number, rows = len(self.combinations), len(self.calls)
        return f"{number} experiments of {things(rows, 'row')}, so {things(number * rows, 'call')} of the task"


def combinations_of(name: str, params: Mapping[str, Any]) -> list[Combination]:
    """Every combination of the values, in the order of the parameters; a list has several values.

    The name of an experiment tells its values. A value that is long or has line breaks is told by its number.

    Raises:
        Invalid: a list is empty or repeats a value, or there are more than `MOST_EXPERIMENTS` combinations.
    """
    lists = {key: _values(key, value) for key, value in params.items()}
    number = 1
    for values in lists.values():
        number *= len(values)
    if number > MOST_EXPERIMENTS:
        raise Invalid(
            f"params makes {number} experiments, and {MOST_EXPERIMENTS} is the limit of a call.",
            "Pass fewer values at a time.",
        )
    several = [key for key, values in lists.items() if len(values) > 1]
    found: list[Combination] = []
    for places in itertools.product(*(range(len(values)) for values in lists.values())):
        chosen = dict(zip(lists, places, strict=True))
        label = ", ".join(f"{key}={_label(lists[key], chosen[key])}" for key in several)
        values = {key: lists[key][place] for key, place in chosen.items()}
        found.append(Combination(title_of(f"{name} {label}" if label else name), values))
    return found


def _values(name: str, value: Any) -> list[Any]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not values:
        raise Invalid(f"params.{quote(name, 60)} has no values.", "Pass one value, or a list of several.")
    texts = [json.dumps(one, sort_keys=True) for one in values]
    if len(set(texts)) < len(texts):
        raise Invalid(f"params.{quote(name, 60)} has a value twice.", "Pass each value once.")
    return values


def _label(values: Sequence[Any], place: int) -> str:
    """The value itself if all of them are short, else its number."""
    texts = [text(one) if one is not None else "null" for one in values]
    fit = all(one.strip() and len(one) <= _LONGEST_VALUE and not set(one) & _UNFIT for one in texts)
    return texts[place] if fit and len(set(texts)) == len(texts) else str(place + 1)


async def tried_grid(here: Session, ctx: ToolContext, grid: ExperimentGrid, rows: int) -> Reply:
    """Run about `rows` rows in all, at least one of each combination. Record nothing; tell the size and the cost."""
    goal, each = grid.goal, max(1, rows // len(grid.combinations))
    lines, tried = list[str](), list[dict[str, Any]]()
    amounts: list[Ran] = []
    for one in grid.combinations:
        plan = one.of(grid.plan)
        ran = await runs.execute(
            plan, grid.calls[:each], None, here.settings, reporter(ctx), columns_of(goal.judges), goal.chosen.shape
        )
        amounts.append(ran)
        failed = [result for result in ran.results if result.error is not None]
        scores = counted(ran.results)
        lines.append(f"{quoted(one.name)}: {_counts(len(ran.results), len(failed), scores)}")
        tried.append({"name": one.name, "rows": len(ran.results), "failed": len(failed), "evaluators": scores,
                      "error": failed[0].error if failed else None})  # fmt: skip
    expected = _expected(amounts, grid)
    head = f"Dry run, nothing was recorded. The same call without dry_run makes {grid.size}.{goal.chosen.told}"
    said = [*lines, *expected.values(), *announced(here, ctx, goal.spending)]
    errors = [f"{exactly(one['name'])} failed: {one['error']}" for one in tried if one["error"]][:3]
    data = {**here.source(goal.within), "dry_run": True, "experiments": tried,
            "rows": sum(one["rows"] for one in tried),
            "failed": sum(one["failed"] for one in tried), "evaluators": {}, "judge_runs": [],
            "calls": len(grid.calls) * len(grid.combinations), "expected": expected,
            "spending": goal.spending.as_dict()}  # fmt: skip
    following = "correct the function, then call again" if errors else "the same call without dry_run"
    return Reply(f"{head}\n{bullets(said)}", data, errors, f"Next: {following}.")


def _expected(amounts: Sequence[Ran], grid: ExperimentGrid) -> dict[str, str]:
    """Sentences on the cost, tokens and time of all calls, from the rows tried; none where a row tells no amount."""
    tried = [one for ran in amounts for one in ran.results]
    calls, found = len(grid.calls) * len(grid.combinations), dict[str, str]()
    costs, used = [cost(one.trace) for one in tried if one.spans], [tokens(one.trace) for one in tried if one.spans]
    times = [one.latency_ms for one in tried if one.latency_ms is not None]
    if costs and None not in costs:
        mean = sum(one or 0 for one in costs) / len(costs)
        found["cost"] = f"Cost of the task, from {things(len(costs), 'row')}: about ${digits(mean * calls, 2)}"
    if used and None not in used:
        mean = sum(one or 0 for one in used) / len(used)
        found["tokens"] = f"Tokens of the task: about {digits(mean * calls, 2)}"
    if times:
        seconds = sum(times) / len(times) / 1000 * calls / max(1, grid.plan.concurrency)
        found["time"] = f"Time: about {digits(max(seconds, 0.1), 2)} s at {grid.plan.concurrency} rows at once"
    return found


async def recorded_grid(here: Session, ctx: ToolContext, grid: ExperimentGrid) -> Reply:
    """Record the experiments one after the other. Those that an earlier call has recorded are not run again.

    Raises:
        Conflict: another experiment has one of the names.
    """
    goal, each = grid.goal, len(grid.calls) * (1 + len(grid.goal.judges))
    done = {one.name: await _recorded_before(here, grid, one) for one in grid.combinations}
    what = f"Let judges score {len(grid.combinations)} experiments"
    agreed = await consent(here, ctx, what, goal.spending, goal.confirm_cost)
    if not agreed.is_given:
        return declined(here, goal.within, agreed, goal.spending)
    judges = await created(here, goal.within, goal.judges)
    plan = grid.plan._replace(judges=[one.evaluator.id for one in judges])
    lines, made = list[str](), list[dict[str, Any]]()
    for place, one in enumerate(grid.combinations):
        before = done[one.name]
        if before is not None:
            lines.append(f"{quoted(one.name)} ({before.id}): recorded by an earlier call")
            made.append({"experiment": {"id": before.id, "name": one.name}, "params": one.params, "rows": 0,
                         "failed": 0, "evaluators": {}, "judge_runs": [], "recorded_before": True})  # fmt: skip
            continue
        part = GridPlace(each * place, each * len(grid.combinations))
        own = goal._replace(name=one.name, judges=judges, agreed=agreed, part=part)
        reply = await recorded(here, ctx, own, one.of(plan), grid.calls, grid.restart)
        data: dict[str, Any] = {**reply.data, "params": one.params}
        counts = _counts(data["rows"], data["failed"], data["evaluators"])
        lines.append(f"{quoted(one.name)} ({data['experiment']['id']}): {counts}")
        made.append(data)
    return _grid_told(here, grid, made, [*lines, *agreed.lines(goal.spending)])


def _grid_told(here: Session, grid: ExperimentGrid, made: Sequence[dict[str, Any]], lines: Sequence[str]) -> Reply:
    goal = grid.goal
    names = " and ".join(as_word(name) for name in grid.combinations[0].params)
    head = f"{len(made)} experiments on {exactly(goal.dataset.name)}, one for each combination of {names}."
    scores: dict[str, Any] = {}
    for one in made:
        scores |= {f"{one['experiment']['name']}: {name}": counts for name, counts in one["evaluators"].items()}
    data = {**here.source(goal.within), "experiments": made, "rows": sum(one["rows"] for one in made),
            "failed": sum(one["failed"] for one in made), "evaluators": scores,
            "judge_runs": [run for one in made for run in one["judge_runs"]],
            "spending": goal.spending.as_dict()}  # fmt: skip
    errors = [f"{error['example_id']} failed: {error['error']}" for one in made for error in one.get("errors", ())][:3]
    following = (
        "correct the cause, then retry_experiment for each" if errors else "compare_experiments with all_pairs=true"
    )
    return Reply(f"{head}\n{bullets(lines)}", data, errors, f"Next: {following}.")


async def _recorded_before(here: Session, grid: ExperimentGrid, one: Combination) -> Experiment | None:
    """The experiment of the combination that an earlier call has recorded from the same content; None without one.

    Raises:
        Conflict: an experiment of this name has other content, or this data folder does not know it.
    """
    target = grid.goal.dataset
    found = await stored.named(here.api, target.id, one.name)
    if found is None:
        return None
    with Journal(here.settings.home, target.id, one.name) as journal:
        if journal.asked:
            return None
    before, wanted = kept_plans.recalled(here.settings.home, found.id), one.of(grid.plan)
    origin = kept_plans.origin_of(here.settings.home, found.id)
    files = {path: digest for path in origin.files if (digest := digest_of(path)) is not None}
    now = Content(files, origin.packages, examples_of_calls(grid.calls))
    if before is None or list(_differing(before, wanted)) or changes(origin, now) or grid.restart:
        raise stored.taken(target.name, one.name)
    return found


def _differing(before: ExperimentPlan, wanted: ExperimentPlan) -> Iterator[str]:
    for name in ("task", "python", "binding", "repetitions"):
        if getattr(before, name) != getattr(wanted, name):
            yield name
    for name in ("evaluators", "judges"):
        if list(getattr(before, name)) != list(getattr(wanted, name)):
            yield name
    for name in ("metadata", "params"):
        if dict(getattr(before, name)) != dict(getattr(wanted, name)):
            yield name


def _counts(rows: int, failed: int, scores: Mapping[str, Mapping[str, Any]]) -> str:
    told = "".join(f"; {quoted(name, 60)} {counts_line(one, failed)}" for name, one in scores.items())
    return f"{things(rows, 'row')}, {failed} failed{told}"

"""Sizes of experiments: a pilot read from the backend, the plan, and its cost where task and judge are known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.analysis.details import Details
from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.goals import SHARES, SizeGoal, goal
from assaykit.analysis.rows import listed, short
from assaykit.analysis.sizing import Pilot, Sizing, guessed, pilot_of, sentences, sized
from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid
from assaykit.experiments.comparing import Compared, ComparisonRequest, compared
from assaykit.judge.providers.prices import Prices, estimate
from assaykit.names import Named
from assaykit.planning.costs import characters_of, integration_of, rate_of
from assaykit.session import Session
from assaykit.wire.evaluators import EvaluatorPage, EvaluatorWithVersion, TemplateConfig

MOST_REPETITIONS = 100
MOST_CRITERIA = 1000
_TWO = 2


class SizeRequest(NamedTuple):
    """The arguments of a plan, as `plan_experiment` takes them."""

    goal: str
    pilot: Sequence[str] = ()
    dataset: str | None = None
    guesses: Mapping[str, float] = {}
    positive: Mapping[str, str] = {}
    repetitions: int = 1
    criteria: int = 1


class Planned(NamedTuple):
    """A plan, its sentences, and its cost by the thing that costs: "task" or the name of the judge."""

    sizing: Sizing
    lines: Sequence[str]
    costs: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**self.sizing.as_dict(), "sentences": list(self.lines), "cost_of_one_variant": dict(self.costs)}


async def planned(here: Session, within: Named | None, asked: SizeRequest) -> Planned:
    """Plan an experiment. `within` is the space of the pilot; None if there is no pilot.

    Raises:
        Invalid: the goal, a guess or a count is wrong, or the pilot has no evaluator or several that fit the goal.
        NotFound, Ambiguous: a name does not resolve to one experiment.
    """
    target = goal(asked.goal)
    guessed(asked.guesses)
    _check(asked)
    if not asked.pilot or within is None:
        return _told(
            sized(target, asked.guesses, None, repetitions=asked.repetitions, criteria=asked.criteria), None, ()
        )
    evaluators = None if target.evaluator is None else (target.evaluator,)
    request = ComparisonRequest(asked.pilot, None, asked.dataset, evaluators, positive=asked.positive)
    # A plan shows how far pairs vary and not which side is better, so it is no look.
    found = await compared(here, within, request, is_look=False)
    finding = _only(found.comparison, target)
    pilot = pilot_of(finding, found.details.repetitions)
    sizing = sized(target, asked.guesses, pilot, repetitions=asked.repetitions, criteria=asked.criteria)
    task = _task_cost(found.details, finding, sizing)
    judge = await _judge_cost(here, within, found, finding, sizing)
    return _told(sizing, pilot, (*(() if task is None else (("task", task),)), *(() if judge is None else (judge,))))


def _check(asked: SizeRequest) -> None:
    if not 1 <= asked.repetitions <= MOST_REPETITIONS:
        raise Invalid(
            f"The number of repetitions, {asked.repetitions}, is out of range.", f"Give 1 to {MOST_REPETITIONS}."
        )
    if not 1 <= asked.criteria <= MOST_CRITERIA:
        raise Invalid(f"The number of criteria, {asked.criteria}, is out of range.", f"Give 1 to {MOST_CRITERIA}.")
    if asked.pilot and len(dict.fromkeys(asked.pilot)) != _TWO:
        raise Invalid("A pilot is two different experiments, the baseline first.", "Name both, or leave them out.")


def _only(comparison: Comparison, target: SizeGoal) -> Finding:
    """The finding of the goal's evaluator.

    Raises:
        Invalid: the goal names no evaluator, and several were compared.
    """
    if len(comparison.findings) == 1:
        return comparison.findings[0]
    names = list(dict.fromkeys(finding.evaluator for finding in comparison.findings))
    raise Invalid(f"The pilot has several evaluators: {listed(names)}.", f"Write 'NAME: {short(target.text)}'.")


def _runs(sizing: Sizing) -> int:
    """The runs of one variant."""
    return (sizing.examples or 0) * sizing.design.repetitions


def _task_cost(details: Details, finding: Finding, sizing: Sizing) -> float | None:
    costs = next((one.cost for one in details.usage if one.name == finding.challenger), None)
    return None if costs is None else costs.mean * _runs(sizing)


async def _judge_cost(
    here: Session, within: Named, found: Compared, finding: Finding, sizing: Sizing
) -> tuple[str, float] | None:
    """The name of the judge and the cost of its calls for one variant; None if no judge or no price is known."""
    config = await _judge(here, within, finding.evaluator)
    if config is None:
        return None
    changes = (*finding.rose, *finding.fell, *finding.same)
    outputs = [len(change.challenger_output or "") for change in changes]
    questions = [len(found.questions.get(change.example_id, "")) for change in changes]
    characters = (sum(outputs) + sum(questions)) / max(1, len(changes))
    integration = await integration_of(here.api, config.llm_config.ai_integration_id)
    rate = await rate_of(Prices(here.settings.home), integration, config.llm_config.model_name)
    characters += characters_of(config, ())
    cost = estimate(config.llm_config.model_name, rate, _runs(sizing), characters).cost
    return None if cost is None else (finding.evaluator, cost)


async def _judge(here: Session, within: Named, evaluator: str) -> TemplateConfig | None:
    async for judge in rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id}):
        if judge.name == evaluator:
            whole = await here.api.get(path("v2", "evaluators", judge.id), EvaluatorWithVersion)
            return whole.version.config if isinstance(whole.version.config, TemplateConfig) else None
    return None


def _told(sizing: Sizing, pilot: Pilot | None, costs: Sequence[tuple[str, float]]) -> Planned:
    lines = sentences(sizing, pilot)
    if costs:
        parts = ", ".join(f"{short(name)} ${cost:.2g}" for name, cost in costs)
        of = "The experiment" if sizing.goal.kind in SHARES else "One variant"
        lines.append(f"{of} costs about ${sum(cost for _, cost in costs):.2g} ({parts}), judged by the pilot.")
    return Planned(sizing, lines, dict(costs))

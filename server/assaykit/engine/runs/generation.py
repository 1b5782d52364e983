"""Execution of RUN_EXPERIMENT tasks: a model answers each example, and the answers become a new experiment."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from assaykit.column_paths import Row, resolve
from assaykit.engine.clock import Clock
from assaykit.engine.models import Models, Priced
from assaykit.engine.runs import tracing
from assaykit.engine.runs.final_status import ending
from assaykit.engine.runs.limits import Budget, Reservation
from assaykit.engine.runs.row_workers import Job, Refusals, RowWorkers
from assaykit.engine.runs.tracing import ModelResult, Timing, TracedQuestion
from assaykit.engine.runs.unstored import AS_JSON, Unstored
from assaykit.engine.store.database import Database
from assaykit.engine.store.queue import generations, runs
from assaykit.engine.store.queue.generations import ExampleOutcome, Provision
from assaykit.engine.store.queue.leases import Lease
from assaykit.engine.store.queue.runs import Item, ItemOutcome
from assaykit.judge import placeholders
from assaykit.judge.columns import as_text, text_at
from assaykit.judge.providers.calls import Withheld
from assaykit.judge.providers.models import Completion, Conversation
from assaykit.judge.providers.prices import Spent, spent
from assaykit.judge.score import judged
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.invocation import ToolConfig
from assaykit.wire.prompts import LlmMessage
from assaykit.wire.run_configurations import LlmGenerationConfig, TemplateEvaluationConfig
from assaykit.wire.runs import RunStatus

PROMPT_CHARACTERS = 1_000
"""The rough length of a question without its values."""

_MODEL = "model"
"""The one model of a run, as `Refusals` counts."""


@cache
def made_lines() -> TypeAdapter[ExampleOutcome]:
    """The form of an example's outcome in the file of unstored results."""
    return TypeAdapter(ExampleOutcome, config=AS_JSON)


def _is_paid(made: ExampleOutcome) -> bool:
    return made.columns is not None


async def generate(
    database: Database, clock: Clock, models: Models, lease: Lease, home: Path
) -> tuple[RunStatus, str | None]:
    """Execute or resume a run. Returns its final status, and the reason if the status needs one.

    `home` is the folder for the file of unstored results.
    """
    chosen = await database.read(generations.choose, lease.run_id)
    provision = await database.persist(generations.start, lease, chosen, clock)
    if provision is None or provision.reason is not None:
        return "CANCELLED", provision and provision.reason
    priced = await models.for_experiment(provision.config)
    budget = Budget(*await database.read(runs.limits, lease.run_id))
    unstored = Unstored(home, lease, made_lines(), _is_paid)
    broken = await _Generation(database, clock, lease, provision, priced, budget).run(models.rows_at_once, unstored)
    if broken is not None:
        return "FAILED", broken
    if (lost := await database.read(generations.lost_experiment, lease.run_id)) is not None:
        return "CANCELLED", lost
    if await database.read(runs.has_rows_left, lease.run_id):
        return "CANCELLED", budget.stopped()
    return await database.read(ending, lease.run_id, "answered")


class _Generation:
    """One run's pass over its examples."""

    def __init__(
        self, database: Database, clock: Clock, lease: Lease, provision: Provision, priced: Priced, budget: Budget
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._provision = provision
        self._config = provision.config
        self._priced = priced
        self._budget = budget
        self._refusals = Refusals()

    async def run(self, rows_at_once: int, unstored: Unstored[ExampleOutcome]) -> str | None:
        """Process the examples that the budget allows. Returns the reason if the run was given up."""
        workers = RowWorkers(
            self._rows, self._make, self._record, rows_at_once, goes_on=self._goes_on, unstored=unstored
        )
        await workers.run(self._budget.items(self._provision.items))
        return self._refusals.given_up.get(_MODEL)

    def _goes_on(self, _: Item) -> bool:
        return not self._budget.is_full and _MODEL not in self._refusals.given_up

    async def _rows(self, items: Sequence[Item]) -> Mapping[str, Row]:
        experiment = self._provision.experiment
        version_id = None if experiment is None else experiment.dataset_version_id
        return await self._database.read(generations.rows, version_id, items)

    async def _make(self, job: Job) -> ExampleOutcome | None:
        values = _values(self._config, job.row)
        if absent := [name for name, text in values.items() if text is None]:
            listed = ", ".join(repr(name) for name in absent)
            result = Unscored("no_input", f"The example has no value for {listed}.")
            return ExampleOutcome(ItemOutcome(job.item, "SKIPPED", reason=result.reason, detail=result.detail), None)
        present = {name: text for name, text in values.items() if text is not None}
        costs = self._priced.expectation(sum(map(len, present.values())) + PROMPT_CHARACTERS)
        while self._goes_on(job.item) and (reserved := await self._budget.admit(costs)) is not None:
            start_ns, began = self._clock.now_ns(), time.perf_counter_ns()
            paid, is_paid = None, False
            try:
                question, result = await self._ask(present, partial(self._may_go, job.item, reserved))
                paid = spent(self._priced.rate, result.prompt_tokens, result.completion_tokens, result.cached_tokens)
                is_paid = paid is not None or not isinstance(result, Unscored)
            except Withheld:
                continue  # with what was learnt meanwhile
            finally:
                reserved.over(paid, answered=is_paid)
            timing = Timing(start_ns, start_ns + time.perf_counter_ns() - began)
            self._refusals.note(_MODEL, result, asked=not isinstance(result, Unscored))
            return self._made(job.item, question, result, timing, paid)
        return None

    def _may_go(self, item: Item, reserved: Reservation) -> bool:
        return self._goes_on(item) and reserved.may_go()

    async def _ask(self, values: Mapping[str, str], may_go: Callable[[], bool]) -> tuple[TracedQuestion, ModelResult]:
        config, model = self._config, self._priced.model.within(may_go)
        if isinstance(config, TemplateEvaluationConfig):
            choices, explain = config.classification_choices, config.provide_explanation
            verdict = await judged(config.template, values, model, choices=choices, explain=explain, written="MUSTACHE")
            return TracedQuestion([], values), verdict
        messages = [_filled(message, config, values) for message in config.messages]
        tools = config.tool_config or _tools_of(config)
        return TracedQuestion(messages, values), await model.complete(Conversation(messages, tools))

    def _made(
        self, item: Item, question: TracedQuestion, result: ModelResult, timing: Timing, paid: Spent | None
    ) -> ExampleOutcome:
        columns = {**self._columns(result), "latency": timing.ms, "token_count": tracing.tokens(result)}
        columns["execution_status"] = "FAILED" if isinstance(result, Unscored) else "COMPLETED"
        span = None
        if self._provision.tracing is not None and self._provision.experiment is not None:
            told, experiment = self._provision.tracing, self._provision.experiment
            span = tracing.span(experiment, item.target_id, told, question, result, timing)
            columns["result.trace.id"] = span["trace_id"]
            columns["result.trace.timestamp"] = timing.start_ns // 1_000_000
        if isinstance(result, Unscored):
            return ExampleOutcome(
                ItemOutcome(item, "FAILED", reason=result.reason, detail=result.detail, spent=paid), columns, span
            )
        label = result.label if isinstance(result, Verdict) else None
        return ExampleOutcome(ItemOutcome(item, "SCORED", label=label, spent=paid), columns, span)

    def _columns(self, result: ModelResult) -> dict[str, Any]:
        match result:
            case Completion():
                return {"output": result.output}
            case Unscored():
                return {"output": None, "error": result.detail}
            case Verdict():
                verdict = {"label": result.label, "score": result.score, "explanation": result.explanation}
                column = self._provision.column
                told = {f"eval.{column}.{part}": value for part, value in verdict.items() if value is not None}
                # Free text is clipped in the label; the explanation has the whole text.
                return {"output": result.label if self._has_choices() else result.explanation, **told}

    def _has_choices(self) -> bool:
        return isinstance(self._config, TemplateEvaluationConfig) and bool(self._config.classification_choices)

    async def _record(self, batch: list[ExampleOutcome]) -> bool:
        return await self._database.persist(generations.record, self._lease, self._provision, batch, self._clock)


def _values(config: LlmGenerationConfig | TemplateEvaluationConfig, row: Row) -> dict[str, str | None]:
    """The text of each variable in one example; None if the example has no value for it."""
    if isinstance(config, TemplateEvaluationConfig):
        mapping = config.column_mapping or {}
        names = placeholders.names(config.template, "MUSTACHE")
        return {name: as_text(text_at(row, mapping.get(name, name))) for name in names}
    texts = [message.content or "" for message in config.messages]
    names = [name for text in texts for name in placeholders.names(text, config.input_variable_format)]
    return {name: as_text(resolve(row, name)) for name in names}


def _filled(message: LlmMessage, config: LlmGenerationConfig, values: Mapping[str, str]) -> LlmMessage:
    if message.content is None:
        return message
    content = placeholders.filled(message.content, config.input_variable_format, lambda name: values[name])
    return message.model_copy(update={"content": content})


def _tools_of(config: LlmGenerationConfig) -> ToolConfig | None:
    """The tools in the invocation parameters."""
    params = config.invocation_parameters
    return None if params is None else params.tool_config

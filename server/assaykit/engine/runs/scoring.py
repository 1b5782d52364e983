"""Scoring of a run's items by a few workers, with outcomes stored in batches."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import TypeAdapter

from assaykit.column_paths import Row
from assaykit.engine.clock import Clock
from assaykit.engine.models import Priced
from assaykit.engine.runs import repeated_questions
from assaykit.engine.runs.limits import Budget, Reservation
from assaykit.engine.runs.questions import Question, SharedAnswers, key_of
from assaykit.engine.runs.row_workers import Job, Refusals, RowWorkers
from assaykit.engine.runs.selection import (
    ABSENT,
    FoundRow,
    Scorer,
    Selection,
    behind_cut,
    notes_of,
    rows,
    rows_per_read,
    values,
)
from assaykit.engine.runs.unstored import AS_JSON, Unstored
from assaykit.engine.store.database import Database
from assaykit.engine.store.definitions import evaluators
from assaykit.engine.store.queue import answers, runs
from assaykit.engine.store.queue.leases import Lease
from assaykit.engine.store.queue.runs import Item, ItemOutcome
from assaykit.engine.store.traces import verdicts
from assaykit.engine.store.traces.targets import Extent, extents
from assaykit.judge.fences import VALUE_LIMIT
from assaykit.judge.providers.calls import Withheld
from assaykit.judge.providers.prices import Spent, spent
from assaykit.judge.score import score
from assaykit.judge.units import NOUNS, UNITS
from assaykit.judge.verdicts import Note, Unscored, Verdict
from assaykit.wire.evaluators import TemplateConfig

PROMPT_CHARACTERS = 1_000
"""The rough length of a question without its values: template, fences, and the text about the choices."""


_DIGITS = 16
"""Hexadecimal digits of a question's digest that a verdict keeps. It is compared with one digest of the same row."""


class Scored(NamedTuple):
    """One finished item. `key` is set if its question was asked; `remembered` means that an answer was reused.

    `notes` and `question` are the notes and the digest of the question.
    `seen` is the extent of the target when it was read; None if it was gone.
    """

    item: Item
    result: Verdict | Unscored
    seen: Extent | None
    key: bytes | None = None
    spent: Spent | None = None
    remembered: bool = False
    notes: tuple[Note, ...] = ()
    question: bytes | None = None


@cache
def scored_lines() -> TypeAdapter[Scored]:
    """The form of a finished item in the file of unstored results."""
    return TypeAdapter(Scored, config=AS_JSON)


def _is_paid(scored: Scored) -> bool:
    return scored.key is not None


class Scoring:
    """One run's pass over its items. `anew` ignores the stored answers of judges.

    `skips_long` leaves a row unscored if its judge would see a value shortened.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lease: Lease,
        selection: Selection,
        models: Mapping[str, Priced | None],
        rows_at_once: int,
        budget: Budget,
        *,
        home: Path,
        anew: bool,
        skips_long: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._selection = selection
        self._models = models
        self._at_once = rows_at_once
        self._budget = budget
        self._home = home
        self._anew = anew
        self._skips_long = skips_long
        self._shared = SharedAnswers()
        self._scorers = {scorer.evaluator_id: scorer for scorer in selection.scorers}
        self._judges = {scorer.evaluator_id: _asked(scorer) for scorer in selection.scorers}
        self._refusals = Refusals()
        self._numbers: Mapping[str, int] = {}

    async def run(self) -> Mapping[str, str]:
        """Score the items that the budget allows. Returns the evaluators that were given up, with the reasons."""
        per_read = rows_per_read(self._selection)
        unstored = Unstored(self._home, self._lease, scored_lines(), _is_paid)
        workers = RowWorkers(
            self._questions, self._score, self.record, self._at_once, per_read, self._goes_on, unstored
        )
        await workers.run(self._budget.items(self._selection.items))
        given_up = self._refusals.given_up
        return {evaluator_id: given_up[asked] for evaluator_id, asked in self._judges.items() if asked in given_up}

    def _goes_on(self, item: Item) -> bool:
        return not self._budget.is_full and self._judges[item.evaluator_id] not in self._refusals.given_up

    async def _questions(self, items: Sequence[Item]) -> dict[str, Row]:
        """The questions about some items, by target and evaluator."""
        return await self._database.read(self._read, items)

    def _read(self, connection: sa.Connection, items: Sequence[Item]) -> dict[str, Row]:
        of_targets = rows(connection, self._selection, items)
        seen = self._places(connection, items, of_targets)
        found: dict[str, dict[str, Question]] = {}
        for item in items:
            row = of_targets.get(item.target_id, ABSENT).row
            asked = self._question(row, self._scorers[item.evaluator_id], seen.get(_target(item)))
            found.setdefault(item.target_id, {})[item.evaluator_id] = asked
        every = [question for questions in found.values() for question in questions.values()]
        keys = {question.key for question in every if question.key is not None}
        if keys and not self._anew and (known := answers.known(connection, keys)):
            for questions in found.values():
                for evaluator_id, question in questions.items():
                    if question.key is not None:
                        questions[evaluator_id] = question._replace(known=known.get(question.key))
        return dict(found)

    def _question(self, row: Row, scorer: Scorer, seen: Extent | None) -> Question:
        given = values(self._selection, row, scorer)
        notes = notes_of(self._selection, scorer, given)
        fault = self._fault(row, scorer, given, notes)
        priced = self._models[scorer.evaluator_id]
        if fault is not None or priced is None or not isinstance(scorer.config, TemplateConfig):
            return Question(given, fault=fault, notes=notes, seen=seen)
        return Question(given, key_of(priced.identity, scorer.config, given), notes=notes, seen=seen)

    def _fault(
        self, row: Row, scorer: Scorer, given: Mapping[str, str | None], notes: tuple[Note, ...]
    ) -> Unscored | None:
        """The reason not to judge a row: a path leads into text that is not there, or a long value is skipped."""
        for name, text in given.items():
            if text is None and behind_cut(self._selection, row, scorer, name):
                return Unscored("too_long", f"The value of {name!r} lies in text of which only a part was kept.")
        if "shortened" in notes and self._skips_long:
            return Unscored("too_long", f"A value has more than {VALUE_LIMIT:,} bytes, and on_too_long is 'skip'.")
        return None

    async def _score(self, job: Job) -> Scored | None:
        scorer = self._scorers[job.item.evaluator_id]
        question: Question = job.row[scorer.evaluator_id]
        scored = await self._scored(job, scorer, question)
        if scored is None or not (question.notes or question.key):
            return scored
        return scored._replace(notes=question.notes, question=question.key)

    async def _scored(self, job: Job, scorer: Scorer, question: Question) -> Scored | None:
        if question.fault is not None:
            return Scored(job.item, question.fault, question.seen)
        if question.known is not None:
            return Scored(job.item, question.known, question.seen, remembered=True)
        priced = self._models[scorer.evaluator_id]
        if question.key is None or priced is None:
            model = None if priced is None else priced.model
            return self._heard(Scored(job.item, await score(scorer.config, question.values, model), question.seen))
        return await self._answered(job.item, scorer, priced, question, question.key)

    async def _answered(
        self, item: Item, scorer: Scorer, priced: Priced, question: Question, key: bytes
    ) -> Scored | None:
        """Ask a question within the budget; None if there is no room for it or its judge is given up."""
        costs = priced.expectation(sum(len(text or "") for text in question.values.values()) + PROMPT_CHARACTERS)
        while self._goes_on(item) and (reserved := await self._budget.admit(costs)) is not None:
            model = priced.model.within(partial(self._may_go, item, reserved))
            paid, is_paid = None, False
            try:
                result, is_old = await self._shared.once(key, partial(score, scorer.config, question.values, model))
                if is_old:
                    return Scored(item, result, question.seen, remembered=True)
                paid = spent(priced.rate, result.prompt_tokens, result.completion_tokens, result.cached_tokens)
                is_paid = paid is not None or isinstance(result, Verdict)
                return self._heard(Scored(item, result, question.seen, key, paid))
            except Withheld:
                continue  # with what was learnt meanwhile
            finally:
                reserved.over(paid, answered=is_paid)
        return None

    def _may_go(self, item: Item, reserved: Reservation) -> bool:
        return self._goes_on(item) and reserved.may_go()

    def _heard(self, scored: Scored) -> Scored:
        result = scored.result
        asked = self._judges[scored.item.evaluator_id]
        self._refusals.note(asked, result, asked=isinstance(result, Verdict) and result.model is not None)
        return scored

    async def record(self, batch: list[Scored]) -> bool:
        """Store finished items. Returns False and stores no outcome if the run has ended or the lease is lost."""
        return await self._database.persist(self._store, batch)

    def _store(self, connection: sa.Connection, batch: list[Scored]) -> bool:
        now = self._clock.now_ns()
        there = self._still_there(connection, batch)
        # An answer was paid for, whoever has the run by now.
        fresh = {one.key: one.result for one in batch if one.key is not None and isinstance(one.result, Verdict)}
        answers.keep(connection, fresh)
        outcomes = [_outcome(scored) if _target(scored.item) in there else self._lost(scored) for scored in batch]
        if not runs.record(connection, self._lease, outcomes, now):
            return False
        self._numbers = self._numbers or evaluators.numbers(
            connection, [one.version_id for one in self._scorers.values()]
        )
        kept = [scored for scored in batch if _target(scored.item) in there]
        if self._selection.is_scheduled:
            self._budget.renew(runs.limits_alone(connection, self._lease.run_id))
        made = [(scored, row) for scored in kept if (row := self._verdict_row(scored, now))]
        rows = [row for _, row in made]
        if self._selection.level in UNITS:
            self._note_growth(connection, rows)
        if self._anew:
            asked = [row for scored, row in made if not scored.remembered]
            repeated_questions.note_labels(connection, self._selection.level, asked)
        verdicts.put(connection, rows)
        return True

    def _places(
        self, connection: sa.Connection, items: Sequence[Item], read: Mapping[str, FoundRow]
    ) -> dict[tuple[str, str], Extent]:
        """The places of the targets, looked up where they were not read with the rows."""
        placed = {
            _target(item): Extent(place, place)
            for item in items
            if (row := read.get(item.target_id)) is not None and (place := row.place) is not None
        }
        return placed | self._extents(connection, [item for item in items if _target(item) not in placed])

    def _extents(self, connection: sa.Connection, items: Sequence[Item]) -> dict[tuple[str, str], Extent]:
        of_scope: dict[str, set[str]] = {}
        for item in items:
            of_scope.setdefault(item.scope_id, set()).add(item.target_id)
        return {
            (scope, target): extent
            for scope, targets in of_scope.items()
            for target, extent in extents(connection, self._selection.level, scope, targets).items()
        }

    def _still_there(self, connection: sa.Connection, batch: Sequence[Scored]) -> set[tuple[str, str]]:
        """The targets that were not deleted since they were read. A new target may have the id of a deleted one."""
        now = self._extents(connection, [scored.item for scored in batch])
        return {
            at
            for scored in batch
            if (seen := scored.seen) is not None
            and (found := now.get(at := _target(scored.item))) is not None
            and found.first <= seen.last
        }

    def _lost(self, scored: Scored) -> ItemOutcome:
        """The outcome of an item whose target was deleted before its verdict was stored."""
        detail = f"The {NOUNS[self._selection.level]} was deleted before its verdict was stored."
        return ItemOutcome(scored.item, "SKIPPED", reason="deleted", detail=detail, spent=scored.spent)

    def _note_growth(self, connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Add to verdicts on traces or sessions what they cover, and whether the schedule has made them anew."""
        for row in rows:
            made_by = row["metadata"]
            made_by[verdicts.UP_TO] = self._selection.up_to
            if self._selection.is_scheduled:
                before = verdicts.of(connection, row["scope_id"], row["level"], [row["target_id"]])
                if any(one.name == row["name"] for one in before.get(row["target_id"], ())):
                    made_by[verdicts.AGAIN] = True

    def _verdict_row(self, scored: Scored, now: int) -> dict[str, Any] | None:
        verdict = scored.result
        if isinstance(verdict, Unscored):
            return None
        scorer = self._scorers[scored.item.evaluator_id]
        made_by = {
            "run_id": self._lease.run_id,
            "evaluator_version_id": scorer.version_id,
            "version": self._numbers.get(scorer.version_id),
            "model": verdict.model,
            "prompt_tokens": None if scored.remembered else verdict.prompt_tokens,
            "completion_tokens": None if scored.remembered else verdict.completion_tokens,
            "cost": None if scored.spent is None else scored.spent.cost,
            repeated_questions.QUESTION: None if scored.question is None else scored.question.hex()[:_DIGITS],
            **dict.fromkeys(scored.notes, True),
        }
        return {
            "scope_id": scored.item.scope_id,
            "level": self._selection.level,
            "target_id": scored.item.target_id,
            "name": scorer.column,
            "label": verdict.label,
            "score": verdict.score,
            "explanation": verdict.explanation,
            "metadata": {key: value for key, value in made_by.items() if value is not None},
            "updated_ns": now,
        }


def _target(item: Item) -> tuple[str, str]:
    return item.scope_id, item.target_id


def _asked(scorer: Scorer) -> str:
    """The integration and the model that an evaluator asks; empty for a code evaluator."""
    if not isinstance(scorer.config, TemplateConfig):
        return ""
    llm = scorer.config.llm_config
    return f"{llm.ai_integration_id} {llm.model_name}"


def _outcome(scored: Scored) -> ItemOutcome:
    result, spent_on_it = scored.result, scored.spent
    if isinstance(result, Verdict):
        notes = ",".join(scored.notes) or None
        return ItemOutcome(
            scored.item, "SCORED", label=result.label, spent=spent_on_it, remembered=scored.remembered, notes=notes
        )
    is_skipped = result.reason == "no_input" or (result.reason == "too_long" and "shortened" in scored.notes)
    state = "SKIPPED" if is_skipped else "FAILED"
    return ItemOutcome(scored.item, state, reason=result.reason, detail=result.detail, spent=spent_on_it)

"""Scores a run's items with a few workers, and records outcomes in batches as they come."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.runs.pool import Job, Pool, Refusals
from assaykit.engine.runs.selection import Row, Selection, rows, rows_per_read, values
from assaykit.engine.store import runs, verdicts
from assaykit.engine.store.database import Database
from assaykit.engine.store.leases import Lease
from assaykit.engine.store.runs import Item, Outcome
from assaykit.judge.models import ChatModel
from assaykit.judge.score import score
from assaykit.judge.verdicts import Unscored, Verdict


class Scored(NamedTuple):
    """One finished item."""

    item: Item
    result: Verdict | Unscored


class Scoring:
    """One run's pass over its items."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lease: Lease,
        selection: Selection,
        models: Mapping[str, ChatModel | None],
        rows_at_once: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._selection = selection
        self._models = models
        self._at_once = rows_at_once
        self._scorers = {scorer.evaluator_id: scorer for scorer in selection.scorers}
        self._refusals = Refusals()

    async def run(self) -> str | None:
        """Score everything. Returns why the run was given up, or None when it went through."""
        at_once = rows_per_read(self._selection)
        await Pool(self._rows, self._score, self._record, self._at_once, at_once).run(self._selection.items)
        return self._refusals.broken

    async def _rows(self, items: Sequence[Item]) -> dict[str, Row]:
        return await self._database.read(rows, self._selection, items)

    async def _score(self, job: Job) -> Scored:
        scorer = self._scorers[job.item.evaluator_id]
        given = values(self._selection, job.row, scorer)
        return Scored(job.item, await score(scorer.config, given, self._models[scorer.evaluator_id]))

    async def _record(self, batch: list[Scored]) -> bool:
        if not await self._database.write(self._store, batch):
            return False
        for scored in batch:
            result = scored.result
            self._refusals.note(result, asked=isinstance(result, Verdict) and result.model is not None)
        return self._refusals.broken is None

    def _store(self, connection: sa.Connection, batch: list[Scored]) -> bool:
        now = self._clock.now_ns()
        if not runs.record(connection, self._lease, [_outcome(scored) for scored in batch], now):
            return False
        verdicts.put(connection, [row for scored in batch if (row := self._verdict_row(scored, now))])
        return True

    def _verdict_row(self, scored: Scored, now: int) -> dict[str, Any] | None:
        verdict = scored.result
        if isinstance(verdict, Unscored):
            return None
        scorer = self._scorers[scored.item.evaluator_id]
        made_by = {
            "run_id": self._lease.run_id,
            "evaluator_version_id": scorer.version_id,
            "model": verdict.model,
            "prompt_tokens": verdict.prompt_tokens,
            "completion_tokens": verdict.completion_tokens,
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


def _outcome(scored: Scored) -> Outcome:
    result = scored.result
    if isinstance(result, Verdict):
        return Outcome(scored.item, "SCORED", label=result.label)
    state = "SKIPPED" if result.reason == "no_input" else "FAILED"
    return Outcome(scored.item, state, reason=result.reason, detail=result.detail)

"""Scores a run's items with a few workers, and records outcomes in batches as they come."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import anyio
import sqlalchemy as sa
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from assaykit.engine.clock import Clock
from assaykit.engine.runs.selection import Row, Scorer, Selection, rows
from assaykit.engine.store import runs, verdicts
from assaykit.engine.store.database import Database
from assaykit.engine.store.runs import Item, Outcome
from assaykit.judge.columns import as_text, resolve
from assaykit.judge.models import ChatModel
from assaykit.judge.score import score, variables
from assaykit.judge.verdicts import Unscored, Verdict

ROWS_PER_READ = 200
OUTCOMES_PER_WRITE = 200
GIVE_UP_AFTER = 5
"""Refusals of the key or the model in a row that end a run: the rest would be refused too."""

_HOPELESS = frozenset({"auth", "bad_model"})


class Job(NamedTuple):
    """One item with the row it is about."""

    item: Item
    row: Row


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
        run_id: str,
        selection: Selection,
        models: Mapping[str, ChatModel | None],
        rows_at_once: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._run_id = run_id
        self._selection = selection
        self._models = models
        self._at_once = rows_at_once
        self._scorers = {scorer.evaluator_id: scorer for scorer in selection.scorers}
        self._refused = 0
        self._broken: str | None = None

    async def run(self) -> str | None:
        """Score everything. Returns why the run was given up, or None when it went through."""
        give_jobs, take_jobs = anyio.create_memory_object_stream[Job](ROWS_PER_READ)
        give_results, take_results = anyio.create_memory_object_stream[Scored](OUTCOMES_PER_WRITE)
        async with anyio.create_task_group() as group:
            group.start_soon(self._feed, give_jobs)
            for _ in range(self._at_once):
                group.start_soon(self._work, take_jobs.clone(), give_results.clone())
            take_jobs.close()
            give_results.close()
            await self._record(take_results)
            # Only a run that was ended elsewhere, or given up, gets here with work left.
            group.cancel_scope.cancel()
        return self._broken

    async def _feed(self, jobs: MemoryObjectSendStream[Job]) -> None:
        items = self._selection.items
        async with jobs:
            for start in range(0, len(items), ROWS_PER_READ):
                some = items[start : start + ROWS_PER_READ]
                targets = list(dict.fromkeys(item.target_id for item in some))
                found = await self._database.read(rows, self._selection, targets)
                for item in some:
                    await jobs.send(Job(item, found.get(item.target_id, {})))

    async def _work(self, jobs: MemoryObjectReceiveStream[Job], results: MemoryObjectSendStream[Scored]) -> None:
        async with jobs, results:
            async for job in jobs:
                scorer = self._scorers[job.item.evaluator_id]
                values = {name: _value(job.row, scorer, name) for name in variables(scorer.config)}
                result = await score(scorer.config, values, self._models[scorer.evaluator_id])
                await results.send(Scored(job.item, result))

    async def _record(self, results: MemoryObjectReceiveStream[Scored]) -> None:
        async with results:
            async for first in results:
                batch = [first]
                while len(batch) < OUTCOMES_PER_WRITE and results.statistics().current_buffer_used:
                    batch.append(results.receive_nowait())
                if not await self._database.write(self._store, batch):
                    return
                self._watch(batch)
                if self._broken is not None:
                    return

    def _store(self, connection: sa.Connection, batch: list[Scored]) -> bool:
        now = self._clock.now_ns()
        if not runs.record(connection, self._run_id, [_outcome(scored) for scored in batch], now):
            return False
        verdicts.put(connection, [row for scored in batch if (row := self._verdict_row(scored, now))])
        return True

    def _verdict_row(self, scored: Scored, now: int) -> dict[str, Any] | None:
        verdict = scored.result
        if isinstance(verdict, Unscored):
            return None
        scorer = self._scorers[scored.item.evaluator_id]
        made_by = {
            "run_id": self._run_id,
            "evaluator_version_id": scorer.version_id,
            "model": verdict.model,
            "prompt_tokens": verdict.prompt_tokens,
            "completion_tokens": verdict.completion_tokens,
        }
        return {
            "scope_id": self._selection.scopes[scored.item.target_id],
            "level": self._selection.level,
            "target_id": scored.item.target_id,
            "name": scorer.column,
            "label": verdict.label,
            "score": verdict.score,
            "explanation": verdict.explanation,
            "metadata": {key: value for key, value in made_by.items() if value is not None},
            "updated_ns": now,
        }

    def _watch(self, batch: list[Scored]) -> None:
        for scored in batch:
            result = scored.result
            if isinstance(result, Unscored) and result.reason in _HOPELESS:
                self._refused += 1
                if self._refused >= GIVE_UP_AFTER:
                    self._broken = f"Given up after {self._refused} refusals in a row: {result.detail}"
            elif isinstance(result, Verdict) and result.model is not None:
                self._refused = 0


def _value(row: Row, scorer: Scorer, name: str) -> str | None:
    return as_text(resolve(row, scorer.column_mappings.get(name, name)))


def _outcome(scored: Scored) -> Outcome:
    result = scored.result
    if isinstance(result, Verdict):
        return Outcome(scored.item, "SCORED", label=result.label)
    state = "SKIPPED" if result.reason == "no_input" else "FAILED"
    return Outcome(scored.item, state, reason=result.reason, detail=result.detail)

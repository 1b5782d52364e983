"""The questions of planned runs to models, counted before any run has started."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.column_paths import Row
from assaykit.engine.runs.questions import key_of
from assaykit.engine.runs.selection import (
    ABSENT,
    Scorer,
    Selection,
    behind_cut,
    items_of,
    notes_of,
    rows,
    rows_per_read,
    values,
)
from assaykit.engine.store.queue import answers
from assaykit.engine.store.queue.runs import Item
from assaykit.errors import NotFound
from assaykit.judge.cut_text import size_before
from assaykit.judge.fences import VALUE_LIMIT
from assaykit.judge.selection import Decision
from assaykit.wire.evaluators import TemplateConfig

ROWS_WITHOUT_JUDGE = 1_000
"""The most rows whose values are read for a code evaluator, to tell of cut values."""

IdentityOf = Callable[[sa.Connection, TemplateConfig], bytes]
"""From a judge's configuration to the digest of its model."""


class QuestionTally(NamedTuple):
    """Questions of one judge, and the characters of their values that the judge sees together."""

    calls: int = 0
    characters: int = 0


class LengthTally(NamedTuple):
    """Of the rows that were read for one evaluator: those with a long, a cut or an incomplete value."""

    read: int = 0
    shortened: int = 0
    cut: int = 0
    silent_turns: int = 0


class PlannedQuestions:
    """The questions of planned runs, counted once in each run. Two runs at work at once may both ask a question.

    The questions of the newest `most` rows are compared. Each further row counts as a question of its own.
    """

    def __init__(self, connection: sa.Connection, selection: Selection, identity_of: IdentityOf, most: int) -> None:
        self._connection = connection
        self._selection = selection
        self._scorers: Mapping[str, Scorer] = {one.evaluator_id: one for one in selection.scorers}
        self._identities: dict[str, bytes] = {}
        for one in selection.scorers:
            if isinstance(one.config, TemplateConfig):
                try:
                    self._identities[one.evaluator_id] = identity_of(connection, one.config)
                except NotFound:
                    # The run ends with the same error, without a call.
                    self._identities[one.evaluator_id] = b""
        self._most = most
        self._found: dict[str, QuestionTally] = {one.evaluator_id: QuestionTally() for one in selection.scorers}
        self._lengths: dict[str, LengthTally] = {one.evaluator_id: LengthTally() for one in selection.scorers}

    def of(self, scorer: Scorer) -> QuestionTally:
        """The questions of one evaluator; none of a code evaluator."""
        return self._found[scorer.evaluator_id]

    def lengths_of(self, scorer: Scorer) -> LengthTally:
        """The rows of one evaluator that were read, by the length of their values."""
        return self._lengths[scorer.evaluator_id]

    def ask(
        self, newest: Sequence[Decision], runs: Sequence[int], wanted_of: Callable[[int], Sequence[int]], *, anew: bool
    ) -> None:
        """Count the questions of several runs, given as the number of rows of each.

        `newest` are the first of these rows. `wanted_of` gives for a number of rows how many each evaluator scores.
        """
        # Without a judge no question is compared, so a part of the rows is enough to tell of cut values.
        most = self._most if self._identities else min(self._most, ROWS_WITHOUT_JUDGE)
        read, per_read = newest[: min(most, sum(runs))], rows_per_read(self._selection)
        first = 0
        for rows_of_run in runs:
            asked: set[bytes] = set()
            last = min(first + rows_of_run, len(read))
            for start in range(first, last, per_read):
                self._read(self._items(read[start : min(start + per_read, last)]), asked, anew=anew)
            first = last
        if self._identities and sum(runs) > len(read):
            pairs = zip(self._selection.scorers, wanted_of(sum(runs)), wanted_of(len(read)), strict=True)
            for scorer, of_all, of_read in pairs:
                self._guess(scorer.evaluator_id, of_all - of_read)

    def _items(self, some: Sequence[Decision]) -> Sequence[Item]:
        """The items of some rows. Code evaluators are left out where there are judges too, but for the first rows."""
        every = (items_of(candidate, wanted, self._selection.scorers, 0) for candidate, _, wanted in some)
        return [
            item
            for items in every
            for item in items
            if item.evaluator_id in self._identities or self._lengths[item.evaluator_id].read < ROWS_WITHOUT_JUDGE
        ]

    def _read(self, items: Sequence[Item], asked: set[bytes], *, anew: bool) -> None:
        of_targets = rows(self._connection, self._selection, items)
        fresh: dict[bytes, tuple[str, int]] = {}
        for item in items:
            scorer = self._scorers[item.evaluator_id]
            row = of_targets.get(item.target_id, ABSENT).row
            given = values(self._selection, row, scorer)
            self._note(row, scorer, given)
            if isinstance(scorer.config, TemplateConfig):
                key = key_of(self._identities[item.evaluator_id], scorer.config, given)
                if key is not None and key not in asked:
                    fresh.setdefault(
                        key, (item.evaluator_id, sum(min(len(text or ""), VALUE_LIMIT) for text in given.values()))
                    )
        known = answers.known(self._connection, () if anew else fresh)
        for key, (evaluator_id, characters) in fresh.items():
            asked.add(key)
            if key not in known:
                self._add(evaluator_id, 1, characters)

    def _note(self, row: Row, scorer: Scorer, given: Mapping[str, str | None]) -> None:
        notes = notes_of(self._selection, scorer, given)
        is_cut = any(
            behind_cut(self._selection, row, scorer, name) if text is None else size_before(text) is not None
            for name, text in given.items()
        )
        before = self._lengths[scorer.evaluator_id]
        self._lengths[scorer.evaluator_id] = LengthTally(
            before.read + 1,
            before.shortened + ("shortened" in notes),
            before.cut + is_cut,
            before.silent_turns + ("silent_turns" in notes),
        )

    def _guess(self, evaluator_id: str, number: int) -> None:
        """Count so many questions of average length."""
        if evaluator_id in self._identities:
            calls, characters = self._found[evaluator_id]
            self._add(evaluator_id, number, number * (characters // max(calls, 1)))

    def _add(self, evaluator_id: str, calls: int, characters: int) -> None:
        before = self._found[evaluator_id]
        self._found[evaluator_id] = QuestionTally(before.calls + calls, before.characters + characters)

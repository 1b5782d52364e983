"""Selection of rows, shared by runs and plans: the fate of each candidate row, and the windows of several runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Fate = Literal["chosen", "sampled_out", "filtered_out", "labelled"]
"""The reason why a candidate is scored or not: it was chosen, the sample dropped it, no evaluator's own filter accepts
it, or it has every verdict already."""


class Candidate(NamedTuple):
    """One candidate row. `allowed` and `labelled` say for each evaluator: its filters match; its verdict exists.

    `newest` and `oldest` are the start times of the last and the first matching span of the row, in microseconds since
    1970; 0 for a run of an experiment.
    """

    scope_id: str
    target_id: str
    allowed: Sequence[bool]
    labelled: Sequence[bool]
    newest: int = 0
    oldest: int = 0


class Decision(NamedTuple):
    """The fate of a candidate. `wanted` says for each evaluator whether it scores the row."""

    candidate: Candidate
    fate: Fate
    wanted: Sequence[bool]


def decisions(candidates: Iterable[Candidate], takes: Callable[[str], bool], *, override: bool) -> Iterator[Decision]:
    """Decide on each candidate, in order. `takes` says whether the sample has an id.

    `override` scores labelled rows too.
    """
    for one in candidates:
        wanted = [may and (override or not done) for may, done in zip(one.allowed, one.labelled, strict=True)]
        fate: Fate = "chosen"
        if not takes(one.target_id):
            fate, wanted = "sampled_out", [False] * len(wanted)
        elif not any(wanted):
            fate = "labelled" if any(one.allowed) else "filtered_out"
        yield Decision(one, fate, wanted)


class Stretch(NamedTuple):
    """The time between the last and the first span of a row, in microseconds, and whether the row is to be scored."""

    newest: int
    oldest: int
    is_left: bool


class Part(NamedTuple):
    """One of several runs: its window in microseconds since 1970, both ends included, and its rows to score."""

    start: int
    end: int
    rows: int


def split(found: Iterable[Stretch], start: int, end: int, most: int) -> list[Part]:
    """Split a window into the windows of several runs, newest first. The stretches are sorted from newest to oldest.

    No window separates spans of one row or of one moment. A part has at most `most` rows to score, or the rows that
    overlap in time without end. Windows without rows to score are left out.
    """
    parts: list[Part] = []
    until, number, since = end, 0, end
    for oldest, rows in _blocks(found):
        if number and number + rows > most:
            parts.append(Part(since, until, number))
            until, number = since - 1, 0
        number, since = number + rows, oldest
    if number:
        parts.append(Part(start, until, number))
    return parts


def _blocks(found: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    """The start of each block of stretches that overlap, and its rows to score."""
    oldest: int | None = None
    rows = 0
    for one in found:
        if oldest is not None and one.newest < oldest:
            yield oldest, rows
            oldest, rows = None, 0
        oldest = one.oldest if oldest is None else min(oldest, one.oldest)
        rows += one.is_left
    if oldest is not None:
        yield oldest, rows

"""Selection of rows, shared by runs and plans: the fate of each candidate row, and the windows of several runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Fate = Literal["chosen", "sampled_out", "filtered_out", "labelled"]
"""The reason why a candidate is scored or not: it was chosen, the sample dropped it, no evaluator's own filter accepts
it, or it has every verdict already."""


class Candidate(NamedTuple):
    """One candidate row. `allowed` and `labelled` say for each evaluator: its filters match; its verdict exists.

    `others` has for each evaluator the version of a verdict that another version gave: empty if it is unknown, None if
    there is none.
    `newest` and `oldest` are the start times of the last and the first matching span of the row, in microseconds since
    1970; 0 for a run of an experiment.
    """

    scope_id: str
    target_id: str
    allowed: Sequence[bool]
    labelled: Sequence[bool]
    newest: int = 0
    oldest: int = 0
    others: Sequence[str | None] = ()


class Decision(NamedTuple):
    """The fate of a candidate. `wanted` says for each evaluator whether it scores the row."""

    candidate: Candidate
    fate: Fate
    wanted: Sequence[bool]


def decide(
    allowed: Sequence[bool], labelled: Sequence[bool], *, is_sampled: bool, override: bool
) -> tuple[Fate, Sequence[bool]]:
    """The fate of a row by its answers, and for each evaluator whether it scores the row."""
    if not is_sampled:
        return "sampled_out", [False] * len(allowed)
    wanted = [may and (override or not done) for may, done in zip(allowed, labelled, strict=True)]
    if any(wanted):
        return "chosen", wanted
    return "labelled" if any(allowed) else "filtered_out", wanted


def decisions(candidates: Iterable[Candidate], takes: Callable[[str], bool], *, override: bool) -> Iterator[Decision]:
    """Decide on each candidate, in order. `takes` says whether the sample has an id.

    `override` scores labelled rows too.
    """
    for one in candidates:
        yield Decision(one, *decide(one.allowed, one.labelled, is_sampled=takes(one.target_id), override=override))


def standings(
    made_with: Sequence[str | None], versions: Sequence[str], *, outdated: bool
) -> tuple[list[bool], list[str | None]]:
    """For each evaluator whether a row counts as labelled, and the version of its verdict if that is another one.

    `made_with` has the versions of the row's verdicts: empty if unknown, None without a verdict. `versions` are those
    of the evaluators. With `outdated` a verdict of another version is none.
    """
    others = [made if made != own else None for made, own in zip(made_with, versions, strict=True)]
    pairs = zip(made_with, others, strict=True)
    return [made is not None and not (outdated and other is not None) for made, other in pairs], others


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
    return join(_blocks(found), start, end, most)


def join(blocks: Iterable[tuple[int, int]], start: int, end: int, most: int) -> list[Part]:
    """Join blocks to the windows of runs, as `split` does. A block is its start and its rows to score, newest first."""
    parts: list[Part] = []
    until, number, since = end, 0, end
    for oldest, rows in blocks:
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

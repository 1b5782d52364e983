"""From outcomes to pairs: the figures of an evaluator's verdicts, and the examples that both sides share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from assaykit.analysis.findings import Side
from assaykit.analysis.pairs import ByPlace, NumberColumn
from assaykit.analysis.rows import LARGEST_SCORE, Judgement, Outcome, finite, listed, short
from assaykit.analysis.scales import ABSTENTIONS, GOOD, PLAINLY_POSITIVE, Scale
from assaykit.errors import Invalid
from assaykit.spelling import common_spellings, folded

_BINARY_LABELS = 2
_UNIT = (0.0, 1.0)
_TIMES = 10
"""A side whose scores exceed 1 by this factor, beside a side within 0 and 1, is likely to have another scale."""

FAILED: Final = Judgement(name="failed run")
"""Stands for the verdict on a run that failed, whatever an evaluator said of it."""

_NO_CHOICES: Mapping[str, float] = MappingProxyType({})

_EVALUATIONS, _SCORE, _LABEL = attrgetter("evaluations"), attrgetter("score"), attrgetter("label")


class Sheet(NamedTuple):
    """One evaluator's verdicts on one variant: by example id, one entry per row; `FAILED` for a failed run."""

    verdicts: Mapping[str, Sequence[Judgement | None]]
    errored: frozenset[str]
    rows: int
    failed: int
    scores: frozenset[float]
    labels: frozenset[str]

    @property
    def every(self) -> Iterable[Judgement | None]:
        """The verdicts of all rows."""
        one_each = self.verdicts
        return one_each.verdicts if isinstance(one_each, Singles) else chain.from_iterable(one_each.values())


class Singles(ByPlace[Sequence[Judgement | None]]):
    """The verdicts of examples that have one row each, and their scores. Lists of one would be most of the memory.

    The sheets of all evaluators share `places`.
    """

    __slots__ = ("scores", "verdicts")

    def __init__(
        self, places: Mapping[str, int], verdicts: Sequence[Judgement | None], scores: Sequence[float | None]
    ) -> None:
        super().__init__(places)
        self.verdicts = verdicts
        self.scores = scores

    @property
    def of(self) -> dict[str, Judgement | None]:
        """The verdict of each example."""
        return dict(zip(self.places, self.verdicts, strict=True))

    def __getitem__(self, example_id: str) -> Sequence[Judgement | None]:
        return (self.verdicts[self.places[example_id]],)


class Incomparable(NamedTuple):
    """The reason why two sheets have no scale in common."""

    reason: str


def spellings(verdicts: Iterable[Judgement]) -> dict[str, str]:
    """The labels of one evaluator that are another spelling of a more common one, with that spelling."""
    return common_spellings((verdict.label for verdict in verdicts if verdict.label is not None), fold=True)


def fitting(verdicts: Sequence[Judgement], choices: Mapping[str, float]) -> dict[str, float]:
    """The scores of a judge's labels, by folded label, if its verdicts are such labels without scores; else none."""
    known = {folded(label): score for label, score in choices.items()}
    if not known or any(verdict.score is not None for verdict in verdicts):
        return {}
    labels = {folded(verdict.label) for verdict in verdicts if verdict.label is not None}
    return known if labels - ABSTENTIONS <= known.keys() else {}


class Rows(NamedTuple):
    """The rows of a variant: their example ids, those that failed, and the position of each example's last row."""

    outcomes: Sequence[Outcome]
    ids: Sequence[str]
    errored: Sequence[str]
    places: Mapping[str, int]

    @property
    def is_single(self) -> bool:
        """Whether each example has one row."""
        return len(self.places) == len(self.ids)

    def verdicts(self, evaluator: str) -> list[Judgement | None]:
        """One evaluator's verdict on each row; `FAILED` for a failed run."""
        try:
            # Mostly every row has the evaluator, and a look-up of an item is faster than a call.
            found: list[Judgement | None] = list(map(itemgetter(evaluator), map(_EVALUATIONS, self.outcomes)))
        except KeyError:
            found = [row.evaluations.get(evaluator) for row in self.outcomes]
        if not self.errored:
            return found
        return [FAILED if row.error else one for row, one in zip(self.outcomes, found, strict=True)]


def rows_of(outcomes: Sequence[Outcome], like: Rows | None = None) -> Rows:
    """The rows, for the sheets of all evaluators. Rows `like` these with equal ids share their positions."""
    ids = [row.example_id for row in outcomes]
    places = like.places if like is not None and like.ids == ids else {one: place for place, one in enumerate(ids)}
    return Rows(outcomes, ids, [row.example_id for row in outcomes if row.error], places)


def sheet(
    evaluator: str,
    rows: Rows,
    spelled: Mapping[str, str] = MappingProxyType({}),
    choices: Mapping[str, float] = _NO_CHOICES,
    column: Sequence[Judgement | None] | None = None,
) -> Sheet:
    """Collect one evaluator's verdicts and check their scores.

    `spelled` replaces labels. `choices` has the score of a folded label for verdicts without a score. `column` has the
    verdicts of the rows, if the caller has them.

    Raises:
        Invalid: a score is infinite or too large.
    """
    every = rows.verdicts(evaluator) if column is None else column
    scores = _scores(every)
    seen = set(scores)
    # A score that is no number is in no range. One that is too large is refused by the name of its example.
    if not _are_in_range(seen):
        every = [one and _checked(one, key, {}, {}) for one, key in zip(every, rows.ids, strict=True)]
    if spelled or choices:
        # Judgements that are alike are mostly one object, which is read once.
        distinct = {id(verdict): verdict for verdict in every if verdict is not None and verdict is not FAILED}
        read = {key: _checked(verdict, "", spelled, choices) for key, verdict in distinct.items()}
        every = [verdict and read.get(id(verdict), verdict) for verdict in every]
    if every is not column:
        scores = _scores(every)
        seen = set(scores)
    seen.discard(None)
    labels: set[str | None] = set(map(_LABEL, filter(None, every)))
    labels.discard(None)
    return Sheet(
        verdicts=Singles(rows.places, every, scores) if rows.is_single else _gathered(rows.ids, every),
        errored=frozenset(rows.errored),
        rows=len(every),
        failed=len(rows.errored),
        scores=cast("frozenset[float]", frozenset(seen)),
        labels=cast("frozenset[str]", frozenset(labels)),
    )


def _scores(every: Sequence[Judgement | None]) -> list[float | None]:
    try:
        return list(map(_SCORE, cast("Sequence[Judgement]", every)))
    except AttributeError:  # a row without a verdict
        return [None if verdict is None else verdict.score for verdict in every]


def _are_in_range(scores: AbstractSet[float | None]) -> bool:
    numbers = [score for score in scores if score is not None]
    if not numbers:
        return True
    # The sum of numbers of which one is none is none, whatever their smallest and largest seem to be.
    is_finite = math.isfinite(sum(numbers))
    return is_finite and min(numbers) >= -LARGEST_SCORE and max(numbers) <= LARGEST_SCORE


def _gathered(ids: Sequence[str], every: Sequence[Judgement | None]) -> dict[str, list[Judgement | None]]:
    """The verdicts of each example."""
    found: dict[str, list[Judgement | None]] = {}
    for example_id, verdict in zip(ids, every, strict=True):
        if example_id in found:
            found[example_id].append(verdict)
        else:
            found[example_id] = [verdict]
    return found


def _checked(
    verdict: Judgement, example_id: str, spelled: Mapping[str, str], choices: Mapping[str, float]
) -> Judgement:
    label = verdict.label if verdict.label is None else spelled.get(verdict.label, verdict.label)
    score = verdict.score
    if score is not None:
        score = finite(score, verdict.name, example_id)
    elif label is not None:
        score = choices.get(folded(label))
    if score == verdict.score and label == verdict.label:
        return verdict
    return verdict._replace(score=score, label=label)


def scale(
    evaluator: str,
    first: Sheet,
    second: Sheet,
    positives: Iterable[str],
    every: Iterable[Sheet],
    ends: tuple[float, float] | None = None,
) -> Scale | Incomparable:
    """Choose the scale for two sheets: the positive labels if some are given, else the score, else the label.

    `every` has the sheets of all variants, including these two, so that all pairs get the same scale. A side on which
    every run failed takes the scale of the other. Scores of 0 and 1 alone make a rate, unless the declared range `ends`
    is another.

    Raises:
        Invalid: no verdict has one of the labels `positives`.
    """
    sheets = list(every)
    labels = {label for one in sheets for label in one.labels}
    spoken = [one for one in (first, second) if one.failed < one.rows]
    has_scores = bool(spoken) and all(one.scores for one in spoken)
    wanted = list(positives)
    if wanted:
        return _by_labels(evaluator, wanted, labels, sheets, has_scores=has_scores)
    if has_scores:
        whole = ends in {None, _UNIT} and all(one.scores <= {*_UNIT} for one in sheets)
        return Scale("binary" if whole else "numeric", has_scores=True)
    if spoken and all(one.labels for one in spoken):
        guess = _plain_positive(labels)
        if guess:
            return Scale("binary", has_scores=False, positives=frozenset({guess}), positive_assumed=True)
        return Scale("categorical", has_scores=False)
    return Incomparable(_why_incomparable(evaluator, first, second))


def _by_labels(
    evaluator: str, wanted: Sequence[str], labels: set[str], sheets: Iterable[Sheet], *, has_scores: bool
) -> Scale:
    by_fold = {folded(label): label for label in sorted(labels)}
    for one in wanted:
        if folded(one) not in by_fold:
            raise Invalid(
                f"the positive label {short(one)!r} of {short(evaluator)!r} occurs in no experiment; "
                f"labels seen: {listed(sorted(labels))}.",
                "Give one of the labels seen.",
            )
    chosen = frozenset(by_fold[folded(one)] for one in wanted)
    scores = (verdict.score for one in sheets for verdict in one.every if verdict and verdict.label in chosen)
    of_scores = frozenset(score for score in scores if score is not None)
    return Scale("binary", has_scores=has_scores, positives=chosen, positive_scores=of_scores)


def _plain_positive(labels: set[str]) -> str | None:
    judged = {folded(label): label for label in labels if folded(label) not in ABSTENTIONS}
    if len(judged) == 1:
        # All pass: the share is 100 %, and no label is without an order.
        return next((label for one, label in judged.items() if one in GOOD), None)
    if len(judged) != _BINARY_LABELS:
        return None
    return next((judged[yes] for yes, no in PLAINLY_POSITIVE.items() if judged.keys() == {yes, no}), None)


def _why_incomparable(evaluator: str, first: Sheet, second: Sheet) -> str:
    judged = [bool(one.scores or one.labels) for one in (first, second)]
    if all(judged):
        return f"{short(evaluator)!r} has scores on one side and only labels on the other"
    side = {(True, False): "the challenger", (False, True): "the baseline"}.get((judged[0], judged[1]), "either side")
    return f"{short(evaluator)!r} has no verdict on {side}"


def other_scales(first: Sheet, second: Sheet, given: tuple[float, float] | None) -> str | None:
    """Say why the scores of the two sides may have different scales: 0-1 beside 0-100, or ranges that are disjoint.

    Scores within the declared range `given` leave no doubt.
    """
    both = [one.scores for one in (first, second)]
    if not all(both):
        return None
    if given is not None and all(given[0] <= min(one) and max(one) <= given[1] for one in both):
        return None
    small, large = sorted(both, key=max)
    if _UNIT[0] <= min(small) and max(small) <= _UNIT[1] and max(large) >= _TIMES:
        return "one side has scores from 0 to 1, and the other much larger ones"
    # A side with a single score has no range.
    is_apart = max(small) < min(large) and len(small) > 1 and len(large) > 1
    return "the scores of the two sides do not overlap" if is_apart else None


def slope(positives: frozenset[str], sheets: Iterable[Sheet]) -> int:
    """Return 1 if verdicts with a positive label have a higher mean score than the others, -1 if lower, else 0.

    The slope translates the direction of a score into that of a label: if a judge maximises its score and
    "hallucinated" has the score 0, fewer "hallucinated" labels are better.
    """
    marked = [
        (verdict.label in positives, verdict.score)
        for one in sheets
        for verdict in one.every
        if verdict and verdict.label is not None and verdict.score is not None
    ]
    good = [score for hit, score in marked if hit]
    others = [score for hit, score in marked if not hit]
    if not good or not others:
        return 0
    rise = sum(good) / len(good) - sum(others) / len(others)
    return (rise > 0) - (rise < 0)


def follows(order: Mapping[str, float], sheets: Iterable[Sheet]) -> bool:
    """Whether every score beside a label is the score of its folded label in `order`."""
    marked = [
        (order.get(folded(verdict.label)), verdict.score)
        for one in sheets
        for verdict in one.every
        if verdict and verdict.label is not None and verdict.score is not None
    ]
    return all(known == score for known, score in marked)


class Figured(NamedTuple):
    """The figure of each scored example, and the examples with a row that has none."""

    values: Mapping[str, float]
    incomplete: frozenset[str]


def figures(one: Sheet, by: Scale) -> Figured:
    """Return the figure of each scored example: the mean over its scored repetitions."""
    # Every example has one row, and every score counts as it is.
    if by.has_scores and not by.positives and isinstance(one.verdicts, Singles):
        scores = one.verdicts.scores
        if one.failed and by.failure is not None:
            every = zip(one.verdicts.verdicts, scores, strict=True)
            scores = [by.failure if verdict is FAILED else score for verdict, score in every]
        whole = [score for score in scores if score is not None]
        if len(whole) == len(scores):
            return Figured(NumberColumn(one.verdicts.places, whole), frozenset())
        found = {key: score for key, score in zip(one.verdicts, scores, strict=True) if score is not None}
        return Figured(found, frozenset(one.verdicts.keys() - found.keys()))
    found: dict[str, float] = {}
    incomplete: set[str] = set()
    for example_id, verdicts in one.verdicts.items():
        if len(verdicts) == 1:
            number = figure(verdicts[0], by)
            if number is None:
                incomplete.add(example_id)
            else:
                found[example_id] = number
            continue
        numbers = [number for verdict in verdicts if (number := figure(verdict, by)) is not None]
        if len(numbers) < len(verdicts):
            incomplete.add(example_id)
        if numbers:
            found[example_id] = sum(numbers) / len(numbers)
    return Figured(found, frozenset(incomplete))


def figure(verdict: Judgement | None, by: Scale) -> float | None:
    """Return the figure of one verdict on the scale; None if it has none, or if the evaluator declined to judge."""
    if verdict is None or verdict is FAILED:
        return by.failure if verdict is FAILED else None
    if by.has_scores:
        if verdict.score is None or not by.positives:
            return verdict.score
        if verdict.label is None:
            return float(verdict.score in by.positive_scores)
    elif verdict.label is None or has_abstained(verdict, by):
        return None
    return float(verdict.label in by.positives)


def has_abstained(verdict: Judgement | None, by: Scale) -> bool:
    """Whether the evaluator declined to judge: a label without a score where verdicts have scores, or such as "n/a"."""
    if verdict is None or verdict.label is None:
        return False
    if by.has_scores:
        return verdict.score is None
    return verdict.label not in by.positives and folded(verdict.label) in ABSTENTIONS


def are_of_one(one: Sheet, other: Sheet) -> bool:
    """Whether both sheets are known to have the same examples in the same order, one row each."""
    both = one.verdicts, other.verdicts
    return isinstance(both[0], Singles) and isinstance(both[1], Singles) and both[0].places is both[1].places


def shared(one: Sheet, other: Sheet) -> int:
    """The number of examples that both sheets have."""
    if are_of_one(one, other):
        return len(one.verdicts)
    ids, others = one.verdicts.keys(), other.verdicts.keys()
    return len(ids) if ids == others else sum(map(others.__contains__, ids))


def side(one: Sheet, by: Scale, read: Figured, common: int) -> Side:
    """Count the examples of one side, whose figures are `read`; `common` examples are on the other side too."""
    missing = one.verdicts.keys() - read.values.keys() if len(read.values) < len(one.verdicts) else set[str]()
    errored = missing & one.errored
    abstained = sum(
        any(has_abstained(verdict, by) for verdict in one.verdicts[example_id]) for example_id in missing - errored
    )
    return Side(
        rows=one.rows,
        examples=len(one.verdicts),
        scored=len(one.verdicts) - len(missing),
        unscored=len(missing) - len(errored) - abstained,
        errored=len(errored),
        abstained=abstained,
        failed_runs=one.failed,
        partial=len(read.incomplete - missing),
        only_here=len(one.verdicts) - common,
    )

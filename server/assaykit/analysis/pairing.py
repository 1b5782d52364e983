"""From outcomes to pairs: the figures of an evaluator's verdicts, and the examples that both sides share."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.findings import FigureKind, Side
from assaykit.analysis.rows import Outcome, finite, listed, short
from assaykit.errors import Invalid
from assaykit.wire.spans import Evaluation

_PLAINLY_POSITIVE = {"true": "false", "yes": "no", "pass": "fail", "passed": "failed", "correct": "incorrect"}
"""Pairs of labels in lower case, positive -> negative. For any other labels the positive one is not guessed."""

_BINARY_LABELS = 2


class Sheet(NamedTuple):
    """One evaluator's verdicts on one variant: by example id, one entry per row."""

    verdicts: Mapping[str, list[Evaluation | None]]
    errored: frozenset[str]
    rows: int

    def scores(self) -> set[float]:
        """The distinct scores."""
        found = (verdict.score for row in self.verdicts.values() for verdict in row if verdict)
        return {score for score in found if score is not None}

    def labels(self) -> set[str]:
        """The distinct labels."""
        found = (verdict.label for row in self.verdicts.values() for verdict in row if verdict)
        return {label for label in found if label is not None}


class Scale(NamedTuple):
    """The rule that turns a verdict into a figure: its score, or 1 or 0 by whether its label is `positive`."""

    kind: FigureKind
    from_labels: bool
    positive: str | None = None
    positive_assumed: bool = False


class Incomparable(NamedTuple):
    """The reason why two sheets have no scale in common."""

    reason: str


def sheet(evaluator: str, outcomes: Sequence[Outcome]) -> Sheet:
    """Collect one evaluator's verdicts and check their scores.

    Raises:
        Invalid: a score is infinite or too large.
    """
    verdicts: dict[str, list[Evaluation | None]] = {}
    for outcome in outcomes:
        verdict = outcome.evaluations.get(evaluator)
        if verdict and verdict.score is not None:
            score = finite(verdict.score, evaluator, outcome.example_id)
            verdict = verdict if score is not None else verdict.model_copy(update={"score": None})
        verdicts.setdefault(outcome.example_id, []).append(verdict)
    errored = frozenset(outcome.example_id for outcome in outcomes if outcome.error)
    return Sheet(verdicts, errored, len(outcomes))


def scale(
    evaluator: str, first: Sheet, second: Sheet, positive: str | None, every: Iterable[Sheet]
) -> Scale | Incomparable:
    """Choose the scale for two sheets: the positive label if one is given, else the score, else the label.

    `every` has the sheets of all variants, including these two, so that all pairs get the same scale.

    Raises:
        Invalid: no verdict has the label `positive`.
    """
    sheets = list(every)
    labels = {label for one in sheets for label in one.labels()}
    if positive is not None:
        if positive not in labels:
            raise Invalid(
                f"the positive label {short(positive)!r} of {short(evaluator)!r} occurs in no experiment; "
                f"labels seen: {listed(sorted(labels))}.",
                "Give one of the labels seen, spelled the same.",
            )
        return Scale("binary", from_labels=True, positive=positive)
    if first.scores() and second.scores():
        whole = all(one.scores() <= {0.0, 1.0} for one in sheets)
        return Scale("binary" if whole else "numeric", from_labels=False)
    if first.labels() and second.labels():
        guess = _plain_positive(labels)
        if guess:
            return Scale("binary", from_labels=True, positive=guess, positive_assumed=True)
        return Scale("categorical", from_labels=True)
    return Incomparable(_why_incomparable(evaluator, first, second))


def _plain_positive(labels: set[str]) -> str | None:
    if len(labels) != _BINARY_LABELS:
        return None
    by_case = {label.lower(): label for label in labels}
    return next((by_case[yes] for yes, no in _PLAINLY_POSITIVE.items() if by_case.keys() == {yes, no}), None)


def _why_incomparable(evaluator: str, first: Sheet, second: Sheet) -> str:
    judged = [bool(one.scores() or one.labels()) for one in (first, second)]
    if all(judged):
        return f"{short(evaluator)!r} has scores on one side and only labels on the other"
    side = {(True, False): "the challenger", (False, True): "the baseline"}.get((judged[0], judged[1]), "either side")
    return f"{short(evaluator)!r} has no verdict on {side}"


def slope(positive: str, sheets: Iterable[Sheet]) -> int:
    """Return 1 if verdicts with the positive label have a higher mean score than the others, -1 if lower, else 0.

    The slope translates the direction of a score into that of a label: if a judge maximises its score and
    "hallucinated" has the score 0, fewer "hallucinated" labels are better.
    """
    marked = [
        (verdict.label == positive, verdict.score)
        for one in sheets
        for row in one.verdicts.values()
        for verdict in row
        if verdict and verdict.label is not None and verdict.score is not None
    ]
    positives = [score for hit, score in marked if hit]
    others = [score for hit, score in marked if not hit]
    if not positives or not others:
        return 0
    rise = sum(positives) / len(positives) - sum(others) / len(others)
    return (rise > 0) - (rise < 0)


def figures(one: Sheet, by: Scale) -> dict[str, float]:
    """Return the figure of each scored example: the mean over its scored repetitions."""
    found: dict[str, float] = {}
    for example_id, verdicts in one.verdicts.items():
        numbers = [number for verdict in verdicts if (number := figure(verdict, by)) is not None]
        if numbers:
            found[example_id] = sum(numbers) / len(numbers)
    return found


def figure(verdict: Evaluation | None, by: Scale) -> float | None:
    """Return the figure of one verdict on the scale; None if it has no score or label for it."""
    if verdict is None:
        return None
    if not by.from_labels:
        return verdict.score
    return None if verdict.label is None else float(verdict.label == by.positive)


def side(one: Sheet, by: Scale, scored: Container[str], other: Sheet) -> Side:
    """Count the examples of one side; `scored` holds the examples that have a figure."""
    missing = [example_id for example_id in one.verdicts if example_id not in scored]
    errored = sum(example_id in one.errored for example_id in missing)
    partial = sum(
        example_id in scored and any(figure(verdict, by) is None for verdict in verdicts)
        for example_id, verdicts in one.verdicts.items()
    )
    return Side(
        rows=one.rows,
        examples=len(one.verdicts),
        scored=len(one.verdicts) - len(missing),
        unscored=len(missing) - errored,
        errored=errored,
        partial=partial,
        only_here=sum(example_id not in other.verdicts for example_id in one.verdicts),
    )

"""The scale of an evaluator's verdicts: scores, or 1 and 0 by label."""

from typing import Literal, NamedTuple

from assaykit.spelling import folded

FigureKind = Literal["binary", "numeric", "categorical"]

GOOD = {"pass": "fail", "passed": "failed", "correct": "incorrect"}
_AFFIRMATIVE = {"true": "false", "yes": "no"}
PLAINLY_POSITIVE = {**GOOD, **_AFFIRMATIVE}
"""Pairs of labels, positive -> negative. For any other labels the positive one is not guessed."""

PLAIN_SCORES = {**dict.fromkeys(GOOD, 1.0), **dict.fromkeys(GOOD.values(), 0.0)}
"""The order of the labels that say themselves which one is better."""

ABSTENTIONS = frozenset(
    {"n/a", "na", "not applicable", "not_applicable", "abstain", "abstained", "abstention", "skip", "skipped"}
)
"""Labels by which an evaluator without scores declines to judge."""


class Scale(NamedTuple):
    """The rule that turns a verdict into a figure: its score, or 1 or 0 by whether its label is one of `positives`.

    With `has_scores` a verdict counts only if it has a score, also where labels are counted, so that `positives` never
    change the examples that count. `failure` is the figure of a failed run; None leaves failed runs out.
    """

    kind: FigureKind
    has_scores: bool
    positives: frozenset[str] = frozenset()
    positive_assumed: bool = False
    positive_scores: frozenset[float] = frozenset()
    failure: float | None = None

    @property
    def has_plain_direction(self) -> bool:
        """Whether the labels themselves say which one is better, as pass and fail do."""
        return self.positive_assumed and all(folded(label) in GOOD for label in self.positives)

"""Goals of a plan: the difference, the margin or the share that an experiment has to show.

    better by 5 points                       a true difference of so much is shown
    not worse by more than 2 points          the worse end of the interval lies within the margin
    the same within 3 points                 both ends do
    at least 80 %, at most 2 %               the interval of a share stays on this side

`NAME:` before a goal names its evaluator. Points belong to a rate; without a unit a number is in the unit of a score.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from assaykit.analysis.rows import short
from assaykit.errors import Invalid

GoalKind = Literal["difference", "margin", "same", "at least", "at most"]

SHARES: frozenset[GoalKind] = frozenset({"at least", "at most"})
"""The goals about one experiment's share, not about a difference."""

FORMS = "'better by 5 points', 'not worse by more than 2 points', 'the same within 3 points' or 'at least 80 %'"

_GOAL = re.compile(
    r"\s*(?:(?P<evaluator>[^:]+?)\s*:\s*)?"
    r"(?:(?P<margin>not worse by more than)|(?P<same>(?:the )?same within)|(?P<least>at least)|(?P<most>at most)"
    r"|(?P<difference>better by|worse by|a difference of|difference of))"
    r"\s*(?P<size>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>points?|%|percent)?\s*",
    re.IGNORECASE,
)
_KINDS: dict[str, GoalKind] = {
    "margin": "margin",
    "same": "same",
    "least": "at least",
    "most": "at most",
    "difference": "difference",
}
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class SizeGoal:
    """One goal. `size` is a fraction from 0 to 1 for a rate (`in_points`), else in the unit of the score."""

    text: str
    kind: GoalKind
    size: float
    in_points: bool
    evaluator: str | None = None


def goal(text: str) -> SizeGoal:
    """Parse a goal.

    Raises:
        Invalid: the text has none of the forms, its size is 0, a share has no unit, or points exceed 100.
    """
    found = _GOAL.fullmatch(text)
    if found is None:
        raise Invalid(f"{short(text)!r} is not a goal to plan for.", f"Write {FORMS}.")
    kind: GoalKind = next(kind for name, kind in _KINDS.items() if found[name] is not None)
    in_points = found["unit"] is not None
    size = float(found["size"]) / (_WHOLE if in_points else 1)
    if kind in SHARES and not in_points:
        raise Invalid(f"The share in {short(text)!r} has no unit.", f"Write '{kind} {found['size']} %'.")
    if not math.isfinite(size) or size <= 0 or (in_points and size >= 1):
        raise Invalid(f"{short(text)!r} is out of range.", "Give a number above 0, and below 100 points.")
    return SizeGoal(text.strip(), kind, size, in_points, found["evaluator"])

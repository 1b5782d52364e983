"""Two judges, versions or models on the same rows, against people's labels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.judge_agreement import LabelledRow, Vocabulary
from assaykit.analysis.paired_rates import mcnemar_mid_p, tango_interval
from assaykit.analysis.statistics import Interval


@dataclass(frozen=True, slots=True)
class JudgeComparison:
    """A judge and another one on the rows that both judged, `rows`, of which `equal` have equal labels.

    On the `labelled` of these rows people gave a label: `right` counts those where the judge gives it, `other_right`
    those where the other does, and `only` and `only_other` those where just one of them does. `difference` is the
    agreement of the judge less that of the other, -1 to 1, with Tango's 95 % interval and McNemar's mid-p; the three
    are None without a label.
    """

    other: str
    rows: int
    equal: int
    labelled: int
    right: int
    other_right: int
    only: int
    only_other: int
    difference: float | None
    interval: Interval | None
    p: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "interval": None if self.interval is None else self.interval.as_dict()}


def judge_comparison(rows: Sequence[LabelledRow], words: Vocabulary, other: str) -> JudgeComparison:
    """Compare the judge of `rows` with the one called `other`, whose labels the rows have as `other`."""
    both = [
        (words.label(row.truth), words.label(row.said), words.label(row.other))
        for row in rows
        if row.said is not None and row.other is not None
    ]
    marks = [(said == truth, others == truth) for truth, said, others in both if truth is not None]
    only, only_other = marks.count((True, False)), marks.count((False, True))
    n = len(marks)
    return JudgeComparison(
        other,
        len(both),
        sum(said == others for _, said, others in both),
        n,
        sum(one for one, _ in marks),
        sum(two for _, two in marks),
        only,
        only_other,
        (only - only_other) / n if n else None,
        tango_interval(n, gained=only, lost=only_other) if n else None,
        mcnemar_mid_p(only_other, only) if n else None,
    )

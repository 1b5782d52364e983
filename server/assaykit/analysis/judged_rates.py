"""The failure rate that a judge's labels give, as measured and corrected, with the calibration that corrects it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assaykit.analysis.calibration import CalibrationRecord, Standing, standing
from assaykit.analysis.corrected_rates import FEWEST_OF_CLASS, CorrectedRate, JudgeAccuracy, corrected_rate
from assaykit.analysis.formats import percent
from assaykit.analysis.makers import Maker
from assaykit.spelling import folded

HALF_WIDTH = 0.05
"""The half of an interval that is narrow enough to act on: five points."""

MOST_LABELS = 1_000_000


@dataclass(frozen=True, slots=True)
class JudgedRate:
    """The rate of failures among a judge's labels, 0 to 1, and its correction by the judge's calibration.

    `rate` has no correction if the calibration is stale or the judge agrees with people no better than a coin.
    `more_labels` are the further labels until the interval exists, or else until it ends within five points of its
    middle; None if no number of labels does that.
    """

    rate: CorrectedRate
    standing: Standing
    more_labels: int | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        told = {"calibrated": self.standing.is_calibrated, "calibration": self.standing.sentence}
        return {**self.rate.as_dict(), **told, "more_labels": self.more_labels}

    def as_text(self) -> str:
        """A line such as `31 % failures measured, 24 % corrected (18 to 31 %). Judge calibrated: kappa 0.71, ...`."""
        one = self.rate
        told = f"{percent(one.measured, one.n)} failures measured"
        if one.corrected is not None:
            told += f", {percent(one.corrected, one.n)} corrected"
        if one.interval is not None:
            told += f" ({100 * one.interval.low:.0f} to {100 * one.interval.high:.0f} %)"
        if one.effective_n is not None:
            told += f", as {one.effective_n:.0f} labels would tell"
        told += f". {self.standing.sentence}"
        if one.corrected is not None and self.more_labels:
            aim = "an interval" if one.interval is None else "\u00b15 points"
            told += f" About {self.more_labels} more labels give {aim}."
        return told


def judged_rate(
    labels: Mapping[str, int], record: CalibrationRecord, version: str, number: int | None = None
) -> JudgedRate | None:
    """The rate of failures among `labels`, counts by label, of a judge with this record; None without a failing label.

    `version` is the id of the version that gave the labels, and `number` its number. A version fixes the prompt and the
    model, so the model is not compared.
    """
    failing = {folded(one) for one in record.failing}
    n, failed = sum(labels.values()), sum(number for label, number in labels.items() if folded(label) in failing)
    if not failing or not n:
        return None
    numbers = {} if number is None else {version: number}
    found = standing(record.judge, {record.judge: record}, Maker((version,), record.models), numbers)
    accuracy = record.accuracy
    is_stale = not found.is_calibrated and min(record.failures, record.passes) >= FEWEST_OF_CLASS
    if accuracy is None or is_stale or version not in record.versions:
        return JudgedRate(CorrectedRate(n, failed / n, None, None, None), found, None)
    rate = corrected_rate(failed, n, accuracy)
    more = accuracy.more_labels
    if rate.interval is not None:
        wanted = labels_needed(failed, n, accuracy)
        more = None if wanted is None else max(0, wanted - accuracy.failures - accuracy.passes)
    return JudgedRate(rate, found, more)


def labels_needed(judged_failures: int, n: int, accuracy: JudgeAccuracy, half_width: float = HALF_WIDTH) -> int | None:
    """The labels, in the shares of `accuracy`, with which the corrected rate's interval is at most twice `half_width`.

    `judged_failures` of `n` rows are failures by the judge. None if a million labels do not suffice, as with few rows.

    Raises:
        Invalid: `n` is not positive, or the count lies outside 0 to n.
    """
    labels = accuracy.failures + accuracy.passes
    if not labels:
        return None

    def is_enough(wanted: int) -> bool:
        some = _scaled(accuracy, wanted / labels)
        interval = corrected_rate(judged_failures, n, some).interval
        return interval is not None and interval.high - interval.low <= 2 * half_width

    low, high = 0, 1
    while not is_enough(high):
        if high >= MOST_LABELS:
            return None
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _scaled(accuracy: JudgeAccuracy, by: float) -> JudgeAccuracy:
    """As many times the labels, with the same shares as near as whole numbers allow."""
    failures, passes = round(accuracy.failures * by), round(accuracy.passes * by)
    caught = round(failures * (accuracy.sensitivity or 0))
    return JudgeAccuracy(failures, caught, passes, round(passes * (accuracy.specificity or 0)))

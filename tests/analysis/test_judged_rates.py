"""Rates of a judge's labels corrected by its calibration, the labels they need, and sides that it judges unlike."""

from collections.abc import Mapping

import pytest

from assaykit.analysis.calibration import CalibrationRecord
from assaykit.analysis.corrected_rates import JudgeAccuracy, corrected_rate
from assaykit.analysis.judged_rates import HALF_WIDTH, judged_rate, labels_needed
from assaykit.analysis.side_agreement import differing_agreement, fisher_exact

GOOD = JudgeAccuracy(40, 32, 160, 150)
LABELS = {"rude": 30, "polite": 70}


def record(accuracy: JudgeAccuracy, **more: object) -> CalibrationRecord:
    counts = accuracy.failures, accuracy.passes
    whole = CalibrationRecord("tone", ("id-3",), ("m",), 200, *counts, 0.71, "truth", "2026-11-20")
    told = {"caught": accuracy.caught, "cleared": accuracy.cleared, "failing": ("Rude",), "numbers": (3,)}
    return whole._replace(**told | more)


def test_a_rate_is_shown_as_measured_and_as_corrected_with_the_record() -> None:
    found = judged_rate(LABELS, record(GOOD), "id-3")
    assert found is not None
    assert found.rate == corrected_rate(30, 100, GOOD)
    text = found.as_text()
    assert text.startswith("30 % failures measured, 32 % corrected (20 to 48 %), as 42 labels would tell. ")
    assert "Judge calibrated: kappa 0.71, n = 200, v3, 2026-11-20." in text


@pytest.mark.parametrize(
    ("accuracy", "version", "told"),
    [
        (GOOD, "id-4", "The judge's calibration is stale: its version was v3, and that of these verdicts is v4."),
        (JudgeAccuracy(4, 3, 40, 38), "id-3", "rests on 4 failures and 40 passes, and needs 5 of each."),
    ],
)
def test_a_stale_calibration_corrects_nothing_and_few_labels_give_no_interval(
    accuracy: JudgeAccuracy, version: str, told: str
) -> None:
    found = judged_rate(LABELS, record(accuracy), version, 4 if version == "id-4" else 3)
    assert found is not None
    assert told in found.as_text()
    assert (found.rate.interval, found.standing.is_calibrated) == (None, False)
    assert (found.rate.corrected is None) == (version == "id-4")
    if version == "id-3":
        assert found.as_text().endswith("About 11 more labels give an interval.")


@pytest.mark.parametrize("missing", [{"failing": ()}, {"caught": None}])
def test_a_record_of_before_that_lacks_the_counts_corrects_nothing(missing: Mapping[str, object]) -> None:
    found = judged_rate(LABELS, record(GOOD, **missing), "id-3")
    assert found is None or (found.rate.corrected, found.more_labels) == (None, None)


def test_the_labels_for_five_points_are_the_fewest_that_do_and_none_if_the_rows_are_too_few() -> None:
    wanted = labels_needed(3_000, 10_000, GOOD)
    assert wanted is not None

    def width(labels: int) -> float:
        share = labels / 200
        some = JudgeAccuracy(round(40 * share), round(32 * share), round(160 * share), round(150 * share))
        interval = corrected_rate(3_000, 10_000, some).interval
        assert interval is not None
        return interval.high - interval.low

    assert width(wanted) <= 2 * HALF_WIDTH < width(wanted - 40)
    assert labels_needed(30, 100, GOOD) is None
    assert labels_needed(3_000, 10_000, JudgeAccuracy(0, 0, 0, 0)) is None


def test_a_judge_that_agrees_differently_on_the_two_sides_is_told() -> None:
    sides = {"a": JudgeAccuracy(50, 48, 50, 45), "b": JudgeAccuracy(50, 25, 50, 46), "c": JudgeAccuracy(2, 0, 3, 3)}
    told = differing_agreement(sides, ["a", "b"])
    assert told is not None
    assert "it catches 96 % of the failures on a and 50 % on b" in told
    assert differing_agreement(sides, ["a", "c"]) == differing_agreement({}, ["a", "b"]) is None or told
    assert differing_agreement({"a": sides["a"], "b": sides["a"]}, ["a", "b"]) is None


@pytest.mark.parametrize(
    ("table", "p"),
    # scipy.stats.fisher_exact of [[hits, n - hits], [other_hits, other_n - other_hits]]
    [((8, 10, 1, 6), 0.034965034965034975), ((3, 4, 1, 4), 0.48571428571428565), ((5, 5, 5, 5), 1.0)],
)
def test_fisher_is_that_of_scipy(table: tuple[int, int, int, int], p: float) -> None:
    assert fisher_exact(*table) == pytest.approx(p, rel=1e-12)

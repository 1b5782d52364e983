"""Changes of latency, tokens and cost: against scipy, in one correction with the verdicts, and in words."""

import importlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from tests.analysis.variants import approx, scored
from tests.oracles import Oracle

from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.findings import Comparison
from assaykit.analysis.reading import outcome
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.usage_changes import UsageChange
from assaykit.report.usage_words import change_words

numpy = importlib.import_module("numpy")
stats = Oracle("scipy.stats")
multitest = Oracle("statsmodels.stats.multitest")


def side(name: str, **columns: list[Any]) -> Variant:
    """Rows of the examples e000, e001, ... with one score, and the given values of further fields."""
    count = len(next(iter(columns.values())))
    rows = scored(name, [1.0] * count).outcomes
    told = [{field: values[place] for field, values in columns.items()} for place in range(count)]
    return Variant(name, [row._replace(**own) for row, own in zip(rows, told, strict=True)])


def change(before: Variant, after: Variant, **more: Any) -> UsageChange:
    (found,) = compare(before, [after], **more).usage
    return found


def random_latencies(n: int, seed: int = 3) -> tuple[Any, Any]:
    rng = numpy.random.default_rng(seed)
    before = rng.lognormal(7, 0.5, n)
    return before, before * rng.lognormal(0.3, 0.4, n)


def test_latency_is_a_ratio_of_geometric_means_with_the_t_interval_of_the_logarithms() -> None:
    before, after = random_latencies(40)
    one = change(side("old", latency_ms=before.tolist()), side("new", latency_ms=after.tolist()))
    logs = numpy.log(after) - numpy.log(before)
    interval = stats.ttest_rel(numpy.log(after), numpy.log(before)).confidence_interval()
    assert one.interval is not None
    assert one.change == approx(float(numpy.exp(logs.mean())), rel=1e-9)
    assert (one.interval.low, one.interval.high) == approx((math.exp(interval.low), math.exp(interval.high)), rel=1e-9)
    assert one.baseline_value == approx(float(stats.gmean(before)), rel=1e-9)
    assert one.challenger_value == approx(float(stats.gmean(after)), rel=1e-9)
    assert (one.measure, one.n, one.is_ratio, one.verdict) == ("latency", 40, True, "higher")


def test_many_pairs_have_the_p_of_the_t_test() -> None:
    before, after = random_latencies(300)
    one = change(side("old", latency_ms=before.tolist()), side("new", latency_ms=(after * 0.77).tolist()))
    assert one.p == approx(float(stats.ttest_rel(numpy.log(after * 0.77), numpy.log(before)).pvalue), rel=1e-6)


@pytest.mark.parametrize(("field", "told"), [("tokens", "Tokens: new used "), ("cost", "Cost: new cost $")])
def test_tokens_and_cost_are_mean_differences(field: str, told: str) -> None:
    rng = numpy.random.default_rng(5)
    before = rng.gamma(2, 100, 60)
    after = before + rng.normal(30, 40, 60) + 100
    one = change(side("old", **{field: before.tolist()}), side("new", **{field: after.tolist()}))
    interval = stats.ttest_rel(after, before).confidence_interval()
    assert one.interval is not None
    assert (one.interval.low, one.interval.high) == approx((interval.low, interval.high), rel=1e-9)
    assert (one.measure, one.is_ratio, one.verdict) == (field, False, "higher")
    assert change_words(one).startswith(told)
    assert " more per example than old (95 % interval +" in change_words(one)


def test_one_correction_covers_verdicts_latency_tokens_and_cost() -> None:
    rng = numpy.random.default_rng(8)
    scores = [rng.normal(0, 1, 50) for _ in range(2)]
    columns = [
        {
            "latency_ms": rng.lognormal(7 + 0.2 * place, 0.5, 50).tolist(),
            "tokens": rng.gamma(9, 10 + 2 * place, 50).tolist(),
            "cost": rng.gamma(9, 1, 50).tolist(),
        }
        for place in range(2)
    ]
    variants = [
        Variant(name, [
            Outcome(f"e{place}", "x", None, {"q": Judgement(name="q", score=float(score[place]))}, "",
                    *(values[place] for values in own.values()))
            for place in range(50)
        ])
        for name, score, own in zip(("old", "new"), scores, columns, strict=True)
    ]  # fmt: skip
    found = compare(variants[0], variants[1:])
    tested = [*found.findings, *found.usage]
    assert [getattr(one, "measure", None) for one in tested] == [None, "latency", "tokens", "cost"]
    expected = multitest.multipletests([one.p for one in tested], method="holm")[1]
    assert [one.p_adjusted for one in tested] == approx(list(expected))
    assert "after the correction for 4 tests" in found.findings[0].sentence
    assert "after the correction for 4 tests" in change_words(found.usage[0])
    apart = compare(variants[0], variants[1:], usage_counts=False)
    assert apart.findings[0].p_adjusted == apart.findings[0].p
    raw = [one.p for one in apart.usage]
    assert [one.p_adjusted for one in apart.usage] == approx(list(multitest.multipletests(raw, method="holm")[1]))


@pytest.mark.parametrize(("n", "verdict"), [(6, "too few to say"), (19, "too few to say"), (20, "higher")])
def test_fewer_than_twenty_pairs_are_described_and_not_judged(n: int, verdict: str) -> None:
    times = [100.0 + place for place in range(n)]
    one = change(
        side("old", latency_ms=times), side("new", latency_ms=[3 * time + place for place, time in enumerate(times)])
    )
    assert one.verdict == verdict
    told = change_words(one)
    assert ("3." in told) or ("3 times" in told)
    if n < 20:
        assert (one.p, one.p_adjusted) == (None, None)
        assert told.startswith("Latency: too few pairs for a verdict: new took 3.0")
        assert f"{n} pairs, 20 are needed for a test" in told


def test_repetitions_are_averaged_on_the_scale_of_the_test_and_failures_have_no_time() -> None:
    rows = [
        [("a", 100.0, None), ("a", 400.0, None), ("b", 50.0, None), ("c", 9.0, None), ("d", None, None)],
        [("a", 400.0, None), ("b", 100.0, None), ("c", 9.0, "timeout"), ("d", 5.0, None), ("e", 5.0, None)],
    ]
    variants = [
        Variant(name, [
            Outcome(key, "x", error, {"q": Judgement(name="q", score=1)}, str(place), time)
            for place, (key, time, error) in enumerate(some)
        ])
        for name, some in zip(("old", "new"), rows, strict=True)
    ]  # fmt: skip
    one = change(variants[0], variants[1])
    assert (one.n, one.unpaired) == (2, 2)
    # a took 200 ms by the geometric mean, and then 400; b took 50, and then 100.
    assert one.change == approx(2.0)
    assert "2 examples without latency on both sides left out" in change_words(one)


def test_a_time_of_zero_has_no_logarithm_so_milliseconds_are_compared() -> None:
    before = [0.0, *(float(place % 7) for place in range(29))]
    one = change(
        side("old", latency_ms=before),
        side("new", latency_ms=[time + 2 + place % 3 for place, time in enumerate(before)]),
    )
    assert (one.is_ratio, one.change, one.verdict) == (False, approx(3.0), "higher")
    assert "Latency: new took 3 ms longer than old (95 % interval +" in change_words(one)


@pytest.mark.parametrize(
    ("moved", "verdict", "told"),
    [
        (10.0, "higher", "Tokens: new used 10 more per example than old (means 110 vs 100; p "),
        (0.0, "no difference shown", "can be shown: new used as much as old (means 100 vs 100; p = 1 after"),
    ],
)
def test_pairs_that_all_moved_alike_leave_no_doubt(moved: float, verdict: str, told: str) -> None:
    one = change(side("old", tokens=[100.0] * 30), side("new", tokens=[100.0 + moved] * 30))
    assert (one.interval, one.verdict) == (None, verdict)
    assert told in change_words(one)


def test_skewed_differences_of_few_pairs_give_no_verdict() -> None:
    moves = [10.0] * 25 + [-40.0] * 3
    one = change(side("old", tokens=[100.0] * 28), side("new", tokens=[100 + move for move in moves]))
    assert one.verdict == "too few to say"
    assert change_words(one).startswith("Tokens: too few pairs for a verdict: new used ")


def test_rows_of_one_source_count_once() -> None:
    before, after = random_latencies(100)
    clusters = Clusters("doc", {f"e{place:03}": f"s{place // 10}" for place in range(100)})
    sides = side("old", latency_ms=before.tolist()), side("new", latency_ms=after.tolist())
    one = change(*sides, clusters=clusters)
    assert (one.n, one.units, one.p, one.verdict) == (100, 10, None, "too few to say")
    assert "100 rows in 10 clusters, 20 are needed for a test" in change_words(one)
    many = change(*sides, clusters=Clusters("doc", {f"e{place:03}": f"s{place // 2}" for place in range(100)}))
    assert (many.units, many.verdict) == (50, "higher")


def read(name: str, **columns: Any) -> Variant:
    rows = [
        {"id": f"r{place}", "example_id": f"e{place}", "output": "x", "eval.q.score": 1,
         **{key: value(place) if callable(value) else value for key, value in columns.items()}}
        for place in range(24)
    ]  # fmt: skip
    return Variant(name, [outcome(row) for row in rows])


def compared(*variants: Variant) -> Comparison:
    return compare(variants[0], variants[1:])


def number(least: float, step: float) -> Callable[[int], float]:
    return lambda place: least + step * place


def test_seconds_beside_milliseconds_are_a_question() -> None:
    seconds = read("old", latency=number(1, 0.01))
    milliseconds = read("new", latency_ms=number(1100, 1))
    (one,) = compared(seconds, milliseconds).usage
    assert (one.verdict, one.p) == ("not tested", None)
    assert "no verdict, are both in one unit? A column `latency` is read as milliseconds" in change_words(one)
    (named,) = compared(read("old", latency_s=number(1, 0.01)), milliseconds).usage
    assert named.question is None
    (run,) = compared(read("old", latency=1.2, execution_status="COMPLETED"), milliseconds).usage
    assert run.question is None

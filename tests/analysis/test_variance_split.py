"""The variance of repeated runs against scipy's analysis of variance, and the advice that follows."""

import importlib
from typing import Any

import pytest
from tests.analysis.variants import approx, outcome, scored
from tests.oracles import Oracle

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import details
from assaykit.analysis.variance_split import RunNoise, advice, variance_split
from assaykit.report.text import comparison_text

numpy = importlib.import_module("numpy")
stats = Oracle("scipy.stats")


def drawn(examples: int, runs: int, between: float, within: float, *, seed: int = 1) -> list[list[float]]:
    rng = numpy.random.default_rng(seed)
    means = rng.normal(3, between, examples)
    return [(mean + rng.normal(0, within, runs)).tolist() for mean in means]


def test_the_split_is_that_of_the_analysis_of_variance() -> None:
    groups = drawn(12, 4, 1.0, 0.5)
    found = variance_split({f"e{place}": values for place, values in enumerate(groups)})
    assert found is not None
    assert found.within == approx(float(numpy.mean([numpy.var(values, ddof=1) for values in groups])), rel=1e-9)
    # F is the mean square between over that within.
    f = float(stats.f_oneway(*groups).statistic)
    assert 1 + 4 * found.between / found.within == approx(f, rel=1e-9)


def test_unequal_numbers_of_runs_give_the_true_components_on_average() -> None:
    rng = numpy.random.default_rng(2)
    found = [
        variance_split({
            f"e{place}": (rng.normal(0, 1) + rng.normal(0, 2, 1 + place % 5)).tolist() for place in range(40)
        })
        for _ in range(200)
    ]  # fmt: skip
    assert numpy.mean([one.within for one in found if one]) == approx(4, rel=0.05)
    # The estimate is cut at zero, so its mean lies a little above.
    assert numpy.mean([one.between for one in found if one]) == approx(1, rel=0.2)


@pytest.mark.parametrize("runs", [{}, {"a": [1.0, 2.0]}, {"a": [1.0], "b": [2.0]}, {"a": [], "b": [1.0, 0.0]}])
def test_too_few_runs_split_nothing(runs: dict[str, list[float]]) -> None:
    assert variance_split(runs) is None


def side(name: str, groups: list[list[float]]) -> Variant:
    return Variant(name, [outcome(f"e{place:03}", score=one) for place, values in enumerate(groups) for one in values])


def noise(old: Any, new: Any) -> tuple[RunNoise, str]:
    variants = [side("old", old), side("new", new)]
    comparison = compare(variants[0], variants[1:])
    found = details(variants, comparison)
    (one,) = found.noise
    assert f"{advice(one)}." in comparison_text(comparison, details=found)
    assert found.as_dict()["variance"] == [one.as_dict()]
    return one, advice(one)


def test_examples_that_differ_more_than_their_runs_need_more_examples() -> None:
    one, told = noise(drawn(60, 3, 1.0, 0.5), drawn(60, 3, 1.0, 0.5, seed=9))
    # 2 * 0.25 / 3 of the variance 2 * (1 + 0.25 / 3) comes from runs.
    assert one.of_runs == approx(0.25 / 3 / (1 + 0.25 / 3), abs=0.04)
    assert told.startswith("quality, new: more repetitions would help little: 9")
    assert told.endswith("% of the variance of the difference is between examples. More examples help")


def test_runs_that_differ_more_than_examples_need_more_runs() -> None:
    # The same examples on both sides, so their own means cancel out.
    base = numpy.random.default_rng(3).normal(3, 1, 60)
    rng = numpy.random.default_rng(4)
    old, new = ([(mean + rng.normal(0, 1, 3)).tolist() for mean in base] for _ in range(2))
    one, told = noise(old, new)
    assert one.of_runs > 0.7
    assert "more repetitions would help: " in told
    narrower = 100 * (1 - (1 - one.of_runs / 2) ** 0.5)
    assert told.endswith(f"Twice as many narrow the interval by {narrower:.0f} %")


def test_a_side_of_single_runs_takes_the_variance_of_the_other() -> None:
    one, _ = noise(drawn(40, 1, 1.0, 0.5), drawn(40, 5, 1.0, 0.5, seed=7))
    assert one.baseline_split is None
    assert one.challenger_split is not None
    variance = one.challenger_split.within * (1 + 1 / 5)
    moves = [
        float(numpy.mean(new)) - old[0]
        for old, new in zip(drawn(40, 1, 1.0, 0.5), drawn(40, 5, 1.0, 0.5, seed=7), strict=True)
    ]
    assert one.of_runs == approx(variance / float(numpy.var(moves, ddof=1)), rel=1e-9)


def test_single_runs_get_no_advice() -> None:
    variants = [scored("old", [0, 1] * 20), scored("new", [1, 1] * 20)]
    assert details(variants, compare(variants[0], variants[1:])).noise == ()

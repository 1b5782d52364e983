"""What runs took: known, unknown, and paired."""

import importlib

import pytest
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.rows import Outcome, outcome
from assaykit.analysis.usage import slower, usage
from assaykit.report.passages import slower_words
from assaykit.wire.experiments import ExperimentRun

numpy = importlib.import_module("numpy")
stats = Oracle("scipy.stats")

NOT_SHOWN = "No difference in latency between new and old can be shown"


def row(
    example: str,
    latency: float | None,
    *,
    error: str | None = None,
    tokens: float | None = None,
    cost: float | None = None,
) -> Outcome:
    return Outcome(example, "x", error, {}, latency_ms=latency, tokens=tokens, cost=cost)


def test_median_and_p95_are_those_of_numpy_and_a_failed_row_has_no_part_in_them() -> None:
    latencies = [float(n * n) for n in range(1, 24)]
    rows = [row(f"e{n}", value) for n, value in enumerate(latencies)]
    found = usage("new", [*rows, row("e99", 60_000, error="timed out", tokens=10)])
    assert found.latency_ms is not None
    assert (found.rows, found.succeeded, found.latency_ms.known) == (24, 23, 23)
    assert found.latency_ms.median == approx(numpy.median(latencies))
    assert found.latency_ms.p95 == approx(numpy.percentile(latencies, 95))
    assert found.latency_ms.mean == approx(numpy.mean(latencies))
    # What a failed row used was used.
    assert found.tokens is not None
    assert (found.tokens.known, found.tokens.total) == (1, 10)
    assert found.cost is None


def test_what_no_row_has_is_unknown_and_what_is_nought_is_not() -> None:
    found = usage("new", [row("a", None, cost=0.0), row("b", None)])
    assert found.latency_ms is None
    assert found.tokens is None
    assert found.cost is not None
    assert (found.cost.known, found.cost.total, found.cost.mean) == (1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"latency": 12.5, "token_count": 30, "total_cost": 0.25}, (12.5, 30, 0.25)),
        ({"latency_ms": "7", "total_tokens": "1e2", "cost": " 0.5 "}, (7, 100, 0.5)),
        ({"seconds": "1.5"}, (1500, None, None)),
        ({"latency_s": 2, "latency": 3}, (3, None, None)),
        ({"llm.token_count.total": 9, "cost_usd": 0}, (None, 9, 0)),
        ({"prompt_tokens": 4, "completion_tokens": 5}, (None, 9, None)),
        ({"prompt_tokens": 4}, (None, None, None)),
        ({"latency": "fast", "tokens": True, "cost": -1}, (None, None, None)),
        ({"latency": "nan", "tokens": "inf", "cost": ""}, (None, None, None)),
        ({"latency": None, "latency_ms": None, "token_count": None, "tokens": 3}, (None, 3, None)),
        ({}, (None, None, None)),
    ],
)
def test_the_columns_of_ax_of_openinference_and_of_peoples_files_are_read(
    columns: dict[str, object], expected: tuple[float | None, float | None, float | None]
) -> None:
    found = outcome(ExperimentRun.model_validate({"id": "r", "example_id": "e", "output": "x", **columns}))
    assert (found.latency_ms, found.tokens, found.cost) == expected


def test_the_paired_difference_averages_repetitions_and_leaves_out_what_one_side_lacks() -> None:
    before = [row("a", 100), row("a", 200), row("b", 50), row("c", 10), row("d", None)]
    after = [row("a", 160), row("b", 70), row("c", 99, error="no"), row("d", 5), row("e", 5)]
    found = slower(("old", before), ("new", after))
    assert found is not None
    assert (found.n, found.difference) == (2, 15.0)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (10.0, 20.0)
    assert slower(("old", [row("a", None)]), ("new", after)) is None


def test_the_interval_is_a_bootstrap_within_its_resampling_error() -> None:
    rng = numpy.random.default_rng(7)
    before, after = rng.gamma(2, 100, 80), rng.gamma(2, 120, 80)
    sides = [[row(f"e{n:02}", float(value)) for n, value in enumerate(side)] for side in (before, after)]
    found = slower(("old", sides[0]), ("new", sides[1]))
    expected = stats.bootstrap(
        (after - before,), numpy.mean, method="percentile", n_resamples=20_000, rng=numpy.random.default_rng(1)
    ).confidence_interval
    assert found is not None
    assert found.interval is not None
    assert found.difference == approx(float(numpy.mean(after - before)))
    error = float(numpy.std(after - before)) / 80**0.5
    assert abs(found.interval.low - expected.low) < 0.2 * error
    assert abs(found.interval.high - expected.high) < 0.2 * error


def test_where_every_pair_differs_alike_there_is_no_interval() -> None:
    found = slower(("old", [row("a", 1), row("b", 2)]), ("new", [row("a", 3), row("b", 4)]))
    assert found is not None
    assert (found.difference, found.interval) == (2.0, None)


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([10, 20, 30] * 2, "new took 20 ms longer than old on average (95 % interval +13.3 ms to +26.7 ms, 6 pairs)"),
        ([-10, -20, -30] * 2, "new took 20 ms less than old on average (95 % interval -26.7 ms to -13.3 ms, 6 pairs)"),
        ([-10, 5, 8] * 2, f"{NOT_SHOWN}: new took 1 ms longer on average (95 % interval "),
        ([10] * 6, "new took 10 ms longer than old on average (6 pairs)"),
        ([10] * 5, f"{NOT_SHOWN}: new took 10 ms longer on average (5 pairs, too few)"),
        ([-10, -20], f"{NOT_SHOWN}: new took 15 ms less on average (95 % interval -20 ms to -10 ms, 2 pairs, too few)"),
        ([0], f"{NOT_SHOWN}: both took the same on average (1 pair, too few)"),
    ],
)
def test_which_took_longer_is_said_where_it_is_shown(differences: list[float], said: str) -> None:
    before = [row(f"e{n}", 100) for n in range(len(differences))]
    after = [row(f"e{n}", 100 + difference) for n, difference in enumerate(differences)]
    found = slower(("old", before), ("new", after))
    assert found is not None
    assert slower_words(found).startswith(said)
    assert found.as_dict()["shown"] == (NOT_SHOWN not in said)

"""The usage of runs: known, unknown, and paired."""

import importlib

import pytest
from tests.analysis.variants import approx

from assaykit.analysis.details import Details
from assaykit.analysis.reading import outcome
from assaykit.analysis.rows import Outcome
from assaykit.analysis.usage import usage
from assaykit.report.passages import usage_lines

numpy = importlib.import_module("numpy")


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
    found = outcome({"id": "r", "example_id": "e", "output": "x", **columns})
    assert (found.latency_ms, found.tokens, found.cost) == expected


@pytest.mark.parametrize(
    ("columns", "is_asked"),
    [
        ({"latency": 1.25}, True),
        ({"latency": 1250}, False),
        ({"latency_ms": 1.25}, False),
        ({"latency_s": 1.25}, False),
        ({"latency": 1.25, "latency_ms": 1250}, False),
        ({"latency": 1.25, "execution_status": "COMPLETED"}, False),
    ],
)
def test_short_times_in_a_column_without_a_unit_are_told_to_be_milliseconds(
    columns: dict[str, object], *, is_asked: bool
) -> None:
    run = {"id": "r", "example_id": "e", "output": "x", **columns}
    found = Details(usage=(usage("a", [outcome(run)]),))
    told = "The column `latency` is read as milliseconds; name it latency_s if it holds seconds."
    assert (told in list(usage_lines(found))) == is_asked

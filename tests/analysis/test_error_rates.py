"""The short size of `benchmarks/verdicts.py`: error rates, coverage and power of verdicts and of the gate."""

from typing import Any

import pytest
from tests.oracles import Oracle

pytestmark = pytest.mark.slow

benchmark = Oracle("benchmarks.verdicts")

GROUPS = (
    "type I",
    "repetitions",
    "coverage",
    "power",
    "gate",
    "missing",
    "family-wise",
    "clusters",
    "labels",
    "latency",
    "looks",
)


def rows() -> list[Any]:
    return benchmark.rows()


@pytest.mark.parametrize("group", GROUPS)
def test_the_verdicts_keep_their_error_rates(group: str) -> None:
    chosen = [row for row in rows() if row.group == group and benchmark.short_runs(row)]
    found = {row.name: (row, benchmark.measured(row, benchmark.short_runs(row))) for row in chosen}
    missed = {name: benchmark.told(*one) for name, one in found.items() if one[1].holds is False}
    assert chosen
    assert not missed, "\n".join(missed.values())


def test_every_group_is_tested() -> None:
    assert {row.group for row in rows()} == set(GROUPS)


@pytest.mark.parametrize(
    ("low", "high", "share", "holds"),
    [(None, 0.06, 1.0, False), (None, 0.06, 0.0, True), (0.9, None, 0.5, False), (None, None, 1.0, None)],
)
def test_a_figure_is_held_against_its_bound(
    low: float | None, high: float | None, share: float, *, holds: bool | None
) -> None:
    def always(_: object) -> tuple[float, float]:
        return share, 1.0

    assert benchmark.measured(benchmark.Row("group", "name", low, high, always, 20), 20).holds is holds

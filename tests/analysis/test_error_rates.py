"""The short size of `benchmarks/verdicts.py`: error rates, coverage and power of verdicts and of the gate."""

import pytest
from benchmarks.verdicts import Row, measured, rows, short_runs, told
from tests.analysis.unmet import UNMET

pytestmark = pytest.mark.slow

GROUPS = dict.fromkeys(row.group for row in rows())


@pytest.mark.parametrize("group", GROUPS)
def test_the_verdicts_keep_their_error_rates(group: str) -> None:
    chosen = [row for row in rows() if row.group == group and short_runs(row)]
    found = {row.name: (row, measured(row, short_runs(row))) for row in chosen}
    beyond = [told(row, figure) for row, figure in found.values() if figure.holds is False and row.name not in UNMET]
    assert not beyond, "\n".join(beyond)


def test_every_unmet_row_is_a_row_of_the_benchmark() -> None:
    assert not UNMET - {row.name for row in rows()}


@pytest.mark.parametrize(
    ("low", "high", "share", "holds"),
    [(None, 0.06, 1.0, False), (None, 0.06, 0.0, True), (0.9, None, 0.5, False), (None, None, 1.0, None)],
)
def test_a_figure_is_held_against_its_bound(
    low: float | None, high: float | None, share: float, *, holds: bool | None
) -> None:
    def always(_: object) -> tuple[float, float]:
        return share, 1.0

    assert measured(Row("group", "name", low, high, always, 20), 20).holds is holds

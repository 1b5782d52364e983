"""Engine processes are killed or held up at random moments; runs are finished, and each row has one result."""

import sys
from pathlib import Path

import pytest
from tests.e2e.killing import SEED, Size, faults, outcome

pytestmark = pytest.mark.slow


@pytest.fixture
def size(*, long: bool) -> Size:
    return Size(1_000, 50, 30, 1_000, 0.01) if long else Size(60, 5, 1, 450, 0.05)


async def test_what_is_killed_at_random_moments_ends_with_one_result_for_each_row(
    tmp_path: Path, size: Size, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await outcome(tmp_path / "home", size)
    assert faults(found, size) == []
    calls = found.asked.total()
    repeated = calls - size.items
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {size.kills} kills and {size.holds} holds over {size.items} items, "
            f"{found.takeovers} takeovers, {repeated} of {calls} calls repeated\n"
        )
    # An engine has one call under way.
    assert repeated <= size.kills + size.holds


async def test_without_the_check_of_the_fence_a_row_gets_two_results(tmp_path: Path) -> None:
    size = Size(0, 4, 1, 120, 0.05)
    assert faults(await outcome(tmp_path / "home", size, "unfenced"), size)

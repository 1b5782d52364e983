"""Sixty hostile names, keys and values through every tool: none of them is shown as if it were ours."""

from pathlib import Path

import pytest
from tests.injection.sweep import sweep, unquoted
from tests.injection.vectors import VECTORS


@pytest.mark.slow
async def test_no_name_key_or_value_of_others_breaks_out_of_its_quotation_marks(tmp_path: Path) -> None:
    swept = await sweep(tmp_path / "world")
    assert swept.broken == []
    assert {one.call.tool for one in swept.replies} == swept.tools
    # Each vector was put to the test, in successes and in errors.
    assert swept.never_shown == []
    assert len(VECTORS) == len({vector.id for vector in VECTORS}) == 60
    assert {one.is_error for one in swept.replies} == {True, False}


@pytest.mark.slow
async def test_the_sweep_finds_replies_without_quotation_marks_and_fences(tmp_path: Path) -> None:
    with unquoted():
        swept = await sweep(tmp_path / "world")
    assert len(swept.found) >= len(VECTORS) - 5

"""The table on the page about the runner is the table of the tests."""

from pathlib import Path

from tests.identity.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "design" / "runner.md"


def test_the_page_has_every_change_with_its_cells() -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    for one in TABLE:
        assert f"| {' | '.join(one)} |" in page

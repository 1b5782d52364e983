"""The pages of Arize's documentation, every snippet in today's spelling, run by the real clients.

A page is a script that holds a table from snippet to calls; a snippet that makes other calls is a failure too.
"""

from pathlib import Path

import pytest
from tests.conformance.clients import HERE, Note, Place, play

pytestmark = pytest.mark.slow

PAGES = sorted((HERE / "documents").glob("*_page.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_snippet_of_the_page_does_what_it_says(place: Place, page: Path, record_property: Note) -> None:
    play(place, page, record_property)

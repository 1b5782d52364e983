"""The pages of Arize's documentation, every snippet in today's spelling, run by the real clients.

A page is a script that holds a table from snippet to calls; a snippet that makes other calls is a failure too.
"""

import pytest
from tests.caller import serving
from tests.conformance.clients import HERE, Note, Place, play

from assaykit.settings import Settings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", ["tasks_page", "run_experiment_page"])
def test_every_snippet_of_the_page_does_what_it_says(place: Place, page: str, record_property: Note) -> None:
    play(place, HERE / "documents" / f"{page}.py", record_property)


def test_every_snippet_of_the_page_on_experiments_does_what_it_says(place: Place, record_property: Note) -> None:
    play(place, HERE / "documents" / "experiments_page.py", record_property)


async def test_labels_of_phoenix_evals_written_by_the_sdk_are_what_search_spans_shows(
    place: Place, record_property: Note
) -> None:
    play(place, HERE / "documents" / "online_evals_page.py", record_property)
    async with serving(Settings(home=place.store)) as ax:
        found = await ax.ask("search_spans", project="online_evals_page", filter="eval.correctness.label = 'good'")
    given = [[(one["name"], one["label"], one["score"]) for one in span["evaluations"]] for span in found["spans"]]
    assert given == [[("correctness", "good", 1.0)]] * 4

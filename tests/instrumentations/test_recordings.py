"""Recordings of real clients, sent again over HTTP: a cell for each client and aspect."""

import os
from functools import cache

import pytest
from tests.engine.door import NOW
from tests.instrumentations.aspects import ASPECTS, CLIENTS
from tests.instrumentations.cells import assert_holds
from tests.instrumentations.exports import RECORDINGS, recorded
from tests.instrumentations.page import PAGE, page
from tests.instrumentations.recorder import NODE, PYTHON, VERSION, pinned
from tests.instrumentations.replay import Seen, seen

CELLS = [(name, aspect) for name in CLIENTS for aspect in ASPECTS]


@cache
def replayed(name: str) -> list[Seen]:
    return seen(recorded(name).exports(NOW))


@pytest.mark.parametrize(("name", "aspect"), CELLS, ids=[f"{name}-{aspect}" for name, aspect in CELLS])
def test_a_client_gives_a_judge_what_it_needs(name: str, aspect: str) -> None:
    assert_holds(aspect, CLIENTS[name], replayed(name), recorded(name).about["calls"])


@pytest.mark.parametrize("name", CLIENTS)
def test_a_recording_is_of_this_recorder_and_of_the_pinned_versions(name: str) -> None:
    about = recorded(name).about
    assert (about["recorder"], about["name"], about["packages"]) == (VERSION, name, pinned(name))
    assert (RECORDINGS / f"{name}.jsonl").stat().st_size < 24_000


def test_every_client_has_its_recording_and_its_values() -> None:
    kept = {path.stem for path in RECORDINGS.glob("*.jsonl")}
    assert kept == {*CLIENTS} == {*PYTHON, *NODE}


def test_the_page_has_the_cells_that_the_tests_hold() -> None:
    if os.environ.get("ASSAYKIT_UPDATE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()

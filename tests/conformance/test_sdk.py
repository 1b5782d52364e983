"""The SDK's own clients against the engine: every operation of each resource, one script for each.

The scripts run in the SDK's environment. Each counts its calls; the session's last lines have the total.
"""

from pathlib import Path

import pytest
from tests.conformance.clients import HERE, Note, Place, play

pytestmark = pytest.mark.slow

SCRIPTS = sorted(path for path in (HERE / "resources").glob("*.py") if path.stem != "ledger")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_operation_of_the_resource_comes_through(place: Place, script: Path, record_property: Note) -> None:
    play(place, script, record_property)

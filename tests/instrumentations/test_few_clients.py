"""A few real clients, and what their exporters send now."""

import pytest
from tests.engine.door import NOW
from tests.instrumentations.aspects import ASPECTS, CLIENTS
from tests.instrumentations.cells import assert_holds
from tests.instrumentations.recorder import FEW, run
from tests.instrumentations.replay import seen

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", FEW)
def test_a_real_client_gives_a_judge_what_it_needs(name: str) -> None:
    ran = run(name)
    found = seen(ran.exports(NOW))
    for aspect in ASPECTS:
        assert_holds(aspect, CLIENTS[name], found, ran.about["calls"])

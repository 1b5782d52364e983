"""The commands of `assaykit`, imported once for a worker."""

from collections.abc import Generator

import pytest
from tests.e2e.commands import Commands, ready_commands


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """Commands that start in milliseconds."""
    with ready_commands(tmp_path_factory.mktemp("commands")) as commands:
        yield commands

"""A store with the hostile traces, and copies of it."""

from pathlib import Path

import pytest
from tests.hosts.prepared import Prepared, copied, prepare


@pytest.fixture(scope="session")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The prepared store, which no test changes."""
    return await prepare(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def there(filled: Prepared, tmp_path: Path) -> Prepared:
    """A copy of the prepared store, for one run of a host."""
    return copied(filled, tmp_path / "store")

"""What nearly every test starts from: an MCP client over a server on a fresh store."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from tests.caller import Caller

from assaykit import logs
from assaykit.server import create_server
from assaykit.settings import Settings

logs.configure("error")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings on a fresh folder, with an empty environment."""
    files = tmp_path / "files"
    files.mkdir()
    return Settings(home=tmp_path / "home", folders=(files,))


@pytest.fixture
async def ax(settings: Settings) -> AsyncGenerator[Caller]:
    """An MCP client in the same process, over the embedded engine."""
    async with Client(create_server(settings)) as client:
        yield Caller(client)


__all__: list[Any] = ["anyio_backend", "ax", "settings"]

"""Stores for tests: a blank one, made once for a process and copied, and any one beside the engine that works on it.

Making the tables takes eight times longer than copying them.
"""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from assaykit.engine.engine import STORE
from assaykit.engine.store.database import Database

BLANK: list[Path] = []
"""The data folder to copy, once it exists."""


def begin(home: Path) -> None:
    """Put an empty store at `home`, unless the folder exists."""
    if BLANK and not home.exists():
        shutil.copytree(BLANK[0], home)


@asynccontextmanager
async def beside(home: Path) -> AsyncGenerator[Database]:
    """The store of the folder `home`, opened as another process opens it, until the block ends."""
    database = await Database.open(home / STORE)
    try:
        yield database
    finally:
        await database.close()


async def change(home: Path, statement: sa.Executable) -> int:
    """Execute one statement in the store of the folder `home`; the number of rows that it changed."""
    async with beside(home) as database:
        return await database.write(lambda connection: connection.execute(statement).rowcount)

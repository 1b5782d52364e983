"""The storing of spans that arrive over HTTP or gRPC."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assaykit.engine.store.definitions import projects, spaces
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.traces import spans

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine
    from assaykit.engine.otlp import Intake


async def keep(engine: "Engine", arrived: "Intake") -> None:
    """Store the spans of one request in one transaction. A project that does not exist yet is created."""

    def store(connection: sa.Connection) -> None:
        space = spaces.page(connection, None, PageRequest(1)).spaces[0]
        for batch in arrived.batches:
            project = projects.find_or_create(connection, space.id, batch.project, engine.clock)
            spans.add(connection, project.id, batch.rows)

    await engine.database.write(store)

"""The storing of spans that arrive over HTTP or gRPC."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assaykit.engine.store.definitions import projects, spaces
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.traces import spans

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine
    from assaykit.engine.otlp import Intake


async def keep(engine: "Engine", arrived: "Intake") -> "Intake":
    """Store the spans of one request in one transaction. A project that does not exist yet is created.

    Returns the intake with the spans that the store refused counted as rejected.
    """

    def store(connection: sa.Connection) -> list[str]:
        refused: list[str] = []
        space = spaces.page(connection, None, PageRequest(1)).spaces[0]
        for batch in arrived.batches:
            project = projects.find_or_create(connection, space.id, batch.project, engine.clock)
            refused += spans.add(connection, project.id, batch.rows, engine.clock.now_ns())
        return refused

    refused = await engine.database.write(store)
    if not refused:
        return arrived
    reason = f"another trace of the project has a span with the id {refused[0]}; give each span an id of its own"
    return arrived._replace(rejected=arrived.rejected + len(refused), reason=arrived.reason or reason)

"""The storing of spans and of GenAI events that arrive over HTTP or gRPC."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assaykit.engine.store.definitions import projects, spaces
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.traces import log_events, spans, twins

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine
    from assaykit.engine.otlp import Intake
    from assaykit.engine.otlp_logs import EventIntake


async def keep(engine: "Engine", arrived: "Intake") -> "Intake":
    """Store the spans of one request in one transaction. A project that does not exist yet is created.

    Returns the intake with the spans that the store refused counted as rejected.
    """

    def store(connection: sa.Connection) -> list[str]:
        refused: list[str] = []
        space = spaces.page(connection, None, PageRequest(1)).spaces[0]
        for batch in arrived.batches:
            project = projects.find_or_create(connection, space.id, batch.project, engine.clock)
            rows = twins.joined(connection, engine.recent_calls, project.id, log_events.joined(connection, batch.rows))
            refused += spans.add(connection, project.id, rows, engine.clock.now_ns())
        return refused

    refused = await engine.database.write(store)
    if not refused:
        return arrived
    reason = f"another trace of the project has a span with the id {refused[0]}; give each span an id of its own"
    return arrived._replace(rejected=arrived.rejected + len(refused), reason=arrived.reason or reason)


async def keep_events(engine: "Engine", found: "EventIntake") -> None:
    """Store the events of one request in one transaction, and join them to the spans that are there."""
    if found.rows:
        await engine.database.write(log_events.add, found.rows, engine.clock.now_ns())

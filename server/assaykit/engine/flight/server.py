"""The Flight service and its four methods."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import anyio.to_thread

from assaykit.engine import access, grpc_server
from assaykit.engine.flight import messages, reads, tickets, writes
from assaykit.engine.flight.messages import Message
from assaykit.engine.flight.spool import FlightMessage, Spool
from assaykit.engine.grpc_server import GrpcMethod
from assaykit.engine.problems import Malformed

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine

MESSAGE_LIMIT = 512 * 1024 * 1024
"""Largest message, in bytes. Source: the SDK cuts its batches to 256 MiB and expects a server limit of 512 MiB."""


def serving(engine: "Engine", key: str, port: int) -> AbstractAsyncContextManager[int]:
    """Serve Flight on loopback until the block ends, and yield the port.

    Raises:
        Unavailable: the port is taken.
        ValueError: the key is empty or blank.
    """
    flight = _Flight(engine)
    calls = [
        GrpcMethod("GetFlightInfo", flight.info, messages.FlightDescriptor, messages.FlightInfo),
        GrpcMethod("DoGet", flight.get, messages.Ticket, messages.FlightData, gives_stream=True),
        GrpcMethod("DoPut", flight.put, messages.FlightData, messages.PutResult, takes_stream=True, gives_stream=True),
        GrpcMethod("DoAction", flight.act, messages.Action, messages.Result, gives_stream=True),
    ]
    wanted = grpc_server.Key(
        access.encoded(key), "auth-token-bin", "Set ARIZE_API_KEY to the key that `assaykit engine` names."
    )
    service = grpc_server.Service(messages.SERVICE, calls, MESSAGE_LIMIT)
    return grpc_server.serving([service], wanted, port, "--flight-port")


class _Flight:
    def __init__(self, engine: "Engine") -> None:
        self._database = engine.database
        self._clock = engine.clock

    async def info(self, descriptor: Message) -> Message:
        """The number of spans that a query finds, and the ticket to fetch them."""
        query = tickets.span_query(descriptor.cmd)
        found = await self._database.read(reads.count, query)
        ticket = messages.Ticket(ticket=tickets.span_ticket(query))
        return messages.FlightInfo(
            flight_descriptor=descriptor, endpoint=[messages.FlightEndpoint(ticket=ticket)], total_records=found
        )

    async def get(self, ticket: Message) -> AsyncGenerator[Message]:
        """Stream the rows of a ticket."""
        asked = tickets.read(ticket.ticket, tickets.GETS)
        with Spool() as spool:
            await self._database.read(reads.fetch, asked, spool)
            while (part := await anyio.to_thread.run_sync(spool.next)) is not None:
                yield messages.FlightData(data_header=part.header, data_body=part.body)

    async def put(self, stream: AsyncIterator[Message]) -> AsyncGenerator[Message]:
        """Write the rows that follow a command, once the last row has arrived."""
        asked: tickets.FlightRequest | None = None
        with Spool() as spool:
            async for sent in stream:
                if asked is None:
                    asked = tickets.read(sent.flight_descriptor.cmd, tickets.PUTS)
                if sent.data_header:
                    await anyio.to_thread.run_sync(spool.add, FlightMessage(sent.data_header, sent.data_body))
            if asked is None:
                raise Malformed("The stream is empty.", "Send a command, then rows.")
            reply = await self._database.write(writes.put, asked, spool.rows(), self._clock)
        yield messages.PutResult(app_metadata=reply.SerializeToString())

    async def act(self, action: Message) -> AsyncGenerator[Message]:
        """Execute an action."""
        asked = tickets.read(action.body, tickets.ACTIONS)
        reply = await self._database.write(writes.act, asked, self._clock)
        yield messages.Result(body=reply.SerializeToString())

"""Lists over all their pages."""

from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel

from assaykit.api.client import Api
from assaykit.errors import ContractBroken
from assaykit.wire.bodies import Page

RowT = TypeVar("RowT")
_NOTHING: Mapping[str, str | None] = MappingProxyType({})

MOST_PAGES = 2_000
"""Most pages of one list. A longer list means that the backend's cursors loop."""


async def rows(
    api: Api,
    at: str,
    page: type[Page[RowT]],
    query: Mapping[str, str | None] = _NOTHING,
    *,
    body: BaseModel | None = None,
    limit: int = 100,
) -> AsyncGenerator[RowT]:
    """Every row of a list, page by page, in the list's order.

    `limit` is the rows per request. With a `body` the requests are POSTs.

    Raises:
        AssayError: as the client maps the status.
        ContractBroken: a cursor repeats, or the list has more than `MOST_PAGES` pages.
    """
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        if body is None:
            answer = await api.get(at, page, limit=limit, cursor=cursor, **query)
        else:
            answer = await api.post(at, page, body, limit=limit, cursor=cursor, **query)
        for row in answer.rows:
            yield row
        following = answer.pagination.next_cursor
        if not answer.pagination.has_more or following is None:
            return
        if following == cursor:
            break
        cursor = following
    raise ContractBroken(f"The list {at} does not end.", "This is a fault of the backend; please report it.")

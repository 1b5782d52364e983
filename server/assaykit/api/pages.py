"""Lists over all their pages."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from assaykit.errors import ContractBroken
from assaykit.wire.bodies import Page

if TYPE_CHECKING:
    from assaykit.api.client import Api

RowT = TypeVar("RowT")
_NOTHING: Mapping[str, str | None] = MappingProxyType({})

MOST_PAGES = 2_000
"""Most pages of one list. A longer list means that the backend's cursors do not end."""

MOST_EMPTY = 20
"""Most pages without a row, one after the other."""


async def rows(
    api: "Api",
    at: str,
    page: type[Page[RowT]],
    query: Mapping[str, str | None] = _NOTHING,
    *,
    body: BaseModel | None = None,
    limit: int = 100,
) -> AsyncGenerator[RowT]:
    """Every row of a list, page by page, in the list's order.

    `limit` is the rows per request. With a `body` the requests are POSTs. The rows before an error are not the whole
    list, and no caller may show them as such.

    Raises:
        AssayError: as the client maps the status.
        ContractBroken: the list goes round or does not end, or a page has no cursor though more rows follow.
    """
    cursor: str | None = None
    course = _Course(at)
    while True:
        if body is None:
            answer = await api.get(at, page, limit=limit, cursor=cursor, **query)
        else:
            answer = await api.post(at, page, body, limit=limit, cursor=cursor, **query)
        cursor = answer.pagination.next_cursor if answer.pagination.has_more else None
        course.follow(answer.rows, cursor)
        for row in answer.rows:
            yield row
        if cursor is None:
            return


class _Course:
    """The course of a list through its pages. It tells when the list goes round."""

    def __init__(self, at: str) -> None:
        self._at = at
        self._cursors: set[str] = set()
        self._firsts: set[tuple[str, ...]] = set()
        self._empty = 0

    def follow(self, page: Sequence[object], cursor: str | None) -> None:
        """Note a page and the cursor that it gives.

        Raises:
            ContractBroken: the list goes round or does not end.
        """
        # Rows of one list are alike, and a look for an absent field takes long.
        ids = tuple(str(getattr(row, "id", "")) for row in page) if page and hasattr(page[0], "id") else ()
        self._empty = 0 if page else self._empty + 1
        if cursor is not None and cursor in self._cursors:
            raise self._broken("a cursor came twice")
        if any(ids) and ids in self._firsts:
            raise self._broken("a page came twice")
        if self._empty > MOST_EMPTY:
            raise self._broken(f"{self._empty} pages in a row were empty")
        if len(self._cursors) >= MOST_PAGES:
            raise self._broken(f"it has more than {MOST_PAGES:,} pages")
        self._firsts.add(ids)
        if cursor is not None:
            self._cursors.add(cursor)

    def _broken(self, why: str) -> ContractBroken:
        return ContractBroken(
            f"The list {self._at} does not end: {why}. What was read of it is not shown.",
            "This is a fault of the backend; please report it.",
        )

"""Routes that declare their bodies and statuses; `openapi` builds the document from them."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from types import UnionType
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.wire.bodies import Page

NAMED = ("space_id", "space_name", "name")
"""The query parameters of a list of named resources of a space."""

ROWS_PER_PAGE = 100


class Operation(Route):
    """One route of the contract.

    `takes` and `gives` are the request and reply bodies: a wire model, or a union of several. The default `status`
    is 201 for a POST with a reply body, 200 for another method with one, 204 for a DELETE without one and 202 for the
    rest. A route that the engine only refuses has `status=501`. `query` names the text parameters. `most`, the most
    rows of a page, adds the parameters `limit` and `cursor`; a GET that gives a `Page` has 100 by default. `refuses`
    adds statuses to those that `refusals` derives.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        method: str = "GET",
        *,
        takes: type[BaseModel] | UnionType | None = None,
        gives: type[BaseModel] | UnionType | None = None,
        status: int | None = None,
        query: Sequence[str] = (),
        most: int | None = None,
        refuses: Sequence[int] = (),
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.takes: Any = takes
        self.gives: Any = gives
        self.status = status or _status(method, answers=gives is not None)
        self.query = query
        is_page = isinstance(gives, type) and issubclass(gives, Page)
        self.most = most or (ROWS_PER_PAGE if is_page and method == "GET" else None)
        self._refuses = refuses

    @property
    def refusals(self) -> list[int]:
        """The statuses of the route's problem bodies: a wrong key, query or body, or a missing resource."""
        found = {401, *self._refuses}
        if self.status == HTTPStatus.NOT_IMPLEMENTED:
            return sorted(found | {self.status})
        if self.query or self.most:
            found.add(400)
        if self.takes is not None:
            found |= {400, 404, 413, 422}
        if self.param_convertors:
            found.add(404)
        return sorted(found)


def _status(method: str, *, answers: bool) -> int:
    if answers:
        return 201 if method == "POST" else 200
    return 204 if method == "DELETE" else 202

"""A route that declares what it takes and gives where it stands; `openapi` makes the document out of these."""

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
"""The query of a list whose rows belong to a space and have names."""

ROWS_PER_PAGE = 100


class Operation(Route):
    """One route of the contract.

    `takes` and `gives` are the bodies: a wire model, or several. Without a `status` a create answers 201, other
    answers 200, a delete without a body 204, and what else has none 202; one that is only refused here says
    `status=501`. `query` names parameters that are text;
    `limit` and `cursor` come with `most`, the rows of a page, which a GET that gives a page has anyway.
    `refuses` adds to the statuses that follow from the rest: see `refusals`.
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
        """The statuses of its problem bodies: no key; a bad query; a bad body; something named that is not there."""
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

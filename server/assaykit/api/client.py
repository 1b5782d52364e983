"""The client of the REST contract: one total deadline per call, statuses as our errors, replies as models."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote as percent_encode

import anyio
import httpx
from pydantic import BaseModel, ValidationError

from assaykit.api.statuses import error_for
from assaykit.errors import ContractBroken, Invalid, Unavailable
from assaykit.wire.bodies import ReplyBody

Reply = TypeVar("Reply", bound=ReplyBody)

DEADLINE_S = 60.0
"""Total time of one call. httpx's own timeouts are per read, so a slow drip would never end."""


def path(*parts: str) -> str:
    """A path of the contract; each part is percent-encoded, so that an id cannot become a path."""
    return "/" + "/".join(percent_encode(part, safe="") for part in parts)


class Api:
    """Calls a backend. `backend` is its name for messages: `local` or `ax`."""

    def __init__(self, http: httpx.AsyncClient, backend: str, *, deadline_s: float = DEADLINE_S) -> None:
        self.backend = backend
        self.requests = 0
        self._http = http
        self._deadline_s = deadline_s

    async def get(self, at: str, reply: type[Reply], **query: str | int | None) -> Reply:
        """GET as `reply`; a query value of None is left out.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("GET", at, None, query), reply)

    async def post(
        self, at: str, reply: type[Reply], body: BaseModel | None = None, **query: str | int | None
    ) -> Reply:
        """POST `body` (a field that is None is not sent), answered as `reply`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("POST", at, body, query), reply)

    async def send(self, at: str, body: BaseModel) -> None:
        """POST `body`, to a route that answers without one.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("POST", at, body, {})

    async def put(self, at: str, reply: type[Reply], body: BaseModel) -> Reply:
        """PUT `body`, answered as `reply`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("PUT", at, body, {}), reply)

    async def delete(self, at: str) -> None:
        """DELETE.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("DELETE", at, None, {})

    async def patch(self, at: str, reply: type[Reply], body: BaseModel) -> Reply:
        """PATCH what was set of `body`, answered as `reply`. A field set to None is sent as null, which clears it.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("PATCH", at, body, {}), reply)

    async def _send(
        self, method: str, at: str, body: BaseModel | None, query: Mapping[str, str | int | None]
    ) -> httpx.Response:
        self.requests += 1
        params = {key: value for key, value in query.items() if value is not None}
        content = None if body is None else _written(body, method)
        headers = None if content is None else {"content-type": "application/json"}
        try:
            with anyio.fail_after(self._deadline_s):
                response = await self._http.request(method, at, params=params, content=content, headers=headers)
        except TimeoutError:
            raise Unavailable(
                f"{self._who()} did not answer {method} {at} within {self._deadline_s:g} s.", _again(method)
            ) from None
        except httpx.InvalidURL as error:
            raise Invalid("A name, id or cursor is too long for an address.", "Give one that is there.") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._who()} could not be reached: {type(error).__name__}.", _again(method)) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise error_for(response, self._who())
        return response

    def _parsed(self, response: httpx.Response, reply: type[Reply]) -> Reply:
        try:
            return reply.read(response.content)
        except ValidationError as error:
            raise ContractBroken(
                f"{self._who()} answered {response.request.url.path} with a body that is no {reply.__name__}.",
                "This is a fault in assaykit or the backend; please report it.",
            ) from error

    def _who(self) -> str:
        return "Arize AX" if self.backend == "ax" else "The embedded engine"


def _written(body: BaseModel, method: str) -> str:
    return body.model_dump_json(exclude_unset=True) if method == "PATCH" else body.model_dump_json(exclude_none=True)


def _again(method: str) -> str:
    if method == "GET":
        return "Try again; reading changes nothing."
    return "Look whether it took effect before trying again."

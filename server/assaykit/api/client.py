"""The client of the REST contract: a total deadline for each call, errors of `assaykit.errors`, replies as models."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote as percent_encode

import anyio
import httpx
from pydantic import BaseModel, ValidationError

from assaykit.api.answers import ACCEPTED, UnreadableAnswer, whole
from assaykit.api.retries import Outcome, Retries
from assaykit.api.statuses import error_for
from assaykit.errors import ContractBroken, Invalid, NotFound, Unauthorized, Unavailable, Unsupported
from assaykit.wire.bodies import ReplyBody
from assaykit.wire.local import StoreStatus
from assaykit.wire.spaces import SpacePage

ReplyT = TypeVar("ReplyT", bound=ReplyBody)

DEADLINE_S = 60.0
"""Seconds for one call as a whole. httpx's own timeouts are per read, so a slow response could last forever."""


Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

Written = tuple[bytes, str]
"""A serialized body with its content type."""

_JSON = "application/json"
_READS_BY_POST = frozenset({"/v2/spans"})
"""The paths whose POST only reads. Source: REST v2."""

LONGEST_NAME = 255
"""Most characters of the query parameter `name`. Source: REST v2, all lists."""


def path(*parts: str) -> str:
    """A path of the contract. Each part is percent-encoded, so that an id cannot add a path segment."""
    return "/" + "/".join(percent_encode(part, safe="") for part in parts)


class Api:
    """The client of one backend: `local`, the embedded engine, or `ax`. `requests` counts the calls."""

    def __init__(
        self, http: httpx.AsyncClient, backend: str, *, deadline_s: float = DEADLINE_S, sleep: Sleep = anyio.sleep
    ) -> None:
        self.backend = backend
        self.requests = 0
        self._http = http
        self._deadline_s = deadline_s
        self._retries = Retries()
        self._sleep = sleep
        self._engine_routes = True if backend == "local" else None

    @property
    def who(self) -> str:
        """The backend's name for messages: the embedded engine, Arize AX, or an engine at the configured AX address."""
        if self.backend == "local":
            return "the embedded engine"
        return f"the engine at {self.address}" if self._engine_routes else "Arize AX"

    @property
    def address(self) -> str:
        """The host of the backend, with its port unless that is the default."""
        return self._http.base_url.netloc.decode("ascii")

    async def has_engine_routes(self) -> bool:
        """Whether the backend has the routes under `/x/`: an engine has them, AX has not. The answer is cached.

        Raises:
            AssayError: the backend did not give an answer.
        """
        if self._engine_routes is None:
            try:
                await self.get("/x/status", StoreStatus)
                self._engine_routes = True
            except (ContractBroken, Invalid, NotFound, Unsupported):
                # Gateways answer an unknown path in several ways: an error status, an HTML page, or a redirect.
                self._engine_routes = False
            except Unauthorized:
                # Some gateways answer 403. A wrong key gets 401 on every path, so a second call raises that error.
                await self.get("/v2/spaces", SpacePage, limit=1)
                self._engine_routes = False
        return self._engine_routes

    async def get(self, at: str, reply: type[ReplyT], **query: str | int | None) -> ReplyT:
        """GET `at`, parsed as `reply`. Query values of None are left out.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("GET", at, None, query), reply)

    async def post(
        self, at: str, reply: type[ReplyT], body: BaseModel | None = None, **query: str | int | None
    ) -> ReplyT:
        """POST `body` without its None fields, and parse the answer as `reply`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("POST", at, body, query), reply)

    async def send(self, at: str, body: BaseModel) -> None:
        """POST `body` to a route that answers without a body.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("POST", at, body, {})

    async def send_bytes(self, at: str, content: bytes, kind: str) -> None:
        """POST `content` of the content type `kind`, and ignore the body of the answer.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("POST", at, (content, kind), {})

    async def put(self, at: str, reply: type[ReplyT], body: BaseModel) -> ReplyT:
        """PUT `body` without its None fields, and parse the answer as `reply`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("PUT", at, body, {}), reply)

    async def delete(self, at: str) -> None:
        """DELETE `at`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("DELETE", at, None, {})

    async def patch(self, at: str, reply: type[ReplyT], body: BaseModel) -> ReplyT:
        """PATCH with the set fields of `body`, parsed as `reply`. A field set to None is sent as null, which clears it.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("PATCH", at, body, {}), reply)

    async def _send(
        self, method: str, at: str, body: BaseModel | Written | None, query: Mapping[str, str | int | None]
    ) -> httpx.Response:
        self.requests += 1
        params = {key: value for key, value in query.items() if value is not None}
        if len(str(params.get("name", ""))) > LONGEST_NAME:
            raise Invalid(f"A name has at most {LONGEST_NAME} characters.", "Pass an existing name.")
        content, kind = _written(body, method)
        headers = {"accept-encoding": ACCEPTED} | ({} if content is None else {"content-type": kind})
        try:
            with anyio.fail_after(self._deadline_s):
                response = await self._answer(method, at, params=params, content=content, headers=headers)
        except TimeoutError:
            raise Unavailable(
                f"{self._subject} did not answer {method} {at} within {self._deadline_s:g} s.", _again(method)
            ) from None
        except UnreadableAnswer as error:
            advice = "Ask for fewer rows at once, or a shorter window." if _reads(method, at) else _again(method)
            raise ContractBroken(f"The answer of {self.who} to {method} {at} {error}.", advice) from None
        except httpx.InvalidURL as error:
            raise Invalid("A name, id or cursor is too long for a URL.", "Pass an existing one.") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            # Nothing was sent yet, so any call is safe to repeat.
            raise Unavailable(
                f"{self._subject} could not be reached: {type(error).__name__}.", self._where()
            ) from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The connection to {self.who} broke during {method} {at}: {type(error).__name__}.", _again(method)
            ) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise error_for(response, self._subject)
        return response

    async def _answer(self, method: str, at: str, **request: Any) -> httpx.Response:
        """The answer of the backend. Over a network a call is tried again as `api.retries` says, within the deadline.

        Raises:
            httpx.HTTPError: no attempt was answered.
            UnreadableAnswer: the answer is too large or not in its encoding.
        """
        reads = _reads(method, at)
        attempt = 1
        while True:
            outcome: Outcome
            try:
                wanted = self._http.build_request(method, at, **request)
                outcome = await whole(await self._http.send(wanted, stream=True))
            except httpx.TransportError as error:
                outcome = error
            pause_s = None if self.backend == "local" else self._retries.pause_s(outcome, attempt, reads=reads)
            if pause_s is None or anyio.current_time() + pause_s >= anyio.current_effective_deadline():
                if isinstance(outcome, httpx.HTTPError):
                    raise outcome
                return outcome
            await self._sleep(pause_s)
            attempt += 1

    def _parsed(self, response: httpx.Response, reply: type[ReplyT]) -> ReplyT:
        at = response.request.url.path
        if response.is_redirect:
            raise ContractBroken(
                f"{self._subject} answered {at} with a redirect, which is not followed.", self._where()
            )
        if "html" in response.headers.get("content-type", ""):
            raise ContractBroken(f"{self._subject} answered {at} with an HTML page.", self._where())
        try:
            return reply.read(response.content)
        except ValidationError as error:
            raise ContractBroken(
                f"{self._subject} answered {at} with a body that is not a valid {reply.__name__}.",
                "This is a fault in assaykit or the backend; please report it.",
            ) from error

    @property
    def _subject(self) -> str:
        return self.who[0].upper() + self.who[1:]

    def _where(self) -> str:
        if self.backend == "local":
            return "Try again; `assaykit doctor` checks the store."
        return (
            f"Its address is {self.address}: check ARIZE_API_HOST (or ARIZE_REGION), ARIZE_API_SCHEME and the "
            "network or proxy, then try again."
        )


def _written(body: BaseModel | Written | None, method: str) -> tuple[bytes | str | None, str]:
    """The serialized body and its content type. PATCH sends the set fields, other methods all fields except None."""
    if isinstance(body, tuple):
        return body
    if body is None:
        return None, _JSON
    if method == "PATCH":
        return body.model_dump_json(exclude_unset=True), _JSON
    return body.model_dump_json(exclude_none=True), _JSON


def _reads(method: str, at: str) -> bool:
    return method == "GET" or at in _READS_BY_POST


def _again(method: str) -> str:
    if method == "GET":
        return "Try again; the call only reads."
    return "Check whether it took effect before trying again."

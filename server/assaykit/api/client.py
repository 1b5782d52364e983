"""The client of the REST contract: a total deadline for each call, errors of `assaykit.errors`, replies as models."""

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import anyio
import httpx
from pydantic import BaseModel, ValidationError

from assaykit.api.answers import ACCEPTED, UnreadableAnswer, whole
from assaykit.api.connection import Connection
from assaykit.api.in_process import InProcess
from assaykit.api.lookups import SENDING_SHARE, looked_up
from assaykit.api.paths import path
from assaykit.api.recognition import READS, Create, LostCreate, create_at, ids_in, is_repeatable
from assaykit.api.retries import NOTHING_SENT, Outcome, did_nothing
from assaykit.api.statuses import error_for
from assaykit.errors import AssayError, ContractBroken, Invalid, NotFound, Unauthorized, Unavailable, Unsupported
from assaykit.redaction import body_without_known
from assaykit.wire.bodies import Pagination, ReplyBody
from assaykit.wire.local import StoreStatus
from assaykit.wire.spaces import SpacePage

ReplyT = TypeVar("ReplyT", bound=ReplyBody)
ErrorT = TypeVar("ErrorT", bound=AssayError)

DEADLINE_S = 60.0
"""Seconds for one call as a whole. httpx's own timeouts are per read, so a slow response could last forever."""


Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

Written = tuple[bytes, str]
"""A serialized body with its content type."""

_JSON = "application/json"
LONGEST_NAME = 255
"""Most characters of the query parameter `name`. Source: REST v2, all lists."""


__all__ = ["DEADLINE_S", "Api", "Sleep", "path"]


class Api:
    """The client of one backend: `local`, the embedded engine, or `ax`. `requests` counts the calls."""

    def __init__(
        self,
        http: httpx.AsyncClient | InProcess,
        backend: str,
        *,
        deadline_s: float = DEADLINE_S,
        sleep: Sleep = anyio.sleep,
        connection: Connection | None = None,
    ) -> None:
        self.backend = backend
        self.requests = 0
        self.connection = connection or Connection()
        self._http = http
        self._deadline_s = deadline_s
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
        found = self._page(self._parsed(await self._send("GET", at, None, query), reply, "GET", at), at, query)
        self.connection.learn(ids_in(found), made=False)
        return found

    async def post(
        self, at: str, reply: type[ReplyT], body: BaseModel | None = None, **query: str | int | None
    ) -> ReplyT:
        """POST `body` without its None fields, and parse the answer as `reply`.

        A create over a network whose answer is lost is looked up, and if it took effect the answer is the thing itself.

        Raises:
            Ambiguous: the answer was lost, and it cannot be told whether the create took effect.
            AssayError: as `api.statuses` maps the status.
        """
        found = None if self.backend == "local" else create_at(at)
        if found is None:
            return self._page(self._parsed(await self._send("POST", at, body, query), reply, "POST", at), at, query)
        return await self._created(*found, at, body, reply)

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
        return self._parsed(await self._send("PUT", at, body, {}), reply, "PUT", at)

    async def delete(self, at: str) -> None:
        """DELETE `at`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        await self._send("DELETE", at, None, {})

    async def delete_some(self, at: str, reply: type[ReplyT], body: BaseModel) -> ReplyT:
        """DELETE the things of `at` that `body` names, and parse the answer as `reply`.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("DELETE", at, body, {}), reply, "DELETE", at)

    async def patch(self, at: str, reply: type[ReplyT], body: BaseModel) -> ReplyT:
        """PATCH with the set fields of `body`, parsed as `reply`. A field set to None is sent as null, which clears it.

        Raises:
            AssayError: as `api.statuses` maps the status.
        """
        return self._parsed(await self._send("PATCH", at, body, {}), reply, "PATCH", at)

    async def _created(self, create: Create, key: str, at: str, body: BaseModel | None, reply: type[ReplyT]) -> ReplyT:
        """The answer of a create, or the thing that it made if the answer was lost."""
        lost = LostCreate(self, key, body, self.connection.moment(), self.connection.number())
        ends = anyio.current_time() + self._deadline_s
        try:
            answer = await self._send("POST", at, body, {}, self._deadline_s * SENDING_SHARE)
            made = self._parsed(answer, reply, "POST", at)
        except AssayError as error:
            if not error.may_have_happened:
                raise
            made = await looked_up(create, lost, error, reply, ends - anyio.current_time(), self._sleep)
        self.connection.learn(ids_in(made), made=True)
        return made

    async def _send(
        self,
        method: str,
        at: str,
        body: BaseModel | Written | None,
        query: Mapping[str, str | int | None],
        within_s: float | None = None,
    ) -> httpx.Response:
        self.requests += 1
        params = {key: value for key, value in query.items() if value is not None}
        if len(str(params.get("name", ""))) > LONGEST_NAME:
            raise Invalid(f"A name has at most {LONGEST_NAME} characters.", "Pass an existing name.")
        content, kind = _written(body, method)
        headers = {"accept-encoding": ACCEPTED} | ({} if content is None else {"content-type": kind})
        within_s = within_s or self._deadline_s
        try:
            with anyio.fail_after(within_s):
                response = await self._answer(method, at, params=params, content=content, headers=headers)
        except TimeoutError:
            self._note(f"no answer within {within_s:g} s")
            error = Unavailable(
                f"{self._subject} did not answer {method} {at} within {within_s:g} s.", _again(method, at)
            )
            error.may_be_under_way = True
            raise _open(error, method, at) from None
        except UnreadableAnswer as error:
            advice = "Ask for fewer rows at once, or a shorter window." if _reads(method, at) else _again(method, at)
            broken = ContractBroken(f"The answer of {self.who} to {method} {at} {error}.", advice)
            raise _open(broken, method, at) from None
        except httpx.InvalidURL as error:
            raise Invalid("A name, id or cursor is too long for a URL.", "Pass an existing one.") from error
        except (*NOTHING_SENT, httpx.UnsupportedProtocol) as error:
            # Nothing was sent yet, so any call is safe to repeat.
            raise Unavailable(
                f"{self._subject} could not be reached: {type(error).__name__}.", self._where()
            ) from error
        except httpx.HTTPError as error:
            away = Unavailable(
                f"The connection to {self.who} broke during {method} {at}: {type(error).__name__}.",
                _again(method, at),
            )
            raise _open(away, method, at) from error
        self._refuse_foreign(response, at, method)
        return response

    def _refuse_foreign(self, response: httpx.Response, at: str, method: str) -> None:
        """Refuse an error status, and an answer that does not come from the API.

        Raises:
            AssayError: as `api.statuses` maps the status.
            ContractBroken: the answer is a redirect or an HTML page.
        """
        if response.status_code >= httpx.codes.BAD_REQUEST:
            error = error_for(response, self._subject)
            is_open = response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and not isinstance(error, Unsupported)
            error.may_be_under_way = response.status_code == HTTPStatus.GATEWAY_TIMEOUT
            raise _open(error, method, at) if is_open else error
        if response.is_redirect:
            raise ContractBroken(
                f"{self._subject} answered {at} with a redirect, which is not followed.", self._where()
            )
        if "html" in response.headers.get("content-type", ""):
            page = ContractBroken(f"{self._subject} answered {at} with an HTML page.", self._where())
            raise _open(page, method, at)

    async def _answer(self, method: str, at: str, **request: Any) -> httpx.Response:
        """The answer of the backend. Over a network a call is tried again as `api.retries` says, within the deadline.

        Raises:
            httpx.HTTPError: no attempt was answered.
            UnreadableAnswer: the answer is too large or not in its encoding.
            Unavailable: the breaker is open.
        """
        if isinstance(self._http, InProcess):
            return await self._http.answer(method, at, **request)
        if self.backend == "local":
            return await self._sent(self._http, method, at, **request)
        repeatable, attempt, may_be_gone = is_repeatable(method, at), 1, False
        while True:
            outcome = await self._attempt(self._http, method, at, **request)
            if may_be_gone and isinstance(outcome, httpx.Response) and outcome.status_code == HTTPStatus.NOT_FOUND:
                # An earlier attempt, whose answer was lost, has deleted it.
                return httpx.Response(httpx.codes.NO_CONTENT, request=outcome.request)
            pause_s = self.connection.retries.pause_s(outcome, attempt, repeatable=repeatable)
            is_late = pause_s is None or anyio.current_time() + pause_s >= anyio.current_effective_deadline()
            if pause_s is None or is_late or not self.connection.breaker.is_closed:
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome
            may_be_gone |= method == "DELETE" and not did_nothing(outcome)
            self.connection.retried += 1
            await self._sleep(pause_s)
            attempt += 1

    async def _sent(self, http: httpx.AsyncClient, method: str, at: str, **request: Any) -> httpx.Response:
        return await whole(await http.send(http.build_request(method, at, **request), stream=True))

    async def _attempt(self, http: httpx.AsyncClient, method: str, at: str, **request: Any) -> Outcome:
        """One request and its outcome.

        Raises:
            Unavailable: the breaker is open.
        """
        breaker = self.connection.breaker
        if not breaker.admits():
            raise Unavailable(
                f"{self._subject} at {self.address} is not called: the last {breaker.failures} calls got no answer "
                f"({self.connection.cause}). The next try is made {_in(breaker.next_try_s)}.",
                self._where(),
            )
        try:
            outcome = await self._sent(http, method, at, **request)
        except httpx.TransportError as error:
            self._note(type(error).__name__)
            return error
        except UnreadableAnswer as error:
            self._note("an unreadable answer")
            return error
        finally:
            # A call that was given up decides nothing.
            breaker.left()
        self.connection.answered(outcome)
        return outcome

    def _note(self, cause: str) -> None:
        if self.backend != "local":
            self.connection.failed(cause)

    def _parsed(self, response: httpx.Response, reply: type[ReplyT], method: str, at: str) -> ReplyT:
        try:
            # AX may repeat a key. The embedded engine answers from the store, and shows what it holds.
            content = response.content if self.backend == "local" else body_without_known(response.content)
            return reply.read(content)
        except ValidationError as error:
            broken = ContractBroken(
                f"{self._subject} answered {at} with a body that is not a valid {reply.__name__}.",
                "This is a fault in assaykit or the backend; please report it.",
            )
            raise _open(broken, method, at) from error

    def _page(self, reply: ReplyT, at: str, query: Mapping[str, str | int | None]) -> ReplyT:
        """The reply. A page has to lead on: with a cursor if more rows follow, and to another page than itself.

        Raises:
            ContractBroken: the page leads nowhere or to itself.
        """
        paging: Pagination | None = getattr(reply, "pagination", None)
        if paging is not None and paging.has_more and paging.next_cursor in {None, "", query.get("cursor")}:
            fault = "a page leads to itself" if paging.next_cursor else "a page says that more follow without a cursor"
            raise ContractBroken(
                f"The list {at} does not end: {fault}.", "This is a fault of the backend; please report it."
            )
        return reply

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
    return method == "GET" or at in READS


def _open(error: ErrorT, method: str, at: str) -> ErrorT:
    """The error. It is marked if the call may have written all the same."""
    error.may_have_happened = not _reads(method, at)
    return error


def _again(method: str, at: str) -> str:
    if _reads(method, at):
        return "Try again; the call only reads."
    return "Check whether it took effect before trying again."


def _in(seconds: float) -> str:
    return f"in {math.ceil(seconds)} s" if seconds > 0 else "now by another call"

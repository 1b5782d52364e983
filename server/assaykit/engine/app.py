"""The ASGI app: routes, the key check in front of them, and errors as problem bodies."""

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assaykit.engine import access, routes
from assaykit.engine.problems import TooLarge, explain, problem
from assaykit.engine.sdk_versions import OlderSdks
from assaykit.errors import AssayError, Unauthorized

log = structlog.get_logger()

BODY_LIMIT = 16 * 1024 * 1024
"""Largest request body, in bytes."""


def create_app(key: str) -> Starlette:
    """The app; every route requires `key`, as a bearer token or raw. `Engine.open` sets `app.state.engine`.

    Raises:
        ValueError: the key is empty or blank.
    """
    app = Starlette(
        routes=list(_discovered()),
        middleware=[Middleware(OlderSdks), Middleware(KeyCheck, key=access.encoded(key)), Middleware(BodyLimit)],
        exception_handlers={AssayError: explain, HTTPException: _http_error, 500: _crash},
    )
    # The contract has no redirect from a path with a trailing slash to the path without it.
    app.router = NounRouter(routes=app.routes, redirect_slashes=False)
    return app


@cache
def _discovered() -> Sequence[Route]:
    names = sorted(module.name for module in pkgutil.iter_modules(routes.__path__))
    modules = (importlib.import_module(f"{routes.__name__}.{name}") for name in names)
    return tuple(route for module in modules for route in module.routes)


class NounRouter(Router):
    """Starlette's router, which tries the routes of a path's noun alone: the app has more than a hundred routes.

    The noun is the path's first two parts: `/v2/tasks`. No route has a parameter there.
    """

    def __init__(self, routes: Sequence[BaseRoute], **options: Any) -> None:
        super().__init__(routes, **options)
        by_noun: dict[tuple[str, ...], list[BaseRoute]] = {}
        for route in routes:
            by_noun.setdefault(_noun(cast("Route", route).path), []).append(route)
        self._routers = {noun: Router(of_noun, **options) for noun, of_noun in by_noun.items()}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route of the path and the method. Without one, Starlette's error says what is missing."""
        router = self._routers.get(_noun(scope["path"])) if scope["type"] == "http" else None
        await (router.app if router else super().app)(scope, receive, send)


def _noun(path: str) -> tuple[str, ...]:
    return tuple(path.split("/", 3)[1:3])


class KeyCheck:
    """Middleware that refuses a request without the key; `access.require` has the accepted forms."""

    def __init__(self, app: ASGIApp, key: bytes) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            sent = headers.get(b"authorization") or headers.get(b"api_key", b"")
            try:
                access.require(sent, self._key)
            except Unauthorized as error:
                response = await explain(Request(scope), error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Middleware that refuses a body of more than `BODY_LIMIT` bytes.

    It checks a declared length before the body is read, and otherwise counts the bytes as they arrive.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and (len(declared) > len(str(BODY_LIMIT)) or int(declared) > BODY_LIMIT):
            response = await explain(Request(scope), _too_large())
            await response(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_LIMIT:
                raise _too_large()
            return message

        await self._app(scope, counted, send)


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than {BODY_LIMIT} bytes.", "Send it in several requests.")


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    match error.status_code:
        case 404:
            return problem(404, "NotFound", f"The engine has no route {request.method} {path}.", path)
        case 405:
            allowed = ", ".join(sorted(_methods(request)))
            detail = f"{path} does not take {request.method}, only {allowed}."
            response = problem(405, "MethodNotAllowed", detail, path)
            response.headers["Allow"] = allowed
            return response
        case status:
            return problem(status, "HTTP error", error.detail, path)


def _methods(request: Request) -> set[str]:
    """The methods of all routes that match the request's path."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in fitting for method in route.methods or ()}


async def _crash(request: Request, error: Exception) -> Response:
    log.error("engine_crashed", method=request.method, path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "The engine failed; its log has the cause.", request.url.path)

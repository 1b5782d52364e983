"""The ASGI app: routes, the key check in front of them, and errors as problem bodies."""

import hmac
import importlib
import pkgutil
from collections.abc import Sequence

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from assaykit.engine import routes
from assaykit.engine.problems import explain, problem
from assaykit.errors import AssayError, Unauthorized

log = structlog.get_logger()

BODY_LIMIT = 16 * 1024 * 1024
"""Largest request body, in bytes."""


def create_app(key: str) -> Starlette:
    """The app; every route wants `key`, as a bearer token or raw. The engine puts itself on `app.state`."""
    return Starlette(
        routes=list(_discovered()),
        middleware=[Middleware(KeyCheck, key=key), Middleware(BodyLimit)],
        exception_handlers={AssayError: explain, HTTPException: _http_error, 500: _crash},
    )


def _discovered() -> Sequence[Route]:
    names = sorted(module.name for module in pkgutil.iter_modules(routes.__path__))
    modules = (importlib.import_module(f"{routes.__name__}.{name}") for name in names)
    return [route for module in modules for route in module.routes]


class KeyCheck:
    """Refuses a request without the key. Accepts `Bearer <key>` and, as some clients send it, the raw key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        if scope["type"] == "http":
            sent = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(sent, self._key):
                error = Unauthorized(
                    "The engine's key is missing or wrong.", "Send it as 'Authorization: Bearer <key>'."
                )
                response = await explain(Request(scope), error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body whose declared length is over the limit before reading any of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on."""
        if scope["type"] == "http":
            declared = dict(scope["headers"]).get(b"content-length", b"0")
            if declared.isdigit() and int(declared) > BODY_LIMIT:
                response = problem(413, "Too large", f"A body may have {BODY_LIMIT} bytes.", scope["path"])
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail = error.detail
    if error.status_code == 404:  # noqa: PLR2004
        detail = f"The engine has no route {request.method} {request.url.path}."
    return problem(error.status_code, "HTTP error", detail, request.url.path)


async def _crash(request: Request, error: Exception) -> Response:
    log.error("engine_crashed", method=request.method, path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "The engine failed; its log has the cause.", request.url.path)

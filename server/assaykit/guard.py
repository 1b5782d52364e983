"""The guard in front of every HTTP route: it checks the Host, the Origin and the token of a request.

A web page in a browser can reach loopback too. So the Host must be a loopback name, which stops DNS rebinding. The
Origin, if sent, must be local; a foreign page's Origin and `null` are not. And the token must match.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assaykit.loopback import LOCAL_NAMES

_CONTAINER_NAMES = frozenset({"host.docker.internal", "host.containers.internal"})
"""The names that containers have for the machine which runs them."""


class LocalAddresses:
    """ASGI middleware for an app with a key check of its own: answers 421 or 403, or passes the request on.

    It takes the names that containers have for this machine as well, since exporters run in containers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the Host and the Origin of an HTTP request."""
        names = LOCAL_NAMES | _CONTAINER_NAMES
        refusal = _foreign(_headers_of(scope), names) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


class Guard:
    """ASGI middleware that answers 421, 403 or 401, or passes the request on. A 401 names `file`, which has the token.

    Raises:
        ValueError: the token is empty or blank. A request without a token would match it.
    """

    def __init__(self, app: ASGIApp, token: str, file: str) -> None:
        if not token.strip():
            raise ValueError("A guard needs a token that is not empty.")
        self._app = app
        self._token = token.encode()
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check an HTTP request. Refuse a websocket, since no route uses one."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _headers_of(scope)
        refusal = self._refusal(headers) if scope["type"] == "http" else _refused(403, "Only HTTP is spoken here.")
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Mapping[str, str]) -> Response | None:
        if (refusal := _foreign(headers, LOCAL_NAMES)) is not None:
            return refusal
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent = (token if scheme.lower() == "bearer" else "").strip().encode()
        if not hmac.compare_digest(sent, self._token):
            refusal = _refused(
                401,
                "The token is missing or wrong; send 'Authorization: Bearer <token>'. "
                f"The token is in the file {self._file} of the server's data folder.",
            )
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return None


def _headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers. Values of a header that is sent twice are joined, so that a second Host hides no first one."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _foreign(headers: Mapping[str, str], names: frozenset[str]) -> Response | None:
    """The refusal of a request whose Host or Origin is none of the names."""
    if _name_of(f"//{headers.get('host', '')}") not in names:
        return _refused(421, "This server answers on loopback names only.")
    origin = headers.get("origin")
    if origin is not None and _name_of(origin) not in names:
        return _refused(403, "Requests from other origins are refused.")
    return None


def _name_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _refused(status: int, detail: str) -> Response:
    body = {"title": "Refused", "status": status, "type": "about:blank", "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")

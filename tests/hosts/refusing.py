"""A stand-in for the API of AX that refuses each list in its own way."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

SPACE = {"id": "U3BhY2U6MTpkZWY=", "name": "default"}
_STATUSES = {"projects": 401, "datasets": 429, "experiments": 503}


async def _spaces(_request: Request) -> Response:
    return JSONResponse({"spaces": [SPACE], "pagination": {"has_more": False}})


async def _prompts(_request: Request) -> Response:
    return HTMLResponse("<html>A page.</html>")


async def _refused(request: Request) -> Response:
    status = _STATUSES[request.path_params["noun"]]
    return JSONResponse({"title": "Refused", "status": status, "detail": "Refused."}, status)


def refusing() -> Starlette:
    """The app. It knows the spaces; projects get 401, datasets 429, experiments 503, prompts a page in HTML."""
    routes = [Route("/v2/spaces", _spaces), Route("/v2/prompts", _prompts), Route("/v2/{noun}", _refused)]
    return Starlette(routes=routes)

"""From an exception to an error body (RFC 9457), in one place."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaykit.engine import dialects
from assaykit.errors import AssayError, Invalid

PROBLEM_JSON = "application/problem+json"


class Malformed(Invalid):
    """The body or the query has the wrong shape: 400, where a well-formed but unacceptable one is 422."""

    status = 400


class TooLarge(Invalid):
    """The body is larger than is taken at once."""

    status = 413


def problem(status: int, title: str, detail: str, instance: str, following: str = "") -> Response:
    """One error body. `following`, the next step, closes the detail and stands alone under `next` too."""
    body = {
        "title": title,
        "status": status,
        "type": "about:blank",
        "detail": f"{detail} {following}".strip(),
        "instance": instance,
    }
    asked = dialects.older()
    if following and (asked is None or asked.version >= dialects.TOLERANT):
        body["next"] = following
    return JSONResponse(body, status_code=status, media_type=PROBLEM_JSON)


async def explain(request: Request, error: Exception) -> Response:
    """The body for an error of ours: what is wrong and what to do next."""
    if not isinstance(error, AssayError):
        raise error
    response = problem(error.status, type(error).__name__, error.message, request.url.path, error.next)
    if error.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

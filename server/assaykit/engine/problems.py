"""From an exception to an error body (RFC 9457), in one place."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaykit.engine import sdk_versions
from assaykit.errors import AssayError, Invalid, Unavailable

PROBLEM_JSON = "application/problem+json"


class Malformed(Invalid):
    """The body or the query has the wrong shape: 400, where a well-formed but unacceptable one is 422."""

    status = 400


class TooLarge(Invalid):
    """The body is larger than is taken at once."""

    status = 413


class NotDeleted(Unavailable):
    """A batch of deletes that could not be carried out; the body lists the ids, for the request can be sent again."""

    def __init__(self, cause: Unavailable, noun: str, ids: Sequence[str]) -> None:
        super().__init__(f"{cause.message} Nothing was deleted.", cause.next)
        self.lists = {f"deleted_{noun}_ids": list[str](), f"not_deleted_{noun}_ids": list(dict.fromkeys(ids))}


@contextmanager
def listing_undeleted(noun: str, ids: Sequence[str]) -> Generator[None]:
    """Have a delete of all these ids or none say so where it fails.

    Raises:
        NotDeleted: the store could not be used.
    """
    try:
        yield
    except Unavailable as error:
        raise NotDeleted(error, noun, ids) from error


def problem(
    status: int,
    title: str,
    detail: str,
    instance: str,
    following: str = "",
    lists: Mapping[str, Sequence[str]] | None = None,
) -> Response:
    """One error body. `following`, the next step, closes the detail and stands alone under `next` too."""
    body: dict[str, object] = {
        "title": title,
        "status": status,
        "type": "about:blank",
        "detail": f"{detail} {following}".strip(),
        "instance": instance,
    }
    asked = sdk_versions.older()
    if following and (asked is None or asked.version >= sdk_versions.TOLERANT):
        body["next"] = following
    body |= lists or {}
    return JSONResponse(body, status_code=status, media_type=PROBLEM_JSON)


async def explain(request: Request, error: Exception) -> Response:
    """The body for an error of ours: what is wrong and what to do next."""
    if not isinstance(error, AssayError):
        raise error
    lists = error.lists if isinstance(error, NotDeleted) else None
    response = problem(error.status, type(error).__name__, error.message, request.url.path, error.next, lists)
    if error.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""Error bodies (RFC 9457) for exceptions."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaykit.engine import sdk_versions
from assaykit.errors import AssayError, Invalid, Unavailable

PROBLEM_JSON = "application/problem+json"


class Malformed(Invalid):
    """The body or the query has the wrong shape: status 400. A well-formed but unacceptable body is `Invalid`, 422."""

    status = 400


class TooLarge(Invalid):
    """The body is larger than the limit of one request."""

    status = 413


class NotDeleted(Unavailable):
    """A batch of deletes failed as a whole. The error body lists the ids, so that the client can send them again."""

    def __init__(self, cause: Unavailable, noun: str, ids: Sequence[str]) -> None:
        super().__init__(f"{cause.message} Nothing was deleted.", cause.next)
        self.lists = {f"deleted_{noun}_ids": list[str](), f"not_deleted_{noun}_ids": list(dict.fromkeys(ids))}


@contextmanager
def listing_undeleted(noun: str, ids: Sequence[str]) -> Generator[None]:
    """Turn a failure inside the block, which deletes all these ids or none, into `NotDeleted` with the ids.

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
    """One error body. `following` is the next step: it ends `detail` and is repeated alone under `next`.

    SDKs before minor version `TOLERANT` refuse unknown fields, so they get no `next`.
    """
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
    """The error body for an `AssayError`: the message and the next step."""
    if not isinstance(error, AssayError):
        raise error
    lists = error.lists if isinstance(error, NotDeleted) else None
    response = problem(error.status, type(error).__name__, error.message, request.url.path, error.next, lists)
    if error.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""What a route needs from a request: the engine, a checked body, a page, and an answer."""

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.problems import Malformed
from assaykit.engine.store.pages import Slice
from assaykit.wire.validation import describe

if TYPE_CHECKING:
    from assaykit.engine import Engine

T = TypeVar("T", bound=BaseModel)
JSON = "application/json"


def engine(request: Request) -> "Engine":
    """The engine that this app belongs to."""
    return request.app.state.engine


async def body(request: Request, model: type[T]) -> T:
    """The request's body as `model`.

    Raises:
        Malformed: it is not JSON, or a field has the wrong shape; one line per field.
    """
    raw = await request.body()
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        known = model.model_fields
        raise Malformed(describe(error, known), "Correct the body and send it again.") from error


def page(request: Request, *, default: int = 50, most: int = 100) -> Slice:
    """The page asked for by `limit` and `cursor` in the query.

    Raises:
        Malformed: `limit` is not a number from 1 to `most`.
    """
    asked = request.query_params.get("limit", str(default))
    if not (asked.isdecimal() and 1 <= int(asked) <= most):
        raise Malformed(f"limit must be a whole number from 1 to {most}, not {asked[:20]!r}.")
    return Slice(int(asked), request.query_params.get("cursor"))


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as a JSON answer; what is None is left out."""
    return Response(model.model_dump_json(exclude_none=True), status_code=status, media_type=JSON)


def created(model: BaseModel) -> Response:
    """The answer to a create."""
    return answer(model, 201)


def gone() -> Response:
    """The answer to a delete."""
    return Response(status_code=204)

"""What a route needs from a request: the engine, a checked body, a page, and an answer."""

import json
import math
import re
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine import sdk_versions
from assaykit.engine.problems import Malformed
from assaykit.engine.store.pages import PageRequest
from assaykit.errors import quote
from assaykit.wire.bodies import ReplyBody
from assaykit.wire.validation import describe

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine

T = TypeVar("T", bound=BaseModel)
JSON = "application/json"

_SEND_AGAIN = "Correct the body and send it again."
_KINDS = bytes.maketrans(b"123456789E \t\r\n}]", b"000000000e,,,,,,")
_LONG, _HIGH = b"0" * 200, re.compile(rb"0e000+,")
"""What a body with a number beyond the largest holds once its digits are all 0 and what ends a number is a comma.

The largest number has 309 digits. To look for these takes a tenth of the time of one pattern over the body, and what
follows an exponent tells it from the many ids that have `9e123` somewhere. A body that holds one is read once more.
"""

_SHOWN = 40
_DIGITS = 10
"""More than any limit has; Python refuses to read thousands of them."""


def engine(request: Request) -> "Engine":
    """The engine that this app belongs to."""
    return request.app.state.engine


async def body(request: Request, model: type[T]) -> T:
    """The request's body as `model`.

    Raises:
        Malformed: it is not JSON, or a field has the wrong shape; one line per field.
        TooLarge: it has more bytes than the engine takes.
    """
    raw = await request.body()
    try:
        _refuse_no_number(raw)
        asked = sdk_versions.older()
        raw = raw if asked is None else sdk_versions.understood(raw)
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        known = model.model_fields
        raise Malformed(describe(error, known), _SEND_AGAIN) from error
    except OverflowError as error:
        raise Malformed("A time lies outside the years 1 to 9999 when it is brought to UTC.", _SEND_AGAIN) from error


def page(request: Request, *, default: int = 50, most: int = 100) -> PageRequest:
    """The page asked for by `limit` and `cursor` in the query.

    Raises:
        Malformed: `limit` is not a number from 1 to `most`.
    """
    asked = request.query_params.get("limit", str(default))
    if not (asked.isdecimal() and len(asked) < _DIGITS and 1 <= int(asked) <= most):
        raise Malformed(f"limit must be a whole number from 1 to {most}, not {asked[:20]!r}.")
    return PageRequest(int(asked), request.query_params.get("cursor"))


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as a JSON answer, in the dialect of its reader.

    What is None is left out, except where a row's own columns may be null.
    """
    keeps_nulls = isinstance(model, ReplyBody) and model.keeps_columns
    asked = sdk_versions.older()
    if asked is None:
        return Response(model.model_dump_json(exclude_none=not keeps_nulls), status_code=status, media_type=JSON)
    told = sdk_versions.retell(model, model.model_dump(mode="json", exclude_none=not keeps_nulls), asked)
    return Response(json.dumps(told), status_code=status, media_type=JSON)


def created(model: BaseModel) -> Response:
    """The answer to a create."""
    return answer(model, 201)


def gone() -> Response:
    """The answer to a delete."""
    return Response(status_code=204)


def _refuse_no_number(raw: bytes) -> None:
    """NaN and Infinity are no JSON, but pydantic lets them into free columns, and no reply could hold them.

    The same is true of what only becomes infinite when it is read, as 1e400 does.
    """
    kinds = raw.translate(_KINDS, b"+") + b","
    if b"NaN" in raw or b"Infinity" in raw or _LONG in kinds or _HIGH.search(kinds):
        try:
            json.loads(raw, parse_constant=_no_json, parse_float=_finite, parse_int=_finite)
        except (ValueError, RecursionError):
            return  # the model says what is wrong


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed(f"{quote(digits, _SHOWN)} is beyond the largest number.", "Send null for a missing number.")
    return number


def _no_json(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON value.", "Send null for a missing number.")

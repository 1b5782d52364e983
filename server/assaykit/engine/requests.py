"""Parts of every route: the engine, the checked body and page of a request, and the answer."""

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
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789E \t\r\n}]", b"000000000e,,,,,,")
_LONG_NUMBER, _LARGE_EXPONENT = b"0" * 200, re.compile(rb"0e000+,")
"""Signs of a number beyond the largest double, in a body translated by `_DIGITS_TO_ZEROS`.

The translation turns each digit into 0, and each character that may end a number into a comma. The largest double has
309 digits and an exponent of three. The comma after an exponent tells a number from an id such as `a9e123b`. This
search takes a tenth of the time of one pattern over the original body. A body with either sign is parsed once more.
"""

_SHOWN = 40
_DIGITS = 10
"""More digits than any limit has. Python refuses to parse an integer of thousands of digits."""


def engine(request: Request) -> "Engine":
    """The engine that serves the request."""
    return request.app.state.engine


async def body(request: Request, model: type[T]) -> T:
    """The request's body as `model`.

    Raises:
        Malformed: the body is not JSON, or a field has the wrong shape; the message has one line per field.
        TooLarge: the body has more bytes than the engine's limit.
    """
    raw = await request.body()
    try:
        _refuse_non_finite(raw)
        asked = sdk_versions.older()
        raw = raw if asked is None else sdk_versions.understood(raw)
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        known = model.model_fields
        raise Malformed(describe(error, known), _SEND_AGAIN) from error
    except OverflowError as error:
        raise Malformed("A time in UTC lies outside the years 1 to 9999.", _SEND_AGAIN) from error


def page(request: Request, *, default: int = 50, most: int = 100) -> PageRequest:
    """The page that `limit` and `cursor` of the query ask for.

    Raises:
        Malformed: `limit` is not a number from 1 to `most`.
    """
    asked = request.query_params.get("limit", str(default))
    if not (asked.isdecimal() and len(asked) < _DIGITS and 1 <= int(asked) <= most):
        raise Malformed(f"limit must be a whole number from 1 to {most}, not {asked[:20]!r}.")
    return PageRequest(int(asked), request.query_params.get("cursor"))


def answer(model: BaseModel, status: int = 200) -> Response:
    """The model as a JSON answer, in the form that the SDK version of the request expects.

    Fields that are None are left out, except in models with free columns, where null is a value.
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


def _refuse_non_finite(raw: bytes) -> None:
    """Refuse NaN, Infinity, and numbers such as 1e400 that become infinite as a double.

    pydantic accepts them in free columns, but JSON has no such values, so no reply could hold them.
    """
    zeros = raw.translate(_DIGITS_TO_ZEROS, b"+") + b","
    if b"NaN" in raw or b"Infinity" in raw or _LONG_NUMBER in zeros or _LARGE_EXPONENT.search(zeros):
        try:
            json.loads(raw, parse_constant=_no_json, parse_float=_finite, parse_int=_finite)
        except (ValueError, RecursionError):
            return  # the model's validation reports the fault


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed(f"{quote(digits, _SHOWN)} is beyond the largest number.", "Send null for a missing number.")
    return number


def _no_json(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON value.", "Send null for a missing number.")

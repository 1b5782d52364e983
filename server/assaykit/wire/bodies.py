"""Base classes and field types of all bodies of the contract: strictness, timestamps, enum case, paging."""

import unicodedata
from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from assaykit.wire.unknown_values import tolerant


class RequestBody(BaseModel):
    """The body of a request: unknown fields are refused, and errors never show input values."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ReplyBody(BaseModel):
    """The body of a reply: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    keeps_columns: ClassVar[bool] = False
    """Whether the body holds rows with free columns."""

    @classmethod
    def read(cls, content: bytes | str) -> Self:
        """The body in `content`. Unknown fields are ignored also in request bodies inside it, such as a judge's config.

        An enum value that this version does not know stays as text, as `wire.unknown_values` says.

        Raises:
            ValidationError: a field is missing or mistyped.
        """
        extra = None if cls.keeps_columns else "ignore"
        try:
            return cls.model_validate_json(content, extra=extra)
        except ValidationError:
            try:
                return tolerant(cls).validate_json(content, extra=extra)
            except ValidationError:
                pass
            raise


class OpenBody(BaseModel):
    """A row with free columns: the extra fields are the payload and stay as sent."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """The moment in UTC with a `Z`, and with microseconds unless they are zero."""
    return _as_utc(moment).isoformat().replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    AfterValidator(_as_utc),
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in UTC. Output is RFC 3339 with `Z`; input may have any offset, and a time without one is UTC."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


AnyCase = BeforeValidator(_upper)
"""Marks an enum whose lower-case spelling (SDKs before 8.40) is accepted on input."""


def composed(text: str) -> str:
    """The text in Unicode's form NFC, in which each accented letter is one character where there is one."""
    return unicodedata.normalize("NFC", text)


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("this is blank")
    return composed(text)


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_named)]
"""The name of a resource: 1 to 255 characters that are not all white space, in the form NFC."""


RowT = TypeVar("RowT")


class Pagination(ReplyBody):
    """The link from a page to the next one. `next_cursor` is opaque and present only if `has_more`."""

    next_cursor: str | None = None
    has_more: bool = False


class Page(ReplyBody, Generic[RowT]):
    """One page of a list."""

    pagination: Pagination = Pagination()

    @property
    @abstractmethod
    def rows(self) -> Sequence[RowT]:
        """The rows of this page; each subclass names their field after its noun."""


class Problem(ReplyBody):
    """An error body (RFC 9457, `application/problem+json`).

    Only the engine sends `next`, the next step. It also ends `detail`, for clients that read only that field.
    """

    title: str | None = None
    status: int | None = None
    type: str | None = None
    detail: str | None = None
    instance: str | None = None
    next: str | None = None

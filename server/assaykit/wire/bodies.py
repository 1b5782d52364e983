"""What every body of the contract shares: strictness by direction, timestamps, enum case, paging."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema


class RequestBody(BaseModel):
    """A body we send or receive: unknown fields are refused, input values never appear in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ReplyBody(BaseModel):
    """A body that is answered: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    keeps_columns: ClassVar[bool] = False
    """Whether rows of free columns lie inside."""

    @classmethod
    def read(cls, content: bytes | str) -> Self:
        """The body in `content`. Request bodies inside a reply (a judge's config) may have grown fields too.

        Raises:
            ValidationError: something is missing or mistyped.
        """
        return cls.model_validate_json(content, extra=None if cls.keeps_columns else "ignore")


class OpenBody(BaseModel):
    """A row with free columns: the extra fields are the payload and are kept as sent."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """The moment in UTC with a `Z`, microseconds only where there are any."""
    return _as_utc(moment).isoformat().replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    AfterValidator(_as_utc),
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with `Z` going out; an offset is honoured coming in, and a naive time is read as UTC."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


AnyCase = BeforeValidator(_upper)
"""Marks an enum whose lower-case spelling (SDKs before 8.40) is accepted on input."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("this is blank")
    return text


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_not_blank)]
"""What a thing is called: 1 to 255 characters that are not all white space."""


RowT = TypeVar("RowT")


class Pagination(ReplyBody):
    """Where a list goes on. `next_cursor` is opaque and only there when `has_more`."""

    next_cursor: str | None = None
    has_more: bool = False


class Page(ReplyBody, Generic[RowT]):
    """One page of a list."""

    pagination: Pagination = Pagination()

    @property
    @abstractmethod
    def rows(self) -> Sequence[RowT]:
        """The rows under whatever name the noun gives them."""


class Problem(ReplyBody):
    """An error body (RFC 9457, `application/problem+json`).

    `next`, the step that helps, is the engine's own; it closes `detail` too, for clients that know only that.
    """

    title: str | None = None
    status: int | None = None
    type: str | None = None
    detail: str | None = None
    instance: str | None = None
    next: str | None = None

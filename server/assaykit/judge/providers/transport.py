"""The interface for HTTP calls to model providers: one POST, one complete answer, or an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class TransportError(Exception):
    """A call without an answer. The message describes the failure and contains nothing of the request."""


class BadAddress(TransportError):
    """The address is not a valid URL for a call."""


class NotReached(TransportError):
    """No connection, or a certificate that is not trusted. The provider did not receive the request."""


class Broken(TransportError):
    """The answer is missing, cut off or not HTTP. The provider may have processed the request."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer. Header names match in any letter case; the body is complete and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become replacement characters."""
        return self.body.decode("utf-8", "replace")


class Transport(Protocol):
    """A client that can post. The implementation is in `aiohttp_transport`, which is imported with the first judge."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Send one request and return the answer, whatever its status.

        Raises:
            TransportError: there is no answer; the class says whether the provider may have processed the request.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...

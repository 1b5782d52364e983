"""What carries a judge's question to its provider: one POST, one whole answer, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class TransportError(Exception):
    """No answer. The words say what happened and hold nothing that was sent."""


class BadAddress(TransportError):
    """The address is none that can be called."""


class NotReached(TransportError):
    """Nothing was carried out: nobody there, or a certificate that nobody here trusts."""


class Broken(TransportError):
    """The answer is missing, cut off or no HTTP. The request may have been carried out."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. Header names are in any case; the body is whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes are."""
        return self.body.decode("utf-8", "replace")


class Transport(Protocol):
    """A client that can post. `aiohttp_transport` has the real one, which is imported with the first judge."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """The answer to one request, whatever its status.

        Raises:
            TransportError: there is none; the class says whether the request may have been carried out.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...

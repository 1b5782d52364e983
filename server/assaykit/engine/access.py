"""Whether what a caller sent is the engine's key: one rule for every door."""

import hmac

from assaykit.errors import Unauthorized

_BEARER = b"bearer "
_HEADER = "Send it as 'Authorization: Bearer <key>'."


def encoded(key: str) -> bytes:
    """The key as `require` takes it.

    Raises:
        ValueError: it is empty or blank, which a caller without a key would match.
    """
    if not key.strip():
        raise ValueError("The engine needs a key that is not empty.")
    return key.encode()


def require(sent: bytes, key: bytes, how: str = _HEADER) -> None:
    """Let the caller pass. Both `Bearer <key>` and, as some clients send it, the raw key will do.

    `how` tells one who may not pass how the key is sent.

    Raises:
        Unauthorized: it is another key, or none. An empty `key` lets nobody pass.
    """
    if sent[: len(_BEARER)].lower() == _BEARER:
        sent = sent[len(_BEARER) :]
    if not key or not hmac.compare_digest(sent, key):
        raise Unauthorized("The engine's key is missing or wrong.", how)

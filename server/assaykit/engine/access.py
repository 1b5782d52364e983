"""The check of the engine's key, shared by HTTP and gRPC."""

import hmac

from assaykit.errors import Unauthorized

_BEARER = b"bearer "
_HEADER = "`assaykit engine` prints where its key is; send it as 'Authorization: Bearer <key>' or 'api_key: <key>'."


def encoded(key: str) -> bytes:
    """The key as bytes, for `require`.

    Raises:
        ValueError: the key is empty or blank; a caller without a key would match it.
    """
    if not key.strip():
        raise ValueError("The engine needs a key that is not empty.")
    return key.encode()


def require(sent: bytes, key: bytes, how: str = _HEADER) -> None:
    """Accept `sent` if it holds `key`, as `Bearer <key>` or as the raw key that some clients send.

    `how` is the next step in the error: it explains how to send the key.

    Raises:
        Unauthorized: `sent` is empty or another key. An empty `key` refuses every caller.
    """
    if sent[: len(_BEARER)].lower() == _BEARER:
        sent = sent[len(_BEARER) :]
    if not key or not hmac.compare_digest(sent, key):
        raise Unauthorized("The engine's key is missing or wrong.", how)

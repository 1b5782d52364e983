"""Ids as AX makes them: base64 of `Type:number:suffix`.

The `arize` SDK tells an id from a name by that shape alone, so the engine's ids have it too.
Example and experiment-run ids are UUIDs, span and trace ids are hex: neither is decoded here.

Source: `ax-rest-contract` §3, "IDs and name resolution".
"""

import base64
import binascii


def encode(kind: str, number: int, suffix: str) -> str:
    """The id of thing number `number` of `kind`; `suffix` keeps ids unique across resets."""
    return base64.b64encode(f"{kind}:{number}:{suffix}".encode()).decode("ascii")


def kind_of(text: str) -> str | None:
    """The type inside an id, or None when `text` is not an id but a name."""
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    kind, colon, _ = decoded.partition(":")
    return kind if colon and kind else None

"""Ids in the form of AX: base64 of `Type:number:suffix`.

The `arize` SDK tells an id from a name by this form alone, so the engine's ids have it too. Ids of examples and
experiment runs are UUIDs, and ids of spans and traces are hex; this module does not decode those.

Source: `ax-rest-contract` §3, "IDs and name resolution".
"""

import base64
import binascii
import re

_DECODED = re.compile(r"([A-Z][A-Za-z]*):\d+(?::\S*)?")
"""Source: the ids of REST v2. A name may happen to be base64 of other text."""


def encode(kind: str, number: int, suffix: str) -> str:
    """The id of resource number `number` of `kind`. `suffix` keeps ids unique across new stores."""
    return base64.b64encode(f"{kind}:{number}:{suffix}".encode()).decode("ascii")


def kind_of(text: str) -> str | None:
    """The type inside an id, or None if `text` is a name instead of an id."""
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    found = _DECODED.fullmatch(decoded)
    return found[1] if found else None

"""Paths of the contract."""

from urllib.parse import quote as percent_encode


def path(*parts: str) -> str:
    """A path of the contract. Each part is percent-encoded, so that an id cannot add a path segment."""
    return "/" + "/".join(percent_encode(part, safe="") for part in parts)

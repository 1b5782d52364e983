"""Addresses of calls, from the base URL of an integration."""

from urllib.parse import urlsplit


def joined(base: str, path: str) -> str:
    """Return the base URL with a path after its own. Its query, such as `api-version=...`, stays at the end.

    A base URL that ends with the path already is taken as it is, and so is text that is no URL.
    """
    try:
        parts = urlsplit(base)
    except ValueError:
        return base
    before = parts.path.rstrip("/").removesuffix(f"/{path}")
    return parts._replace(path=f"{before}/{path}").geturl()

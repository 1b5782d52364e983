"""Checks of an integration's key reference, headers and base URL, and the reading of its key for a model call.

The store holds a reference to a key and never the key: `env:NAME` is a variable of the engine's environment,
`keyring:NAME` an entry of the operating system's keyring under the service `assaykit`, and `kept:...` a key that was
sent over REST (`raw_keys`). The base URL of an integration
from the environment is a reference too. Several processes share the store, and each resolves references by its own
environment.
"""

import ipaddress
import re
from collections.abc import Mapping

import httpx

from assaykit import redaction
from assaykit.engine import os_keyring, raw_keys
from assaykit.errors import Invalid, Unsupported

HEADER_BYTES = 8175
"""Most bytes of all headers together. Source: AX."""

LONGEST_KEY = 8000
"""Most characters of a key: with its header it stays below the usual limit of servers."""

_VARIABLE = "env:"
_REFERENCE = re.compile(r"(env|keyring):([A-Za-z0-9_.-]{1,128})")
_LIKE_A_REFERENCE = re.compile(r"\s*(?:env|keyring|kept):", re.IGNORECASE)
_LIKE_A_KEY = re.compile(r"(?:sk|pk|ak|xai|nvapi)-[\w.-]{16,}|gsk_\w{16,}|AIza[\w-]{20,}")
_SERVER_PREFIXES = ("ASSAYKIT_", "ARIZE_")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER = re.compile(r"auth|key|token|secret|password|credential|cookie", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(?:bearer|basic)\s", re.IGNORECASE)
_QUERY = re.compile(r"(?:api-version=[\w.-]{1,40})?")
_TRANSPORT_HEADERS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}

_HOW = (
    "Send the key itself, or put it into a variable of the server's environment and send 'env:NAME', or into the "
    "keyring (service 'assaykit') and send 'keyring:NAME'."
)


def is_reference(api_key: str) -> bool:
    """Whether `api_key` names the place of a key, rightly or wrongly spelt. Anything else is a key itself."""
    return _LIKE_A_REFERENCE.match(api_key) is not None


def check_reference(api_key: str) -> str:
    """The reference, as the store keeps it. No error repeats the value sent.

    Raises:
        Invalid: `api_key` is not a reference, or names a key of this server instead of a model provider's.
    """
    found = _REFERENCE.fullmatch(api_key)
    if found is None or _LIKE_A_KEY.fullmatch(found[2]):
        raise Invalid("api_key is a reference of the wrong form, or holds a key.", _HOW)
    if found[2].upper().startswith(_SERVER_PREFIXES):
        raise Invalid(
            "api_key names a key of this server, which must not go to a model provider.",
            "Name the model provider's own key.",
        )
    return api_key


def check_key(api_key: str, environment: Mapping[str, str]) -> str:
    """The key itself without surrounding white space. No error repeats it.

    Raises:
        Invalid: it is blank, no header can carry it, or it is a key of this server.
    """
    key = api_key.strip()
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid(f"api_key must have 1 to {LONGEST_KEY} printable ASCII characters without blanks.", _HOW)
    own = (value.strip() for name, value in environment.items() if name.upper().startswith(_SERVER_PREFIXES))
    if key in own:
        raise Invalid("api_key is a key of this server, which must not go to a model provider.", _HOW)
    return key


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, as the store keeps them. No error repeats a header's value.

    Raises:
        Invalid: a header looks like a credential or cannot be sent, or the headers exceed `HEADER_BYTES`.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise Invalid("A header has a name or a value that cannot be sent.", "Use printable ASCII.")
        if name.lower() in _TRANSPORT_HEADERS:
            raise Invalid(f"The HTTP client sets the header {name[:60]!r} itself.", "Leave it out.")
        if _SECRET_HEADER.search(name) or _SECRET_VALUE.match(value) or _LIKE_A_KEY.search(value):
            raise Invalid(f"The header {name[:60]!r} looks like a credential.", f"Use api_key for it. {_HOW}")
    if sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        raise Invalid(f"The headers have more than {HEADER_BYTES} bytes.", "Send fewer or shorter ones.")
    return dict(headers)


def check_address(base_url: str) -> str:
    """The base URL without trailing slashes, as the store keeps it.

    It is https, or http on loopback, so that nobody can read the key on the network. Its query may only be Azure's
    `api-version`.

    Raises:
        Invalid: `base_url` is another address, or has a user, a fragment or another query.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    safe = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    query = url.query.decode("ascii", "replace")
    if not (safe and url.host) or url.userinfo or url.fragment or not _QUERY.fullmatch(query):
        raise Invalid(
            "base_url must be an https address, or an http address on loopback, without a user, a fragment or a query "
            "other than api-version.",
            "Send for example 'https://gateway.example.com/v1' or 'http://127.0.0.1:11434/v1'.",
        )
    before, mark, after = base_url.partition("?")
    return before.rstrip("/") + mark + after


def has_key(reference: str | None, environment: Mapping[str, str]) -> bool:
    """Whether the reference leads to a key; a blank variable counts as no key.

    A keyring entry is assumed to exist, because listing integrations must not unlock the keyring.
    """
    if reference is None or reference.startswith("keyring:") or raw_keys.is_kept(reference):
        return reference is not None
    return bool(environment.get(reference.removeprefix(_VARIABLE), "").strip())


async def read(reference: str | None, environment: Mapping[str, str]) -> str | None:
    """The key without surrounding white space, or None if there is no key. Logs strike it out from then on.

    Raises:
        Unsupported: the key is in a keyring that cannot be read, or that does not answer within 2 s.
    """
    if reference is None:
        return None
    if reference.startswith("keyring:"):
        key = await _from_keyring(reference.removeprefix("keyring:"))
    else:
        key = environment.get(reference.removeprefix(_VARIABLE))
    key = (key or "").strip()
    redaction.learn([key])
    return key or None


def address(base_url: str | None, environment: Mapping[str, str]) -> str | None:
    """The base URL that a stored one stands for in this process; None for the provider's own URL."""
    if base_url is None or not base_url.startswith(_VARIABLE):
        return base_url
    return environment.get(base_url.removeprefix(_VARIABLE), "").strip() or None


def described(reference: str | None) -> str:
    """The place of the key, for an error sentence: a variable, a keyring entry, or the integration's api_key."""
    if reference is None:
        return "the integration's api_key"
    if raw_keys.is_kept(reference):
        return "the key that was sent for the integration"
    kind, _, name = reference.partition(":")
    return name if kind == "env" else f"the keyring entry {name!r} of the service {os_keyring.SERVICE!r}"


async def _from_keyring(name: str) -> str | None:
    try:
        return await os_keyring.get(name)
    except Unsupported as error:
        raise Unsupported(f"The key is in the keyring entry {name!r}. {error.message}", error.next) from None
    except os_keyring.KeyringFailure as error:
        raise Unsupported(
            f"The keyring entry {name!r} could not be read: {error}.",
            "Unlock the keyring, or change the integration's api_key to 'env:NAME'.",
        ) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

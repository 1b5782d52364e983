"""What an integration may say about keys, headers and addresses, and where its key is read when a model is called.

The store holds the name of a key and never the key: `env:NAME` is a variable of the engine's environment,
`keyring:NAME` an entry of the operating system's keyring under the service `assaykit`.
"""

import importlib
import ipaddress
import re
from collections.abc import Mapping

import httpx

from assaykit.errors import Invalid, Unsupported

SERVICE = "assaykit"
"""The keyring service that entries are looked up under."""

HEADER_BYTES = 8175
"""Most bytes of all headers together. Source: AX."""

_REFERENCE = re.compile(r"(env|keyring):([A-Za-z0-9_.-]{1,128})")
_LIKE_A_KEY = re.compile(r"(?:sk|pk|ak|xai|nvapi)-[\w.-]{16,}|gsk_\w{16,}|AIza[\w-]{20,}")
_OURS = ("ASSAYKIT_", "ARIZE_")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER = re.compile(r"auth|key|token|secret|password|credential|cookie", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(?:bearer|basic)\s", re.IGNORECASE)
_TRANSPORT_HEADERS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}

_HOW = (
    "The embedded engine stores no keys: put the key into a variable of the server's environment and send "
    "'env:NAME', or into the keyring (service 'assaykit') and send 'keyring:NAME'."
)


def check_reference(api_key: str) -> str:
    """The reference as it is stored. What was sent is never repeated.

    Raises:
        Invalid: this is no reference, or one to a key that opens something else than a model.
    """
    found = _REFERENCE.fullmatch(api_key)
    if found is None or _LIKE_A_KEY.fullmatch(found[2]):
        raise Invalid("api_key does not name where the key is; a key itself is not taken.", _HOW)
    if found[2].upper().startswith(_OURS):
        raise Invalid(
            "api_key names a key of this server, which no model provider may see.", "Name the model provider's own key."
        )
    return api_key


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they are stored. No value is repeated.

    Raises:
        Invalid: one looks like a credential, cannot be sent, or they are too many.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise Invalid("A header has a name or a value that cannot be sent.", "Use printable ASCII.")
        if name.lower() in _TRANSPORT_HEADERS:
            raise Invalid(f"The header {name[:60]!r} belongs to the transport.", "Leave it out.")
        if _SECRET_HEADER.search(name) or _SECRET_VALUE.match(value) or _LIKE_A_KEY.search(value):
            raise Invalid(f"The header {name[:60]!r} looks like a credential.", f"Use api_key for it. {_HOW}")
    if sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        raise Invalid(f"The headers have more than {HEADER_BYTES} bytes.", "Send fewer or shorter ones.")
    return dict(headers)


def check_address(base_url: str) -> str:
    """The base URL as it is stored: https, or http on this machine; a key sent there can be read by nobody else.

    Raises:
        Invalid: it is another address, or holds a user, a query or a fragment.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    safe = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    if not (safe and url.host) or url.userinfo or url.query or url.fragment:
        raise Invalid(
            "base_url is not an https address, or an http one on loopback, without a user, a query or a fragment.",
            "Send for example 'https://gateway.example.com/v1' or 'http://127.0.0.1:11434/v1'.",
        )
    return base_url.rstrip("/")


def has_key(reference: str | None, environment: Mapping[str, str]) -> bool:
    """Whether there is a key; a blank variable holds none.

    A keyring entry is taken to be there: a list should not unlock anything.
    """
    if reference is None or reference.startswith("keyring:"):
        return reference is not None
    return bool(environment.get(reference.removeprefix("env:"), "").strip())


def read(reference: str | None, environment: Mapping[str, str]) -> str | None:
    """The key without blanks around it, or None when there is none.

    May block while a keyring is unlocked: call it in a thread.

    Raises:
        Unsupported: the key is in a keyring that cannot be read here.
    """
    if reference is None:
        return None
    if reference.startswith("keyring:"):
        key = _from_keyring(reference.removeprefix("keyring:"))
    else:
        key = environment.get(reference.removeprefix("env:"))
    return (key or "").strip() or None


def described(reference: str | None) -> str:
    """The place of a key, for an error sentence."""
    if reference is None:
        return "the integration's api_key"
    kind, _, name = reference.partition(":")
    return name if kind == "env" else f"the keyring entry {name!r} of the service {SERVICE!r}"


def _from_keyring(name: str) -> str | None:
    try:
        # A second to import, and not installed everywhere: only who names a keyring entry pays for it.
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        raise Unsupported(
            f"The key is in the keyring entry {name!r}, and the package 'keyring' is not installed.",
            "Install it (pip install keyring), or change the integration's api_key to 'env:NAME'.",
        ) from None
    try:
        return keyring.get_password(SERVICE, name)
    except errors.KeyringError as error:
        raise Unsupported(
            f"The keyring entry {name!r} could not be read: {type(error).__name__}.",
            "Unlock the keyring, or change the integration's api_key to 'env:NAME'.",
        ) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

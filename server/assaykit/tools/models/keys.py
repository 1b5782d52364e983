"""Rules for keys: the places that may hold a key, and the addresses that a key may be sent to.

No tool takes a key. A tool takes the name of a variable, or of an entry of the keyring. A key given instead is refused
and not repeated, since every word of a reply stays in the conversation. The base URL decides where a key is sent, so
the key in a provider's usual variable is sent to that provider only.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import SplitResult, urlsplit

from assaykit.errors import Invalid
from assaykit.judge.providers.registry import ADOPTED
from assaykit.loopback import LOCAL_NAMES

_HOMES = {usual.key_variable: (provider.own_url or "", usual.url_variable) for provider, usual in ADOPTED}
"""By variable: the only address its key goes to, and the variable by which the user has moved that address."""

_API_VERSION = re.compile(r"api-version=(?:\d{4}-\d{2}-\d{2}(?:-preview)?|v1|preview|latest)")
"""The one query that a base URL may have: the version of Azure's API."""

_OURS = re.compile(r"(?:ARIZE|ASSAYKIT)_.*", re.IGNORECASE)
_PREFIXED = re.compile(
    r"\b(?:sk|ak)-[\w.-]{6,}|\b(?:pk|rk|gsk|xai|nvapi|tgp|fw|hf|gh[pousr])[-_](?=\w*\d)[\w.-]{14,}|\bAIza[\w-]{10,}"
    r"|\bAKIA[0-9A-Z]{12,}|\beyJ[\w-]{10,}|\bBearer\b"
)
_RUN = re.compile(r"[A-Za-z0-9]{20,}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,15})*")
_CHANGES_PER_CHARACTER = 0.34
"""Changes between kinds of character, per character, from which a run counts as random. Words change less often."""

_INSTEAD = "Put the key into a variable where the server starts, and pass key_variable with that variable's name."


def looks_like_key(text: str) -> bool:
    """True if a text contains the beginning of a known kind of key, or a long random run."""
    return _PREFIXED.search(text) is not None or any(_is_random(run[0]) for run in _RUN.finditer(text))


def _is_random(run: str) -> bool:
    kinds = ["digit" if mark.isdigit() else "upper" if mark.isupper() else "lower" for mark in run]
    return sum(one != other for one, other in pairwise(kinds)) >= _CHANGES_PER_CHARACTER * len(run)


def refuse_keys(**given: str | None) -> None:
    """Refuse arguments that are keys themselves.

    Raises:
        Invalid: an argument looks like a key; the message names the argument and not its value.
    """
    for argument, value in given.items():
        if value is not None and looks_like_key(value):
            raise Invalid(
                f"{argument} looks like a key itself; it was not used.", f"{_INSTEAD} A key that was shown is burnt."
            )


def checked_variable(name: str, environment: Mapping[str, str], *, must_be_set: bool) -> str:
    """The name of a variable that may hold a model's key.

    Raises:
        Invalid: the text is not the name of a variable, or the variable is not set or belongs to this server.
    """
    if _OURS.fullmatch(name):
        raise Invalid(
            "key_variable is this server's own and goes to no model.", "Name the variable of the model's key."
        )
    if environment.get(name, "").strip():
        return name
    refuse_keys(key_variable=name)
    if not _VARIABLE.fullmatch(name):
        # The message does not repeat the name: it may be a key of an unknown kind.
        raise Invalid("key_variable is neither a variable that is set nor a usual name of one.", _INSTEAD)
    if must_be_set:
        raise Invalid(
            f"The variable {name} is not set where the server was started.",
            "Set it there and start the server again.",
        )
    return name


def checked_url(text: str) -> str:
    """A base URL that a key may be sent to: https, or loopback.

    Raises:
        Invalid: the URL is neither, or contains a user, a key or a query other than Azure's `api-version`; such a URL
            is not repeated.
    """
    parts = _split(text)
    is_plain = parts is not None and parts.username is None and parts.password is None and not parts.fragment
    if parts is None or not is_plain or (parts.query and not _API_VERSION.fullmatch(parts.query)):
        raise Invalid(
            "base_url is not a plain address: it has a user, a query or a fragment in it, or cannot be read.",
            "Pass it as https://host/path, with no query but ?api-version=2024-10-21, and the key by its variable.",
        )
    if _PREFIXED.search(text):
        raise Invalid("base_url has something like a key in it; it was not used.", _INSTEAD)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL_NAMES):
        raise Invalid(
            f"base_url has to be https, or http on loopback; {parts.scheme}://{parts.netloc} is neither.",
            "Pass an https address, or http://127.0.0.1:<port> for a server on this machine.",
        )
    return text.strip()


def is_local(url: str) -> bool:
    """True if an address is on this machine."""
    parts = _split(url)
    return parts is not None and parts.hostname in LOCAL_NAMES


def refuse_elsewhere(variable: str, url: str, environment: Mapping[str, str]) -> None:
    """Keep a provider's usual variable to that provider's own address.

    Raises:
        Invalid: the key would be sent to another address.
    """
    if variable not in _HOMES:
        return
    own, moved_by = _HOMES[variable]
    if origin(url) in {origin(own), origin(environment.get(moved_by) or own)}:
        return
    raise Invalid(
        f"{variable} goes to {origin(own)} only, and this integration would send it to {origin(url)}: "
        "whoever runs that address would have the key.",
        "Put the key that is meant for that address into a variable of its own, and pass provider='CUSTOM' with "
        "key_variable=<that variable>.",
    )


def origin(url: str) -> str:
    """Scheme, host and port of an address, so that two of them can be compared."""
    parts = _split(url)
    if parts is None or parts.hostname is None:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, usual} else "")


def shown_url(url: str) -> str:
    """An address as a reply may show it: without a user, a fragment, or a query other than Azure's `api-version`."""
    parts = _split(url)
    if parts is None:
        return "(unreadable)"
    version = f"?{parts.query}" if _API_VERSION.fullmatch(parts.query) else ""
    return origin(url) + parts.path + version


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None

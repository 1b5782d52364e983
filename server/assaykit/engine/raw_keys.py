"""Raw keys of integrations: kept in the operating system's keyring, else in a file beside the store.

The store holds a reference, `kept:keyring:ID` or `kept:file:ID`. A kept key is bound to its integration, provider,
base URL and headers: it is read only for those. Log lines and errors strike it out, also in processes that have not
used it (`known_keys`).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import anyio.to_thread

from assaykit import redaction
from assaykit.engine import os_keyring
from assaykit.engine.key_file import KeyFile
from assaykit.errors import Unavailable, Unsupported

PREFIX = "kept:"
_RING = f"{PREFIX}keyring:"
_FILE = f"{PREFIX}file:"


def is_kept(reference: str | None) -> bool:
    """Whether a reference of the store leads to a raw key."""
    return reference is not None and reference.startswith(PREFIX)


def binding(integration_id: str, provider: str, base_url: str | None, headers: Mapping[str, str] | None) -> str:
    """The digest of all that a kept key is bound to."""
    bound = json.dumps([integration_id, provider, base_url, sorted((headers or {}).items())])
    return hashlib.blake2b(bound.encode(), digest_size=16).hexdigest()


def entry_of(reference: str) -> str | None:
    """The keyring entry that a reference names; None if it names another place."""
    found = reference.removeprefix(PREFIX)
    return found.removeprefix("keyring:") if found.startswith("keyring:") else None


def key_in(value: str) -> str | None:
    """The key in a kept value; None if the value is damaged."""
    kept = _parsed(value)
    key = kept.get("key")
    return key if isinstance(key, str) else None


def keys_in(content: bytes) -> list[str]:
    """The keys in the content of a file of keys, but for damaged ones."""
    values = [value for value in _parsed(content).values() if isinstance(value, str)]
    return [key for value in values if (key := key_in(value)) is not None]


def _parsed(text: str | bytes) -> Mapping[str, Any]:
    """The JSON object of a text; an empty one if there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


class RawKeys:
    """The raw keys of one data folder."""

    def __init__(self, home: Path) -> None:
        self._file = KeyFile(home)

    async def keep(self, key: str, bound_to: str) -> str:
        """Keep a key; return its reference.

        Raises:
            Unavailable: there is no keyring, and the file of keys cannot be used.
        """
        redaction.learn([key])
        name = secrets.token_hex(16)
        value = json.dumps({"key": key, "bound_to": bound_to})
        try:
            await os_keyring.put(name, value)
        except (os_keyring.KeyringFailure, Unsupported):
            await anyio.to_thread.run_sync(self._file.put, name, value)
            return _FILE + name
        return _RING + name

    async def read(self, reference: str, bound_to: str) -> str | None:
        """The key of a reference; None if it is gone or bound to something else.

        Raises:
            Unavailable: its home cannot be read.
        """
        if reference.startswith(_FILE):
            value = await anyio.to_thread.run_sync(self._file.get, reference.removeprefix(_FILE))
        else:
            try:
                value = await os_keyring.get(reference.removeprefix(_RING))
            except (os_keyring.KeyringFailure, Unsupported) as error:
                raise _locked("could not be read", error) from None
        if value is None:
            return None
        key = key_in(value)
        if key is None:
            raise Unavailable("The kept key of the integration is damaged.", "Send api_key again.")
        redaction.learn([key])
        return key if json.loads(value).get("bound_to") == bound_to else None

    async def forget(self, reference: str) -> None:
        """Remove a key from its home.

        Raises:
            Unavailable: its home cannot be written.
        """
        if reference.startswith(_FILE):
            await anyio.to_thread.run_sync(self._file.remove, reference.removeprefix(_FILE))
            return
        try:
            await os_keyring.remove(reference.removeprefix(_RING))
        except (os_keyring.KeyringFailure, Unsupported) as error:
            name = reference.removeprefix(_RING)
            what = f"was not removed; its entry of the service {os_keyring.SERVICE!r} is {name!r}"
            raise _locked(what, error) from None


def _locked(what: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"The integration's key is in the system's keyring and {what}: {error}.",
        "Unlock the keyring, or send api_key again.",
    )

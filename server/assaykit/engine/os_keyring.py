"""The operating system's keyring, over the optional package `keyring`. Each call has a deadline of `DEADLINE_S`.

A keyring may wait for its owner to unlock it, and a broken daemon may never answer. The import takes a second, so it
happens with the first use and never at the start.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread

from assaykit.errors import Unsupported

SERVICE = "assaykit"
"""The keyring service of all entries."""

DEADLINE_S = 2.0
"""Seconds for one access, the import included."""

# Keyrings that keep nothing, or keep it in a file that is no safer than our own.
_NO_KEYRING = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")


class KeyringFailure(Exception):
    """The keyring gave no answer. The message is the reason, without a secret."""


async def get(name: str) -> str | None:
    """The value of an entry; None if there is none.

    Raises:
        KeyringFailure: the keyring is locked, failed, or did not answer in time.
        Unsupported: the package `keyring` is not installed.
    """
    return await _within_deadline(lambda ring: ring.get_password(SERVICE, name))


async def get_some(names: Sequence[str]) -> Mapping[str, str]:
    """The values of the entries that the keyring gives within one deadline. A keyring that fails gives none."""
    found: dict[str, str] = {}

    def read(ring: Any) -> None:
        for name in names:
            value = ring.get_password(SERVICE, name)
            if value is not None:
                found[name] = value

    with suppress(KeyringFailure, Unsupported):
        await _within_deadline(read)
    return found.copy()


async def put(name: str, value: str) -> None:
    """Write an entry.

    Raises:
        KeyringFailure, Unsupported: as `get`; the latter also if the system has no keyring.
    """

    def write(ring: Any) -> None:
        backend = type(ring.get_keyring()).__module__
        if backend.startswith(_NO_KEYRING):
            raise Unsupported("The system has no keyring.", "Keep the key in a variable and send 'env:NAME'.")
        ring.set_password(SERVICE, name, value)
        if is_late:
            # The key is elsewhere by now, so it must not stay here.
            ring.delete_password(SERVICE, name)

    is_late: list[bool] = []
    try:
        await _within_deadline(write)
    except KeyringFailure:
        is_late.append(True)
        raise


async def remove(name: str) -> None:
    """Remove an entry, if there is one.

    Raises:
        KeyringFailure, Unsupported: as `get`.
    """

    def delete(ring: Any) -> None:
        if ring.get_password(SERVICE, name) is not None:
            ring.delete_password(SERVICE, name)

    await _within_deadline(delete)


async def _within_deadline(use: Callable[[Any], Any]) -> Any:
    def run() -> Any:
        try:
            ring = importlib.import_module("keyring")
            errors = importlib.import_module("keyring.errors")
        except ImportError:
            raise Unsupported(
                "The package 'keyring' is not installed.",
                "Install it (pip install 'assaykit[keyring]'), or keep the key in a variable and send 'env:NAME'.",
            ) from None
        try:
            return use(ring)
        except errors.KeyringError as error:
            raise KeyringFailure(type(error).__name__) from None

    with anyio.move_on_after(DEADLINE_S):
        # A call that hangs keeps its thread, and nobody waits for it.
        return await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
    raise KeyringFailure(f"no answer within {DEADLINE_S:g} s")

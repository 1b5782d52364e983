"""Secrets that are created at the first start and kept in a file that only its owner can read."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from assaykit.errors import Invalid, Unavailable
from assaykit.filelock import FileLock

SHORTEST = 32
"""Minimum length of a secret in characters. A new secret has 43; a file cut to fewer than 32 is replaced."""

LOCK_FILE = "secrets.lock"
"""Lock that is held while a secret is written. If two processes start at once, only the first creates a secret."""

_LONGEST = 4096
_WHOLE = re.compile(rb"[!-~]{%d,%d}" % (SHORTEST, _LONGEST))
"""Printable ASCII without a space: a header cannot carry anything else."""

_OWNER_ALONE = 0o600
_EVERY_SYSTEM = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Without O_NONBLOCK, opening a FIFO that has no writer would block forever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _EVERY_SYSTEM
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _EVERY_SYSTEM

_PATIENCE_S = 10
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def minted(home: Path, name: str) -> tuple[str, Path]:
    """The secret in the file `name` of the folder `home`, created if missing; and the path of the file.

    The file has mode 0600. A file without a whole secret (empty, blank, cut short, not printable ASCII) gets a new one,
    and stderr says so. Processes that start at the same time get the same secret.

    Raises:
        Invalid: the path is a folder, a link or another special file.
        Unavailable: the file cannot be read or written, as on a full disk.
    """
    at = home / name
    try:
        return _secret_of(_content(at)) or _made(at), at
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(
                f"The disk is full: no secret could be written to {at}.",
                "Free some space, or set ASSAYKIT_HOME to a folder on another disk; then start again.",
            ) from error
        raise Unavailable(
            f"The secret in {at} cannot be read or written: {error.strerror or type(error).__name__}.",
            "Give yourself access to the file, or set ASSAYKIT_HOME to a folder that you may write to.",
        ) from error


def _content(at: Path) -> bytes | None:
    """The bytes of the file, or None if there is no file. Sets the mode to 0600 if others have access."""
    try:
        if not stat.S_ISREG(at.lstat().st_mode):
            raise Invalid(
                f"{at} is not a regular file, and no secret is read from it.", "Move it away; then start again."
            )
        descriptor = os.open(at, _READ)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) & ~_OWNER_ALONE:
            at.chmod(_OWNER_ALONE)
        return file.read(2 * _LONGEST)


def _secret_of(content: bytes | None) -> str | None:
    """The secret in the content of a file, or None if the secret is missing or not whole."""
    found = (content or b"").strip()
    return found.decode("ascii") if _WHOLE.fullmatch(found) else None


def _made(at: Path) -> str:
    """Write a new secret to the file and return it, or return the secret that another process has written by now."""
    at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _turn(at):
        content = _content(at)
        if (found := _secret_of(content)) is not None:
            return found
        secret = secrets.token_urlsafe(32)
        _write(at, f"{secret}\n".encode())
    if content is not None:
        fault = "held no whole secret" if content.strip() else "was empty"
        click.echo(f"assaykit: {at} {fault}; it was replaced by a new secret, which every client needs now.", err=True)
    return secret


@contextmanager
def _turn(at: Path) -> Generator[None]:
    """Hold the lock on the secrets of this folder until the block ends. Waits for other processes."""
    lock = FileLock(at.with_name(LOCK_FILE))
    if not lock.take_within(_PATIENCE_S):
        raise Unavailable(f"Another process has been writing {at} for {_PATIENCE_S} s.", "End it, or start again.")
    try:
        yield
    finally:
        lock.release()


def _write(at: Path, content: bytes) -> None:
    """Write the file in one step: a reader never sees a part of it, and a failure leaves nothing behind."""
    # Every process uses the same name, so a file that a killed process left is removed by the next one.
    partly = at.with_name(f"{at.name}.part")
    partly.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partly, _NEW, _OWNER_ALONE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partly.replace(at)
    finally:
        partly.unlink(missing_ok=True)

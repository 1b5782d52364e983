"""Opening or creating one file below one folder so that no link can lead out of it.

A check on the name and an open afterwards lose against somebody who swaps a link in between. So the path is
walked one component at a time, each opened relative to the one before and never through a link, and the
questions are asked of the descriptor that is then read. Systems without `dir_fd` (Windows) compare the real
path before and after opening instead.

The folder itself may be a link: it is the operator's choice. Only what lies below it is distrusted.
"""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from assaykit.errors import Invalid, quote

MAX_BYTES = 100 * 1024 * 1024  # of one file
NAMES_LISTED = 10_000  # how many names of a folder are looked at for near ones

BY_DESCRIPTOR = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
# A FIFO with no writer would block the open for ever; O_NONBLOCK answers at once.
_PLAIN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FILE = _PLAIN | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | _NOFOLLOW | getattr(os, "O_BINARY", 0)
_OWNER_ALONE = 0o600
_FOLDER = _PLAIN | getattr(os, "O_DIRECTORY", 0)
_BELOW = _FOLDER | _NOFOLLOW


def open_below(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> BinaryIO:
    """The regular file `folder/parts[0]/.../parts[-1]`, opened for reading.

    Raises:
        FileNotFoundError: there is none, or a component on the way is no folder.
        Invalid: a component is a link, the file is not a regular one, is larger than 100 MiB or may not be
            read.
    """
    shown = str(folder.joinpath(*parts))
    try:
        descriptor = _by_descriptor(folder, parts) if by_descriptor else _by_name(folder, parts)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(shown) from error
    except OSError as error:
        raise _explained(error, shown) from error
    try:
        _require_readable(os.fstat(descriptor), shown)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_free_below(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> None:
    """Raises: as `creating_below`, without creating anything."""
    shown = str(folder.joinpath(*parts))
    try:
        with _above(folder, parts, by_descriptor=by_descriptor) as (name, here):
            taken = _is_there(name, here)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(shown) from error
    except OSError as error:
        raise _explained(error, shown) from error
    if taken:
        raise _taken(shown)


@contextmanager
def creating_below(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> Generator[BinaryIO]:
    """A new file `folder/parts[0]/.../parts[-1]`, readable by its owner alone; gone again when the block fails.

    Raises:
        FileNotFoundError: the folder that it should lie in is not there.
        Invalid: there is something of this name, a component is a link, or it cannot be written.
    """
    shown = str(folder.joinpath(*parts))
    try:
        with _above(folder, parts, by_descriptor=by_descriptor) as (name, here):
            descriptor = os.open(name, _NEW, _OWNER_ALONE, dir_fd=here)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file
            except BaseException:
                os.unlink(name, dir_fd=here)
                raise
    except FileExistsError as error:
        raise _taken(shown) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(shown) from error
    except OSError as error:
        raise _explained(error, shown) from error


@contextmanager
def _above(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool) -> Generator[tuple[str, int | None]]:
    """The last name and the descriptor that it is relative to; or its whole path, and None."""
    if by_descriptor:
        with _parent(folder, parts) as here:
            yield parts[-1], here
        return
    above = Path(os.path.realpath(folder)).joinpath(*parts[:-1])
    _require_real(above)
    yield str(above / parts[-1]), None


def _is_there(name: str, here: int | None) -> bool:
    """Whether anything has this name: a link that leads nowhere counts too."""
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _taken(shown: str) -> Invalid:
    return Invalid(f"There is a {quote(shown)!r} already; nothing was written.", "Choose another name.")


def names_beside(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> list[str]:
    """The names in the folder where `parts[-1]` was looked for; empty when that folder cannot be listed."""
    try:
        if not by_descriptor:
            above = Path(os.path.realpath(folder)).joinpath(*parts[:-1])
            _require_real(above)
            return [entry.name for entry in above.iterdir()][:NAMES_LISTED]
        with _parent(folder, parts) as here:
            return os.listdir(here)[:NAMES_LISTED]  # noqa: PTH208  (a descriptor, which Path cannot list)
    except OSError:
        return []


@contextmanager
def _parent(folder: Path, parts: tuple[str, ...]) -> Generator[int]:
    """A descriptor of the folder that should hold `parts[-1]`, reached without following a link."""
    here = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            _refuse_link(part, here)
            below = os.open(part, _BELOW, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _by_descriptor(folder: Path, parts: tuple[str, ...]) -> int:
    with _parent(folder, parts) as here:
        _refuse_link(parts[-1], here)
        return os.open(parts[-1], _FILE, dir_fd=here)


def _refuse_link(part: str, here: int) -> None:
    # O_NOFOLLOW is what keeps us safe; this look before it only gives every system the same clear error.
    if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
        raise OSError(errno.ELOOP, "a link", part)


def _by_name(folder: Path, parts: tuple[str, ...]) -> int:
    """The portable way: the real path must be the path asked for, before and after the open."""
    root = Path(os.path.realpath(folder))
    wanted = root.joinpath(*parts)
    _require_real(wanted)
    # Not opened at all unless regular: without O_NONBLOCK a pipe would hang here.
    _require_readable(wanted.lstat(), str(wanted))
    descriptor = os.open(wanted, _FILE)
    try:
        _require_real(wanted, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_real(wanted: Path, descriptor: int | None = None) -> None:
    real = os.path.realpath(wanted, strict=True)
    if os.path.normcase(real) != os.path.normcase(wanted):
        raise OSError(errno.ELOOP, "a link", str(wanted))
    if descriptor is not None and not os.path.samestat(os.fstat(descriptor), wanted.lstat()):
        raise OSError(errno.ELOOP, "replaced while it was opened", str(wanted))


def _require_readable(info: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise Invalid(f"{quote(shown)!r} is a folder.", "Name a file in it.")
    if not stat.S_ISREG(info.st_mode):
        raise Invalid(f"{quote(shown)!r} is not a regular file.", "Copy its content into a plain file.")
    if info.st_size > MAX_BYTES:
        size = info.st_size / 1024 / 1024
        raise Invalid(
            f"{quote(shown)!r} has {size:,.0f} MiB; at most {MAX_BYTES // 1024 // 1024} MiB are read.",
            "Split it into several files.",
        )


def _explained(error: OSError, shown: str) -> Invalid:
    if error.errno == errno.ELOOP:
        return Invalid(
            f"{quote(shown)!r} is a link, or leads through one.",
            "Links are not followed: give the path of the file itself, or copy it into the folder.",
        )
    reason = error.strerror or type(error).__name__
    return Invalid(f"{quote(shown)!r} cannot be opened or written: {reason}.", "Check its name and permissions.")

"""Opening or creating one file below one folder so that no link can lead out of the folder.

A check of the name before the open is not safe, because somebody can put a link there in between. So the path is
walked one component at a time: each is opened relative to the previous one and never through a link, and all checks
use the descriptor that is then read. Systems without `dir_fd` (Windows) compare the real path before and after opening
instead.

The folder itself may be a link, because the operator chose it. Only the path below it is not trusted.
"""

import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from assaykit.errors import Invalid, quote, system_advice

MAX_BYTES = 100 * 1024 * 1024  # of one file
NAMES_LISTED = 10_000  # names of a folder that are searched for similar ones

BY_DESCRIPTOR = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
# Opening a FIFO without a writer would block for ever; O_NONBLOCK prevents that.
_PLAIN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FILE = _PLAIN | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | _NOFOLLOW | getattr(os, "O_BINARY", 0)
_OWNER_ALONE = 0o600
_FOLDER = _PLAIN | getattr(os, "O_DIRECTORY", 0)
_BELOW = _FOLDER | _NOFOLLOW


def open_below(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> BinaryIO:
    """Open the regular file `folder/parts[0]/.../parts[-1]` for reading.

    Raises:
        FileNotFoundError: there is no such file, or a component on the way is not a folder.
        Invalid: a component is a link, or the file is not a regular file, is larger than 100 MiB or may not be
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


def require_free_below(
    folder: Path, parts: tuple[str, ...], *, overwrite: bool = False, by_descriptor: bool = BY_DESCRIPTOR
) -> None:
    """Raises: as `creating_below`, without creating anything."""
    shown = str(folder.joinpath(*parts))
    try:
        with _above(folder, parts, by_descriptor=by_descriptor) as (name, here):
            _require_room(name, here, shown, overwrite=overwrite)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(shown) from error
    except OSError as error:
        raise _explained(error, shown) from error


@contextmanager
def creating_below(
    folder: Path, parts: tuple[str, ...], *, overwrite: bool = False, by_descriptor: bool = BY_DESCRIPTOR
) -> Generator[BinaryIO]:
    """Create the file `folder/parts[0]/.../parts[-1]`, accessible only to its owner; delete it if the block fails.

    With `overwrite` a regular file of that name is replaced at the end of the block. If the block fails, it stays.

    Raises:
        FileNotFoundError: the file's folder does not exist.
        Invalid: the name is taken, a component is a link, or the file cannot be written.
    """
    shown = str(folder.joinpath(*parts))
    try:
        with _above(folder, parts, by_descriptor=by_descriptor) as (name, here):
            _require_room(name, here, shown, overwrite=overwrite)
            # A file that is replaced stays whole until the new one is complete.
            made = str(Path(name).with_name(f".{secrets.token_hex(8)}.part")) if overwrite else name
            descriptor = os.open(made, _NEW, _OWNER_ALONE, dir_fd=here)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file
                if overwrite:
                    os.replace(made, name, src_dir_fd=here, dst_dir_fd=here)
            except BaseException:
                os.unlink(made, dir_fd=here)
                raise
    except FileExistsError as error:
        raise _taken(shown) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(shown) from error
    except OSError as error:
        raise _explained(error, shown) from error


@contextmanager
def _above(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool) -> Generator[tuple[str, int | None]]:
    """Yield the last name with the descriptor of its folder; without descriptors, the whole path with None."""
    if by_descriptor:
        with _parent(folder, parts) as here:
            yield parts[-1], here
        return
    above = Path(os.path.realpath(folder)).joinpath(*parts[:-1])
    _require_real(above)
    yield str(above / parts[-1]), None


def _require_room(name: str, here: int | None, shown: str, *, overwrite: bool) -> None:
    """Refuse a name that something has already, including a broken link. A regular file may be replaced."""
    try:
        mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "a link", name)
    if not stat.S_ISREG(mode):
        raise Invalid(f"{quote(shown)!r} is no regular file; nothing was written.", "Choose another name.")
    if not overwrite:
        raise _taken(shown)


def _taken(shown: str) -> Invalid:
    return Invalid(
        f"{quote(shown)!r} exists already; nothing was written.",
        "Choose another name, or pass overwrite=true to replace the file.",
    )


def names_beside(folder: Path, parts: tuple[str, ...], *, by_descriptor: bool = BY_DESCRIPTOR) -> list[str]:
    """The names in the folder of `parts[-1]`; empty if that folder cannot be listed."""
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
    """Open the folder of `parts[-1]` without following a link; yield its descriptor."""
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
    # O_NOFOLLOW is the protection; this check before it only gives the same clear error on every system.
    if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
        raise OSError(errno.ELOOP, "a link", part)


def _by_name(folder: Path, parts: tuple[str, ...]) -> int:
    """Open portably: the real path must equal the path asked for, before and after the open."""
    root = Path(os.path.realpath(folder))
    wanted = root.joinpath(*parts)
    _require_real(wanted)
    # Check for a regular file first: without O_NONBLOCK the open of a pipe would hang.
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
            f"{quote(shown)!r} has {size:,.0f} MiB; the limit is {MAX_BYTES // 1024 // 1024} MiB.",
            "Split it into several files.",
        )


def _explained(error: OSError, shown: str) -> Invalid:
    if error.errno == errno.ELOOP:
        return Invalid(
            f"{quote(shown)!r} is a link, or leads through one.",
            "Links are not followed. Give the path of the file itself, or copy it into the folder.",
        )
    reason = error.strerror or type(error).__name__
    return Invalid(
        f"{quote(shown)!r} cannot be opened or written: {reason}.",
        system_advice(error, "Check its name and permissions."),
    )

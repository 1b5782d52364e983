"""The folders that the user allows, and the lookup of a path in them."""

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assaykit.errors import Invalid, NotFound, quote
from assaykit.files.opening import names_beside, open_below

SETTING = "ASSAYKIT_FILES"
SECRET_SUFFIXES = (".pem", ".key", ".p12", ".pfx")
NEAR_NAMES = 5


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders for reading and writing files, in the lookup order of a relative path."""

    allowed: tuple[Path, ...]

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self.allowed)


def locate(path: str, folders: Folders) -> Path:
    """Return the location of `path`. The file exists and is readable: it has been opened once.

    Raises: as `open_inside`.
    """
    place, file = _found(path, folders)
    file.close()
    return place


def open_inside(path: str, folders: Folders) -> BinaryIO:
    """Open the file `path` for reading. Read this descriptor and do not open the name again.

    A relative path is looked up in each folder in order; an absolute path must lie inside one of them.

    Raises:
        NotFound: no folder has the file; the error offers similar names of the same folder.
        Invalid: the path is outside the folders, leads through `..` or a link, has a hidden or secret name, is not
            a regular file, or is larger than 100 MiB.
    """
    return _found(path, folders)[1]


def _found(path: str, folders: Folders) -> tuple[Path, BinaryIO]:
    places = places_of(path, folders)
    for folder, parts in places:
        try:
            return folder.joinpath(*parts), open_below(folder, parts)
        except FileNotFoundError:
            continue
    raise _not_found(path, folders, places)


def places_of(path: str, folders: Folders) -> list[tuple[Path, tuple[str, ...]]]:
    """Return each allowed folder with the components of `path` below it; at least one pair.

    Raises:
        Invalid: the path is outside the folders, leads through `..`, or has a hidden or secret name.
    """
    if not folders.allowed:
        raise Invalid("No folder is open for files.", f"Name one in {SETTING}.")
    places = list(_places(path, folders))
    if not places:
        raise Invalid(
            f"{quote(path)!r} lies outside the allowed folders: {folders}.",
            f"Give a path inside one of them, or add its folder to {SETTING}.",
        )
    return places


def _places(path: str, folders: Folders) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if not path.strip() or "\0" in path:
        raise Invalid("The path is empty or holds a NUL character.", "Give the path of a file.")
    asked = Path(path)
    if ".." in asked.parts:
        raise Invalid(f"{quote(path)!r} leads upwards with '..'.", "Write the path without '..'.")
    for folder in folders.allowed:
        parts = _below(asked, folder) if asked.is_absolute() or asked.anchor else asked.parts
        if parts:
            _require_open_names(parts, path)
            yield folder, parts


def _below(asked: Path, folder: Path) -> tuple[str, ...]:
    """The components of an absolute path below `folder` or below its real path; empty if outside."""
    for root in (folder, Path(os.path.realpath(folder))):
        if asked.is_relative_to(root):
            return asked.relative_to(root).parts
    return ()


def _require_open_names(parts: tuple[str, ...], path: str) -> None:
    for part in parts:
        if _is_secret(part):
            raise Invalid(
                f"{quote(path)!r} is not allowed: {quote(part)!r} is a hidden name or a name for secrets.",
                "Hidden files, keys and certificates are never opened. Use a plain name.",
            )
        if os.name == "nt" and ":" in part:
            raise Invalid(f"{quote(path)!r} names a stream of a file.", "Name the file alone.")


def _is_secret(name: str) -> bool:
    # Windows drops trailing dots and spaces when it opens a name, and several systems ignore case.
    plain = name.rstrip(". ").casefold()
    return name.startswith(".") or plain.endswith(SECRET_SUFFIXES)


def _not_found(path: str, folders: Folders, places: list[tuple[Path, tuple[str, ...]]]) -> NotFound:
    near = [name for folder, parts in places for name in _near(folder, parts)]
    offered = ", ".join(repr(quote(name)) for name in dict.fromkeys(near))
    hint = f"Did you mean {offered}? " if offered else ""
    return NotFound(
        f"There is no file {quote(path)!r}; looked in: {folders}.",
        f"{hint}Give a path inside these folders, or add a folder to {SETTING}.",
    )


def _near(folder: Path, parts: tuple[str, ...]) -> list[str]:
    plain = {name.casefold(): name for name in names_beside(folder, parts) if not _is_secret(name)}
    return [plain[name] for name in difflib.get_close_matches(parts[-1].casefold(), plain, n=NEAR_NAMES)]

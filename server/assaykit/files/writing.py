"""Writing of rows to a new file. The suffix selects the format.

Files are created only inside the allowed folders. A file is replaced only if `overwrite` is set. Cells of a table may
come from foreign traces, so a CSV cell that a spreadsheet would run as a formula gets a leading apostrophe.
"""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple

from assaykit.errors import Invalid, NotFound, quote
from assaykit.files.folders import Folders, places_of
from assaykit.files.formats import BY_SUFFIX, WRITTEN_SUFFIXES
from assaykit.files.opening import creating_below, require_free_below
from assaykit.files.rows import Record


class NewFile(NamedTuple):
    """The location of a new file: `parts` below `folder`. With `overwrite` it may replace a regular file."""

    folder: Path
    parts: tuple[str, ...]
    overwrite: bool = False

    @property
    def path(self) -> Path:
        """The whole path."""
        return self.folder.joinpath(*self.parts)


def free_place(path: str, folders: Folders, suffixes: Sequence[str] = (), *, overwrite: bool = False) -> NewFile:
    """Return the location for a new file `path`, in the first folder that has its parent. Nothing is created yet.

    `suffixes` are the allowed suffixes; by default those of `write_rows`.

    Raises:
        Invalid: the suffix is not allowed, the file exists already without `overwrite`, or the path is not allowed.
        NotFound: no folder has the parent.
        Unsupported: Parquet without pyarrow.
    """
    places = places_of(path, folders)
    suffix, known = PurePath(path).suffix.lower(), suffixes or WRITTEN_SUFFIXES
    if suffix not in known:
        raise Invalid(f"{quote(path)!r} does not have the suffix of a format for writing.", f"Use {_either(known)}.")
    found = BY_SUFFIX.get(suffix)
    if found is not None and found.require is not None:
        found.require(path)
    for folder, parts in places:
        try:
            require_free_below(folder, parts, overwrite=overwrite)
        except FileNotFoundError:
            continue
        return NewFile(folder, parts, overwrite)
    raise NotFound(
        f"There is no folder {quote(str(PurePath(path).parent))!r}; looked in: {folders}.",
        "Create it first, or name an existing folder.",
    )


def write_rows(place: NewFile, rows: Sequence[Record]) -> None:
    """Write the rows to a new file at `place`: the whole file or nothing.

    Raises:
        Invalid: the file exists by now without `overwrite`, or it cannot be written.
        NotFound: its folder is gone.
    """
    write = BY_SUFFIX[place.path.suffix.lower()].write
    if write is None:
        raise Invalid(f"{quote(str(place.path))!r} cannot be written.", f"Use {_either(WRITTEN_SUFFIXES)}.")
    _write(place, lambda file: write(file, rows))


def write_text(place: NewFile, text: str) -> None:
    """Write the text to a new file at `place`: the whole file or nothing.

    Raises: as `write_rows`.
    """
    _write(place, lambda file: file.write(text.encode("utf-8", "replace")))


def _either(known: Sequence[str]) -> str:
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def _write(place: NewFile, write: Callable[[BinaryIO], object]) -> None:
    try:
        with creating_below(place.folder, place.parts, overwrite=place.overwrite) as file:
            write(file)
    except FileNotFoundError as error:
        raise NotFound(f"The folder of {quote(str(place.path))!r} is gone.", "Create it, then try again.") from error

"""Files of other evaluation tools: their variants, each an experiment, and the columns of their examples."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from assaykit.errors import Invalid
from assaykit.files.exports.shared_columns import EXAMPLE_COLUMNS, VARIANT
from assaykit.files.exports.table import left_out_by
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.foreign import as_word, exactly

MOST_VARIANTS = 50
_REFUSED = frozenset('"\\')


class ForeignExport(NamedTuple):
    """The tool that wrote a file, its variants in order, and the columns of its examples that have a value."""

    tool: str
    variants: Sequence[str]
    example_columns: Sequence[str]

    def told(self) -> str:
        """The tool, and its columns that are not stored, in words."""
        left = left_out_by(self.tool)
        unused = f" Not stored: {', '.join(left)}." if left else ""
        return f" The file is read as an export of {self.tool}.{unused}"


def foreign_export(file: str, folders: Folders) -> ForeignExport | None:
    """The export that a file is, or None if it is a file of rows.

    Raises:
        NotFound, Invalid: as `read_rows`, or the file has more than 50 variants.
    """
    tool: str | None = None
    variants: dict[str, None] = {}
    columns: set[str] = set()
    for row in read_rows(file, folders):
        tool = row.tool
        if tool is None:
            return None
        columns.update(row.values)
        variants[str(row.values.get(VARIANT) or "")] = None
    if len(variants) > MOST_VARIANTS:
        raise Invalid(
            f"{exactly(file)} has {len(variants)} variants; an upload takes {MOST_VARIANTS}.", "Split the file."
        )
    if tool is None:
        return None
    return ForeignExport(tool, list(variants), [one for one in EXAMPLE_COLUMNS if one in columns])


def named_after(title: str, variant: str, taken: Callable[[str], bool] = lambda _: False) -> str:
    """The name of a variant's experiment, without the characters that no name may have."""
    plain = " ".join("".join(" " if one in _REFUSED else one for one in variant).split())[:100]
    name, number = f"{title} - {plain}", 2
    while taken(name):
        name, number = f"{title} - {plain} {number}", number + 1
    return name


def experiments_told(names: Sequence[str]) -> str:
    """The experiments of a file with several variants, in words."""
    listed = ", ".join(as_word(name) for name in names)
    return f" {len(names)} experiments, one for each {VARIANT}: {listed}."

"""A look at a result file before its upload: its variants, each an experiment, and the tool that wrote it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from assaykit.column_paths import paths_in, resolve
from assaykit.errors import Invalid
from assaykit.files.exports.shared_columns import EXAMPLE_COLUMNS, VARIANT
from assaykit.files.exports.table import left_out_by
from assaykit.files.folders import Folders
from assaykit.files.reading import other_sheets, read_rows
from assaykit.foreign import as_word, exactly
from assaykit.matching import text_of
from assaykit.toolkit.columns import no_column, sheets_told
from assaykit.tools.experiments.usage_cells import bare_durations, unit_of

MOST_VARIANTS = 50
ROWS_LOOKED_AT = 1000
"""Rows of a file without variants that are looked at before an upload."""

VARIANTS = (VARIANT, "experiment", "experiment_name")
"""The usual names of a column with the name of the variant."""

LIKELY_VARIANTS = (
    "model",
    "model_name",
    "provider",
    "prompt_version",
    "prompt_name",
    "system",
    "config",
    "run_name",
    "version",
)
"""Names of columns that may tell variants apart, if a caller says so."""

_REFUSED = frozenset('"\\')


class FileLook(NamedTuple):
    """A look at a file before its upload.

    `tool` wrote the export that the file is, None for a file of rows. `variants` are the values of the column `variant`
    in order, None if the file is one experiment. `example_columns` are the columns of an export's examples that have a
    value, and `units` the milliseconds of the unit of durations that name none, by column. `sheets` of a
    workbook were not read.
    """

    tool: str | None
    variant: str | None
    variants: Sequence[str] | None
    example_columns: Sequence[str]
    units: Mapping[str, float]
    sheets: Sequence[str] = ()

    def told(self) -> str:
        """The tool, and its columns that are not stored, in words, or the sheets that were not read."""
        if self.tool is None:
            return sheets_told(self.sheets)
        left = left_out_by(self.tool)
        unused = f" Not stored: {', '.join(left)}." if left else ""
        return f" The file is read as an export of {self.tool}.{unused}"


def look_at(file: str, folders: Folders, wanted: str | None) -> FileLook:
    """Look at a file. The column `wanted` names the variant of each row, else one of the usual names does.

    An empty `wanted` stands for no column. A column of a usual name with more than 50 values names no variants.

    Raises:
        NotFound, Invalid: as `read_rows`, the file has more than 50 variants in `wanted`, no such column, or a row
            without a variant.
    """
    tool: str | None = None
    variants: dict[str, None] = {}
    columns: dict[str, None] = {}
    blank: int | None = None
    bare: dict[tuple[str, ...], list[str]] = {}
    usual = VARIANTS if wanted is None else ()
    durations: dict[str, list[object]] = {}
    for number, row in enumerate(read_rows(file, folders), start=1):
        tool = row.tool
        columns.update(dict.fromkeys(row.values))
        column = wanted or next((one for one in usual if one in columns), None)
        if number <= ROWS_LOOKED_AT:
            shape = tuple(row.values)
            bare[shape] = bare[shape] if shape in bare else bare_durations(row.values)
            for name in bare[shape]:
                durations.setdefault(name, []).append(row.values[name])
        elif tool is None and column is None:
            break
        value = None if column is None else resolve(row.values, column)
        if value is None or not (name := text_of(value).strip()):
            blank = blank or row.line
        else:
            variants[name] = None
    column = wanted or next((one for one in usual if one in columns), None)
    if wanted and columns and not variants:
        raise no_column(wanted, paths_in(row.values for row in read_rows(file, folders)))
    units = {name: unit for name, cells in durations.items() if (unit := unit_of(cells)) is not None}
    sheets = other_sheets(file, folders)
    of_examples = [one for one in EXAMPLE_COLUMNS if one in columns]
    if len(variants) <= 1 or (len(variants) > MOST_VARIANTS and not wanted and tool is None):
        return FileLook(tool, column, None, of_examples, units, sheets)
    if len(variants) > MOST_VARIANTS:
        raise Invalid(
            f"{exactly(file)} has {len(variants)} variants in {as_word(column or VARIANT)}; an upload takes "
            f"{MOST_VARIANTS}.",
            "Split the file, or name another column.",
        )
    if blank is not None:
        raise Invalid(
            f"Line {blank} of {exactly(file)} names no variant in {as_word(column or VARIANT)}, and other lines name "
            f"{len(variants)}; nothing was written.",
            "Fill in the variant of each row, or pass variant='' for one experiment.",
        )
    return FileLook(tool, column, list(variants), of_examples, units, sheets)


def named_after(title: str, variant: str, taken: Callable[[str], bool] = lambda _: False) -> str:
    """The name of a variant's experiment, without the characters that no name may have."""
    plain = " ".join("".join(" " if one in _REFUSED else one for one in variant).split())[:100]
    name, number = f"{title} - {plain}", 2
    while taken(name):
        name, number = f"{title} - {plain} {number}", number + 1
    return name


def experiments_told(names: Sequence[str], column: str | None) -> str:
    """The experiments of a file with several variants, in words."""
    listed = ", ".join(as_word(name) for name in names)
    return f" {len(names)} experiments, one for each {as_word(column or VARIANT)}: {listed}."

"""The formats of files with rows: one entry for each, with its suffixes, its reader and its writer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from assaykit.errors import either
from assaykit.files.archives import eval_rows
from assaykit.files.csv_files import csv_rows, write_csv
from assaykit.files.json_files import json_rows, jsonl_rows, write_json, write_jsonl
from assaykit.files.parquet import parquet_rows, pyarrow, write_parquet
from assaykit.files.rows import FileRow, Record
from assaykit.files.xlsx import sheet_in, xlsx_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """One format. Its reader and its writer work row by row."""

    name: str
    """The name in a list of formats."""
    suffixes: tuple[str, ...]
    """The suffixes that are read; the first one is written too."""
    read: Callable[[BinaryIO, str, bool], Iterator[FileRow]]
    """The rows of an open file, from the file, its path for sentences, and whether NaN is a missing value."""
    write: Callable[[BinaryIO, Sequence[Record]], None] | None = None
    """Writes rows into a new file; None for a format that is only read."""
    is_text: bool = True
    """Whether a file is text."""
    is_archive: bool = False
    """Whether a file is a zip archive."""
    same_columns: bool = False
    """Whether every row of a file has the columns of the first one."""
    require: Callable[[str], object] | None = None
    """Raises `Unsupported` if the package for the format is not installed."""


FORMATS = (
    FileFormat(
        name="CSV",
        suffixes=(".csv", ".tsv"),
        read=csv_rows,
        write=write_csv,
        same_columns=True,
    ),
    FileFormat(name="JSON", suffixes=(".json",), read=json_rows, write=write_json),
    FileFormat(name="JSONL", suffixes=(".jsonl", ".ndjson"), read=jsonl_rows, write=write_jsonl),
    FileFormat(
        name="Parquet",
        suffixes=(".parquet",),
        read=parquet_rows,
        write=write_parquet,
        is_text=False,
        same_columns=True,
        require=pyarrow,
    ),
    FileFormat(name="xlsx", suffixes=(".xlsx",), read=xlsx_rows, is_text=False, is_archive=True, same_columns=True),
    FileFormat(name="Inspect logs", suffixes=(".eval",), read=eval_rows, is_text=False, is_archive=True),
)

BY_SUFFIX: Mapping[str, FileFormat] = {suffix: one for one in FORMATS for suffix in one.suffixes}
"""The formats by every suffix that is read."""

WRITTEN_SUFFIXES = tuple(one.suffixes[0] for one in FORMATS if one.write is not None)
"""The suffixes that a new file may have."""

ANY_FORMAT = either([one.name for one in FORMATS if one.write is not None])
"""The names of the formats that are read and written, for a sentence: `A, B or C`."""

ANY_WRITTEN_SUFFIX = either(WRITTEN_SUFFIXES)
"""The suffixes of a new file for a sentence."""


def format_of(path: str) -> FileFormat | None:
    """The format that the suffix of a path names; None where no format has that suffix."""
    return BY_SUFFIX.get(PurePath(sheet_in(path)[0]).suffix.lower())

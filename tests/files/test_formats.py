"""The table of formats: every suffix stands in it once, and every format reads what it writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assaykit.files.folders import Folders
from assaykit.files.formats import ANY_FORMAT, ANY_WRITTEN_SUFFIX, BY_SUFFIX, FORMATS, FileFormat, format_of
from assaykit.files.reading import read_rows
from assaykit.files.writing import free_place, write_rows

ROWS: Sequence[dict[str, Any]] = [{"name": "a", "note": "1, two"}, {"name": "b", "note": None}]


def test_a_suffix_belongs_to_one_format() -> None:
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert sorted(suffixes) == sorted(BY_SUFFIX)
    assert [suffix for suffix in suffixes if suffix != suffix.lower() or not suffix.startswith(".")] == []


@pytest.mark.parametrize("known", [one for one in FORMATS if one.write], ids=lambda known: known.name)
def test_every_format_reads_what_it_writes(tmp_path: Path, known: FileFormat) -> None:
    folders = Folders((tmp_path,))
    name = f"rows{known.suffixes[0].upper()}"
    write_rows(free_place(name, folders), ROWS)
    assert [row.values for row in read_rows(name, folders)] == ROWS
    assert format_of(name) is known


def test_sentences_name_every_format() -> None:
    assert ANY_FORMAT == "CSV, JSON, JSONL or Parquet"
    assert ANY_WRITTEN_SUFFIX == ".csv, .json, .jsonl or .parquet"

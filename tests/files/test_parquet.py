"""Parquet with pyarrow, and what is said without it."""

import collections
import datetime as dt
import importlib
import itertools
import math
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assaykit.errors import Invalid, Unsupported
from assaykit.files import parquet as module
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow


def read(folder: Path) -> list[FileRow]:
    return list(read_rows("a.parquet", Folders((folder,))))


def write(folder: Path, columns: dict[str, Any]) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), folder / "a.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(Unsupported, match=r"assaykit\[parquet\]"):
        read(tmp_path)


def test_values_become_what_json_can_carry(tmp_path: Path) -> None:
    day = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    write(
        tmp_path,
        {
            "id": ["e1", None],
            "n": [1, None],
            "x": [0.5, None],
            "at": [day, None],
            "cost": [Decimal("0.25"), None],
            "tags": [["a", None], None],
            "more": [{"k": True}, None],
        },
    )
    first, second = read(tmp_path)
    assert first.line == 1
    assert first.values["at"] == "2026-03-01T12:00:00+00:00"
    assert first.values["cost"] == 0.25
    assert first.values["tags"] == ["a", None]
    assert first.values["more"] == {"k": True}
    assert second == FileRow(2, dict[str, object](dict.fromkeys(first.values)))


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes"])
def test_a_value_json_cannot_carry_is_refused_with_its_row(tmp_path: Path, value: object) -> None:
    write(tmp_path, {"a": [None, value]})
    with pytest.raises(Invalid, match=r"Row 2 of 'a\.parquet'"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(Invalid, match="cannot be read as Parquet"):
        read(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("as_dictionary", [True, False])
def test_a_small_file_that_unpacks_to_much_is_stopped(tmp_path: Path, as_dictionary: bool) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    text = arrow.array(["x" * 100_000]).dictionary_encode()
    repeated = arrow.DictionaryArray.from_arrays(arrow.array([0] * 8192, arrow.int32()), text.dictionary)
    rows = 8192 if as_dictionary else 6000
    write(tmp_path, {"a": repeated if as_dictionary else ["x" * 100_000] * rows})
    assert (tmp_path / "a.parquet").stat().st_size < 1024 * 1024
    rows_read = read_rows("a.parquet", Folders((tmp_path,)))
    sure = module.BUDGET_BYTES // 100_000 - module.BATCH_ROWS
    taken = collections.deque(itertools.islice(rows_read, sure), maxlen=1)
    assert taken[0].values == {"a": "x" * 100_000}
    with pytest.raises(Invalid, match="unpacks to more than"):
        collections.deque(rows_read, maxlen=0)


def test_a_dictionary_inside_a_nested_value_is_refused(tmp_path: Path) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    words = arrow.DictionaryArray.from_arrays(arrow.array([0], arrow.int32()), arrow.array(["x"]))
    write(tmp_path, {"a": arrow.StructArray.from_arrays([words], ["k"])})
    with pytest.raises(Invalid, match="nested"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["dictionary", "PLAIN", "DELTA_BYTE_ARRAY"])
@pytest.mark.parametrize("groups", [1, 3])
def test_texts_too_large_for_a_batch_of_many_are_read_in_smaller_ones(
    tmp_path: Path, encoding: str, groups: int
) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    long = [f"{n}" + "y" * 100_000 for n in range(3)]
    rows: list[dict[str, object]] = [{"text": long[n % 3], "tags": [long[n % 3]], "n": n} for n in range(300)]
    by = {} if encoding == "dictionary" else {"column_encoding": {"text": encoding}}
    parquet.write_table(
        arrow.Table.from_pylist(rows), tmp_path / "a.parquet", use_dictionary=encoding == "dictionary",
        dictionary_pagesize_limit=2**30, row_group_size=300 // groups, **by,
    )  # fmt: skip
    assert [row.values for row in read(tmp_path)] == rows


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    parquet.write_table(arrow.table([arrow.array([1]), arrow.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(Invalid, match="has a column 'a' more than once"):
        read(tmp_path)

"""The formats: what is read, and what each malformed file is told."""

import csv
import datetime as dt
import io
import json
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import Invalid, Unsupported
from assaykit.files import archives
from assaykit.files.folders import Folders
from assaykit.files.reading import other_sheets, read_rows
from assaykit.files.rows import MAX_CELL, MAX_COLUMNS, FileRow

Read = Callable[..., list[FileRow]]

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)
CELL = st.none() | TEXT.filter(bool)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("files")

    def written(name: str, content: str | bytes, max_rows: int = 100_000) -> list[FileRow]:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read_rows(name, Folders((folder,)), max_rows=max_rows))

    return written


def refusal(read: Read, name: str, content: str | bytes, max_rows: int = 100_000) -> str:
    with pytest.raises(Invalid) as error:
        read(name, content, max_rows)
    return str(error.value)


def test_csv_rows_carry_the_line_they_start_on_and_empty_cells_are_missing(read: Read) -> None:
    rows = read("a.csv", 'example_id, output\r\ne1,"two\r\nlines"\r\n\r\ne2,\r\n')
    assert rows == [
        FileRow(2, {"example_id": "e1", "output": "two\r\nlines"}),
        FileRow(5, {"example_id": "e2", "output": None}),
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.CSV"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(read: Read, name: str) -> None:
    assert read(name, b"\xef\xbb\xbfid\nx\n")[0].values == {"id": "x"}
    assert read("a.jsonl", b'\xef\xbb\xbf{"id": "x"}')[0].values == {"id": "x"}
    assert read("a.json", b'\xef\xbb\xbf[{"id": "x"}]')[0].values == {"id": "x"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_text_of_other_encodings_is_read(read: Read, encoding: str) -> None:
    assert read("a.csv", "a,b\ncaf\xe9,\u4e2d\n".encode(encoding))[0].values == {"a": "caf\xe9", "b": "\u4e2d"}
    assert read("a.jsonl", '{"a": "caf\xe9"}\n'.encode(encoding))[0].values == {"a": "caf\xe9"}
    assert read("a.json", '[{"a": "caf\xe9"}]'.encode(encoding))[0].values == {"a": "caf\xe9"}


def book(*rows: list[object], other: Sequence[list[object]] = (["x"],)) -> bytes:
    """A workbook whose first sheet has these rows, and another sheet."""
    made, file = openpyxl.Workbook(), io.BytesIO()
    sheet = made.worksheets[0]
    for row in rows:
        sheet.append(row)
    second = made.create_sheet("other")
    for row in other:
        second.append(row)
    made.save(file)
    return file.getvalue()


def test_a_workbook_gives_the_rows_of_its_first_sheet(read: Read) -> None:
    when = dt.datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001  (Excel has no time zones)
    content = book(["id", "input", "n", "when"], ["q1", "caf\xe9", 1.5, when], [], ["q2", None, True, 7])
    assert read("a.xlsx", content) == [
        FileRow(2, {"id": "q1", "input": "caf\xe9", "n": 1.5, "when": "2026-01-02T03:04:00"}),
        FileRow(4, {"id": "q2", "input": None, "n": True, "when": 7}),
    ]


@pytest.mark.parametrize("name", ["a.xlsx#other", "A.XLSX#Other"])
def test_a_sheet_is_read_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name.partition("#")[0]).write_bytes(book(["id"], ["q1"], other=[["x"], [1]]))
    folders = Folders((tmp_path,))
    assert [row.values for row in read_rows(name, folders)] == [{"x": 1}]
    assert other_sheets(name, folders) == []
    assert other_sheets(name.partition("#")[0], folders) == ["other"]
    with pytest.raises(Invalid, match=r"has no sheet 'third'; it has 'Sheet', 'other'"):
        list(read_rows(name.lower().replace("other", "third") if name[0] == "a" else "A.XLSX#third", folders))


def test_a_workbook_may_claim_more_cells_than_it_has(read: Read) -> None:
    """Filled up to its claim, the sheet would have 1,600 million cells."""
    packed, told = zipfile.ZipFile(io.BytesIO(book(["a"], ["x"]))), io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in packed.namelist():
            part = packed.read(name)
            if name.endswith("sheet1.xml"):
                assert b'ref="A1:A2"' in part
                part = part.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"')
                part = part.replace(b'<row r="2"', b'<row r="100000"').replace(b'r="A2"', b'r="A100000"')
            archive.writestr(name, part)
    assert read("a.xlsx", told.getvalue()) == [FileRow(100_000, {"a": "x"})]


@pytest.mark.parametrize("name", ["a.xlsx", "a.eval"])
def test_an_archive_that_unpacks_to_much_is_refused(read: Read, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "BUDGET_BYTES", 2 * 1024 * 1024)
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"samples/{number}.json", bytes(1024 * 1024))
    assert "unpacks to more than 2 MiB" in refusal(read, name, told.getvalue())


def test_a_workbook_without_the_extra_is_told_the_command(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(Unsupported, match="needs openpyxl") as error:
        read("a.xlsx", book(["a"], ["x"]))
    assert "assaykit[xlsx]" in (error.value.next or "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a whole zip archive"),
        (b"PK\x03\x04" + bytes(100), "not a whole zip archive"),
        (book(["a", None, "b"], [1, 2, 3]), "Column 2 of 'a.xlsx' has no name"),
        (book(["a", "a"]), "'a' more than once"),
        (book(["a"], ["x"], ["#DIV/0!"]), "Row 3 of 'a.xlsx' holds the error #DIV/0!"),
        (book(["a"], ["x", "y"]), "Row 2 of 'a.xlsx' has a cell beyond the header"),
    ],
)
def test_a_malformed_workbook_is_told_where_and_why(read: Read, content: bytes, told: str) -> None:
    assert told in refusal(read, "a.xlsx", content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n1,2,3\n", "Line 3 of 'a.csv' has 3 cells, but the header has 2"),
        (b'a,b\n"x\ny",1\n1\n', "Line 4 of 'a.csv' has 1 cells"),
        (b"a,b,a\n", "'a' more than once"),
        (b"a,,b\n", "Column 2 of 'a.csv' has no name"),
        (b'a\n"open\nand never closed\n', "record from line 2"),
        (b'a\n"x"y\n', "record from line 2"),
        (b"a\nfine\n\xfcber\n", "Line 3 of 'a.csv' is not UTF-8: byte 0xfc at position 1"),
        ("a\nx\n".encode("utf-16") + b"\x00", "Line 3 of 'a.csv' is not UTF-16"),
        ("a\nx\n".encode("utf-32"), "'a.csv' is UTF-32"),
        ("a\ncaf\xe9\n".encode("cp1252"), "Line 2 of 'a.csv' is not UTF-8: byte 0xe9 at position 4"),
        (b"a\rb\r", "record from line 1"),
        (b"a\n" + b"x" * (MAX_CELL + 1), "record from line 2"),
        (",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode(), "the limit is 512"),
    ],
)
def test_a_malformed_csv_file_is_told_where_and_why(read: Read, content: bytes, told: str) -> None:
    assert told in refusal(read, "a.csv", content)


def test_csv_takes_cells_and_columns_up_to_the_limits(read: Read) -> None:
    assert len(str(read("a.csv", "a\n" + "x" * MAX_CELL)[0].values["a"])) == MAX_CELL
    assert len(read("a.csv", ",".join(f"c{n}" for n in range(MAX_COLUMNS)) + "\n" + "," * (MAX_COLUMNS - 1))) == 1


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines_are_objects_one_a_line(read: Read, name: str) -> None:
    content = '{"a": 1, "b": [true, null]}\n\n  \n{"a": "x\u2028y"}'
    assert read(name, content) == [FileRow(1, {"a": 1, "b": [True, None]}), FileRow(4, {"a": "x\u2028y"})]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"a": 1', "not JSON"),
        ('{"a": 1} {"b": 2}', "more text"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ("[1, 2]", "not an object but list"),
        ("null", "not an object but null"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ('{"a": 1, "a": 2}', "occurs twice"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "nested deeper than 64"),
        ('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}", "nested deeper than 64"),
    ],
)
def test_a_malformed_json_line_is_told_where_and_why(read: Read, line: str, told: str) -> None:
    message = refusal(read, "x.jsonl", '{"fine": 1}\n' * 16 + line + "\n")
    assert message.startswith("Line 17 of 'x.jsonl'")
    assert told in message


def test_json_nested_up_to_the_limit_is_read(read: Read) -> None:
    assert len(read("x.jsonl", '{"a": ' + "[" * 63 + "]" * 63 + "}")) == 1
    assert read("x.jsonl", '{"a": "\\ud83d\\ude00"}')[0].values == {"a": "\U0001f600"}


def test_a_json_file_is_an_array_or_an_object_that_holds_one(read: Read) -> None:
    array = '[\n {"a": 1},\n {"a": 2}\n]\n'
    expected = [FileRow(2, {"a": 1}), FileRow(3, {"a": 2})]
    assert read("a.json", array) == expected
    for key in ("rows", "data", "examples", "runs"):
        assert read("a.json", f'{{"count": 2, "{key}": {array}, "next": {{"data": 1}}}}') == expected
    for around in (
        '{"train": %s}',
        '{"data": {"train": %s}}',
        '{"results": {"stats": {}, "results": %s}, "version": 3}',
    ):
        assert read("a.json", around % array) == expected
    assert read("a.json", '{"columns": ["a", "b"], "data": [[1, [2]], [null, "x"]]}') == [
        FileRow(1, {"a": 1, "b": [2]}),
        FileRow(1, {"a": None, "b": "x"}),
    ]
    assert read("a.json", " [ ] ") == []
    assert read("a.json", '{"rows": []}') == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "expected an array of objects"),
        ("7", "expected an array of objects"),
        ("{}", "no array under any of rows, data, examples, runs"),
        ('{"outcome": [{"a": 1}]}', "no array under any of rows"),
        ('{"train": [{}], "test": [{}]}', "rows under 'train' and under 'test'"),
        ('{"data": {"train": [{}], "test": [{}]}}', "rows under 'train' and under 'test'"),
        ('{"data": {"rows": [{}]}, "samples": [{}]}', "rows under 'rows' and under 'samples'"),
        ('{"rows": [{}], "data": [{}]}', "rows under 'rows' and under 'data'"),
        ('[{"a": 1},\n]', "Line 2"),
        ('[{"a": 1}\n {"a": 2}]', "Line 2 of 'a.json' is not JSON: expected ','"),
        ('[{"a": 1},\n 5]', "Line 2 of 'a.json' holds a row that is not an object but int"),
        ('[{"a": 1},\n\n {"a": }]', "Line 3"),
        ('[{"a": 1}', "expected ','"),
        ('[{"a": 1}] x', "more text"),
        ('{"rows": [{}],}', "expected a key"),
        ('{"rows": [{}], 5: 1}', "expected a key"),
    ],
)
def test_a_malformed_json_file_is_told_where_and_why(read: Read, content: str, told: str) -> None:
    assert told in refusal(read, "a.json", content)


@pytest.mark.parametrize(("name", "content"), [("a.csv", "a\n1\n2\n3\n"), ("a.json", '[{"a":1},{"a":2},{"a":3}]')])
def test_the_row_limit_is_kept(read: Read, name: str, content: str) -> None:
    assert len(read(name, content, 3)) == 3
    assert "more than 2 rows" in refusal(read, name, content, 2)


def test_a_wide_json_row_is_refused(read: Read) -> None:
    row = json.dumps({f"c{number}": 1 for number in range(MAX_COLUMNS + 1)})
    assert "the limit is 512" in refusal(read, "a.jsonl", row)


def test_an_unknown_suffix_lists_the_known_ones(read: Read) -> None:
    message = refusal(read, "a.xls", "")
    assert all(suffix in message for suffix in (".csv", ".json", ".jsonl", ".ndjson", ".parquet"))
    assert "Unpack it first" in refusal(read, "a.csv.gz", b"")
    assert "known format" in refusal(read, "results", b"")


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\nnot json\n', encoding="utf-8")
    rows = read_rows("a.jsonl", Folders((tmp_path,)))
    assert next(rows).values == {"a": 1}
    with pytest.raises(Invalid, match="Line 2"):
        next(rows)


def is_plain(names: list[str]) -> bool:
    """Whether they pass for names of columns with commas between them, in UTF-8."""
    return (len(names) > 1 or not set(names[0]) & set(";\t|")) and "\0" not in names[0]


@given(
    names=st.lists(TEXT.map(str.strip).filter(bool), min_size=1, max_size=5, unique=True).filter(is_plain),
    data=st.data(),
)
def test_what_the_csv_module_writes_is_read_back(read: Read, names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELL)), max_size=5))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    assert [row.values for row in read("a.csv", text.getvalue())] == rows


@given(rows=st.lists(st.dictionaries(TEXT, VALUE, max_size=5), max_size=5), ascii_only=st.booleans())
def test_what_the_json_module_writes_is_read_back(read: Read, rows: list[dict[str, object]], ascii_only: bool) -> None:
    lines = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    assert [row.values for row in read("a.jsonl", lines)] == rows
    assert [row.values for row in read("a.json", json.dumps(rows, indent=1, ensure_ascii=ascii_only))] == rows


@given(content=st.binary(max_size=200))
def test_no_bytes_bring_a_reader_to_an_unexplained_error(read: Read, content: bytes) -> None:
    for name in ("a.csv", "a.json", "a.jsonl"):
        try:
            read(name, content)
        except Invalid as error:
            assert "a.json" in str(error) or "a.csv" in str(error)  # noqa: PT017  (either outcome is right)

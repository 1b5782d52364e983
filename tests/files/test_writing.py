"""Rows into files, read back by the reader they are meant for."""

import csv
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaykit.errors import Invalid, NotFound, Unsupported
from assaykit.files.csv_files import unguarded, write_csv
from assaykit.files.folders import Folders
from assaykit.files.formats import WRITTEN_SUFFIXES
from assaykit.files.opening import creating_below, require_free_below
from assaykit.files.reading import read_rows
from assaykit.files.writing import free_place, write_rows

ROWS: list[Mapping[str, Any]] = [
    {"id": "a", "score": 0.5, "n": 1, "ok": True, "tags": ["x", {"y": None}], "text": 'two\nlines, "quoted" 🦉'},
    {"id": "b", "score": None, "n": -2, "extra": "only here"},
]


def write(folder: Path, name: str, rows: list[Mapping[str, Any]]) -> Path:
    place = free_place(name, Folders((folder,)))
    write_rows(place, rows)
    return place.path


def read(folder: Path, name: str) -> list[dict[str, object]]:
    return [row.values for row in read_rows(name, Folders((folder,)))]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "A.JSONL"])
def test_json_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    assert write(tmp_path, name, ROWS) == tmp_path / name
    assert read(tmp_path, name) == ROWS


def test_csv_has_every_column_of_any_row_and_nothing_for_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ROWS)
    first, second = read(tmp_path, "a.csv")
    assert list(first) == ["id", "score", "n", "ok", "tags", "text", "extra"]
    assert first["text"] == ROWS[0]["text"]
    assert (first["score"], first["ok"], first["tags"]) == (0.5, True, ["x", {"y": None}])
    assert (first["extra"], second["score"], second["n"]) == (None, None, -2)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        '=HYPERLINK("x")',
        "\uff1d1",
        "\uff201",
        "\u00a0=1",
        "\u200b=1",
        "\ufeff=1",
        "\x00=1",
        "\x1f@SUM(A1)",
        "\u2060\u202e+1",
        " \u00ad\ufe0f\u3164-1",
        "\U000e0041=1",
        "'=1",
        "''\u200b=1",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(tmp_path: Path, text: str) -> None:
    write(tmp_path, "a.csv", [{text: text, "n": -1, "plain": "1-1=0"}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        header, cells = csv.reader(file)
    assert header == [f"'{text}", "n", "plain"]
    assert cells == [f"'{text}", "-1", "1-1=0"]


@given(text=st.text(st.sampled_from("'=+-@\t\r\n \u200b\ufeff\x00a1"), min_size=1, max_size=8))
def test_a_guarded_cell_gives_its_text_back(text: str) -> None:
    file = io.BytesIO()
    write_csv(file, [{"text": text}])
    _, (cell,) = csv.reader(io.StringIO(file.getvalue().decode(), newline=""))
    assert unguarded(cell) == text


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.text(st.sampled_from("'=+-@\t\r\n \u200b\ufeff\x00a1,\"{}[]"), max_size=8),
    st.sampled_from(["true", "TRUE", "null", "NaN", "1", "1.0", "007", "1e-07", "-3", "'-3", "''-3", " {}", '"x"', ""]),
)
NESTED = st.recursive(
    CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
NAMES = ("a", "=b", "c d")


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.text(min_size=1, max_size=5), max_size=2, unique=True).flatmap(
        lambda names: st.lists(
            st.fixed_dictionaries({**dict.fromkeys((*names, *NAMES), NESTED), "id": st.integers()}),
            min_size=1,
            max_size=4,
        )
    )
)
def test_any_rows_come_back_equal(tmp_path: Path, suffix: str, rows: list[Mapping[str, Any]]) -> None:
    write_rows(free_place(f"a{suffix}", Folders((tmp_path,)), overwrite=True), rows)
    assert typed(read(tmp_path, f"a{suffix}")) == typed(rows)


SHEET_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=8)


def is_plain(text: str) -> bool:
    """Whether a spreadsheet takes the text for neither a formula, an error nor nothing."""
    return not text.startswith(("=", "#")) and bool(text.strip())


@pytest.mark.parametrize("form", ["tsv", "csv of Excel", "xlsx"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries({
            "id": st.integers(0, 2**40),
            "n": st.none() | st.integers(-(2**40), 2**40) | st.booleans(),
            # A workbook keeps 15 digits of a number.
            "x": st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 1000),
            "a b": st.none() | SHEET_TEXT.filter(is_plain),
            "nested": st.lists(st.integers(), max_size=2).map(json.dumps),
        }),
        min_size=1,
        max_size=4,
    )
)  # fmt: skip
def test_any_rows_of_a_spreadsheet_come_in_and_go_out_equal(
    tmp_path: Path, form: str, rows: list[Mapping[str, Any]]
) -> None:
    name = spreadsheet(tmp_path, form, rows)
    first = read(tmp_path, name)
    # Cells of a text file are text, and those of a workbook have their types.
    wanted = (
        rows if form == "xlsx" else [{key: None if v is None else str(v) for key, v in row.items()} for row in rows]
    )
    assert [{key: unguarded(v) if isinstance(v, str) else v for key, v in row.items()} for row in wanted] == [
        {key: unguarded(v) if isinstance(v, str) else v for key, v in row.items()} for row in first
    ]
    for suffix in WRITTEN_SUFFIXES:
        write_rows(free_place(f"b{suffix}", Folders((tmp_path,)), overwrite=True), first)
        assert typed(read(tmp_path, f"b{suffix}")) == typed(first)


def spreadsheet(folder: Path, form: str, rows: list[Mapping[str, Any]]) -> str:
    """Write the rows as another program does; the name of the file."""
    header, cells = list(rows[0]), [[row[name] for name in rows[0]] for row in rows]
    if form == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        for line in (header, *cells):
            sheet.append(line)
        book.save(folder / "a.xlsx")
        return "a.xlsx"
    name, delimiter, encoding = ("a.tsv", "\t", "utf-8") if form == "tsv" else ("a.csv", ";", "utf-16")
    with (folder / name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *cells])
    return name


def typed(value: Any) -> Any:
    """The value with its type: True, 1 and 1.0 differ; a float column of Parquet may hold whole numbers."""
    if isinstance(value, list):
        return [typed(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: typed(one) for key, one in cast("dict[str, Any]", value).items()}
    return isinstance(value, bool), isinstance(value, str), value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("'-3", "-3"),
        ("''-3", "'-3"),
        ("'=SUM(A1)", "=SUM(A1)"),
        ("'quoted'", "'quoted'"),
        ("-3", "-3"),
        ("007", "007"),
        ("true", "true"),
        ('"1,5"', "1,5"),
    ],
)
def test_a_file_of_another_program_is_text_without_the_guard(tmp_path: Path, cell: str, value: str) -> None:
    (tmp_path / "a.csv").write_text(f"a,b\n{cell},x\n", encoding="utf-8")
    assert read(tmp_path, "a.csv") == [{"a": value, "b": "x"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "key;output\nq1;x, y\n"),
        ("a.csv", '"key";"output"\nq1;"x, y"\n'),
        ("a.tsv", "key\toutput\nq1\tx, y\n"),
        ("a.csv", "key|output\nq1|x, y\n"),
        ("a.csv", 'key,output\nq1,"x, y"\n'),
        ("a.json", '{"version": 3, "results": [{"key": "q1", "output": "x, y"}]}'),
        ("a.json", '{"testCases": [{"key": "q1", "output": "x, y"}]}'),
        ("a.json", '{"samples": [{"key": "q1", "output": "x, y"}]}'),
    ],
)
def test_cells_and_rows_are_found_behind_every_usual_mark(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read(tmp_path, name) == [{"key": "q1", "output": "x, y"}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-07", 1e-07),
        ("true", True),
        ("", None),
        ('""', ""),
        ('"3"', "3"),
        ("007", "007"),
        ("TRUE", "TRUE"),
        ("1e999", "1e999"),
        ('"[1]"', "[1]"),
        ('" [1]"', [1]),
        ('" [1"', " [1"),
    ],
)
def test_below_a_quoted_header_a_bare_cell_has_its_type(tmp_path: Path, cell: str, value: object) -> None:
    (tmp_path / "a.csv").write_text(f'"a","b"\r\n{cell},"x ""y"", z"\r\n', encoding="utf-8", newline="")
    assert read(tmp_path, "a.csv") == [{"a": value, "b": 'x "y", z'}]


def test_parquet_has_one_type_for_each_column_and_gives_the_values_back(tmp_path: Path) -> None:
    rows: list[Mapping[str, Any]] = [
        {"n": 1, "x": 1, "ok": True, "mixed": 1, "wide": 2**70, "more": {"a": 1}, "none": None},
        {"n": None, "x": 0.5, "ok": None, "mixed": "b", "wide": 1, "more": None, "none": None},
        {"n": 2, "x": None, "ok": None, "mixed": "1", "wide": 1, "more": "[1]", "none": None},
    ]
    write(tmp_path, "a.parquet", rows)
    assert read(tmp_path, "a.parquet") == rows
    parquet: Any = importlib.import_module("pyarrow.parquet")
    first, second, third = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert first == {"n": 1, "x": 1.0, "ok": True, "mixed": "1", "wide": str(2**70), "more": '{"a": 1}', "none": None}
    assert (second["mixed"], third["mixed"], third["more"]) == ("b", '"1"', '"[1]"')


def test_parquet_without_pyarrow_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unsupported, match="needs pyarrow"):
        free_place("a.parquet", Folders((tmp_path,)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    place = free_place("a.csv", Folders((tmp_path,)))
    (tmp_path / "a.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(Invalid, match=r"'.*a\.csv' exists already; nothing was written\."):
        free_place("a.csv", Folders((tmp_path,)))
    # Somebody was quicker: it was free when it was looked at.
    with pytest.raises(Invalid, match=r"already; nothing was written\."):
        write_rows(place, ROWS)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
def test_a_file_is_replaced_only_with_overwrite(tmp_path: Path, suffix: str) -> None:
    name = f"a{suffix}"
    write(tmp_path, name, [{"old": "x"}])
    (tmp_path / name).chmod(0o644)
    write_rows(free_place(name, Folders((tmp_path,)), overwrite=True), ROWS)
    assert [row["id"] for row in read(tmp_path, name)] == ["a", "b"]
    assert [one.name for one in tmp_path.iterdir()] == [name]
    if os.name == "posix":
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_overwrite_replaces_a_plain_file_alone(tmp_path: Path, *, by_descriptor: bool) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(tmp_path / "mine.txt")
    (tmp_path / "folder.csv").mkdir()
    for look in (require_free_below, creating_below):
        for name, said in (("link.csv", "is a link"), ("folder.csv", "is no regular file")):
            with pytest.raises(Invalid, match=said):
                used(look(tmp_path, (name,), overwrite=True, by_descriptor=by_descriptor))
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "link.csv").is_symlink()


def test_a_file_stays_if_its_replacement_could_not_be_finished(tmp_path: Path, *, by_descriptor: bool) -> None:
    (tmp_path / "a.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(RuntimeError, match="half way"):
        half(tmp_path, overwrite=True, by_descriptor=by_descriptor)
    assert {one.name: one.read_text(encoding="utf-8") for one in tmp_path.iterdir()} == {"a.csv": "mine"}


def test_a_relative_path_is_written_in_the_first_folder_that_has_its_parent(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (second / "out").mkdir(parents=True)
    folders = Folders((first, second))
    assert free_place("a.csv", folders).path == first / "a.csv"
    assert free_place("out/a.csv", folders).path == second / "out" / "a.csv"
    assert free_place(str(second / "a.csv"), folders).path == second / "a.csv"
    with pytest.raises(NotFound, match="There is no folder 'absent'; looked in: "):
        free_place("absent/a.csv", folders)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.xlsx", r"Use one of \.csv, \.json, \.jsonl, \.parquet"),
        ("a", "does not have the suffix of a format"),
        ("", "The path is empty"),
        ("../a.csv", "leads upwards"),
        ("/etc/a.csv", "lies outside the allowed folders"),
        (".a.csv", "is a hidden name"),
        (".git/a.csv", "is a hidden name"),
        ("a\0.csv", "NUL"),
        ("x" * 5000 + ".csv", "cannot be opened or written"),
    ],
)
def test_a_path_that_may_not_be_written_is_refused(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        free_place(path, Folders((tmp_path,)))


@pytest.fixture(params=["by descriptor", "by name"])
def by_descriptor(request: pytest.FixtureRequest) -> bool:
    return request.param == "by descriptor"


@pytest.mark.parametrize("look", [require_free_below, creating_below])
def test_no_link_is_followed_or_written_over(tmp_path: Path, look: Callable[..., Any], *, by_descriptor: bool) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "door").symlink_to(outside)
    (inside / "link.csv").symlink_to(outside / "absent.csv")
    for parts in (("door", "a.csv"), ("link.csv",)):
        with pytest.raises(Invalid, match=r"link|already"):
            used(look(inside, parts, by_descriptor=by_descriptor))
    assert list(outside.iterdir()) == []


def used(made: Any) -> None:
    if made is not None:
        with made:
            pass


def half(folder: Path, *, by_descriptor: bool, overwrite: bool = False) -> None:
    with creating_below(folder, ("a.csv",), overwrite=overwrite, by_descriptor=by_descriptor) as file:
        file.write(b"half")
        raise RuntimeError("half way")


def test_a_file_that_could_not_be_finished_is_gone(tmp_path: Path, *, by_descriptor: bool) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        half(tmp_path, by_descriptor=by_descriptor)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ROWS)
    if os.name == "posix":
        assert (tmp_path / "a.csv").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(NotFound, match="There is no folder 'file'"):
        free_place("file/a.csv", Folders((tmp_path,)))

"""A JSON text that comes in pieces reads as the whole does, and little of it is in memory at a time."""

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assaykit.errors import Invalid
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.files.strict_json import MAX_VALUE, JsonError, parse_rows
from assaykit.files.utf8 import CHUNK, MAX_LINE

TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["\n", '"', "\\", "\U0001f600", "é"])
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
ROWS = st.lists(st.dictionaries(TEXT, VALUE, max_size=3), max_size=4)
MALFORMED = ["", '{"rows": [1, 2', '[{"a": nul', '[{"a": 1e9999}]', '[{"a": "x', '[{"a": 1, "a": 2}]', '[{"a": "\\ud8']


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A file of rows, often with something wrong in it."""
    rows = draw(ROWS)
    held = {"count": draw(LEAF), draw(st.sampled_from(["rows", "data", "more"])): rows}
    text = json.dumps(rows if draw(st.booleans()) else held, indent=draw(st.sampled_from([None, 1])))
    place = draw(st.integers(0, len(text)))
    match draw(st.sampled_from(["sound", "sound", "cut", "struck", "written"])):
        case "cut":
            return text[:place]
        case "struck":
            return text[:place] + text[place + 1 :]
        case "written":
            return text[:place] + draw(st.sampled_from([",", "}", '"', "NaN", "\\", "\n", "7"])) + text[place:]
        case _:
            return text


def found(chunks: Sequence[str]) -> tuple[list[tuple[int, object]], tuple[str, int] | None]:
    """The rows that were read, and what was wrong behind them."""
    rows: list[tuple[int, object]] = []
    try:
        rows.extend(parse_rows(chunks))
    except JsonError as error:
        return rows, (error.reason, error.line)
    return rows, None


@given(texts() | st.sampled_from(MALFORMED), st.integers(1, 7))
@example('[\n{"a": 12}\n]', 1)
@example('{"count": 0.5, "rows": []}', 1)
@example('[{"a": 1e9999}]', 3)
def test_a_text_in_pieces_reads_as_the_whole_does_errors_with_their_place_included(text: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert found(pieces) == found([text])


@given(ROWS, st.sampled_from([None, 2]))
def test_rows_are_those_that_were_written(rows: list[dict[str, object]], indent: int | None) -> None:
    read, wrong = found([json.dumps(rows, indent=indent)])
    assert ([row for _, row in read], wrong) == (rows, None)


@pytest.mark.parametrize(("before", "line"), [("", 1), ("[\n\n", 3)])
def test_a_mistake_far_down_is_told_with_its_line_and_column(before: str, line: int) -> None:
    rows = ",".join(json.dumps({"n": n}) for n in range(1000))
    text = f"{before or '['}{rows},{{'n': 1}}]"
    expected = len(text.splitlines()[-1]) - len("'n': 1}]") + 1
    reason = f"Expecting property name enclosed in double quotes (column {expected})"
    for size in (10, 1000, len(text)):
        rows_read, wrong = found([text[at : at + size] for at in range(0, len(text), size)])
        assert (len(rows_read), wrong) == (1000, (reason, line))


def read(folder: Path, name: str) -> int:
    return sum(1 for _ in read_rows(name, Folders((folder,))))


@pytest.mark.parametrize("indent", [None, 1])
def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path, indent: int | None) -> None:
    rows = [{"n": n, "text": "größer" * 100} for n in range(12_000)]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=indent, ensure_ascii=False), encoding="utf-8")
    assert (tmp_path / "a.json").stat().st_size > 8 * 2**20
    tracemalloc.start()
    try:
        assert read(tmp_path, "a.json") == 12_000
        assert tracemalloc.get_traced_memory()[1] < 10 * CHUNK
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("place", [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_byte_that_is_not_utf8_is_placed_wherever_it_lies(tmp_path: Path, place: int, newline: str) -> None:
    start = f"[{newline}".encode()
    text = start + b'{"a": "'
    text += b"x" * (place - len(text)) + b"\xe9" + b'"}]'
    (tmp_path / "a.json").write_bytes(text)
    line, column = (2, place - len(start) + 1) if newline else (1, place + 1)
    with pytest.raises(Invalid, match=f"Line {line} of 'a.json' is not UTF-8: byte 0xe9 at position {column} of"):
        read(tmp_path, "a.json")


@pytest.mark.parametrize("place", range(CHUNK - 4, CHUNK + 2))
def test_a_character_over_the_edge_of_a_piece_stays_whole(tmp_path: Path, place: int) -> None:
    text = b'[{"a": "'
    text += b"x" * (place - len(text)) + "\U0001f600".encode() + b'"}]'
    (tmp_path / "a.json").write_bytes(text)
    (row,) = read_rows("a.json", Folders((tmp_path,)))
    assert str(row.values["a"]).endswith("x\U0001f600")


def test_a_row_and_a_line_that_no_backend_takes_are_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'[{"a": 1},\n{"a": "' + b"x" * (3 * MAX_VALUE))
    with pytest.raises(Invalid, match=r"Line 2 of 'a\.json' is not .*: a row of more than 16,777,216 characters"):
        read(tmp_path, "a.json")
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_bytes(b"\n" + b"x" * (MAX_LINE + 1))
        with pytest.raises(Invalid, match=f"Line 2 of '{name}' is longer than 16 MiB."):
            read(tmp_path, name)

"""JSON columns: what is written is read as it was, and as the standard library reads it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.engine import json_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def nested(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {"k": [value]}
    return value


@given(VALUES)
def test_what_is_written_is_read_by_both_readers_as_it_was(value: Any) -> None:
    text = json_text.written(value)
    assert json_text.read(text) == json.loads(text) == value


@given(VALUES)
def test_what_the_standard_library_wrote_is_read(value: Any) -> None:
    assert json_text.read(json.dumps(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_every_bit(number: float) -> None:
    found = json_text.read(json_text.written(number))
    assert math.copysign(1, found) == math.copysign(1, number)
    assert found == number


@pytest.mark.parametrize("value", [nested(150), nested(200), "half \ud800 a character", {"\udfff": 1}, 2**200])
def test_what_the_faster_writer_or_reader_does_not_take_is_kept_all_the_same(value: Any) -> None:
    assert json_text.read(json_text.written(value)) == value


@pytest.mark.parametrize("text", ["", "{", "nul", "[1,]"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.read(text)

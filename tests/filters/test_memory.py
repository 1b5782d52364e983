"""Filters on values in hand: what matches, what does not, and what is unknown."""

import pytest

from assaykit.filters.memory import matches
from assaykit.filters.parse import parse

ROW = {
    "text": "Refund É",
    "lines": "one\ntwo",
    "decimal": "-12.50",
    "exponent": "1e3",
    "number": 5,
    "float": 0.5,
    "huge": 2**70,
    "yes": True,
    "null": None,
    "nan": float("nan"),
    "list": ["prod", ["Deep"], 7],
    "object": {"key": "Value", "none": None},
    "empty": [],
}


def holds(text: str) -> bool:
    return matches(parse(text), ROW.get)


@pytest.mark.parametrize(
    "text",
    [
        "text = 'Refund É'",
        "text contains 'REFUND'",
        "text like 'refund%'",
        "text like '______ _'",
        "text like '%f%n%É'",
        "text > 'Q' and text <= 'Refund É'",
        "text between 'R' and 'S'",
        "text in ('x', 5, 'Refund É')",
        "text != 'refund é'",
        "lines like 'one%two' and lines like 'one_two'",
        "decimal = -12.5 and decimal < 0 and decimal in (-12.5)",
        "number = 5.0 and number = '5' and number != '6' and number between 4 and 6",
        "float = 0.5 and float not in (1, 2)",
        "huge > 9223372036854775807",
        "yes = true and yes != false",
        "list contains 'PROD' and list contains 'deep' and object contains 'value'",
        'missing is null and "null" = null and nan is null',
        "list is not null and empty is not null",
        "missing = 1 or number = 5",
        "not (number = 6)",
    ],
)
def test_what_is_true_matches(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "text = 'refund é'",
        "text contains 'É ' or text contains 'é'",
        "text like 'refund' or text like '%x%' or text like '_refund%' or text like 'refund __'",
        "decimal = '-12.5'",
        "number = 'five'",
        "yes = 1",
        "yes = 'true'",
        "number = true",
        "list = 'prod'",
        "list contains '7' or object contains 'key' or empty contains ''",
        "not (list contains 'prod')",
    ],
)
def test_what_is_not_true_does_not_match(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "missing = 1",
        "missing in (1, 'x')",
        "missing contains ''",
        "missing like '%'",
        "missing between 1 and 2",
        "nan < 1",
        "exponent = 1000",
        "text = 5",
        "text in (1, 2)",
        "number = 'x'",
        "number like '5'",
        "number contains '5'",
        "yes = 1",
        "list = 'x'",
        "object != 'x'",
        "missing = 1 and number = 5",
        "missing = 1 or number = 6",
    ],
)
def test_what_is_unknown_matches_neither_itself_nor_its_opposite(text: str) -> None:
    assert not holds(text)
    assert not holds(f"not ({text})")


def test_a_false_condition_decides_a_conjunction_with_an_unknown_one() -> None:
    assert holds("not (missing = 1 and number = 6)")
    assert holds("number in ('five', 5)")
    assert holds("text not in (5, 'x')")


def test_a_pattern_of_many_wildcards_on_a_long_text_comes_to_an_end() -> None:
    pattern = "%a" * 120 + "%b"
    assert not matches(parse(f"x like '{pattern}'"), {"x": "a" * 20_000}.get)
    assert matches(parse(f"x like '{pattern}'"), {"x": "a" * 20_000 + "b"}.get)

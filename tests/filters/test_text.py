"""Writing a filter: what is written reads as the same tree."""

import pytest

from assaykit.filters.parse import parse
from assaykit.filters.text import conditions, written


@pytest.mark.parametrize(
    "text",
    [
        "name = 'it''s'",
        "latency_ms >= 2.5 AND latency_ms < 100",
        "a = 1 OR b = -2 OR c = 1e20",
        "(a = 1 OR b = 2) AND NOT (c = 3 AND d IS NULL)",
        "NOT NOT a = 1",
        "name IS NOT NULL AND attributes.http.status-code IN (200, '404', TRUE)",
        "start_time BETWEEN '2026-01-01' AND '2026-02-01'",
        "attributes.input.value CONTAINS 'a%' OR name NOT LIKE '%x_'",
        '"eval.my judge.label" != \'bad\' AND "or" = FALSE',
        'a = null AND "say ""hi""" = \'x\'',
    ],
)
def test_what_is_written_reads_as_the_same_tree(text: str) -> None:
    tree = parse(text)
    assert parse(written(tree)) == tree


def test_the_conditions_of_an_and_are_told_apart() -> None:
    assert conditions(parse("a = 1 AND (b = 'x' OR c = 2)")) == ["a = 1", "b = 'x' OR c = 2"]
    assert conditions(parse("a = 1 OR b = 2")) == conditions(parse("a = 1")) == []

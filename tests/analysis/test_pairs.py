"""Paired figures as columns, exact binomial coefficients, and the columns of examples that a comparison reads."""

import math

import pytest

from assaykit.analysis.clusters import known_clusters
from assaykit.analysis.pairs import NumberColumn, PairColumns, columns_of, moves_of
from assaykit.analysis.questions import keys
from assaykit.analysis.statistics import combinations
from assaykit.wire.run_columns import is_key

PLACES = {"a": 0, "b": 1, "c": 2}


def test_columns_of_pairs_are_a_mapping_as_a_dictionary_is() -> None:
    pairs = PairColumns(PLACES, [1.0, 2.0, 3.0], [1.0, 4.0, 0.0])
    plain = {"a": (1.0, 1.0), "b": (2.0, 4.0), "c": (3.0, 0.0)}
    assert (dict(pairs), list(pairs), list(pairs.values()), list(pairs.items())) == (
        plain, list(plain), list(plain.values()), list(plain.items()),
    )  # fmt: skip
    assert {**pairs, "d": (0.0, 0.0)} == {**plain, "d": (0.0, 0.0)}
    assert ("b" in pairs, "d" in pairs, len(pairs), pairs.keys() | {"d"}) == (True, False, 3, {"a", "b", "c", "d"})
    assert columns_of(plain) == columns_of(pairs) == ([1.0, 2.0, 3.0], [1.0, 4.0, 0.0])
    assert moves_of(plain) == moves_of(pairs) == [0.0, 2.0, -3.0]
    assert dict(NumberColumn(PLACES, [5.0, 6.0, 7.0])) == {"a": 5.0, "b": 6.0, "c": 7.0}


@pytest.mark.parametrize(("n", "k"), [(10, 3), (4_999, 2_000), (5_000, 0), (5_000, 5_000), (5_003, 17), (9_409, 4_700)])
def test_large_binomial_coefficients_are_exact(n: int, k: int) -> None:
    assert combinations(n, k) == math.comb(n, k)


@pytest.mark.parametrize(
    "name", ["source_example_id", "attributes.session.id", "session.id", "session_id", "source_trace_id"]
)
def test_columns_that_make_clusters_are_read_as_keys(name: str) -> None:
    assert known_clusters({"a": {name: "x"}, "b": {name: "x"}}) is not None
    assert is_key(name)


@pytest.mark.parametrize("name", ["id", "Key", "ticket_id", "orderID", "slug", "ref", "number", "case", "name"])
def test_columns_with_keys_of_the_user_are_read_as_keys(name: str) -> None:
    assert keys({"a": {name: "x"}, "b": {name: "y"}}) == {"a": "x", "b": "y"}
    assert is_key(name)

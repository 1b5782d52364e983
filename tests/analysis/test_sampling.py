"""Samples: as many rows as asked for, none twice, the same for the same seed, and what each method promises."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.analysis.sampling import allocation, at_random, at_steps, by_strata, equal_shares, evenly

SEED = st.integers(min_value=-(2**70), max_value=2**70)
STRATA = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=200)


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """A number of rows and a size of sample that it allows."""
    count = draw(st.integers(min_value=1, max_value=500))
    return count, draw(st.integers(min_value=1, max_value=count))


@given(sizes(), SEED)
def test_random_takes_as_many_rows_as_asked_each_once_and_the_same_again(of: tuple[int, int], seed: int) -> None:
    count, size = of
    taken = at_random(count, size, seed)
    assert taken == at_random(count, size, seed)
    assert len(set(taken.positions)) == len(taken.positions) == size
    assert taken.positions == sorted(taken.positions)
    assert set(taken.positions) <= set(range(count))


@given(sizes(), SEED)
def test_systematic_takes_rows_at_even_steps(of: tuple[int, int], seed: int) -> None:
    count, size = of
    taken = at_steps(count, size, seed).positions
    assert len(taken) == size
    assert 0 <= taken[0] <= (count - 1) // size
    assert taken[-1] < count
    steps = {after - before for before, after in itertools.pairwise(taken)}
    assert steps <= {count // size, -(-count // size)}


def test_systematic_takes_each_row_equally_often() -> None:
    times = Counter(place for seed in range(20_000) for place in at_steps(7, 3, seed).positions)
    assert sorted(times) == list(range(7))
    # 20,000 x 3/7 = 8,571, and five standard deviations are 350.
    assert all(abs(seen - 60_000 / 7) < 350 for seen in times.values())


@given(STRATA, SEED, st.data())
def test_strata_get_their_share_rounded_up_or_down(strata: list[str], seed: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(min_value=1, max_value=len(strata)))
    taken = by_strata(strata, size, seed)
    assert taken == by_strata(strata, size, seed)
    assert len(set(taken.positions)) == len(taken.positions) == size
    there, got = Counter(strata), Counter(strata[place] for place in taken.positions)
    assert taken.strata == {one: (got[one], count) for one, count in there.items()}
    for one, count in there.items():
        assert size * count // len(strata) <= got[one] <= -(-size * count // len(strata))


@given(st.dictionaries(st.integers(), st.integers(min_value=1, max_value=1000), min_size=1, max_size=30), st.data())
def test_no_stratum_gets_more_than_it_has(counts: dict[int, int], data: st.DataObject) -> None:
    total = sum(counts.values())
    size = data.draw(st.integers(min_value=1, max_value=total))
    shares = allocation(counts, size)
    assert sum(shares.values()) == size
    assert all(0 <= shares[one] <= count for one, count in counts.items())


def test_what_is_left_over_goes_to_the_largest_remainders() -> None:
    # Quotas 4.3, 3.2 and 2.5: the half wins.
    assert allocation({"a": 43, "b": 32, "c": 25}, 10) == {"a": 4, "b": 3, "c": 3}
    # Equal remainders: the larger stratum, then the one named first.
    assert allocation({"a": 1, "b": 3}, 2) == {"a": 0, "b": 2}
    assert allocation({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}


@pytest.mark.parametrize("size", [0, -1, 4])
def test_more_rows_than_there_are_cannot_be_taken(size: int) -> None:
    with pytest.raises(ValueError, match=f"no {size} of 3 rows"):
        at_steps(3, size, 1)
    with pytest.raises(ValueError, match=f"no {size} of 3 rows"):
        by_strata(["a", "a", "b"], size, 1)


def test_another_seed_takes_other_rows() -> None:
    assert len({tuple(at_random(1000, 10, seed).positions) for seed in range(50)}) == 50


@pytest.mark.parametrize(
    ("counts", "size", "shares"),
    [
        ({"a": 3, "b": 6, "c": 15}, 11, {"a": 3, "b": 4, "c": 4}),
        ({"a": 3, "b": 6, "c": 15}, 3, {"a": 1, "b": 1, "c": 1}),
        ({"a": 3, "b": 6, "c": 15}, 24, {"a": 3, "b": 6, "c": 15}),
        ({"a": 9, "b": 9}, 5, {"a": 3, "b": 2}),
        ({"a": 1, "b": 1, "c": 98}, 50, {"a": 1, "b": 1, "c": 48}),
    ],
)
def test_equal_shares_pass_on_what_small_strata_lack(counts: dict[str, int], size: int, shares: dict[str, int]) -> None:
    assert equal_shares(counts, size) == shares
    strata = [name for name, count in counts.items() for _ in range(count)]
    drawn = evenly(strata, size, seed=1)
    assert {name: took for name, (took, _) in drawn.strata.items()} == shares
    assert len(set(drawn.positions)) == size


@pytest.mark.parametrize("size", [1, 5])
def test_equal_shares_need_a_place_for_each_stratum_and_rows_for_each_place(size: int) -> None:
    with pytest.raises(ValueError, match=f"no {size} of 4 rows"):
        equal_shares({"a": 2, "b": 2}, size)

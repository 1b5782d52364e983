"""Rows of one source: robust variance and tests of whole clusters against statsmodels and scipy, and the words."""

import importlib
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import RISING, approx, labelled, scored
from tests.oracles import Oracle

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.cluster_words import independent_rows
from assaykit.analysis.clusters import Clusters, clusters_of, grouped, known_clusters
from assaykit.analysis.compare import compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.looks import Look, evidence, look_sentence, mean_evidence
from assaykit.analysis.means import widened
from assaykit.analysis.slices import Column, sliced
from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

numpy = importlib.import_module("numpy")
linear = Oracle("statsmodels.regression.linear_model")
stats = Oracle("scipy.stats")


def sources(sizes: list[int], **more: Any) -> Clusters:
    """Clusters of the examples e000, e001, ... one after the other."""
    names = [f"s{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return Clusters("doc", {f"e{place:03}": name for place, name in enumerate(names)}, **more)


def found(before: list[Any], after: list[Any], clusters: Clusters | None) -> Finding:
    return compare(scored("old", before), [scored("new", after)], reading=RISING, clusters=clusters).findings[0]


def drawn(sizes: list[int], *, seed: int = 1) -> tuple[list[float], list[float]]:
    rng = random.Random(seed)  # noqa: S311  (a repeatable sample)
    common = [rng.gauss(0.4, 1) for _ in sizes]
    moves = [common[place] + rng.gauss(0, 0.5) for place, size in enumerate(sizes) for _ in range(size)]
    before = [rng.gauss(3, 1) for _ in moves]
    return before, [one + move for one, move in zip(before, moves, strict=True)]


def robust(differences: Any, groups: list[int]) -> Any:
    """An intercept alone, with the covariance of clusters."""
    model = linear.OLS(numpy.array(differences, dtype=float), numpy.ones(len(differences)))
    return model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}, use_t=True)


@pytest.mark.parametrize("sizes", [[5] * 8, [1, 2, 3, 4, 5, 6, 7, 8], [40, *[1] * 9], [2, 2], [3] * 70])
def test_error_and_interval_are_those_of_statsmodels(sizes: list[int]) -> None:
    before, after = drawn(sizes)
    one = found(before, after, sources(sizes))
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    expected = robust(numpy.subtract(after, before), groups)
    assert one.interval is not None
    assert one.standard_error == approx(float(expected.bse[0]), rel=1e-9)
    assert one.skewness is not None
    low, high = expected.conf_int()[0].tolist()
    interval = widened(Interval(low, high, 0.95), len(sizes), one.skewness)
    assert [one.interval.low, one.interval.high] == approx([interval.low, interval.high], rel=1e-9)
    assert (one.n, one.units, one.test) == (sum(sizes), len(sizes), "sign flips of clusters")


def test_rates_of_single_runs_have_the_interval_of_their_clusters_and_keep_their_counts() -> None:
    before, after = [0] * 12 + [1] * 48, [1] * 12 + [1] * 44 + [0] * 4
    one = found(before, after, sources([4] * 15))
    expected = robust(numpy.subtract(after, before), [place // 4 for place in range(60)])
    assert one.interval is not None
    assert one.table is not None
    assert [one.interval.low, one.interval.high] == approx(expected.conf_int()[0].tolist(), rel=1e-9)
    # Three clusters gained four rows each and one lost four.
    signs = stats.permutation_test(
        (numpy.array([4, 4, 4, -4]),), numpy.sum, permutation_type="samples", n_resamples=numpy.inf, vectorized=True
    )
    assert one.p == approx(float(signs.pvalue), rel=1e-9)
    assert "12 fixed, 4 broken" in one.sentence


@settings(max_examples=30)
@given(
    moves=st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=4, max_size=40),
)
def test_signs_of_whole_clusters_give_what_all_their_choices_give(moves: list[tuple[int, int]]) -> None:
    places: dict[int, list[int]] = {}
    for place, (cluster, _) in enumerate(moves):
        places.setdefault(cluster, []).append(place)
    differences = [float(move) for _, move in moves]
    one = cluster_mean(differences, list(places.values()))
    totals = [sum(differences[place] for place in group) for group in places.values()]
    choices = [0.0]
    for total in totals:
        choices = [each + sign * total for each in choices for sign in (1, -1)]
    expected = sum(abs(each) >= abs(sum(totals)) for each in choices) / len(choices)
    assert one.p() == approx(expected, rel=1e-9)


def test_many_clusters_without_a_grid_are_tested_by_the_robust_t() -> None:
    sizes = [1 + place % 3 for place in range(240)]
    before, after = drawn(sizes)
    one = found(before, after, sources(sizes))
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    assert one.p == approx(float(robust(numpy.subtract(after, before), groups).pvalues[0]), rel=1e-7)


def test_rows_that_share_no_cluster_are_compared_as_before() -> None:
    before, after = drawn([1] * 30)
    plain, named = found(before, after, None), found(before, after, sources([1] * 30))
    assert (named.p, named.interval, named.test) == (plain.p, plain.interval, "sign flips")
    assert "No two pairs have the same 'doc', so each counts by itself." in named.cautions


def test_rows_without_a_value_are_clusters_of_their_own_whatever_their_id() -> None:
    clusters = Clusters("doc", {"a": "b", "c": "b"})
    assert grouped(["a", "b", "c", "d"], clusters) == [[0, 2], [1], [3]]
    assert grouped(["a", "b", "d"], clusters) is None


def test_the_sentence_names_rows_and_clusters_and_a_note_the_rows_that_they_are_worth() -> None:
    sizes = [10] * 30
    before, after = drawn(sizes)
    one = found(before, after, sources(sizes))
    assert "over 300 rows from 30 sources" in one.sentence
    (note,) = [note for note in one.cautions if "one cluster" in note]
    worth = independent_rows(one)
    assert worth is not None
    assert 30 < worth < 60
    assert f"are of 30 clusters. They tell as much as about {worth:.0f} independent rows." in note
    assert one.as_dict()["clusters"] == {"by": "doc", "count": 30}
    rated = found([0] * 300, [1, 0, 0] * 100, sources(sizes, noun="session"))
    assert "of 300 rows from 30 sessions" in rated.sentence


def test_one_cluster_gives_no_verdict_and_the_next_step() -> None:
    one = found([0] * 40, [1] * 40, sources([40]))
    assert (one.verdict, one.p, one.interval) == ("not tested", None, None)
    assert "all 40 rows are of one source ('doc')" in one.sentence
    assert "Add rows of at least 6 sources, or pass cluster_by='id'" in one.sentence


@pytest.mark.parametrize(("clusters", "verdict"), [(2, "too few to say"), (5, "too few to say"), (6, "better")])
def test_few_clusters_are_too_few_however_many_rows_they_have(clusters: int, verdict: str) -> None:
    sizes = [20] * clusters
    one = found([0] * 20 * clusters, [1] * 20 * clusters, sources(sizes))
    assert one.verdict == verdict
    assert any(f"Only {clusters} sources" in note for note in one.cautions)
    if clusters < 6:
        assert f"{20 * clusters} rows from {clusters} sources are too few to say" in one.sentence


def test_clusters_that_all_moved_alike_have_an_interval_by_their_number() -> None:
    one = found([0] * 100, [0] * 100, sources([10] * 10))
    room = 1 - 0.025 ** (1 / 10)
    assert one.interval is not None
    assert (one.interval.low, one.interval.high) == approx((-room, room))
    # A gain and a loss in each cluster: no cluster moved, though rows did.
    moved = found([0, 1] * 50, [1, 0] * 50, sources([10] * 10))
    assert (moved.interval, moved.p, moved.verdict) == (one.interval, 1.0, "no difference shown")


def test_a_source_with_most_of_the_rows_is_told() -> None:
    sizes = [60, *[2] * 20]
    one = found(*drawn(sizes), sources(sizes))
    assert any("One source has 60 of the 100 rows ('s0')" in note for note in one.cautions)


def test_missing_verdicts_are_filled_within_their_clusters() -> None:
    before, after = [0.0] * 60, [1.0] * 50 + [None] * 10
    one = found(before, after, sources([10] * 6))
    assert one.units == 5
    assert one.best is not None
    assert one.best.verdict == "better"
    assert one.verdict in {"too few to say", "undecided"}


def test_a_slice_of_few_clusters_is_too_small() -> None:
    sizes = [10] * 12
    one = found([0] * 120, [1] * 120, sources(sizes))
    column = Column("tier", {f"e{place:03}": "a" if place < 50 else "b" for place in range(120)})
    (by,) = sliced([one], [column])
    assert [(each.value, each.n, each.verdict) for each in by.slices] == [("b", 70, "better"), ("a", 50, "too small")]
    assert by.slices[1].p is None


def test_evidence_over_looks_is_of_whole_clusters() -> None:
    one = found([0] * 60, [1] * 60, sources([10] * 6))
    assert evidence(one, 1.0) == approx(mean_evidence([10.0] * 6, 1.0))
    assert "If whole sources were only added" in (look_sentence(one, Look(2, 1.0), 1) or "")


def test_labels_without_an_order_are_counted_as_before() -> None:
    sides = labelled("old", ["x", "y", "z"] * 4), labelled("new", ["x", "x", "z"] * 4)
    (one,) = compare(sides[0], sides[1:], reading=RISING, clusters=sources([4] * 3)).findings
    assert "over 12 pairs" in one.sentence
    assert one.as_dict()["clusters"] is None


EXAMPLES = {f"e{place}": {"doc": place // 2, "own": place} for place in range(6)}


def test_a_column_of_any_kind_of_value_makes_clusters() -> None:
    clusters = clusters_of("doc", EXAMPLES)
    assert clusters is not None
    assert grouped(EXAMPLES, clusters) == [[0, 1], [2, 3], [4, 5]]
    assert clusters_of("id", EXAMPLES) is None
    with pytest.raises(Invalid, match="cluster_by: the dataset has no column 'docs'; it has 'doc', 'own'"):
        clusters_of("docs", EXAMPLES)


@pytest.mark.parametrize(
    ("column", "noun"),
    [("source_example_id", "source"), ("attributes.session.id", "session"), ("source_trace_id", "trace")],
)
def test_provenance_makes_clusters_without_being_asked(column: str, noun: str) -> None:
    examples = {f"e{place}": {column: f"v{place // 3}"} for place in range(6)}
    clusters = known_clusters(examples)
    assert clusters is not None
    assert (clusters.column, clusters.noun, clusters.is_named) == (column, noun, False)
    alone = {f"e{place}": {column: f"v{place}"} for place in range(6)}
    assert known_clusters(alone) is None
    assert known_clusters({}) is None


def test_turns_of_a_session_count_before_spans_of_a_trace() -> None:
    examples = {
        f"e{place}": {"source_trace_id": f"t{place // 2}", "attributes.session.id": f"s{place // 4}"}
        for place in range(12)
    }
    clusters = known_clusters(examples)
    assert clusters is not None
    assert clusters.column == "attributes.session.id"

"""Whole columns at once: the same figures as pair by pair, and the same readings as row by row."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import RISING, scored

from assaykit.analysis.compare import compare
from assaykit.analysis.differences import difference, differences
from assaykit.analysis.pairing import FAILED, Singles, figures, rows_of, sheet
from assaykit.analysis.reading import outcome, outcomes
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.scales import Scale

numbers = st.one_of(
    st.sampled_from([0.0, 1.0, 1 / 3, 0.1 + 0.2, 0.3, 1e-12, 2e-12, 1e100, -1e100]), st.floats(-1e6, 1e6)
)


@given(pairs=st.lists(st.tuples(numbers, numbers), max_size=30))
def test_differences_of_columns_are_those_of_pairs(pairs: list[tuple[float, float]]) -> None:
    befores, afters = ([pair[side] for pair in pairs] for side in (0, 1))
    assert differences(befores, afters) == [difference(*pair) for pair in pairs]


def test_a_rounding_beside_large_values_is_no_difference() -> None:
    assert differences([0.1 + 0.2, 5.0, 1e9], [0.3, 4.0, 1e9 + 0.5]) == [0.0, -1.0, 0.0]


CELLS = st.sampled_from([None, "", 1, 1.0, "2", 0.5, "nan", " "])
ALWAYS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.just("r"),
    "example_id": st.sampled_from("abcd"),
    "output": st.none(),
    "eval.q.score": CELLS,
}
SOMETIMES: dict[str, st.SearchStrategy[Any]] = {
    "eval.q.label": st.sampled_from([None, "pass", True]),
    "eval.q.metadata.model": st.sampled_from([None, "", "m", 1, True]),
    "eval.q.explanation": st.just("why"),
    "latency": st.sampled_from([None, "3", 4, True]),
    "latency_s": st.just(2),
    "error": st.sampled_from([None, "", "boom"]),
    "repetition": st.integers(0, 2),
}
ROWS = st.lists(st.fixed_dictionaries(ALWAYS, optional=SOMETIMES), max_size=12)


@given(rows=ROWS)
def test_rows_read_together_are_read_as_each_alone(rows: list[dict[str, Any]]) -> None:
    """Rows with and without a column beside each other, and values that are equal but not alike, such as 1 and True."""
    alone = [outcome(row) for row in rows]
    for one, other in zip(outcomes(rows), alone, strict=True):
        kept = {key: each._replace(explanation=None) for key, each in other.evaluations.items()}
        assert one == other._replace(evaluations=kept)
        assert repr(one.evaluations) == repr(kept)


@settings(max_examples=60)
@given(
    marks=st.lists(st.sampled_from([0.0, 1.0, 0.5, None, "failed"]), min_size=1, max_size=12),
    failure=st.sampled_from([None, 0.0]),
)
def test_examples_with_one_row_have_the_figures_of_rows_that_are_gathered(
    marks: list[float | str | None], failure: float | None
) -> None:
    rows = [
        Outcome(f"e{place}", "text", "boom" if mark == "failed" else None,
                {"q": Judgement("q", mark)} if isinstance(mark, float) else {})
        for place, mark in enumerate(marks)
    ]  # fmt: skip
    single = sheet("q", rows_of(rows))
    assert isinstance(single.verdicts, Singles)
    assert (FAILED in single.every) == ("failed" in marks)
    gathered = single._replace(verdicts={key: [verdict] for key, verdict in single.verdicts.of.items()})
    by = Scale("numeric", has_scores=True, failure=failure)
    assert figures(single, by) == figures(gathered, by)


@given(scores=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=6, max_size=30))
def test_the_largest_changes_come_first_and_the_worst_unchanged_examples(scores: list[tuple[int, int]]) -> None:
    old, new = ([float(pair[side]) for pair in scores] for side in (0, 1))
    finding = compare(scored("old", old), [scored("new", new)], reading=RISING).findings[0]
    for changes, sign in ((finding.rose, 1), (finding.fell, -1)):
        moves = [sign * (one.challenger_value - one.baseline_value) for one in changes]
        assert moves == sorted((sign * (b - a) for a, b in scores if sign * (b - a) > 0), reverse=True)
        assert [one.example_id for one in changes] == list(changes.ids)
        assert [*changes[:2], *changes[2:]] == list(changes)
    assert [one.challenger_value for one in finding.same] == sorted(float(b) for a, b in scores if a == b)
    assert finding.n == len(finding.rose) + len(finding.fell) + finding.ties

from hypothesis import given
from hypothesis import strategies as st

from assaykit.analysis.ordering import worst_first
from assaykit.analysis.rows import Judgement, Outcome


def outcome(error: str | None = None, **scores: float | None) -> Outcome:
    verdicts = {name: Judgement(name=name, score=score, label="x") for name, score in scores.items()}
    return Outcome("e", "out", error, verdicts)


def test_errors_come_first_then_low_scores_then_what_has_none() -> None:
    rows = [outcome(), outcome(a=1), outcome(a=0), outcome("boom", a=1), outcome(a=0.5), outcome(a=None)]
    assert worst_first(rows, {}) == [3, 2, 4, 1, 0, 5]


def test_a_direction_turns_the_order_round() -> None:
    rows = [outcome(a=0), outcome(a=3), outcome(a=1)]
    assert worst_first(rows, {"a": "MAXIMIZE"}) == [0, 2, 1]
    assert worst_first(rows, {"a": "MINIMIZE"}) == [1, 2, 0]
    assert worst_first(rows, {"a": "NONE"}) == [0, 1, 2]


def test_evaluators_of_different_scales_are_held_against_each_other() -> None:
    rows = [outcome(a=1, words=100), outcome(a=0, words=500), outcome(a=1, words=400), outcome(a=1, words=500)]
    assert worst_first(rows, {}) == [0, 1, 2, 3]


def test_an_evaluator_that_gave_one_score_only_decides_nothing() -> None:
    rows = [outcome(a=0, b=1), outcome(a=0, b=0)]
    assert worst_first(rows, {}) == [1, 0]


scores = st.none() | st.floats(min_value=-1e100, max_value=1e100)


@given(st.lists(st.tuples(st.booleans(), scores, scores)))
def test_every_row_is_there_once_and_the_three_groups_follow_each_other(
    given_rows: list[tuple[bool, float | None, float | None]],
) -> None:
    rows = [outcome("boom" if failed else None, a=a, b=b) for failed, a, b in given_rows]
    order = worst_first(rows, {"b": "MINIMIZE"})
    assert sorted(order) == list(range(len(rows)))
    groups = [
        0 if rows[at].error else 1 if any(one.score is not None for one in rows[at].evaluations.values()) else 2
        for at in order
    ]
    assert groups == sorted(groups)

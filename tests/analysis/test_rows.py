"""VerdictReading the flat evaluation columns of experiment runs."""

import math
from typing import Any

import pytest

from assaykit.analysis.reading import outcome, outcomes
from assaykit.analysis.rows import Judgement, Outcome, counting
from assaykit.errors import Invalid


def _run(**columns: Any) -> dict[str, Any]:
    return {"id": "r1", "example_id": "e1", "output": "text", **columns}


def test_label_score_and_explanation_are_read_by_evaluator() -> None:
    run = _run(
        **{
            "eval.tone.label": "kind",
            "eval.tone.score": 0.75,
            "eval.tone.explanation": "it thanks",
            "eval.length.score": 3,
            "latency": 12,
        }
    )
    read = outcome(run)
    assert outcomes([run])[0].evaluations["tone"] == read.evaluations["tone"]._replace(explanation=None)
    assert (read.example_id, read.output, read.error) == ("e1", "text", None)
    assert read.evaluations == {
        "tone": Judgement(name="tone", score=0.75, label="kind", explanation="it thanks"),
        "length": Judgement(name="length", score=3.0),
    }


def test_a_name_may_hold_dots_and_spaces() -> None:
    (read,) = outcomes([_run(**{"eval.answer v1.2 (strict).label": "good"})])
    assert read.evaluations["answer v1.2 (strict)"].label == "good"


@pytest.mark.parametrize(
    "column",
    [
        "eval.tone.metadata.score",
        "eval.tone.metadata.run",
        "eval.tone.trace.id",
        "eval.score",
        "eval..score",
        "evaluation.tone.score",
        "tone.score",
    ],
)
def test_other_columns_are_not_verdicts(column: str) -> None:
    (read,) = outcomes([_run(**{column: 1})])
    assert read.evaluations == {}


@pytest.mark.parametrize("missing", [None, "", "  ", math.nan, "nan"])
def test_a_missing_score_is_unscored_and_the_evaluator_is_kept(missing: Any) -> None:
    (read,) = outcomes([_run(**{"eval.tone.score": missing})])
    assert read.evaluations["tone"].score is None


@pytest.mark.parametrize(
    ("value", "label"), [(None, None), ("", None), (math.nan, None), (True, "true"), (3, "3"), ("No", "No")]
)
def test_a_label_is_text_or_missing(value: Any, label: str | None) -> None:
    (read,) = outcomes([_run(**{"eval.tone.label": value})])
    assert read.evaluations["tone"].label == label


@pytest.mark.parametrize(("value", "score"), [("0.5", 0.5), (True, 1.0), (False, 0.0), (2, 2.0), ("-1e3", -1000.0)])
def test_a_score_may_be_a_number_in_words_or_a_bool(value: Any, score: float) -> None:
    (read,) = outcomes([_run(**{"eval.tone.score": value})])
    assert read.evaluations["tone"].score == score


@pytest.mark.parametrize("value", ["high", [1], math.inf, "1e400", 1e200, 10**400])
def test_a_score_that_cannot_be_averaged_is_refused_by_name(value: Any) -> None:
    with pytest.raises(Invalid, match=r"'tone' on example 'e1'"):
        outcomes([_run(**{"eval.tone.score": value})])


def test_an_error_is_kept_and_an_empty_one_is_none() -> None:
    failed, fine = outcomes([_run(error="timed out", output=None), _run(error="")])
    assert (failed.error, failed.output, fine.error) == ("timed out", None, None)


def test_runs_without_an_example_id_are_counted_and_refused() -> None:
    with pytest.raises(Invalid, match="2 of 3 runs have no example_id"):
        outcomes([_run(), _run(example_id=None), _run(example_id="")])


def test_a_row_that_failed_and_was_run_again_counts_once() -> None:
    rows = outcomes(
        [
            _run(example_id="a", error="no", repetition=1),
            _run(example_id="a", error="no", repetition=2),
            _run(example_id="b", output="well", latency=12.5),
            _run(example_id="b", error="later"),
            _run(example_id="a", output="now", repetition=1),
        ]
    )
    kept = counting(rows)
    assert [(row.example_id, row.repetition, row.error) for row in kept] == [
        ("a", "2", "no"), ("b", "", None), ("b", "", "later"), ("a", "1", None),
    ]  # fmt: skip
    assert [row.latency_ms for row in kept] == [None, 12.5, None, None]


def test_rows_of_no_example_are_nobodys_second_try() -> None:
    rows = [Outcome("", None, "no", {}), Outcome("", "fine", None, {})]
    assert counting(rows) == rows

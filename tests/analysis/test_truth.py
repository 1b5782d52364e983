"""The cells that are truth and prediction, and rows that have neither."""

from typing import Any

import pytest
from tests.analysis.variants import approx

from assaykit.analysis.compare import Variant
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.truth import Truth, classified, judged, truth_of
from assaykit.errors import Invalid


def row(example: str, output: str | None, error: str | None = None, **labels: str | None) -> Outcome:
    verdicts = {name: Judgement(name=name, label=label) for name, label in labels.items()}
    return Outcome(example, output, error, verdicts)


VARIANT = Variant(
    "new",
    [
        row("a", "yes", judge="yes", person="yes"),
        row("b", " no\n", judge="yes", person="no"),
        row("c", "no", "timed out", judge=None, person="no"),
        row("d", "no", judge="no", person=None),
        row("e", "no"),
    ],
)
EXAMPLES: dict[str, dict[str, Any]] = {
    "a": {"q": 1, "expected": "yes"},
    "b": {"q": 2, "expected": "no"},
    "c": {"q": 3, "expected": "no"},
    "d": {"q": 4, "expected": "yes"},
    "e": {"q": 5},
}


def read(name: str, predicted: str | None = None, **positive: str) -> Truth:
    return truth_of(name, predicted, {of: [label] for of, label in positive.items()}, EXAMPLES, [VARIANT])


def test_the_output_is_held_against_a_column_of_the_dataset() -> None:
    found = classified([VARIANT], read("expected", output="yes"))
    (one,) = found.experiments
    assert (found.of_dataset, found.predicted, found.positive) == (True, "output", "yes")
    assert (one.without_prediction, one.without_truth) == (0, 1)
    # The failed run counts as wrong.
    assert (one.right, one.rows, one.failed) == (2, 4, 1)
    assert one.agreement is not None
    assert one.agreement.n == 3
    assert one.agreement.labels == ("no", "yes")
    assert one.agreement.matrix == ((1, 0), (1, 1))
    assert found.as_dict()["experiments"][0]["agreement"]["accuracy"] == approx(2 / 3)


def test_a_judge_is_held_against_what_a_person_said_of_the_same_rows() -> None:
    found = classified([VARIANT], read("person", "judge"))
    (one,) = found.experiments
    assert found.of_dataset is False
    assert (one.without_prediction, one.without_truth, one.failed) == (1, 1, 1)
    assert one.agreement is not None
    assert one.agreement.matrix == ((0, 1), (0, 1))


def test_a_truth_of_the_dataset_makes_an_evaluator_where_both_are_there() -> None:
    truth = read("expected")
    found = {one.example_id: one.evaluations.get(truth.evaluator) for one in judged(VARIANT, truth).outcomes}
    assert truth.evaluator == "output equals expected"
    assert {key: one and one.score for key, one in found.items()} == {"a": 1, "b": 1, "c": None, "d": 0, "e": None}


@pytest.mark.parametrize(
    ("name", "predicted", "said"),
    [
        (
            "expcted",
            None,
            (
                "Neither the dataset has a column 'expcted' nor the experiments an evaluator: there are the columns "
                "'q', 'expected' and the evaluators 'judge', 'person'."
            ),
        ),
        ("expected", "jugde", "No experiment has an evaluator 'jugde' to predict with; there are 'judge', 'person'."),
        ("judge", "judge", "'judge' is compared with itself."),
    ],
)
def test_what_is_not_there_is_refused(name: str, predicted: str | None, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read(name, predicted)
    assert refusal.value.message == said


def test_a_truth_that_meets_no_prediction_is_refused() -> None:
    silent = Variant("new", [row("e", "no", judge="yes")])
    with pytest.raises(Invalid, match="No row has both a prediction, 'output', and a truth, 'expected'"):
        truth_of("expected", None, {}, EXAMPLES, [silent])


def test_texts_are_no_classes() -> None:
    long = Variant("new", [row(f"e{n}", f"answer {n}") for n in range(60)])
    truth = truth_of("expected", None, {}, {f"e{n}": {"expected": "yes"} for n in range(60)}, [long])
    with pytest.raises(Invalid, match="have 61 different values, more than the limit of 50 classes"):
        classified([long], truth)


def test_a_positive_class_that_nobody_has_is_refused() -> None:
    with pytest.raises(Invalid, match="positive class 'Yes' is neither true nor predicted; there are 'no', 'yes'"):
        classified([VARIANT], read("expected", output="Yes"))

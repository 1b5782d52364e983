"""The worker's reading of the user's values: verdicts of evaluators, outputs of tasks, and arguments of both."""

import dataclasses
import datetime as dt
import enum
import importlib
import uuid
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from assaykit.runner.assaykit_worker.binding import Arguments, Unbindable, bound
from assaykit.runner.assaykit_worker.examples import DatasetShape, Example, shape_of
from assaykit.runner.assaykit_worker.plain import NotJson, plain
from assaykit.runner.assaykit_worker.verdicts import Unreadable, asserts, verdicts

numpy: Any = importlib.import_module("numpy")


class Grade(str, enum.Enum):  # noqa: UP042  (users still write it so)
    GOOD = "good"


class Level(enum.IntEnum):
    HIGH = 3


class Model(BaseModel):
    name: str
    when: dt.date = dt.date(2026, 1, 2)
    grade: Grade = Grade.GOOD


class Scores(BaseModel):
    tone: float
    facts: float


@dataclasses.dataclass
class Verdict:
    score: float
    reason: str


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


class Point(NamedTuple):
    score: float
    label: str
    explanation: str


class Rates(NamedTuple):
    precision: float
    recall: float


def one(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("", fields)]


ABSTAINED = "abstained"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (True, one(score=1.0, label="True")),
        (numpy.bool_(0), one(score=0.0, label="False")),
        (numpy.float64(0.25), one(score=0.25)),
        (numpy.array(2), one(score=2.0)),
        (Decimal("0.5"), one(score=0.5)),
        (Fraction(1, 4), one(score=0.25)),
        ("good", one(label="good")),
        (Grade.GOOD, one(label="good")),
        (Level.HIGH, one(score=3.0)),
        ((0.5, "why"), one(score=0.5, explanation="why")),
        ((Grade.GOOD, "why"), one(label="good", explanation="why")),
        ((1, "good", "why"), one(score=1.0, label="good", explanation="why")),
        (Point(explanation="why", label="good", score=1), one(score=1.0, label="good", explanation="why")),
        (Rates(0.5, 1), [("precision", {"score": 0.5}), ("recall", {"score": 1.0})]),
        ({"score": 1, "comment": "why"}, one(score=1.0, explanation="why")),
        ({"score": 1, "rationale": "why", "model": "m"}, one(score=1.0, explanation="why", metadata={"model": "m"})),
        ({"value": "yes", "reason": "why"}, one(label="yes", explanation="why")),
        ({"value": 0.5}, one(score=0.5)),
        ({"value": True}, one(score=1.0, label="True")),
        ({"pass": True, "reason": "why"}, one(score=1.0, label="pass", explanation="why")),
        ({"pass": False, "score": 0.4}, one(score=0.4, label="fail")),
        ({"passed": numpy.bool_(1)}, one(score=1.0, label="pass")),
        ({"key": "k", "score": 0.5, "comment": "why"}, one(score=0.5, explanation="why")),
        ({"score": "good"}, one(label="good")),
        ({"score": "0.5"}, one(score=0.5)),
        ({"score": 0, "label": Grade.GOOD}, one(score=0.0, label="good")),
        (Verdict(0.5, "why"), one(score=0.5, explanation="why")),
        (SimpleNamespace(name="F", score=1, metadata={"rationale": "why"}, error=None),
         one(score=1.0, explanation="why", metadata={"rationale": "why"})),
        (SimpleNamespace(value="C", answer="4", explanation="why", metadata=None), one(label="C", explanation="why")),
        (None, one(label=ABSTAINED, explanation="the evaluator returned None")),
        ((None, "no source"), one(label=ABSTAINED, explanation="no source")),
        ({"score": None, "explanation": "no source"}, one(label=ABSTAINED, explanation="no source")),
        ({"reason": "no source"}, one(label=ABSTAINED, explanation="no source")),
        ({"accuracy": 0.9}, [("accuracy", {"score": 0.9})]),
        ({"tone": 1, "facts": False}, [("tone", {"score": 1.0}), ("facts", {"score": 0.0, "label": "False"})]),
        ({"tone": (1, "kind"), "facts": {"score": 0, "label": "bad"}},
         [("tone", {"score": 1.0, "explanation": "kind"}), ("facts", {"score": 0.0, "label": "bad"})]),
        ({"tone": 1, "facts": None, "reason": "why"},
         [("tone", {"score": 1.0, "explanation": "why"}),
          ("facts", {"label": ABSTAINED, "explanation": "the evaluator returned None"})]),
        (Scores(tone=1, facts=0.5), [("tone", {"score": 1.0}), ("facts", {"score": 0.5})]),
        ([{"name": "a", "score": 1}, {"key": "b", "value": "x"}], [("a", {"score": 1.0}), ("b", {"label": "x"})]),
        ({"results": [{"key": "a", "score": 1}, {"key": "b", "score": 0}]},
         [("a", {"score": 1.0}), ("b", {"score": 0.0})]),
        ([SimpleNamespace(name="a", score=1), SimpleNamespace(name="a", score=0)],
         [("a 1", {"score": 1.0}), ("a 2", {"score": 0.0})]),
        ([SimpleNamespace(name="a", score=1)], one(score=1.0)),
        ([0.25, 0.5, 1], [("score 1", {"score": 0.25}), ("score 2", {"score": 0.5}), ("score 3", {"score": 1.0})]),
        ([1, "why"], one(score=1.0, explanation="why")),
    ],
)  # fmt: skip
def test_every_usual_shape_of_a_verdict_is_read(found: Any, told: list[tuple[str, dict[str, Any]]]) -> None:
    assert verdicts(found) == told


@pytest.mark.parametrize(
    "found", [object(), {}, (), (1, 2, 3, 4), float("nan"), {"score": float("inf")}, [], {"a": []}]
)
def test_a_value_that_is_no_verdict_is_refused(found: Any) -> None:
    with pytest.raises(Unreadable):
        verdicts(found)


def checks_itself(output: str) -> None:
    assert output


def by_helper(output: str) -> None:
    checks_itself(output)


def by_numpy(output: str) -> None:
    numpy.testing.assert_equal(output, output)


def says_nothing(output: str) -> None:
    str(output)


@pytest.mark.parametrize(
    ("function", "does"),
    [(checks_itself, True), (by_helper, True), (by_numpy, True), (says_nothing, False), (len, False)],
)
def test_a_function_that_makes_assertions_is_known(function: Any, does: bool) -> None:
    assert asserts(function) is does


STAMP = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
ID = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Model(name="a"), {"name": "a", "when": "2026-01-02", "grade": "good"}),
        (Pair(Model(name="a"), {1}), {"left": {"name": "a", "when": "2026-01-02", "grade": "good"}, "right": [1]}),
        (Grade.GOOD, "good"),
        (Level.HIGH, 3),
        (Decimal("1.5"), 1.5),
        (STAMP, "2026-01-02T03:04:00+00:00"),
        (STAMP.date(), "2026-01-02"),
        (STAMP.time(), "03:04:00"),
        (dt.timedelta(minutes=1), 60.0),
        (ID, "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (ValueError("why"), "why"),
        (numpy.int64(3), 3),
        (numpy.bool_(1), True),
        (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (frozenset({"x"}), ["x"]),
        (range(3), [0, 1, 2]),
        (b"ab", [97, 98]),
        (OrderedDict[str, Any](a=(1, 2)), {"a": [1, 2]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({True: "c", ID: "f"}, {"true": "c", "00000000-0000-0000-0000-000000000001": "f"}),
        ({2: "a", None: "b", 2.5: "d", Grade.GOOD: "e", STAMP.date(): "g", (1, 2): "h"},
         {"2": "a", "null": "b", "2.5": "d", "good": "e", "2026-01-02": "g", "(1, 2)": "h"}),
        ({"deep": [Pair({"at": STAMP})]}, {"deep": [{"left": {"at": "2026-01-02T03:04:00+00:00"}, "right": None}]}),
    ],
)  # fmt: skip
def test_an_output_becomes_json(value: Any, told: Any) -> None:
    assert plain(value) == told


def test_tables_of_pandas_become_rows_with_null_for_what_is_missing() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not among the packages of every environment")
    frame = pandas.DataFrame({"a": [1.0, None], "at": [pandas.Timestamp("2026-01-02"), pandas.NaT]})
    assert plain(frame) == [{"a": 1.0, "at": "2026-01-02T00:00:00"}, {"a": None, "at": None}]
    assert plain({"s": frame["a"], "none": pandas.NA}) == {"s": [1.0, None], "none": None}


@pytest.mark.parametrize("value", [object(), lambda: 1, (one for one in "ab"), float("nan"), {"a": {"1": 1, 1: 2}}])
def test_an_output_that_is_no_json_is_refused_with_its_text(value: Any) -> None:
    with pytest.raises(NotJson, match=r"which JSON cannot hold|as text"):
        plain(value)


ROWS: list[dict[str, Any]] = [
    {"id": "1", "input": "Where?", "expected": "There", "metadata": {"tier": "pro"}, "context": "map"},
    {"id": "2", "input": None, "expected": None, "metadata": None},
    {"id": "3", "metadata": '{"tier": "free"}'},
]
QUESTIONS: list[dict[str, Any]] = [
    {"id": "1", "question": "Where?", "answer": "There", "vars": {"lang": "en"}, "input_language": "fr"},
    {"id": "2", "question": "When?", "answer": None, "vars": {"lang": "de"}, "input_language": "fr"},
]
NESTED: list[dict[str, Any]] = [
    {"id": "1", "input": {"question": "Where?", "lang": "en"}, "reference_outputs": {"answer": "There"}}
]


def given(rows: list[dict[str, Any]], signature: str, place: int = 0, *, judges: bool = False, **more: Any) -> Any:
    """The arguments of a function with this signature, by name; those of `**kwargs` too."""
    scope: dict[str, Any] = {}
    exec(f"def f({signature}):\n    return dict(locals())", scope)  # noqa: S102  (the signatures above)
    shape = shape_of(rows)
    style = more.pop("style", "auto")
    arguments = Arguments(Example(rows[place], shape), style, {})
    arguments = arguments.judged("said", None) if judges else arguments
    return {
        name: arguments(what) for name, what in bound(scope["f"], style, judges=judges, shape=shape, **more).items()
    }


@pytest.mark.parametrize(
    ("rows", "place", "signature", "told"),
    [
        (ROWS, 0, "input, expected", {"input": "Where?", "expected": "There"}),
        (ROWS, 1, "input, expected", {"input": None, "expected": None}),
        (ROWS, 2, "input, expected, metadata", {"input": None, "expected": None, "metadata": '{"tier": "free"}'}),
        (ROWS, 1, "x", {"x": None}),
        (ROWS, 0, "question", {"question": "Where?"}),
        (ROWS, 0, "inputs, tier, context", {"inputs": "Where?", "tier": "pro", "context": "map"}),
        (ROWS, 2, "input, tier", {"input": None, "tier": "free"}),
        (QUESTIONS, 0, "question", {"question": "Where?"}),
        (QUESTIONS, 0, "question, input_language", {"question": "Where?", "input_language": "fr"}),
        (QUESTIONS, 0, "x", {"x": {"question": "Where?", "vars": {"lang": "en"}, "input_language": "fr"}}),
        (QUESTIONS, 0, "input", {"input": {"question": "Where?", "vars": {"lang": "en"}, "input_language": "fr"}}),
        (QUESTIONS, 1, "question, expected", {"question": "When?", "expected": None}),
        (NESTED, 0, "question, lang", {"question": "Where?", "lang": "en"}),
        (NESTED, 0, "inputs, reference_outputs",
         {"inputs": {"question": "Where?", "lang": "en"}, "reference_outputs": {"answer": "There"}}),
        (QUESTIONS, 0, "**kwargs",
         {"input": {"question": "Where?", "vars": {"lang": "en"}, "input_language": "fr"},
          "metadata": {"question": "Where?", "vars": {"lang": "en"}, "input_language": "fr"},
          "id": "1", "question": "Where?", "vars": {"lang": "en"}, "input_language": "fr"}),
    ],
)  # fmt: skip
def test_a_task_gets_columns_by_name_and_no_answer_unasked(
    rows: list[dict[str, Any]], place: int, signature: str, told: dict[str, Any]
) -> None:
    assert given(rows, signature, place) == told


@pytest.mark.parametrize("name", ["row", "dataset_row", "example"])
def test_the_whole_row_goes_to_a_parameter_that_is_called_so(name: str) -> None:
    assert given(QUESTIONS, name)[name]["answer"] == "There"


@pytest.mark.parametrize(
    ("rows", "place", "signature", "told"),
    [
        (ROWS, 0, "output, expected", {"output": "said", "expected": "There"}),
        (ROWS, 1, "output, expected", {"output": "said", "expected": None}),
        (ROWS, 0, "inputs, outputs, reference_outputs",
         {"inputs": "Where?", "outputs": "said", "reference_outputs": "There"}),
        (ROWS, 0, "outputs, expectations", {"outputs": "said", "expectations": "There"}),
        (QUESTIONS, 0, "output, expected_output", {"output": "said", "expected_output": "There"}),
        (QUESTIONS, 0, "output, answer", {"output": "said", "answer": "There"}),
        (QUESTIONS, 1, "output, reference", {"output": "said", "reference": None}),
        (NESTED, 0, "outputs, question, answer", {"outputs": "said", "question": "Where?", "answer": "There"}),
        (NESTED, 0, "anything", {"anything": "said"}),
        (QUESTIONS, 0, "output, question, limit=3", {"output": "said", "question": "Where?"}),
    ],
)  # fmt: skip
def test_an_evaluator_gets_columns_and_the_words_of_other_vendors(
    rows: list[dict[str, Any]], place: int, signature: str, told: dict[str, Any]
) -> None:
    assert given(rows, signature, place, judges=True) == told


def test_the_keywords_of_an_evaluator_object_are_filled() -> None:
    found = given(QUESTIONS, "output, expected=None, **kwargs", judges=True, takes_all=True)
    assert (found["output"], found["expected"], found["question"]) == ("said", "There", "Where?")


def test_ax_gives_the_row_of_the_dataset_and_nothing_else() -> None:
    assert given(QUESTIONS, "x", style="ax") == {"x": QUESTIONS[0]}
    assert given(ROWS, "dataset_row", style="ax") == {"dataset_row": ROWS[0]}


def test_a_strange_parameter_is_refused_with_the_columns() -> None:
    with pytest.raises(Unbindable, match=r"'stranger' is unknown; the known ones are .*question"):
        given(QUESTIONS, "question, stranger")


def test_without_the_shape_of_a_dataset_the_row_tells_its_own_columns() -> None:
    assert Example({"id": "1", "input": None}).input is None
    assert shape_of([]) == DatasetShape()

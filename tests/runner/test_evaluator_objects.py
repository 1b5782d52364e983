"""Evaluator objects of libraries: the methods that judge, the values that they get, and the results that they give."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assaykit.runner.assaykit_worker import loading
from assaykit.runner.assaykit_worker.binding import Unbindable, bound
from assaykit.runner.assaykit_worker.examples import shape_of
from assaykit.runner.assaykit_worker.verdicts import verdicts


class Chain:
    """langchain's shape. Its chains can be called too, with one mapping."""

    evaluation_name = "chain"

    def __call__(self, _inputs: dict[str, Any]) -> Any:
        raise AssertionError

    def evaluate_strings(self, *, prediction: str, reference: str | None = None, **_more: Any) -> dict[str, int]:
        return {"score": int(prediction == reference)}

    async def aevaluate_strings(self, *, prediction: str, reference: str | None = None, **_more: Any) -> Any:
        return self.evaluate_strings(prediction=prediction, reference=reference)


class Metric:
    """The shape of RAGAS' metrics."""

    name = "metric"

    def score(self, **_more: Any) -> float:
        raise AssertionError

    async def ascore(self, reference: str, response: str) -> float:
        return float(reference == response)


class Called(Metric):
    def __call__(self, output: str) -> bool:
        return bool(output)


class Model:
    """The shape of scikit-learn's models."""

    def score(self, _rows: Any, _labels: Any) -> float:
        raise AssertionError


@pytest.mark.parametrize(
    ("found", "name", "method"),
    [(Chain(), "mine", "aevaluate_strings"), (Chain, "Chain", "aevaluate_strings"), (Metric(), "metric", "ascore")],
)
def test_an_object_judges_by_the_method_of_its_library(found: Any, name: str, method: str) -> None:
    column, judge = loading.evaluator(found, "mine")
    assert (column, judge.__name__) == (name, method)


def test_an_object_that_can_be_called_is_called() -> None:
    found = Called()
    assert loading.evaluator(found, "mine") == ("mine", found)


@pytest.mark.parametrize("made", ["Model()", "3", "[1]"])
def test_an_object_without_such_a_method_is_refused_by_its_type(tmp_path: Path, made: str) -> None:
    text = f"class Model:\n    def score(self, x): ...\n\nmine = {made}\n"
    (tmp_path / "objects.py").write_text(text, encoding="utf-8")
    kind = "Model" if "Model" in made else "int" if made == "3" else "list"
    with pytest.raises(loading.NotThere, match=rf"objects\.py:mine is a {kind}, which cannot be called"):
        loading.member(str(tmp_path / "objects.py"), "mine")


@pytest.mark.parametrize("word", ["prediction", "response", "actual_output", "outputs"])
def test_words_of_libraries_for_the_output_are_those_of_evaluators_alone(word: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def f({word}, reference): ...", scope)  # noqa: S102
    shape = shape_of([{"input": "q", "expected": "a"}])
    assert bound(scope["f"], "auto", judges=True, shape=shape) == {word: "output", "reference": "reference"}
    with pytest.raises(Unbindable, match=f"'{word}' is unknown"):
        bound(scope["f"], "auto", judges=False, shape=shape)
    columns = shape_of([{"input": "q", "expected": "a", word: "x"}])
    wanted = "output" if word == "outputs" else word
    assert bound(scope["f"], "auto", judges=True, shape=columns)[word] == wanted


def test_the_input_of_the_user_is_the_input() -> None:
    def f(user_input: str, response: str) -> None: ...

    shape = shape_of([{"input": "q", "expected": "a"}])
    assert bound(f, "auto", judges=True, shape=shape) == {"user_input": "input", "response": "output"}


class Result:
    """The shape of RAGAS' results, which convert to float where they can."""

    def __init__(self, value: Any, reason: str | None = None) -> None:
        self.value, self.reason = value, reason

    def __float__(self) -> float:
        return float(self.value)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (Result(0.5), {"score": 0.5}),
        (Result("fail", "no"), {"label": "fail", "explanation": "no"}),
        (Result(1, "yes"), {"score": 1.0, "explanation": "yes"}),
        ({"value": "Y", "score": 1, "reasoning": "so"}, {"label": "Y", "score": 1.0, "explanation": "so"}),
        ({"value": "Y", "score": 1, "label": "good"}, {"label": "good", "score": 1.0}),
        ({"value": 0.5, "score": 1}, {"score": 1.0}),
        (SimpleNamespace(value="C", explanation="so", metadata=None), {"label": "C", "explanation": "so"}),
    ],
)
def test_a_result_of_a_library_keeps_its_word_and_its_reason(found: Any, wanted: dict[str, Any]) -> None:
    assert verdicts(found) == [("", wanted)]

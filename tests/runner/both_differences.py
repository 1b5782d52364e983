"""The cases in which we differ from `arize` or Phoenix on purpose: our value, and the reason.

Outputs whose JSON is that of `arize` are not among them: Phoenix keeps the text or the private attributes of such
values.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """The reason, and our value of each case. A case of "both" differs from `arize` and from Phoenix."""

    reason: str
    ours: Mapping[str, Any]


def _score(score: float, label: str | None = None, explanation: str | None = None) -> dict[str, Any]:
    told = {"score": score, "label": label, "explanation": explanation}
    return {name: value for name, value in told.items() if value is not None}


ABSTAINED = {"label": "abstained", "explanation": "the evaluator returned None"}
NOTHING = "refused"

DIFFERENCES = (
    Difference("A parameter has the same meaning in both sources.", {
        "ax evaluator(output, trace_id)": {"output": "output of the task", "trace_id": "'t1'"},
        "phoenix evaluator(experiment_output, dataset_output)": {
            "experiment_output": "output of the task", "dataset_output": "output",
        },
    }),
    Difference("A shape of the other source, or of another library, has a plain meaning. The source refuses it.", {
        "ax verdict (1, 'good', 'why')": _score(1, "good", "why"),
        "ax verdict (1, None, 'why')": _score(1, None, "why"),
        "ax verdict (1, 'good', None)": _score(1, "good"),
        "ax verdict ('good', 'why')": {"label": "good", "explanation": "why"},
        "ax verdict {'score': 1}": _score(1),
        "ax verdict {'label': 'x'}": {"label": "x"},
        "ax verdict {'score': None, 'label': 'x'}": {"label": "x"},
        "ax verdict {'score': 0.5, 'metadata': {'a': 1}}": _score(0.5),
        "ax verdict {'score': True}": _score(1),
        "ax verdict {'score': 1, 'label': 'x', 'explanation': 'y'}": _score(1, "x", "y"),
        "both verdict {'score': '0.5'}": _score(0.5),
        "both verdict {'label': True}": {"label": "True"},
        "phoenix verdict [0.5, 'why']": _score(0.5, "why"),
        "phoenix verdict [1, 'why']": _score(1, "why"),
        "phoenix verdict EvaluationResult(score=1, label='x')": _score(1, "x"),
        "phoenix verdict EvaluationResult(label='x', explanation='y')": {"label": "x", "explanation": "y"},
        "ax verdict Score(name='s', score=0.5)": _score(0.5),
        "both verdict [Score(name='s', score=0.5)]": _score(0.5),
        "both verdict [{'score': 1, 'label': 'x'}]": _score(1, "x"),
        "both verdict Judged()": _score(0.5, "half"),
        "both verdict Verdict(0.5, 'why')": _score(0.5, None, "why"),
        "both verdict Plain(score=1, label='x')": _score(1, "x"),
    }),
    Difference("A value that converts to a number is a number, as in `arize`.", {
        "phoenix verdict np.int64(2)": _score(2),
        "phoenix verdict np.array(2)": _score(2),
        "phoenix verdict pd.Series([0.5])": _score(0.5),
        "phoenix verdict Decimal('0.5')": _score(0.5),
        "phoenix verdict Fraction(1, 4)": _score(0.25),
        "phoenix verdict Number()": _score(0.25),
    }),
    Difference("A bool is a bool in every form: a score with its label.", {
        "ax verdict (True, 'why')": _score(1, "True", "why"),
        "ax verdict (False, None)": _score(0, "False"),
        "both verdict np.bool_(True)": _score(1, "True"),
    }),
    Difference("An enum stands for its value, as in outputs.", {
        "ax verdict Grade.GOOD": {"label": "good"},
        "both verdict Colour.RED": {"label": "red"},
    }),
    Difference("None abstains, also beside an explanation. The row is counted apart.", {
        "both verdict None": ABSTAINED,
        "ax verdict (None, 'why')": {"label": "abstained", "explanation": "why"},
        "both verdict {'explanation': 'y'}": {"label": "abstained", "explanation": "y"},
    }),
    Difference("A part would be lost, or no mean could be taken.", {
        "phoenix verdict (1, 2, 3, 4)": NOTHING,
        "both verdict float('nan')": NOTHING,
        "both verdict float('inf')": NOTHING,
    }),
    Difference("The value has a plain form as JSON. `arize` refuses it or keeps the name of its class.", {
        "ax output {(1, 2): 'a'}": {"json": {"(1, 2)": "a"}},
        "ax output pathlib.PurePosixPath('a/b')": {"json": "a/b"},
        "ax output uuid.UUID(int=1)": {"json": "00000000-0000-0000-0000-000000000001"},
        "both output np.array(5)": {"json": 5},
        "both output pd.Series([1, 2])": {"json": [1, 2]},
        "both output pd.DataFrame({'a': [1]})": {"json": [{"a": 1}]},
    }),
    Difference("The text of such an object says nothing of the answer. The row fails, and the error has the text.", {
        "both output 1 + 0j": NOTHING,
        "both output Plain(a=1)": NOTHING,
        "both output Slotted()": NOTHING,
        "both output object()": NOTHING,
        "both output (n for n in [1])": NOTHING,
        "both output Model": NOTHING,
    }),
)  # fmt: skip


def argued() -> dict[str, Any]:
    """Our value of each case that differs."""
    found: dict[str, Any] = {}
    for one in DIFFERENCES:
        for case, ours in one.ours.items():
            sources = ("ax", "phoenix") if case.startswith("both ") else case.split(maxsplit=1)[:1]
            found.update({f"{source} {case.split(maxsplit=1)[1]}": ours for source in sources})
    return found

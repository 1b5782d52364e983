"""Evaluators of other people's libraries: the user's file for each library, and the verdicts of its evaluators.

Every row is judged by the library's own call too; the score of both is the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.environments import ARIZE, EVALUATORS


class Cell(NamedTuple):
    """An evaluator of a library, by its name in the user's file.

    `form` is "function", "object" or "async". `verdicts` maps column to (label, score). `own` is an expression of the
    library's own call with `o` for the output and the columns of the row. A cell without `direct` is a function of the
    user's that calls the library.
    """

    name: str
    form: str
    verdicts: Mapping[str, tuple[str | None, float | None]]
    own: str = ""
    direct: bool = True
    row: Mapping[str, Any] = {"input": "Capital of France?", "expected": "Paris"}
    output: Any = "Parus"
    explanation: str | None = None


class Library(NamedTuple):
    """A library with the packages of its environment, and the user's file of evaluators."""

    name: str
    packages: Sequence[str]
    checks: str
    cells: Sequence[Cell]


TREE = {"input": "q", "expected": {"a": 1, "b": 2}}
LETTERS = {"input": "q", "expected": ["a", "a"]}

AUTOEVALS = Library(
    "autoevals",
    EVALUATORS,
    """
    from autoevals import ExactMatch, Factuality, JSONDiff, Levenshtein, NumericDiff, ValidJSON

    similar = Levenshtein()
    factual = Factuality(model="gpt-4o")

    def two(output, expected):
        return [Levenshtein()(output, expected), ExactMatch()(output, expected)]
    """,
    [
        Cell("similar", "object", {"similar": (None, 0.8)}, "similar(o, expected).score"),
        Cell("Levenshtein", "object", {"Levenshtein": (None, 0.8)}, "Levenshtein()(o, expected).score"),
        Cell("ExactMatch", "object", {"ExactMatch": (None, 0)}, "ExactMatch()(o, expected).score"),
        Cell("JSONDiff", "object", {"JSONDiff": (None, 0.8333)}, "JSONDiff()(o, expected).score",
             row=TREE, output={"a": 1, "b": 1}),
        Cell("NumericDiff", "object", {"NumericDiff": (None, 0.5)}, "NumericDiff()(o, expected).score",
             row={"input": "q", "expected": 3}, output=1),
        Cell("ValidJSON", "object", {"ValidJSON": (None, 0)}, "ValidJSON()(o, expected).score",
             row={"input": "q", "expected": {"required": ["a"]}}, output="{}"),
        Cell("similar.eval_async", "async", {"similar.eval_async": (None, 0.8)}, "similar(o, expected).score"),
        Cell("factual", "object", {"factual": (None, 0.6)}, "factual(o, expected, input=input).score",
             explanation="As scripted."),
        Cell("two", "function", {"Levenshtein": (None, 0.8), "ExactMatch": (None, 0)}, direct=False),
    ],
)  # fmt: skip

ROUGE = Library(
    "rouge-score",
    EVALUATORS,
    """
    from rouge_score.rouge_scorer import RougeScorer

    def rouge(output, expected):
        return RougeScorer(["rougeL"]).score(expected, output)["rougeL"].fmeasure

    def rouges(output, expected):
        found = RougeScorer(["rouge1", "rougeL"]).score(expected, output)
        return {name: one.fmeasure for name, one in found.items()}
    """,
    [
        Cell("rouge", "function", {"rouge": (None, 0.8)},
             "RougeScorer(['rougeL']).score(expected, o)['rougeL'].fmeasure", direct=False,
             row={"input": "q", "expected": "the cat sat"}, output="the cat"),
        Cell("rouges", "function", {"rouge1": (None, 0.8), "rougeL": (None, 0.4)}, direct=False,
             row={"input": "q", "expected": "the cat sat"}, output="cat the"),
    ],
)  # fmt: skip

SACREBLEU = Library(
    "sacrebleu",
    EVALUATORS,
    """
    import sacrebleu

    def bleu(output, expected):
        return sacrebleu.sentence_bleu(output, [expected])

    def chrf(output, expected):
        return sacrebleu.sentence_chrf(output, [expected]).score
    """,
    [
        Cell("bleu", "object", {"bleu": (None, 100.0)},
             "sacrebleu.sentence_bleu(o, [expected]).score", direct=False,
             row={"input": "q", "expected": "the cat sat on the mat"}, output="the cat sat on the mat"),
        Cell("chrf", "function", {"chrf": (None, 32.6667)},
             "sacrebleu.sentence_chrf(o, [expected]).score", direct=False),
    ],
)  # fmt: skip

PHOENIX = Library(
    "phoenix-evals",
    ARIZE,
    """
    from phoenix.evals import LLM, create_classifier, create_evaluator
    from phoenix.evals.metrics import MatchesRegex, PrecisionRecallFScore, exact_match

    letters = PrecisionRecallFScore()
    capital = MatchesRegex(pattern="^[A-Z]")
    tone = create_classifier(
        name="tone", prompt_template="Of {input}: {output}", llm=LLM(provider="openai", model="gpt-4o"),
        choices={"polite": 1, "rude": 0},
    )

    tone_async = create_classifier(
        name="tone", prompt_template="Of {input}: {output}", llm=LLM(provider="openai", model="gpt-4o"),
        choices={"polite": 1, "rude": 0},
    )

    @create_evaluator(name="length", kind="code")
    def length(output, expected):
        return {"score": len(output) / len(expected), "label": "short", "explanation": "by letters"}
    """,
    [
        Cell("exact_match", "object", {"exact_match": (None, 0)},
             "exact_match.evaluate({'output': o, 'expected': expected})[0].score"),
        Cell("letters", "object", {"precision": (None, 0.5), "recall": (None, 0.25), "f1": (None, 1 / 3)},
             "letters.evaluate({'output': o, 'expected': expected})[0].score", row=LETTERS, output=["a", "b"]),
        Cell("capital", "object", {"matches_regex": (None, 1)}, "capital.evaluate({'output': o})[0].score"),
        Cell("tone", "object", {"tone": ("polite", 1)}, "tone.evaluate({'input': input, 'output': o})[0].score",
             explanation="As scripted."),
        Cell("tone_async.async_evaluate", "async", {"tone_async.async_evaluate": ("polite", 1)},
             explanation="As scripted."),
        Cell("length", "object", {"length": ("short", 1)}, explanation="by letters"),
    ],
)  # fmt: skip

OPENEVALS = Library(
    "openevals",
    ("openevals==0.2.2", "langchain-classic==1.0.8", "langchain-openai==1.7.4", "scikit-learn==1.9.1"),
    """
    from openevals.exact import exact_match, exact_match_async
    from openevals.json import create_json_match_evaluator
    from openevals.llm import create_async_llm_as_judge, create_llm_as_judge
    from openevals.string.levenshtein import levenshtein_distance

    fields = create_json_match_evaluator()
    PROMPT = "Of {inputs}: {outputs}, and not {reference_outputs}"
    right = create_llm_as_judge(prompt=PROMPT, model="openai:gpt-4o", feedback_key="right")
    right_async = create_async_llm_as_judge(prompt=PROMPT, model="openai:gpt-4o", feedback_key="right")
    """,
    [
        Cell("exact_match", "function", {"exact_match": (None, 0)},
             "exact_match(outputs=o, reference_outputs=expected)['score']"),
        Cell("exact_match_async", "async", {"exact_match_async": (None, 0)},
             "exact_match(outputs=o, reference_outputs=expected)['score']"),
        Cell("levenshtein_distance", "function", {"levenshtein_distance": (None, 0.8)},
             "levenshtein_distance(outputs=o, reference_outputs=expected)['score']"),
        Cell("fields", "function", {"json_match:a": (None, 1), "json_match:b": (None, 0)}, row=TREE,
             output={"a": 1, "b": 1}),
        Cell("right", "function", {"right": (None, 1)}, explanation="As scripted."),
        Cell("right_async", "async", {"right_async": (None, 1)}, explanation="As scripted."),
    ],
)  # fmt: skip

LANGCHAIN = Library(
    "langchain",
    OPENEVALS.packages,
    """
    from langchain_classic.evaluation import (
        ExactMatchStringEvaluator, JsonEqualityEvaluator, RegexMatchStringEvaluator, load_evaluator,
    )
    from langchain_openai import ChatOpenAI

    exact = ExactMatchStringEvaluator(ignore_case=True)
    same = JsonEqualityEvaluator()
    polite = load_evaluator("criteria", criteria="conciseness", llm=ChatOpenAI(model="gpt-4o"))
    """,
    [
        Cell("exact", "object", {"exact": (None, 1)},
             "exact.evaluate_strings(prediction=o, reference=expected)['score']",
             output="PARIS"),
        Cell("ExactMatchStringEvaluator", "object", {"ExactMatchStringEvaluator": (None, 0)},
             "ExactMatchStringEvaluator().evaluate_strings(prediction=o, reference=expected)['score']"),
        Cell("same", "object", {"same": (None, 1)}, row={"input": "q", "expected": '{"a": 1}'}, output='{"a":1}'),
        Cell("exact.evaluate_strings", "function", {"exact.evaluate_strings": (None, 0)}),
        Cell("exact.aevaluate_strings", "async", {"exact.aevaluate_strings": (None, 0)}),
        Cell("polite", "object", {"polite": ("Y", 1)}, explanation="As scripted."),
    ],
)  # fmt: skip

SCIKIT = Library(
    "scikit-learn",
    OPENEVALS.packages,
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    def tags(output, expected):
        return accuracy_score(expected, output)

    def scores(output, expected):
        names = ("precision", "recall", "f1")
        return dict(zip(names, precision_recall_fscore_support(expected, output, average="macro", zero_division=0)))
    """,
    [
        Cell("tags", "function", {"tags": (None, 0.5)}, "accuracy_score(expected, o)", direct=False, row=LETTERS,
             output=["a", "b"]),
        Cell("scores", "function", {"precision": (None, 0.5), "recall": (None, 0.25), "f1": (None, 1 / 3)},
             direct=False, row=LETTERS, output=["a", "b"]),
    ],
)  # fmt: skip

DEEPEVAL = Library(
    "deepeval",
    ("deepeval==4.3.1",),
    """
    from deepeval.metrics import ExactMatchMetric, GEval
    from deepeval.test_case import LLMTestCase, LLMTestCaseParams

    def exact(input, output, expected):
        metric = ExactMatchMetric()
        metric.measure(LLMTestCase(input=input, actual_output=output, expected_output=expected))
        return metric

    async def exact_async(input, output, expected):
        metric = ExactMatchMetric()
        await metric.a_measure(LLMTestCase(input=input, actual_output=output, expected_output=expected))
        return metric

    def graded(input, output):
        shown = [LLMTestCaseParams.ACTUAL_OUTPUT]
        metric = GEval(name="graded", evaluation_steps=["Look."], evaluation_params=shown, model="gpt-4o")
        metric.measure(LLMTestCase(input=input, actual_output=output), _show_indicator=False)
        return metric
    """,
    [
        Cell("exact", "object", {"exact": ("fail", 0)}, direct=False,
             explanation="The actual and expected outputs are different."),
        Cell("exact_async", "async", {"exact_async": ("fail", 0)}, direct=False,
             explanation="The actual and expected outputs are different."),
        Cell("graded", "object", {"graded": ("pass", 0.8)}, direct=False, explanation="As scripted."),
    ],
)  # fmt: skip

RAGAS = Library(
    "RAGAS",
    ("ragas==0.4.3", "langchain-community<0.4", "rapidfuzz==3.14.6"),
    """
    from ragas import SingleTurnSample
    from ragas.metrics import NonLLMStringSimilarity as Single, discrete_metric
    from ragas.metrics.collections import ExactMatch, NonLLMStringSimilarity

    similar = NonLLMStringSimilarity()

    async def single(output, expected):
        return await Single().single_turn_ascore(SingleTurnSample(response=output, reference=expected))

    @discrete_metric(name="same", allowed_values=["pass", "fail"])
    def decorated(response: str, reference: str):
        return "pass" if response == reference else "fail"

    def same(output, expected):
        return decorated.score(response=output, reference=expected)
    """,
    [
        Cell("ExactMatch", "object", {"exact_match": (None, 0)},
             "ExactMatch().score(response=o, reference=expected).value"),
        Cell("similar", "object", {"non_llm_string_similarity": (None, 0.8)},
             "similar.score(response=o, reference=expected).value"),
        Cell("similar.ascore", "async", {"similar.ascore": (None, 0.8)},
             "similar.score(response=o, reference=expected).value"),
        Cell("single", "async", {"single": (None, 0.8)}, direct=False),
        Cell("same", "function", {"same": ("fail", None)}, direct=False),
    ],
)  # fmt: skip

INSPECT = Library(
    "inspect",
    ("inspect_ai==0.3.285",),
    """
    from inspect_ai.model import ModelName, ModelOutput
    from inspect_ai.scorer import Target, f1, includes, value_to_float
    from inspect_ai.solver import TaskState

    def state(output):
        return TaskState(ModelName("none/none"), 1, 1, "", [], output=ModelOutput.from_content("none", output))

    async def has(output, expected):
        return await includes()(state(output), Target(expected))

    async def words(output, expected):
        return await f1()(state(output), Target(expected))

    async def rate(output, expected):
        return value_to_float()((await includes()(state(output), Target(expected))).value)
    """,
    [
        Cell("has", "async", {"has": ("C", None)}, direct=False, output="It is Paris.", explanation="It is Paris."),
        Cell("words", "async", {"words": (None, 0.5)}, direct=False, output="Paris it is"),
        Cell("rate", "async", {"rate": (None, 1)}, direct=False, output="It is Paris."),
    ],
)  # fmt: skip


def said(prompt: str) -> dict[str, object]:
    """The model's answer to the prompt of any library: as text, or as the fields of a schema."""
    if '"Y" or "N"' in prompt:
        return {"text": "As scripted.\n\nY"}
    if "JSON" in prompt:
        return {"text": '{"score": 8, "reason": "As scripted."}'}
    texts = dict.fromkeys(("reasons", "reasoning", "explanation"), "As scripted.")
    return {"label": "polite", "choice": "B", "score": True, **texts}


LIBRARIES = (AUTOEVALS, ROUGE, SACREBLEU, PHOENIX, OPENEVALS, LANGCHAIN, DEEPEVAL, RAGAS, INSPECT, SCIKIT)

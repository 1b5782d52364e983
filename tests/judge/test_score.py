"""One evaluator on one row, through the scripted model where one is asked."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from tests.scripted_model import ScriptedModel

from assaykit.column_paths import resolve
from assaykit.errors import Invalid
from assaykit.judge import catalogue
from assaykit.judge.columns import as_text
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.score import check, score, variables
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import (
    CustomCodeConfig,
    EvaluatorLlmConfig,
    InvocationParams,
    ManagedCodeConfig,
    ProviderParams,
    TemplateConfig,
)

REFUSALS = Path(__file__).parents[2] / "../shared/data/refusals/completions_gpt4.csv"
LLM = EvaluatorLlmConfig(
    ai_integration_id="i",
    model_name="judge-1",
    invocation_parameters=InvocationParams(),
    provider_parameters=ProviderParams(),
)
CODE = CustomCodeConfig(type="CUSTOM", name="mine", code="class Mine: ...", variables=["output"])
SAME = ManagedCodeConfig(type="MANAGED", name="same", managed_evaluator="EXACT_MATCH", variables=["output", "expected"])


def judge(template: str = "{input} gave {output}", **changes: Any) -> TemplateConfig:
    fields: dict[str, Any] = {
        "name": "right",
        "template": template,
        "include_explanations": True,
        "use_function_calling": True,
        "classification_choices": {"correct": 1.0, "incorrect": 0.25},
        "llm_config": LLM,
    }
    return TemplateConfig(**(fields | changes))


def endpoint(url: str) -> Endpoint:
    return Endpoint("CUSTOM", url, None, "JUDGE_KEY", "judge-1")


VALUES: dict[str, str | None] = {"input": "2+2", "output": "5"}


async def test_the_score_is_that_of_the_label(line: Line) -> None:
    with ScriptedModel(lambda _: "Incorrect") as server:
        result = await score(judge(), VALUES, chat_model(endpoint(server.url), line))
    assert isinstance(result, Verdict)
    assert (result.label, result.score, result.explanation) == ("incorrect", 0.25, "As scripted.")
    assert result.model == "judge-1"


async def test_the_judge_sees_the_values_fenced_anew_for_each_call(line: Line) -> None:
    with ScriptedModel(lambda _: "correct") as server:
        model = chat_model(endpoint(server.url), line)
        for _ in range(2):
            await score(judge(), VALUES, model)
    nonces = [re.findall(r"\[data (\w+) output\]\n5\n\[end \1\]", prompt) for prompt in server.prompts]
    assert [len(found) for found in nonces] == [1, 1]
    assert nonces[0] != nonces[1]


async def test_no_explanation_is_asked_for_or_given_unless_wanted(line: Line) -> None:
    with ScriptedModel(lambda _: {"label": "correct", "explanation": "unasked"}) as server:
        model = chat_model(endpoint(server.url), line)
        result = await score(judge(include_explanations=False), VALUES, model)
    assert isinstance(result, Verdict)
    assert result.explanation is None
    assert "xplain" not in str(server.requests[0].body)


async def test_an_answer_off_the_choices_leaves_the_row_unscored(line: Line) -> None:
    with ScriptedModel(lambda _: "positive") as server:
        result = await score(judge(), VALUES, chat_model(endpoint(server.url), line))
    assert isinstance(result, Unscored)
    assert result.reason == "off_choice"
    assert "'positive'" in result.detail


async def test_a_judge_without_choices_answers_in_free_text(line: Line) -> None:
    with ScriptedModel(lambda _: {"text": "It should be 4."}) as server:
        model = chat_model(endpoint(server.url), line)
        result = await score(judge(classification_choices=None), VALUES, model)
    assert isinstance(result, Verdict)
    assert (result.label, result.score, result.explanation) == ("It should be 4.", None, "It should be 4.")


@pytest.mark.parametrize("values", [{"input": "2+2", "output": None}, {"input": "2+2"}])
async def test_a_missing_value_names_the_variable_and_asks_nobody(line: Line, values: dict[str, str | None]) -> None:
    with ScriptedModel(lambda _: "correct") as server:
        result = await score(judge(), values, chat_model(endpoint(server.url), line))
    assert result == Unscored("no_input", "The row has no value for 'output'.")
    assert server.count == 0


async def test_a_judge_without_a_model_is_unscored() -> None:
    result = await score(judge(), VALUES, None)
    assert isinstance(result, Unscored)
    assert result.reason == "bad_model"


async def test_a_managed_evaluator_needs_no_model() -> None:
    result = await score(SAME, {"output": "a", "expected": "a"}, None)
    assert result == Verdict("match", 1, "Both are 'a'.")
    missing = await score(SAME, {"output": "a", "expected": None}, None)
    assert missing == Unscored("no_input", "The row has no value for 'expected'.")


async def test_custom_code_is_unsupported_as_a_value() -> None:
    result = await score(CODE, {"output": "a"}, None)
    assert isinstance(result, Unscored)
    assert result.reason == "unsupported"


def test_the_variables_are_those_of_the_template_or_the_configuration() -> None:
    assert variables(judge("{output} {{x}} {input} {output}")) == ["output", "input"]
    assert variables(SAME) == ["output", "expected"]
    assert variables(CODE) == ["output"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"template": "no placeholder"}, "no placeholder"),
        ({"template": '{input}: answer "yes" or "no".'}, "['yes', 'no']"),
        ({"classification_choices": {}}, "no choices"),
        ({"classification_choices": {"a": 1, "A ": 0}}, "differ only in letter case"),
        ({"classification_choices": {" ": 1}}, "blank"),
        ({"classification_choices": {"x" * 101: 1}}, "more than 100"),
        ({"classification_choices": {"a": float("nan")}}, "nan"),
    ],
)
def test_a_judge_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(judge(**changes))
    assert said in refused.value.message


def test_what_can_work_is_accepted() -> None:
    check(judge())
    check(judge(classification_choices=None))
    check(SAME)
    check(CODE)


async def test_the_refusal_judge_on_real_answers_agrees_with_people_when_the_model_does(
    line: Line,
) -> None:
    if not REFUSALS.exists():
        pytest.skip("the data of labelled refusals is not here")
    with REFUSALS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["completion"].strip()][:25]
    ready = catalogue.find("refusal")
    assert ready is not None
    config = judge(ready.template, classification_choices=ready.choices)

    def answer(prompt: str) -> str:
        found = next(row for row in rows if row["completion"].strip()[:200] in prompt)
        return "refused" if "refusal" in found["final_label"] else "answered"

    with ScriptedModel(answer) as server:
        model = chat_model(endpoint(server.url), line)
        for row in rows:
            values = {"input": row["id"], "output": as_text(resolve(row, "completion"))}
            result = await score(config, values, model)
            assert isinstance(result, Verdict)
            assert result.score == float("refusal" in row["final_label"])

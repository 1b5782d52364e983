import pytest

from assaykit.judge import catalogue, templates
from assaykit.judge.catalogue import Judge
from assaykit.judge.score import check
from assaykit.wire.evaluators import EvaluatorLlmConfig, InvocationParams, ProviderParams, TemplateConfig

LLM = EvaluatorLlmConfig(
    ai_integration_id="i",
    model_name="m",
    invocation_parameters=InvocationParams(),
    provider_parameters=ProviderParams(),
)
NAMES = "completeness correctness groundedness hallucination refusal relevance tone toxicity"


def test_the_catalogue_holds_eight_judges() -> None:
    assert [judge.name for judge in catalogue.all()] == NAMES.split()


@pytest.mark.parametrize("judge", catalogue.all(), ids=lambda judge: judge.name)
def test_every_judge_can_be_created_as_it_is(judge: Judge) -> None:
    check(
        TemplateConfig(
            name=judge.name,
            template=judge.template,
            include_explanations=True,
            use_function_calling=True,
            classification_choices=judge.choices,
            direction=judge.direction,
            data_granularity=judge.granularity,
            llm_config=LLM,
        )
    )
    assert judge.display_name
    assert judge.description.endswith((".", "?"))
    assert judge.version >= 1
    assert judge.granularity == "SPAN"


@pytest.mark.parametrize("judge", catalogue.all(), ids=lambda judge: judge.name)
def test_every_label_is_defined_once_in_the_template(judge: Judge) -> None:
    assert list(judge.labels) == list(judge.choices)
    for label, definition in judge.labels.items():
        assert judge.template.count(f'- "{label}": {definition}') == 1
        assert "\n" not in definition


@pytest.mark.parametrize("judge", catalogue.all(), ids=lambda judge: judge.name)
def test_every_judge_reads_the_input_and_the_output(judge: Judge) -> None:
    assert {"input", "output"} <= set(judge.variables)
    filled = templates.render(judge.template, dict.fromkeys(judge.variables, "value"), "ab12")
    assert filled.count("[end ab12]\n") == len(judge.variables)


def test_the_bad_label_of_hallucination_scores_one_and_is_to_be_minimised() -> None:
    judge = catalogue.find("Hallucination")
    assert judge is not None
    assert judge.choices == {"hallucinated": 1, "factual": 0}
    assert judge.direction == "MINIMIZE"
    assert judge.variables == ["input", "output"]


def test_groundedness_wants_the_context_too() -> None:
    judge = catalogue.find("groundedness")
    assert judge is not None
    assert set(judge.variables) == {"input", "context", "output"}


def test_an_unknown_judge_is_none() -> None:
    assert catalogue.find("wisdom") is None

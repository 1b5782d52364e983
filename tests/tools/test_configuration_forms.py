"""Run configurations as users write them, and the same in the form of the contract."""

from typing import Any

import pytest

from assaykit.errors import Invalid
from assaykit.tools.tasks.configuration_forms import in_contract

JUDGED = {"classification_choices": {"yes": 1, "no": 0}}
AS_PROMPT, AS_CONTRACT = "so it is a prompt", "as the contract writes them"


def user(content: str) -> list[dict[str, str]]:
    return [{"role": "USER", "content": content}]


def prompt(content: str, written: str) -> dict[str, Any]:
    return {"experiment_type": "LLM_GENERATION", "messages": user(content), "input_variable_format": written}


@pytest.mark.parametrize(
    ("given", "wanted", "said"),
    [
        ({"template": "Q: {q}"}, prompt("Q: {q}", "F_STRING"), AS_PROMPT),
        ({"template": "Q: {{q}}"}, prompt("Q: {{q}}", "MUSTACHE"), AS_PROMPT),
        ({"template": 'Q: {{q}} {"a": 1}'}, prompt('Q: {{q}} {"a": 1}', "MUSTACHE"), AS_PROMPT),
        ({"template": "{q} {r}", "column_mapping": {"q": "a.b"}}, prompt("{a.b} {r}", "F_STRING"), AS_PROMPT),
        ({"template": "Q: {q}", "input_variable_format": "NONE"}, prompt("Q: {q}", "NONE"), AS_PROMPT),
        (
            {"template": "Q: {q} {a}", **JUDGED},
            {"experiment_type": "TEMPLATE_EVALUATION", "template": "Q: {{q}} {{a}}", **JUDGED},
            AS_CONTRACT,
        ),
        (
            {"template": "Q: {{q}} {a}", **JUDGED},
            {"experiment_type": "TEMPLATE_EVALUATION", "template": "Q: {{q}} {a}", **JUDGED},
            None,
        ),
        (
            {"template": "{q}", "provide_explanation": True},
            {"experiment_type": "TEMPLATE_EVALUATION", "template": "{{q}}", "provide_explanation": True},
            AS_CONTRACT,
        ),
        (
            {"template": "{{q}}", "experiment_type": "template_evaluation"},
            {"template": "{{q}}", "experiment_type": "template_evaluation"},
            None,
        ),
        ({"messages": user("{{q}}")}, prompt("{{q}}", "MUSTACHE"), "so input_variable_format is MUSTACHE"),
        ({"messages": user("{q}")}, {"experiment_type": "LLM_GENERATION", "messages": user("{q}")}, None),
        ({"messages": "no list"}, {"experiment_type": "LLM_GENERATION", "messages": "no list"}, None),
        ({"prompt": "geo"}, {"experiment_type": "LLM_GENERATION", "prompt": "geo"}, None),
        ({"input_template": {"q": "{q}"}}, {"experiment_type": "AGENT_CALL", "input_template": {"q": "{q}"}}, None),
    ],
)
def test_a_configuration_takes_the_form_of_the_contract(
    given: dict[str, Any], wanted: dict[str, Any], said: str | None
) -> None:
    before = dict(given)
    told, notes = in_contract(given)
    assert (told, given) == (wanted, before)
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


def test_a_mapping_that_names_no_variable_is_refused() -> None:
    with pytest.raises(Invalid, match="column_mapping names 'x', which the template does not have"):
        in_contract({"template": "{q}", "column_mapping": {"x": "question"}})

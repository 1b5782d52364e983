"""Variables without a value, and the columns with a name near theirs."""

from assaykit.judge.missing_values import near, unread
from assaykit.wire.evaluators import ManagedCodeConfig

ROWS = [
    {"name": "a", "attributes.input.value": "q", "attributes.output.value": "x", "attributes.output.mime_type": ""},
    {"name": "b", "attributes.input.value": "q", "attributes.output.value": None, "attributes.answer_text": "y"},
]


def config(*variables: str) -> ManagedCodeConfig:
    return ManagedCodeConfig.model_validate(
        {"type": "managed", "name": "one", "managed_evaluator": "JSON_PARSEABLE", "variables": list(variables)}
    )


def test_a_variable_that_some_row_has_is_not_unread() -> None:
    assert unread(config("output"), {}, ROWS) is None
    assert unread(config("answer"), {"answer": "attributes.answer_text"}, ROWS) is None
    assert unread(config("output"), {"output": "nowhere"}, []) is None


def test_the_first_variable_without_a_value_is_named_with_near_columns_that_rows_have() -> None:
    found = unread(config("input", "output"), {"output": "attributes.output.text"}, ROWS)
    assert found is not None
    assert (found.variable, found.column) == ("output", "attributes.output.text")
    assert found.near[0] == "attributes.output.value"
    assert "attributes.output.mime_type" not in found.near


def test_a_name_like_no_column_has_nothing_near() -> None:
    assert near("zzzz", ROWS) == []
    assert near("answer", ROWS)[0] == "attributes.answer_text"


def test_what_was_asked_is_not_near_what_was_answered() -> None:
    asked = [{"attributes.input.value": "q", "attributes.input.mime_type": "text/plain", "name": "a"}]
    assert near("attributes.output.value", asked) == []
    assert near("output", asked) == []
    assert near("attributes.input.text", asked)[0] == "attributes.input.value"

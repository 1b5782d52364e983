import pytest

from assaykit.judge.providers.models import ModelReply
from assaykit.judge.replies import parse, request, schema
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.spans import EXPLANATION_LIMIT

CHOICES = {"Correct": 1.0, "incorrect": 0.0}


def test_the_schema_puts_the_explanation_before_an_enum_of_the_labels() -> None:
    asked = schema(CHOICES, explain=True)
    assert list(asked["properties"]) == ["explanation", "label"]
    assert asked["properties"]["label"]["enum"] == ["Correct", "incorrect"]
    assert asked["required"] == ["explanation", "label"]
    assert asked["additionalProperties"] is False


def test_without_explanations_only_the_label_is_asked_for() -> None:
    asked = schema(CHOICES, explain=False)
    assert list(asked["properties"]) == ["label"]
    assert "xplain" not in request(asked, as_text=True) + request(asked, as_text=False)


def test_plain_text_is_told_where_the_label_goes_and_which_there_are() -> None:
    words = request(schema(CHOICES, explain=True), as_text=True)
    assert "last line" in words
    assert '"Correct", "incorrect"' in words


@pytest.mark.parametrize(
    "text",
    [
        '{"explanation": "So.", "label": "Correct"}',
        '```json\n{"explanation": "So.", "label": "CORRECT"}\n```',
        'Here it is:\n```\n{"explanation": "So.", "label": " correct "}\n```\nBye.',
        "So.\ncorrect",
        "So.\n\n**Correct**\n",
        'So.\n"correct."',
    ],
)
def test_a_reply_that_names_one_choice_is_a_verdict(text: str) -> None:
    verdict = parse(ModelReply(text, None, 10, 5, "m"), CHOICES, explain=True)
    assert isinstance(verdict, Verdict)
    assert (verdict.label, verdict.score) == ("Correct", 1.0)
    assert verdict.explanation is not None
    assert verdict.explanation.strip() == "So."
    assert (verdict.prompt_tokens, verdict.completion_tokens, verdict.model) == (10, 5, "m")


@pytest.mark.parametrize(
    "text",
    [
        "not correct",
        "correct or incorrect",
        "correct\nbecause it is",
        '{"label": "corect"}',
        '{"label": ["correct"]}',
        '{"label": true}',
        '{"label": ""}',
        "Label: correct",
    ],
)
def test_a_reply_that_is_no_choice_is_never_bent_into_one(text: str) -> None:
    result = parse(ModelReply(text, None, 10, 5, "m"), CHOICES, explain=True)
    assert isinstance(result, Unscored)
    assert result.reason == "off_choice"
    assert "['Correct', 'incorrect']" in result.detail
    assert result.completion_tokens == 5


@pytest.mark.parametrize("text", ["", "  \n", '{"explanation": "So."}', "```json\n{}\n```"])
def test_a_reply_without_a_label_is_a_bad_reply(text: str) -> None:
    result = parse(ModelReply(text), CHOICES, explain=True)
    assert isinstance(result, Unscored)
    assert result.reason == "bad_reply"


def test_the_fields_of_a_tool_call_go_before_the_text() -> None:
    reply = ModelReply("incorrect", {"label": "correct", "explanation": "So."})
    assert parse(reply, CHOICES, explain=True) == Verdict("Correct", 1.0, "So.")


def test_a_label_that_two_choices_share_needs_the_exact_case() -> None:
    choices = {"A": 1.0, "a": 0.0}
    assert parse(ModelReply("a"), choices, explain=False) == Verdict("a", 0.0, None)
    assert parse(ModelReply("A"), choices, explain=False) == Verdict("A", 1.0, None)


def test_explanations_are_left_out_unless_wanted_and_clipped_at_the_limit() -> None:
    reply = ModelReply("x" * 20_000 + "\ncorrect")
    assert parse(reply, CHOICES, explain=False) == Verdict("Correct", 1.0, None)
    long = parse(reply, CHOICES, explain=True)
    assert isinstance(long, Verdict)
    assert long.explanation == "x" * EXPLANATION_LIMIT


def test_without_choices_the_text_is_the_result_and_there_is_no_score() -> None:
    verdict = parse(ModelReply("A fine answer,\n" + "y" * 200), None, explain=False)
    assert isinstance(verdict, Verdict)
    assert verdict.score is None
    assert len(verdict.label) == 100
    assert verdict.label.startswith("A fine answer, yy")
    assert verdict.explanation == "A fine answer,\n" + "y" * 200


def test_an_empty_free_text_is_a_bad_reply() -> None:
    result = parse(ModelReply(" "), None, explain=True)
    assert isinstance(result, Unscored)
    assert result.reason == "bad_reply"

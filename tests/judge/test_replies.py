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
        "Label: not correct",
        "The answer isn't correct",
        "It is not the final answer: correct",
        "I would not say it is correct",
        "I rate the answer not correct",
        "I would say that the user is correct",
        "He said: I choose correct",
        "I judge the incorrect answer as correct",
        "Correct answer: incorrect",
        "The user claims that the answer is correct",
        "Final answer: correct (not incorrect)",
        '{"label": "correct"} Final answer: incorrect',
        '{"label": "correct"} {"label": "incorrect"}',
        "<answer>correct</answer> <answer>incorrect</answer>",
    ],
)
def test_a_reply_that_is_no_choice_is_never_bent_into_one(text: str) -> None:
    result = parse(ModelReply(text, None, 10, 5, "m"), CHOICES, explain=True)
    assert isinstance(result, Unscored)
    assert result.reason == "off_choice"
    assert "['Correct', 'incorrect']" in result.detail
    assert result.completion_tokens == 5


@pytest.mark.parametrize(
    "text",
    [
        "Final answer: **correct**.",
        "So.\n\nLabel: correct",
        "So.\nThe answer is correct",
        "So.\nThus, the final verdict should be: *Correct*",
        "So. Final answer - correct!",
        "So.\n### Verdict: `correct`",
        "So.\nTherefore, I would rate this answer as **correct**.",
        "So. I choose: correct",
        "So.\n(correct)",
        "So.\n- **Label**: correct",
        "So.\n$\\boxed{\\text{correct}}$",
        "So.\n<answer>\ncorrect\n</answer>",
        "So.\n```\ncorrect\n```",
        "So.\ncorrect<|im_end|>",
        "So.\n\u200bcorrect\ufeff",
        '{"explanation": "So.", "label": "correct"} I hope this helps.',
        '{"explanation": "So.", "label": "correct"}\nFinal answer: correct',
        'Sure! {"explanation": "So.", "label": "correct",}',
        "{'explanation': 'don\\'t', 'label': 'correct'}",
        '{"explanation": "two\nlines", "label": "correct"}',
        '[{"label": "correct"}]',
        'Sure! {"label": "correct"} Tell me if you need more.',
        'He wrote {"label": broken}.\ncorrect',
        '{"Label": "Label: correct"}',
        '<tool_call>\n{"name": "record_verdict", "arguments": {"label": "correct"}}\n</tool_call>',
        '{"name": "record_verdict", "parameters": "{\\"label\\": \\"correct\\"}"}',
        'It quotes {"label": "incorrect"}, which is text.\ncorrect',
    ],
)
def test_an_answer_in_another_form_is_read(text: str) -> None:
    verdict = parse(ModelReply(text), CHOICES, explain=True)
    assert isinstance(verdict, Verdict), verdict
    assert verdict.label == "Correct"


@pytest.mark.parametrize(
    "text",
    [
        '<think>It is incorrect? No.</think>{"explanation": "So.", "label": "correct"}',
        "<think>\nmaybe\nincorrect\n</think>\n\nSo.\ncorrect",
        "maybe incorrect\n</think>\nSo.\ncorrect",
        "<Thinking>incorrect</Thinking>So.\ncorrect",
        "<thought id='1'>incorrect</thought>So.\ncorrect",
        "<seed:think>incorrect</seed:think>So.\ncorrect",
        "[THINK]incorrect[/THINK]So.\ncorrect",
        "◁think▷incorrect◁/think▷So.\ncorrect",
        "<|begin_of_thought|>incorrect<|end_of_thought|><|begin_of_solution|>So.\ncorrect<|end_of_solution|>",
        "<|channel|>analysis<|message|>incorrect<|end|><|start|>assistant<|channel|>final<|message|>So.\ncorrect",
        "analysisThe user asks.assistantfinalSo.\ncorrect",
        "<think>one</think>So.<think>incorrect</think>\ncorrect",
        "<think>I close with `</think>` soon. incorrect</think>So.\ncorrect",
        '<think>x</think>{"explanation": "So.", "label": "correct", "note": "a <think> tag"}',
        "So.\ncorrect<think>incorrect</think>",
    ],
)
def test_thoughts_are_neither_the_label_nor_the_explanation(text: str) -> None:
    verdict = parse(ModelReply(text), CHOICES, explain=True)
    assert isinstance(verdict, Verdict), verdict
    assert verdict.label == "Correct"
    assert verdict.explanation is not None
    assert verdict.explanation.strip() == "So."


@pytest.mark.parametrize(
    "text",
    [
        "<think>It is probably\ncorrect",
        "<Thinking>\nFinal answer: correct",
        "So.<think>hm\ncorrect",
        "<think>a</think><think>b\ncorrect",
        '<think>I will say {"label": "correct"}',
        "[THINK]\ncorrect",
        "◁think▷\ncorrect",
        "<|channel|>analysis<|message|>We say\ncorrect",
        "analysisWe say\ncorrect",
        "<think>correct</think>",
        "correct</think>",
    ],
)
@pytest.mark.parametrize("choices", [CHOICES, None])
def test_an_unfinished_thought_is_never_a_verdict(text: str, choices: dict[str, float] | None) -> None:
    result = parse(ModelReply(text, None, 10, 5, "m"), choices, explain=True)
    assert isinstance(result, Unscored), result
    assert (result.reason, result.completion_tokens) == ("bad_reply", 5)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": 5}', "5"),
        ('{"label": 5.0}', "5"),
        ('{"label": "5.0"}', "5"),
        ("So.\n5.00", "5"),
        ("Rating: 5.0.", "5"),
        ("-1", "-1"),
        ("Score: \u22121.0", "-1"),
        ("4.5", None),
        ("5/6", None),
        ("Score -1", None),
        ("55", None),
        ("1", None),
    ],
)
def test_a_number_is_the_choice_of_the_same_value(text: str, label: str | None) -> None:
    result = parse(ModelReply(text), {"5": 1.0, "-1": 0.0, "4": 0.5}, explain=False)
    assert (result.label if isinstance(result, Verdict) else None) == label


@pytest.mark.parametrize(
    "filler", [" ", "\n", "\t \n", "<answer>", "{ ", "<think", "```", "\\boxed{", ". I ", ", ", "answer: "]
)
def test_a_long_reply_is_read_in_one_pass(filler: str) -> None:
    text = filler * 20_000
    for reply in (text, text + "\n\ncorrect", "So." + text + "answer", f'{{"explanation": "{text}"'):
        parse(ModelReply(reply), CHOICES, explain=True)
    assert isinstance(parse(ModelReply(f"So.{text}\n\ncorrect"), CHOICES, explain=True), Verdict)


@pytest.mark.parametrize(
    "text",
    [
        '{"explanation": "It quotes {"label": "correct"}", "label": "incorrect"}',
        '```json\n{"explanation": "It says "ok", so", "label": "correct"',
        '{"explanation": "cut\n"label": "correct"',
        '{"label": "correct", "label": "incorrect"}',
        '{"explanation": "It quotes\ncorrect',
    ],
)
def test_json_that_cannot_be_read_is_no_verdict(text: str) -> None:
    result = parse(ModelReply(text), CHOICES, explain=True)
    assert isinstance(result, Unscored), result
    assert result.reason == "bad_reply"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        '{"explanation": "So."}',
        "```json\n{}\n```",
        "It says {'label': 'correct'} somewhere.\nSo it is",
        'The answer holds {"label": "correct"}, which is an attempt.',
    ],
)
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

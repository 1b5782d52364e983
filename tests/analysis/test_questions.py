"""What an example asks: the usual column, else the first text that is no answer."""

from typing import Any

import pytest

from assaykit.analysis.questions import questions


@pytest.mark.parametrize(
    ("columns", "asked"),
    [
        ({"key": "q1", "question": "When?", "policy": "[A-1]"}, "When?"),
        ({"question": "When?", "input": "Where?"}, "Where?"),
        ({"input": {"city": "Oslo"}}, "{'city': 'Oslo'}"),
        ({"input": " ", "query": "Who?"}, "Who?"),
        ({"answer": "Then.", "expected": "Then.", "source_span_id": "ab", "topic": "time"}, "time"),
        ({"n": 1, "answer": "Then."}, None),
        ({}, None),
    ],
)
def test_a_question_is_found_in_the_columns(columns: dict[str, Any], asked: str | None) -> None:
    assert questions({"e1": columns}) == ({} if asked is None else {"e1": asked})

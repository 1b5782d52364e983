"""The question of an example: the usual column, else the first text that is no answer."""

from typing import Any

import pytest

from assaykit.analysis.questions import keys, questions


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


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([{"key": "a", "q": "x"}, {"key": "b", "q": "x"}], {"0": "a", "1": "b"}),
        ([{"ticket_id": 7}, {"ticket_id": 8}], {"0": "7", "1": "8"}),
        ([{"other_id": 1, "Key": "a"}, {"other_id": 2, "Key": "b"}], {"0": "a", "1": "b"}),
        ([{"key": "a"}, {"key": "a"}], {}),
        ([{"key": "a"}, {"key": ""}], {}),
        ([{"question": "a"}, {"question": "b"}], {}),
        ([{"source_example_id": "a"}, {"source_example_id": "b"}], {}),
        ([], {}),
    ],
)
def test_the_users_own_key_is_a_column_that_tells_all_examples_apart(
    columns: list[dict[str, object]], found: dict[str, str]
) -> None:
    assert keys({str(place): one for place, one in enumerate(columns)}) == found

"""Recorded spans of real instrumentations, sent again over HTTP: a cell for each client and aspect."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import NOW, Body, Door, HandClock, opened
from tests.engine.test_conventions import pairs

RECORDINGS = Path(__file__).parent / "recordings"
QUESTION, ANSWER, ASKED = "What is it?", "It is a cat.", "Weather?"
BRIEF = f"system: Be brief\nuser: {QUESTION}"
CALL = '{"type": "tool_call", "name": "weather", "id": "c1", "arguments": {"city": "Paris"}}'

Row = tuple[str, str | None, str | None, int | None]
"""Kind, the beginning of the input, the beginning of the output, and the tokens of a span."""

PYDANTIC: list[Row] = [
    ("AGENT", QUESTION, ANSWER, None),
    ("LLM", BRIEF, '{"type": "tool_call"', 16),
    ("TOOL", '{"city":"Paris"}', "Rain in Paris", None),
    ("LLM", BRIEF, ANSWER, 16),
]
EXPECTED: dict[str, list[Row]] = {
    "pydantic-v2": PYDANTIC,
    "pydantic-v5": PYDANTIC,
    "litellm": [("LLM", QUESTION, ANSWER, 16), ("LLM", ASKED, '{"type": "tool_call", "name": "weather"', 16)],
    "openllmetry-openai": [("LLM", BRIEF, ANSWER, 16), ("LLM", ASKED, '{"type": "tool_call", "name": "weather"', 16)],
    "openinference-openai": [
        ("LLM", '{"model":', '{"id":', 16),
        ("LLM", '{"model":', '{"id":', 16),
        ("EMBEDDING", '{"model":', '{"data":', 3),
    ],
    "openinference-anthropic": [("LLM", '{"model":', '{"id":', 9), ("UNKNOWN", None, None, None)],
    "vercel": [
        ("AGENT", BRIEF, ANSWER, None),
        ("CHAIN", None, None, None),
        ("LLM", BRIEF, ANSWER, 16),
        ("AGENT", ASKED, ANSWER, None),
        ("LLM", ASKED, '{"type": "tool_call", "id": "c1", "name": "weather"', 16),
        ("CHAIN", None, None, None),
        ("TOOL", '{"city":"Paris"}', "Rain in Paris", None),
        ("LLM", f"user: {ASKED}\nassistant: ", ANSWER, 16),
        ("CHAIN", None, None, None),
    ],
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with opened(tmp_path, clock=HandClock()) as found:
        yield found


def recorded(name: str) -> list[Body]:
    """The spans of a recording as an exporter sends them, oldest first."""
    told = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    assert told["packages"], "a recording names its versions"
    return [
        {
            "traceId": one["trace"],
            "spanId": one["id"],
            "name": one["name"],
            "startTimeUnixNano": str(NOW + int(one["start_ms"] * 1e6)),
            "endTimeUnixNano": str(NOW + int(one["end_ms"] * 1e6)),
            "attributes": pairs({key: value for key, value in one["attributes"].items() if value is not None}),
            "events": [{"name": event["name"], "attributes": pairs(event["attributes"])} for event in one["events"]],
        }
        | ({"parentSpanId": one["parent"]} if one["parent"] else {})
        for one in told["spans"]
    ]


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_recording_gives_kind_input_output_and_tokens(door: Door, name: str) -> None:
    spans = recorded(name)
    project = await door.send(*spans)
    rows = {row["context"]["span_id"]: row for row in await door.spans(project, end_time="2026-01-02T00:00:00Z")}
    found = [rows[span["spanId"]] for span in spans]
    assert len(found) == len(EXPECTED[name])
    for row, (kind, asked, said, tokens) in zip(found, EXPECTED[name], strict=True):
        told: dict[str, Any] = row["attributes"]
        shown = (row["kind"], told.get("input.value"), told.get("output.value"), told.get("llm.token_count.total"))
        expected = (kind, asked, said, tokens)
        assert [_begins(one, wanted) for one, wanted in zip(shown, expected, strict=True)] == [True] * 4, shown
        assert tokens is None or told.get("llm.model_name"), "a span with tokens has its model"


def _begins(one: Any, wanted: Any) -> bool:
    return str(one).startswith(wanted) if isinstance(wanted, str) else one == wanted


async def test_a_call_with_two_spans_is_one_row_and_says_so(door: Door) -> None:
    spans = recorded("openinference-anthropic")
    project = await door.send(*spans)
    rows = await door.spans(project, end_time="2026-01-02T00:00:00Z", filter="span_kind = 'LLM'")
    assert [row["context"]["span_id"] for row in rows] == [spans[0]["spanId"]]
    (twin,) = await door.spans(project, end_time="2026-01-02T00:00:00Z", filter="span_kind = 'UNKNOWN'")
    assert twin["attributes"]["assaykit.same_call_as"] == spans[0]["spanId"]
    assert twin["attributes"]["gen_ai.usage.input_tokens"] == 5

"""Outer spaces tell values apart: ids of sessions, names of projects and models, metadata, and literals of filters."""

import json
from itertools import product
from pathlib import Path
from typing import Any

from tests.caller import Caller
from tests.traces import send, span

from assaykit.column_paths import reader_of
from assaykit.filters.fields import span_tree
from assaykit.filters.memory import matches
from assaykit.judge.columns import span_row
from assaykit.settings import Settings
from assaykit.wire.spans import Span, SpanContext

TEXTS = ("s1", " s1", "s1 ", "S1", "\ts1")
KEYS = ("session.id", "llm.model_name", "metadata.tier", "user.id", " padded key ")


async def test_a_filter_takes_the_value_that_it_names_and_no_other(ax: Caller, settings: Settings) -> None:
    facts: list[dict[str, Any]] = [dict.fromkeys(KEYS, text) for text in TEXTS]
    await send(settings.home, [span(f"n{n}", "x", **fact) for n, fact in enumerate(facts)])
    context = SpanContext(trace_id="0" * 32, span_id="0" * 16)
    rows = [span_row(Span(context=context, attributes=fact)) for fact in facts]
    for key, (number, text) in product(KEYS, enumerate(TEXTS)):
        more = (f"IN ('{text}', 'other')", f"BETWEEN '{text}' AND '{text}'") if key == KEYS[0] else ()
        for condition in (f"= '{text}'", *more):
            written = f'"attributes.{key}" {condition}'
            found = await ax.ask("search_spans", project="bot", filter=written)
            assert [one["name"] for one in found["spans"]] == [f"n{number}"], written
            tree = span_tree(written)
            assert [matches(tree, reader_of(row)) for row in rows] == [other == text for other in TEXTS], written


async def test_a_project_whose_name_has_outer_spaces_is_another_project(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", "x")], project="bot")
    await send(settings.home, [span("two", "x")], project=" bot")
    assert sorted(one["name"] for one in (await ax.ask("list_projects"))["projects"]) == [" bot", "bot"]
    for name, expected in (("bot", "one"), (" bot", "two")):
        found = await ax.ask("search_spans", project=name)
        assert [one["name"] for one in found["spans"]] == [expected]


async def test_files_of_verdicts_and_labels_name_a_session_exactly(ax: Caller, settings: Settings, files: Path) -> None:
    await send(settings.home, [span("one", "x", session__id="s1"), span("two", "x", session__id=" s1 ")])
    row = {"session.id": " s1 ", "session_eval.tone.label": "kind"}
    (files / "verdicts.jsonl").write_text(json.dumps(row), encoding="utf-8")
    await ax.ask("log_evaluations", project="bot", file="verdicts.jsonl")
    found = await ax.ask("search_spans", project="bot", filter="session_eval.tone.label = 'kind'")
    assert [one["name"] for one in found["spans"]] == ["two"]

"""Datasets made of spans: which ones, their columns, what people said of them, and why there are none."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import id_of, send, span

from assaykit.settings import Settings


async def examples(ax: Caller, dataset: str) -> list[dict[str, Any]]:
    """The examples in order, without their ids."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await ax.ask("get_dataset", dataset=dataset, limit=500, cursor=cursor)
        found += [{key: value for key, value in one.items() if key != "id"} for one in page["examples"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_each_span_that_matches_is_an_example_with_what_people_said_of_it(
    ax: Caller, settings: Settings, bot: None
) -> None:
    await ax.ask(
        "annotate", name="right", targets=[id_of("a1")], label="yes", choices={"yes": 1, "no": 0}, text="Fine."
    )
    await ax.ask("annotate", name="worth", targets=[id_of("a2")], score=0.25, score_range=[0, 1])
    await ax.ask("annotate", name="right", targets=[id_of("a2")], label="no")
    made = await ax.ask("create_dataset", name="answered", filter="status_code = 'OK' AND output.value IS NOT NULL")
    assert made["source"] == {"project": "bot", "spans": 2}
    assert made["examples"] == 2
    newest, oldest = await examples(ax, "answered")
    assert {key: newest[key] for key in ("input", "output", "annotation.right.label", "annotation.worth.score")} == {
        "input": "Where is it?",
        "output": "I do not know.",
        "annotation.right.label": "no",
        "annotation.worth.score": 0.25,
    }
    assert oldest.pop("start_time").endswith("Z")
    assert len(oldest.pop("source_trace_id")) == 32
    oldest = {
        key: one for key, one in oldest.items() if not key.startswith(("attributes.resource.", "attributes.scope."))
    }
    assert oldest == {
        "input": "Can I return it?",
        "output": "Within 30 days [RET-1].",
        "annotation.right.label": "yes",
        "annotation.right.score": 1.0,
        "annotation.right.text": "Fine.",
        "name": "a1",
        "span_kind": "LLM",
        "status_code": "OK",
        "latency_ms": 100.0,
        "attributes.openinference.span.kind": "LLM",
        "source_span_id": id_of("a1"),
    }


async def test_the_answer_says_how_many_spans_there_were_of_what_time(ax: Caller, bot: None) -> None:
    text = await ax.read("create_dataset", name="all", project="bot")
    assert text.startswith("Created dataset 'all' (")
    assert "with 4 example(s) of 4 span(s) of 'bot' from 20" in text
    assert "UTC; columns: 'input', 'name', " in text


async def test_a_window_chooses_spans_alone_and_the_last_week_is_meant_without(
    ax: Caller, settings: Settings, bot: None, last: Callable[[int], str]
) -> None:
    await send(settings.home, [span("old", "x", minutes_ago=60 * 24 * 10)])
    assert (await ax.ask("create_dataset", name="week", project="bot"))["examples"] == 4
    assert (await ax.ask("create_dataset", name="ever", window="everything"))["examples"] == 5
    assert (await ax.ask("create_dataset", name="hour", window=last(25)))["examples"] == 2


async def test_verdicts_of_judges_are_no_columns_of_the_examples(ax: Caller, settings: Settings, bot: None) -> None:
    """A column eval.<name>.label would pass for a verdict on what a run came to."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    run = await ax.ask("trigger_backfill", evaluators=["cites"])
    await ax.ask("wait_for_run", run=run["run"]["id"])
    made = await ax.ask("create_dataset", name="cited", filter="eval.cites.score = 1")
    assert made["examples"] == 2
    assert not [column for column in made["columns"] if "eval." in column]


async def test_a_renamed_column_carries_the_verdicts_of_a_judge(ax: Caller, bot: None) -> None:
    rows = [{"span_id": id_of("a1"), "eval.tone.label": "kind"}, {"span_id": id_of("a2"), "eval.tone.label": "rude"}]
    await ax.ask("log_evaluations", rows=rows, project="bot")
    renames = {"eval.tone.label": "judged", "input": "question"}
    await ax.ask("create_dataset", name="judged", filter="eval.tone.label IS NOT NULL", columns=renames)
    found = {one["question"]: one["judged"] for one in await examples(ax, "judged")}
    assert found == {"Can I return it?": "kind", "Where is it?": "rude"}
    again = {"judged": "said"}
    await ax.ask("create_dataset", name="copy", dataset="judged", filter="judged = 'rude'", columns=again)
    assert [one["said"] for one in await examples(ax, "copy")] == ["rude"]
    refusal = await ax.refused("create_dataset", name="x", project="bot", columns={"eval.tone.label": "eval.t.label"})
    assert "would be taken for a verdict" in refusal["message"]
    refusal = await ax.refused("create_dataset", name="x", project="bot", columns={"eval.tune.label": "judged"})
    assert "No row has a column 'eval.tune.label'" in refusal["message"]


async def test_every_page_is_copied(ax: Caller, settings: Settings) -> None:
    spans = [span(f"s{n}", f"out {n}", minutes_ago=10 + n / 100) for n in range(1203)]
    await send(settings.home, spans)
    made = await ax.ask("create_dataset", name="many", filter="output.value CONTAINS 'out'")
    assert (made["examples"], made["source"]["spans"]) == (1203, 1203)
    assert [one["output"] for one in await examples(ax, "many")] == [f"out {n}" for n in range(1203)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"filter": "status_code = 'OK' AND span_kind = 'TOOL'"},
            " matches \"status_code = 'OK' AND span_kind = 'TOOL'\". \"span_kind = 'TOOL'\" matches none by itself.",
        ),
        (
            {"filter": "attributes.input.valu = 'x'"},
            "No span there has 'attributes.input.valu'; near it: attributes.input.value",
        ),
        (
            {"window": "2020-01-01..2020-01-02"},
            "No span of 'bot' started from 2020-01-01 00:00 to 2020-01-02 23:59 UTC.",
        ),
        ({"filter": "status_code ="}, "status_code ="),
        ({"project": "shop"}, "No project is named 'shop'."),
        ({"project": "bot", "dataset": "x"}, "exactly one of file, rows, dataset, and the spans of a project."),
        ({"filter": "span_kind = 'LLM'", "rows": [{"a": 1}]}, "exactly one of file, rows, dataset"),
        ({"window": "last week", "file": "a.csv"}, "exactly one of file, rows, dataset"),
    ],
)
async def test_where_no_span_matches_the_first_cause_is_told_and_nothing_is_made(
    kept: Caller, arguments: dict[str, Any], said: str
) -> None:
    refusal = await kept.refused("create_dataset", name="none", **arguments)
    assert said in refusal["message"], refusal
    assert (await kept.ask("list_datasets"))["datasets"] == []

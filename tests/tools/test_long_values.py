"""Long and cut values: a judge sees their beginning and end and says so, and code never runs on a part of a value."""

import json
from dataclasses import replace
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import Span, send, span

from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("Arize AX cuts values by rules of its own")

OLD_CUT = "a" * 65_536 + "…[cut: 70033 bytes]"
"""A value as versions before schema 0020 stored it."""

LONG_JSON = json.dumps({"verdict": "fine", "text": "b" * 70_000, "last": "keyword"})


def fixed(label: str, prompts: list[str]) -> Any:
    def answer(prompt: str) -> dict[str, Any]:
        prompts.append(prompt)
        return {"label": label, "explanation": "As scripted."}

    return answer


async def code(ax: Caller, kind: str, **how: Any) -> dict[str, Any]:
    """The row of one run of a code evaluator over every span."""
    await ax.ask("create_judge", name=f"c {kind}", code=kind, **how)
    return await ax.ask("trigger_backfill", evaluators=[f"c {kind}"], project="bot", wait=30)


@pytest.mark.parametrize(
    ("kind", "how", "label"),
    [
        ("JSON_PARSEABLE", {}, "parseable"),
        ("CONTAINS_ANY_KEYWORD", {"keywords": ["keyword"]}, "contains"),
        ("CONTAINS_ALL_KEYWORDS", {"keywords": ["verdict", "keyword"]}, "contains"),
        ("MATCHES_REGEX", {"pattern": '"keyword"}$'}, "matches"),
    ],
)
async def test_code_runs_on_whole_values(
    ax: Caller, settings: Settings, kind: str, how: dict[str, Any], label: str
) -> None:
    await send(settings.home, [span("one", LONG_JSON)])
    found = await code(ax, kind, **how)
    assert found["labels"] == {f"c {kind}": {label: 1}}


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("JSON_PARSEABLE", {}),
        ("CONTAINS_ANY_KEYWORD", {"keywords": ["keyword"]}),
        ("CONTAINS_ALL_KEYWORDS", {"keywords": ["a", "keyword"]}),
    ],
)
@pytest.mark.parametrize("value", [OLD_CUT, "x" * (4 * 1024 * 1024 + 1)], ids=["64 KiB of before", "over 4 MiB"])
async def test_code_does_not_run_on_cut_values(
    ax: Caller, settings: Settings, kind: str, how: dict[str, Any], value: str
) -> None:
    await send(settings.home, [span("one", value)])
    found = await code(ax, kind, **how)
    assert found["labels"] == {}
    assert [(one["code"], one["rows"]) for one in found["errors"]] == [("too_long", 1)]
    assert "1 of 1 rows read have a value of which only a part was kept" in await ax.read(
        "preview_backfill", evaluators=[f"c {kind}"], project="bot"
    )


async def test_a_path_into_cut_json_is_too_long_and_not_missing(ax: Caller, settings: Settings) -> None:
    cut = (LONG_JSON[:65_536]) + "…[cut: 70033 bytes]"
    await send(settings.home, [span("cut", cut), span("whole", LONG_JSON)])
    mapped = {"output": "attributes.output.value.last"}
    await ax.ask("create_judge", name="last", code="CONTAINS_ANY_KEYWORD", keywords=["keyword"])
    found = await ax.ask("trigger_backfill", evaluators=["last"], project="bot", column_mappings=mapped, wait=30)
    assert found["labels"] == {"last": {"contains": 1}}
    assert [(one["code"], one["rows"]) for one in found["errors"]] == [("too_long", 1)]


async def test_a_row_tells_what_was_cut(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", OLD_CUT, notes__text="…[cut: 99999 bytes]")])
    shown = await ax.ask("search_spans", project="bot")
    assert shown["spans"][0]["cut"] == {"output.value": 70_033}
    assert "only a part of 'output.value' was kept: it had 70,033 bytes" in (
        await ax.read("get_trace", trace=shown["spans"][0]["trace_id"], project="bot")
    ).replace("output.value", "'output.value'").replace("''", "'")


async def test_a_dataset_of_spans_is_whole(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", LONG_JSON), span("two", "é" * 500_000)])
    await ax.ask("create_dataset", name="cases", project="bot", window="everything")
    file = settings.home.parent / "files" / "out.jsonl"
    await ax.ask("get_dataset", dataset="cases", save_to=str(file))
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["output"] for row in rows} == {LONG_JSON, "é" * 500_000}


async def test_a_judge_sees_a_long_value_shortened_and_its_verdict_says_so(settings: Settings) -> None:
    prompts: list[str] = []
    with ScriptedModel(fixed("good", prompts)) as model:
        async with serving(settings, model.url) as ax:
            long = "BEGIN " + "x" * 100_000 + " END"
            await send(settings.home, [span("long", long), span("short", "fine"), span("edge", "y" * 32_768)])
            await ax.ask("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
            plan = await ax.read("preview_backfill", evaluators=["tone"], project="bot")
            assert "1 of 3 rows read have a value over 32 KiB" in plan
            found = await ax.ask("trigger_backfill", evaluators=["tone"], project="bot", wait=30)
            assert (found["shortened"], found["labels"]) == (1, {"tone": {"good": 3}})
            seen = next(prompt for prompt in prompts if "BEGIN" in prompt)
            assert " END\n[end" in seen
            assert f"[... cut here, {len(long)} bytes in all ...]" in seen
            spans = (await ax.ask("search_spans", project="bot"))["spans"]
            told = {one["name"]: one["evaluations"][0].get("shortened", False) for one in spans}
            assert told == {"long": True, "short": False, "edge": False}
            # A remembered answer rests on the same shortened value.
            await ax.ask("trigger_backfill", evaluators=["tone"], project="bot", override_evaluations=True, wait=30)
            again = (await ax.ask("search_spans", project="bot", filter="name = 'long'"))["spans"]
            assert again[0]["evaluations"][0]["shortened"] is True


async def test_a_comparison_counts_the_verdicts_on_shortened_values(settings: Settings) -> None:
    with ScriptedModel(fixed("good", [])) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="cases", rows=[{"input": f"q{n}"} for n in range(4)])
            for name, size in (("short", 10), ("long", 40_000)):
                lines = (json.dumps({"input": f"q{n}", "output": "x" * size}) for n in range(4))
                (settings.home.parent / "files" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
                await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="input")
            await ax.ask("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
            await ax.ask("create_task", name="t", evaluators=["tone"], experiments=["short", "long"])
            found = await ax.ask("trigger_backfill", task="t", wait=30)
            assert found["shortened"] == 4
            told = await ax.read("compare_experiments", experiments=["short", "long"], dataset="cases")
            assert "judged shortened values: 4 on" in told


async def test_long_rows_are_left_out_on_request(settings: Settings) -> None:
    prompts: list[str] = []
    with ScriptedModel(fixed("good", prompts)) as model:
        async with serving(settings, model.url) as ax:
            await send(settings.home, [span("long", "x" * 40_000), span("short", "fine")])
            await ax.ask("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
            found = await ax.ask("trigger_backfill", evaluators=["tone"], project="bot", on_too_long="skip", wait=30)
            assert (found["labels"], len(prompts)) == ({"tone": {"good": 1}}, 1)
            assert [(one["code"], one["rows"]) for one in found["skipped"]] == [("too_long", 1)]


async def test_a_continuous_task_leaves_long_rows_out_until_it_is_told_otherwise(settings: Settings) -> None:
    prompts: list[str] = []
    with ScriptedModel(fixed("good", prompts)) as model:
        async with serving(replace(settings, period_s=0.05), model.url) as ax:
            await send(settings.home, [span("old", "fine")])
            await ax.ask("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
            task = {"name": "watch", "evaluators": ["tone"], "project": "bot", "is_continuous": True}
            await ax.ask("create_task", **task, on_too_long="skip")
            await send(settings.home, [span("long", "x" * 40_000), span("short", "fine")])
            found = await ended(ax, 1)
            assert [run["num_skipped"] for run in found["last_runs"]] == [1]
            assert (found["schedule"]["on_too_long"], len(prompts)) == ("skip", 1)
            assert "unscored (on_too_long)" in await ax.read("get_task")
            await ax.ask("update_task", task="watch", clear=["on_too_long"])
            await send(settings.home, [span("longer", "y" * 40_000)])
            found = await ended(ax, 2)
            assert ("on_too_long" in found["schedule"], len(prompts)) == (False, 2)
            await ax.ask("update_task", task="watch", on_too_long="skip")
            await send(settings.home, [span("longest", "z" * 50_000), span("shortest", "fine too")])
            found = await ended(ax, 3)
            assert (sorted(run["num_skipped"] for run in found["last_runs"]), len(prompts)) == ([0, 1, 1], 3)


async def ended(ax: Caller, number: int) -> dict[str, Any]:
    """The only task, as soon as so many of its runs have scored a row each."""
    with anyio.fail_after(60):
        while True:
            found = await ax.ask("get_task")
            if sum(run["num_successes"] for run in found["last_runs"]) == number:
                return found
            await anyio.sleep(0.05)


@pytest.mark.parametrize("tool", ["create_task", "update_task"])
async def test_on_too_long_is_refused_for_a_task_that_runs_when_triggered(settings: Settings, tool: str) -> None:
    async with serving(settings) as ax:
        await send(settings.home, [span("old", "fine")])
        await ax.ask("create_judge", name="c", code="JSON_PARSEABLE")
        task = {"name": "nightly", "evaluators": ["c"], "project": "bot"}
        if tool == "update_task":
            await ax.ask("create_task", **task)
            task = {"task": "nightly"}
        refusal = await ax.refused(tool, **task, on_too_long="skip")
        assert "runs when triggered" in refusal["message"]
        assert "trigger_backfill" in refusal["next"]


async def session_judge(ax: Caller) -> None:
    """A judge of conversations, and a task of sessions with it."""
    choices = {"good": 1, "bad": 0}
    await ax.ask("create_judge", name="talk", template="Good? {conversation}", choices=choices)
    await ax.ask(
        "create_task", name="talks", evaluators=["talk"], project="bot", granularity="session", allow_empty=True
    )


def turn(number: int, output: str | None, **more: Any) -> Span:
    one = dict(span(f"turn {number}", output, asked=f"question {number}", minutes_ago=100 - number, session__id="s1"))
    return one | more


async def test_the_judge_of_a_long_session_sees_its_beginning_and_its_end(settings: Settings) -> None:
    prompts: list[str] = []
    with ScriptedModel(fixed("good", prompts)) as model:
        async with serving(settings, model.url) as ax:
            await send(settings.home, [turn(number, f"answer {number} " + "z" * 3000) for number in range(60)])
            await session_judge(ax)
            found = await ax.ask("trigger_backfill", task="talks", window="last 5 hours", wait=30)
            assert (found["shortened"], [*found["labels"].values()]) == (1, [{"good": 1}])
            (seen,) = prompts
            shown = [number for number in range(60) if f'"question {number}"' in seen]
            assert shown[:5] == [0, 1, 2, 3, 4]
            assert shown[-5:] == [55, 56, 57, 58, 59]
            total = len(
                json.dumps([{"input": f"question {n}", "output": f"answer {n} " + "z" * 3000} for n in range(60)])
            )
            # A comma without a space joins the turns.
            assert f"{total - 59} bytes in all" in seen


async def test_spans_without_their_parent_are_turns(settings: Settings) -> None:
    prompts: list[str] = []
    with ScriptedModel(fixed("good", prompts)) as model:
        async with serving(settings, model.url) as ax:
            lost = {"parentSpanId": "00000000000000aa"}
            below = dict(span("below", "no turn", asked="inner", minutes_ago=50, session__id="s1"))
            top = turn(2, "two", **lost)
            below |= {"traceId": top["traceId"], "parentSpanId": top["spanId"]}
            early = dict(span("early", "orphan", asked="early", minutes_ago=200, session__id="s1"))
            root = turn(3, "three")
            early |= {"traceId": root["traceId"], **lost}
            await send(settings.home, [turn(1, "one", **lost), top, below, early, root, turn(4, None, **lost)])
            await session_judge(ax)
            plan = await ax.read("preview_backfill", task="talks", window="last 5 hours")
            assert "1 of 1 rows read have a turn without output" in plan
            found = await ax.ask("trigger_backfill", task="talks", window="last 5 hours", wait=30)
            assert found["silent_turns"] == 1
            start = prompts[0].index("[{")
            turns = json.loads(prompts[0][start : prompts[0].index("}]", start) + 2])
            # The root of a trace is its turn, even if a span without parent began earlier.
            said = sorted((one["input"], one["output"]) for one in turns)
            assert said == [("question 1", "one"), ("question 2", "two"), ("question 3", "three"), ("question 4", None)]

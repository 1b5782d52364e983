"""Every row of a run, page by page, and the spans that a run selected."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import id_of, send, span

from assaykit.engine.sampling import taken
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

SPANS = 600


@pytest.fixture
async def cites(ax: Caller, bot: None) -> Caller:
    """The code evaluators "cites" and "json" beside project "bot"."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    return ax


async def run_of(ax: Caller, **arguments: Any) -> str:
    """The id of an ended backfill."""
    done = await ax.ask("trigger_backfill", wait=30, **arguments)
    assert done["still_running"] is False
    return done["run"]["id"]


async def all_of(ax: Caller, tool: str, what: str, limit: int, **arguments: Any) -> list[dict[str, Any]]:
    """Every row of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await ax.ask(tool, limit=limit, cursor=cursor, **arguments)
        assert len(page[what]) <= limit
        found += page[what]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def targets_in(file: Path) -> list[str]:
    return [json.loads(line)["target_id"] for line in file.read_text(encoding="utf-8").splitlines()]


async def many(settings: Settings) -> None:
    """Project "many": 600 spans, newest first s0, s1, ..."""
    spans = [
        span(f"s{n}", f"[RET-{n % 10}]" if n % 3 else "no", minutes_ago=5 + n, status="OK" if n % 5 else "ERROR")
        for n in range(SPANS)
    ]
    await send(settings.home, spans, "many")


async def test_each_of_1200_rows_comes_once_newest_first(cites: Caller, settings: Settings) -> None:
    await many(settings)
    run = await run_of(cites, evaluators=["cites", "json"], project="many")
    rows = await all_of(cites, "get_run", "rows", 499, run=run, rows=True)
    assert len({(row["target_id"], row["evaluator"]) for row in rows}) == len(rows) == 2 * SPANS
    assert [row["target_id"] for row in rows[::2]] == [id_of(f"s{n}") for n in range(SPANS)]
    assert {(row["evaluator"], row["state"]) for row in rows} == {("cites", "SCORED"), ("json", "SCORED")}
    of_cites = [row for row in rows if row["evaluator"] == "cites"]
    assert [(row["label"], row["score"]) for row in of_cites[:2]] == [("no match", 0), ("matches", 1)]


async def test_rows_say_what_became_of_them_and_one_state_is_picked(cites: Caller, files: Path) -> None:
    run = await run_of(cites, evaluators=["cites"])
    rows = (await cites.ask("get_run", run=run, rows=True))["rows"]
    why = "The row has no value for 'output'."
    told = {"evaluator": "cites", "version": 1}
    assert rows[0] == {**told, "target_id": id_of("a4"), "state": "SKIPPED", "reason": why}
    assert rows[1] == {**told, "target_id": id_of("a3"), "state": "SCORED", "label": "matches", "score": 1}
    assert (await cites.ask("get_run", run=run, state="skipped"))["rows"] == rows[:1]
    text = await cites.read("get_run", run=run, rows=True)
    assert f"{id_of('a3')} | cites | SCORED | matches (1)" in text
    assert f"{id_of('a4')} | cites | SKIPPED | {why}" in text
    saved = (await cites.ask("get_run", run=run, save_to=str(files / "rows.jsonl")))["saved"]
    assert saved["rows"] == 4
    assert targets_in(files / "rows.jsonl") == [row["target_id"] for row in rows]


async def test_a_score_that_another_run_replaced_is_not_told_as_the_first_run_s(cites: Caller) -> None:
    first = await run_of(cites, evaluators=["cites"])
    await run_of(cites, evaluators=["cites"], override_evaluations=True)
    rows = (await cites.ask("get_run", run=first, state="SCORED"))["rows"]
    assert [(row["label"], "score" in row) for row in rows] == [
        ("matches", False),
        ("no match", False),
        ("matches", False),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"state": "done"}, "state must be PENDING, SCORED, FAILED, SKIPPED, not 'done'."),
        ({"rows": True, "limit": 501}, "limit must be a whole number from 1 to 500, not '501'."),
        ({"cursor": "x"}, "The cursor does not come from this list."),
    ],
)
async def test_what_no_list_of_rows_has_is_refused(cites: Caller, arguments: dict[str, Any], said: str) -> None:
    run = await run_of(cites, evaluators=["cites"])
    assert (await cites.refused("get_run", run=run, **arguments))["message"] == said


async def test_the_spans_of_a_run_are_those_that_a_plain_computation_takes(cites: Caller, settings: Settings) -> None:
    await many(settings)
    kept, rate = "status_code = 'OK'", 0.4
    task = {"name": "policy", "project": "many", "query_filter": kept, "sampling_rate": rate}
    await cites.ask("create_task", evaluators=["cites"], **task)
    run = await run_of(cites, task="policy", window="last 300 minutes")
    there = await all_of(cites, "search_spans", "spans", 500, project="many", filter=kept, window="last 300 minutes")
    wanted = [one["span_id"] for one in there if taken(one["span_id"], rate)]
    found = await all_of(cites, "search_spans", "spans", 33, run=run)
    assert [one["span_id"] for one in found] == wanted
    unlike = await all_of(cites, "search_spans", "spans", 500, run=run, filter="eval.cites.label = 'no match'")
    told = [one["span_id"] for one in found if one["evaluations"][0]["label"] == "no match"]
    assert [one["span_id"] for one in unlike] == told != []
    recent = await all_of(cites, "search_spans", "spans", 500, run=run, window="last 100 minutes")
    assert 0 < len(recent) < len(found)


async def test_a_run_of_another_project_or_over_experiments_is_refused(
    cites: Caller, settings: Settings, files: Path
) -> None:
    run = await run_of(cites, evaluators=["cites"])
    await send(settings.home, [span("z")], "other")
    refusal = await cites.refused("search_spans", run=run, project="other")
    assert refusal["message"] == f"Run {run!r} reads another project than 'other'."
    assert (await cites.ask("search_spans", run=run, project="bot"))["project"] == "bot"
    assert "No span of 'bot' that run" in await cites.read("search_spans", run=run, filter="name = 'z'")
    refusal = await cites.refused("search_spans", run="last")
    assert refusal["message"] == "A run id was wanted, but 'last' is not an id."
    await cites.ask("create_dataset", name="questions", rows=[{"key": "q1"}])
    (files / "a.csv").write_text("key,output\nq1,[RET-1]\n", encoding="utf-8")
    await cites.ask("upload_experiment", file="a.csv", key="key")
    await cites.ask("create_task", name="variants", evaluators=["cites"], experiments=["a"])
    over = await run_of(cites, task="variants")
    refusal = await cites.refused("search_spans", run=over)
    assert refusal["message"] == f"Run {over!r} reads no spans."
    (row,) = (await cites.ask("get_run", run=over, rows=True))["rows"]
    assert (row["evaluator"], row["label"], row["score"]) == ("cites", "matches", 1)

"""Every tool that lists: its pages, and the file it writes them to."""

import csv
import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, connected
from tests.traces import id_of, send, span

from assaykit.api.client import Api
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.toolkit.listing import MOST_ROWS, save

CITES = r"\[[A-Z]+-\d\]"


@pytest.fixture(scope="module")
async def filled(kept: Caller) -> Caller:
    """Three of everything: judges, tasks, runs of the last task, datasets, and experiments of the last."""
    for n in (1, 2, 3):
        await kept.ask("create_judge", name=f"j{n}", code="MATCHES_REGEX", pattern=CITES)
        await kept.ask("create_dataset", name=f"d{n}", rows=[{"key": "q1"}, {"key": "q2"}])
    for n in (1, 2, 3):
        (kept.settings.folders[0] / f"e{n}.csv").write_text("key,output\nq1,x\nq2,y\n", encoding="utf-8")
        await kept.ask("upload_experiment", file=f"e{n}.csv", dataset="d3", key="key")
    await kept.ask("create_task", name="t1", evaluators=["j1", "j2"], experiments=["e1"])
    for name in ("t2", "t3"):
        await kept.ask("create_task", name=name, evaluators=["j1"])
    for _ in range(3):
        await kept.ask("trigger_run", task="t3", window="everything", override_evaluations=True, wait=30)
    for name in ("shop", "help"):
        await send(kept.settings.home, [span("s", "x")], project=name)
    return kept


LISTS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("list_projects", {}, "projects", ["help", "shop", "bot"]),
    ("list_tasks", {}, "tasks", ["t3", "t2", "t1"]),
    ("list_datasets", {}, "datasets", ["d3", "d2", "d1"]),
    ("list_experiments", {"dataset": "d3"}, "experiments", ["e3", "e2", "e1"]),
]
"""Tool, arguments, where its rows are in the data, and their names in order."""


@pytest.mark.parametrize(("tool", "arguments", "where", "names"), LISTS)
async def test_a_list_comes_in_pages(
    filled: Caller, tool: str, arguments: dict[str, Any], where: str, names: list[str]
) -> None:
    first = await filled.ask(tool, **arguments, limit=2)
    assert [row["name"] for row in first[where]] == names[:2]
    assert first["next_cursor"]
    assert "; more follow" in await filled.read(tool, **arguments, limit=2)
    assert (await filled.facts(tool, **arguments, limit=2))["cursor"] == first["next_cursor"]
    second = await filled.ask(tool, **arguments, limit=2, cursor=first["next_cursor"])
    assert ([row["name"] for row in second[where]], second["next_cursor"]) == (names[2:], None)
    assert "cursor" not in await filled.read(tool, **arguments)


@pytest.mark.parametrize(("tool", "arguments", "where", "names"), LISTS)
async def test_a_list_is_narrowed_by_a_part_of_the_name(
    filled: Caller, tool: str, arguments: dict[str, Any], where: str, names: list[str]
) -> None:
    found = await filled.ask(tool, **arguments, name=names[0].upper())
    assert [row["name"] for row in found[where]] == names[:1]
    assert (await filled.ask(tool, **arguments, name="nothing has this"))[where] == []


@pytest.mark.parametrize(("tool", "arguments", "where", "names"), LISTS)
async def test_a_whole_list_goes_into_a_file_whatever_the_limit(
    filled: Caller, tool: str, arguments: dict[str, Any], where: str, names: list[str]
) -> None:
    answer = await filled.ask(tool, **arguments, limit=1, save_to=f"{tool}.jsonl")
    file = filled.settings.folders[0] / f"{tool}.jsonl"
    written = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["name"] for row in written] == names
    assert (answer["saved"]["path"], answer["saved"]["rows"], answer["saved"]["cut"]) == (str(file), 3, False)
    assert where not in answer
    refusal = await filled.refused(tool, **arguments, save_to=f"{tool}.jsonl")
    assert refusal["message"] == f"{str(file)!r} exists already; nothing was written."
    assert "overwrite=true" in refusal["next"]
    file.write_text("mine", encoding="utf-8")
    await filled.ask(tool, **arguments, limit=1, save_to=f"{tool}.jsonl", overwrite=True)
    assert [json.loads(line)["name"] for line in file.read_text(encoding="utf-8").splitlines()] == names
    refusal = await filled.refused(tool, **arguments, save_to=f"{tool}2.jsonl", cursor="x")
    assert refusal["message"] == "save_to writes the whole list, so a cursor has no meaning."


async def test_a_cursor_of_another_list_is_refused(filled: Caller) -> None:
    for tool, arguments, _, _ in LISTS:
        refusal = await filled.refused(tool, **arguments, cursor="abc")
        assert refusal["message"].startswith("The cursor does not come from this list.")


async def test_experiments_are_told_apart_by_id_and_time(filled: Caller) -> None:
    listed = (await filled.ask("list_experiments", dataset="d3"))["experiments"]
    assert [datetime.fromisoformat(one["created_at"]).utcoffset() for one in listed] == [timedelta(0)] * 3
    text = await filled.read("list_experiments", dataset="d3")
    for one in listed:
        made = datetime.fromisoformat(one["created_at"])
        assert f"- {one['name']!r} ({one['id']}) on 'd3', {made:%Y-%m-%d %H:%M} UTC: 2 rows; no evaluators" in text


async def test_experiments_are_listed_with_their_rows_and_evaluators(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="many", rows=[{"key": f"q{n}"} for n in range(501)])
    rows = [{"key": f"q{n}", "output": "x", "eval.tone.label": "kind", "eval.odd.score": n % 2} for n in range(501)]
    for name, some in (("all", rows), ("three", rows[:3])):
        (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, some)), encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.jsonl", key="key")
    three, every = (await ax.ask("list_experiments"))["experiments"]
    assert (three["rows"], three["evaluators"], "more_rows" in three) == (3, ["tone", "odd"], False)
    assert (every["rows"], every["more_rows"]) == (500, True)
    text = await ax.read("list_experiments")
    assert " UTC: 3 rows; 'tone', 'odd'\n" in text
    assert " UTC: 500 or more rows; 'tone', 'odd'" in text


async def test_a_page_of_named_things_is_headed_by_their_number_and_place(filled: Caller) -> None:
    listed = "3 project(s) in space 'default': 'help', 'shop', 'bot'\nNext: search_spans(project='help')."
    assert await filled.read("list_projects") == listed
    assert await filled.read("list_datasets") == "3 dataset(s) in space 'default': 'd3', 'd2', 'd1'"
    assert await filled.read("list_spaces") == "1 space(s): 'default'"


@pytest.mark.over_http("list_spaces")
async def test_the_spaces_are_listed(filled: Caller) -> None:
    assert [space["name"] for space in (await filled.ask("list_spaces"))["spaces"]] == ["default"]
    assert await filled.read("list_spaces") == "1 space(s): 'default'"
    assert (await filled.ask("list_spaces", name="DEF"))["spaces"]
    assert "No space has such a name." in await filled.read("list_spaces", name="work")
    saved = await filled.ask("list_spaces", save_to="spaces.json")
    assert saved["saved"]["rows"] == 1
    assert (await filled.refused("list_spaces", limit=0))["message"].startswith("limit: ")


async def test_the_judges_go_into_a_file(filled: Caller) -> None:
    await filled.ask("list_judges", save_to="judges.csv")
    with (filled.settings.folders[0] / "judges.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["name"] for row in csv.DictReader(file)) == ["j1", "j2", "j3"]
    refusal = await filled.refused("list_judges", judge="j1", save_to="judge.csv")
    assert refusal["message"] == "save_to writes the list, and judge shows one in full."


async def test_each_task_has_its_target_by_name_its_evaluators_and_its_last_three_runs(filled: Caller) -> None:
    third, second, first = (await filled.ask("list_tasks"))["tasks"]
    assert (first["target"], first["evaluators"], first["last_runs"]) == ("dataset 'd3'", ["j1", "j2"], [])
    assert second["last_runs"] == []
    assert (third["target"], third["is_continuous"]) == ("project 'bot'", False)
    assert [run["status"] for run in third["last_runs"]] == ["COMPLETED"] * 3
    text = await filled.read("list_tasks", dataset="d3")
    assert "- 't1' (CODE_EVALUATION) on dataset 'd3', when triggered: 'j1', 'j2'" in text
    assert "'t3'" not in text
    assert [task["name"] for task in (await filled.ask("list_tasks", project="bot"))["tasks"]] == ["t3", "t2"]
    assert (await filled.ask("list_tasks", type="TEMPLATE_EVALUATION"))["tasks"] == []
    assert "`create_task` makes one" in await filled.read("list_tasks", type="TEMPLATE_EVALUATION")


async def test_the_runs_of_a_task_come_newest_first_with_their_counts(filled: Caller) -> None:
    first = await filled.ask("list_runs", task="t3", limit=2)
    second = await filled.ask("list_runs", task="t3", limit=2, cursor=first["next_cursor"])
    runs = [*first["runs"], *second["runs"]]
    assert len({run["id"] for run in runs}) == 3
    assert [run["created_at"] for run in runs] == sorted((run["created_at"] for run in runs), reverse=True)
    assert (runs[2]["num_successes"], runs[2]["num_skipped"]) == (3, 1)
    text = await filled.read("list_runs", task="t3", status="COMPLETED")
    assert f"{runs[2]['id']} COMPLETED: 3 scored, 0 failed, 1 skipped, " in text
    failed = await filled.read("list_runs", task="t3", status="FAILED")
    assert failed == "No FAILED run(s) of task 't3'. Leave status out to see all."
    refusal = await filled.refused("list_runs", task="t3", status="DONE")
    assert refusal["message"].startswith("status: expected one of 'PENDING'")
    assert (await filled.refused("list_runs"))["code"] == "ambiguous"
    saved = await filled.ask("list_runs", task="t3", save_to="runs.parquet")
    assert saved["saved"]["rows"] == 3


async def test_the_experiments_of_all_datasets_say_which_is_theirs(filled: Caller) -> None:
    listed = (await filled.ask("list_experiments"))["experiments"]
    assert [(one["name"], one["dataset"]) for one in listed] == [("e3", "d3"), ("e2", "d3"), ("e1", "d3")]
    assert "No experiment of dataset 'd1' fits." in await filled.read("list_experiments", dataset="d1")


async def test_spans_are_written_flat_with_their_attributes_and_verdicts(filled: Caller) -> None:
    saved = await filled.ask("search_spans", project="bot", limit=1, save_to="spans.csv")
    assert (saved["project"], saved["saved"]["rows"]) == ("bot", 4)
    with (filled.settings.folders[0] / "spans.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["context.span_id"]: row for row in csv.DictReader(file)}
    row = rows[id_of("a1")]
    assert (row["name"], row["span_kind"], row["attributes.input.value"]) == ("a1", "LLM", "Can I return it?")
    assert (row["eval.j1.label"], row["eval.j1.score"]) == ("matches", "1.0")
    assert row["eval.j1.explanation"].startswith("Found ")
    assert rows[id_of("a4")]["eval.j1.label"] == rows[id_of("a4")]["attributes.output.value"] == ""


async def test_only_what_a_filter_takes_is_written_and_nothing_makes_no_file(filled: Caller) -> None:
    matching = await filled.ask("search_spans", project="bot", filter="eval.j1.label = 'matches'", save_to="some.json")
    assert matching["saved"]["rows"] == 2
    text = await filled.read("search_spans", project="bot", filter="name = 'zzz'", save_to="none.json")
    assert text == "There are no spans, so no file was written."
    assert not (filled.settings.folders[0] / "none.json").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("spans.xlsx", "does not have the suffix of a format for writing."),
        ("../spans.csv", "leads upwards"),
        ("/etc/spans.csv", "lies outside the allowed folders"),
        (".spans.csv", "is a hidden name"),
        ("absent/spans.csv", "There is no folder 'absent'"),
    ],
)
async def test_a_path_that_may_not_be_written_is_refused(filled: Caller, path: str, said: str) -> None:
    assert said in (await filled.refused("search_spans", project="bot", save_to=path))["message"]


@pytest.fixture
async def api(settings: Settings) -> AsyncGenerator[Api]:
    async with connected(settings) as api:
        yield api


async def test_a_file_ends_after_the_most_rows_and_says_so(api: Api, settings: Settings, files: Path) -> None:
    async def endless() -> AsyncGenerator[int]:
        for n in range(MOST_ROWS + 1):
            yield n

    here = session(api, settings)
    reply = await save(here, "many.jsonl", None, endless(), lambda n: {"n": n}, "rows", {}, overwrite=False)
    assert (reply.data["saved"]["rows"], reply.data["saved"]["cut"]) == (MOST_ROWS, True)
    assert f"There are more: a file ends after {MOST_ROWS} rows." in reply.text
    assert len((files / "many.jsonl").read_bytes().splitlines()) == MOST_ROWS

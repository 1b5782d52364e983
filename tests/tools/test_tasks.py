from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving, text_of
from tests.traces import send, span

from assaykit.settings import Settings

NO_MODEL = "http://127.0.0.1:9/v1"


@pytest.fixture
async def rules(ax: Caller) -> None:
    """Two code evaluators: cites and json."""
    await make_rules(ax)


@pytest.fixture(scope="module")
async def kept_rules(kept: Caller) -> Caller:
    """The same two in the store that the tests of this module share."""
    await make_rules(kept)
    return kept


async def make_rules(ax: Caller) -> None:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")


async def make_experiments(ax: Caller, files: Path) -> None:
    """Dataset "questions" with experiments a and b, each a run for both of its questions."""
    rows = [{"key": "q1", "tier": "gold"}, {"key": "q2", "tier": "free"}]
    await ax.ask("create_dataset", name="questions", rows=rows)
    for name, answers in (("a", ["See [RET-1].", "No."]), ("b", ["No.", "No."])):
        lines = [f"q{n},{answer}" for n, answer in enumerate(answers, start=1)]
        (files / f"{name}.csv").write_text("\n".join(["key,output", *lines]), encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.csv", key="key")


async def no_task(ax: Caller) -> bool:
    return (await ax.refused("get_task"))["message"] == "There is no task yet."


async def test_a_task_on_a_project_is_made_with_the_mapping_that_was_found(ax: Caller, bot: None, rules: None) -> None:
    made = await ax.ask("create_task", name="policy", evaluators=["cites", "json"])
    assert (made["backend"], made["space"], made["created"]) == (ax.settings.backend, "default", True)
    assert made["task"]["type"] == "CODE_EVALUATION"
    cites, json = made["plan"]["evaluators"]
    assert cites == {
        "evaluator": "cites",
        "rows_matched": 4,
        "rows_labelled_already": 0,
        "rows_to_score": 4,
        "column_mappings": {"output": "attributes.output.value"},
        "warnings": ["output: 1 of 4 sampled rows have no attributes.output.value"],
    }
    assert json["evaluator"] == "json"
    task = (await ax.ask("get_task", task="policy"))["task"]
    assert task["id"] == made["task"]["id"]
    assert [one["evaluator_name"] for one in task["evaluators"]] == ["cites", "json"]
    assert task["evaluators"][0]["column_mappings"] == {"output": "attributes.output.value"}
    assert (task["sampling_rate"], task["is_continuous"]) == (1.0, False)
    assert "query_filter" not in task


async def test_the_only_task_is_shown_without_being_named(ax: Caller, bot: None, rules: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"], query_filter="name = 'a1'", sampling_rate=0.5)
    text = await ax.read("get_task")
    assert "- On project 'bot'\n" in text
    assert text.startswith("Task 'policy' (CODE_EVALUATION)")
    assert "Filter: \"name = 'a1'\"; sampling rate 0.5" in text
    assert "Evaluator 'cites': output <- attributes.output.value" in text
    assert "No runs yet: `trigger_backfill` starts one." in text


async def test_a_sampling_rate_of_nought_is_shown_as_such(ax: Caller, bot: None, rules: None) -> None:
    made = await ax.ask("create_task", name="none", evaluators=["cites"], sampling_rate=0)
    assert made["plan"]["evaluators"][0]["rows_to_score"] == 0
    assert "sampling rate 0\n" in await ax.read("get_task")


async def test_an_evaluator_brings_a_filter_and_a_mapping_of_its_own(ax: Caller, bot: None, rules: None) -> None:
    own = {"name": "cites", "query_filter": "status_code = 'OK'", "column_mappings": {"output": "input"}}
    made = await ax.ask("create_task", name="mixed", evaluators=[own, "json"], query_filter="name != 'a1'")
    cites, json = made["plan"]["evaluators"]
    assert (cites["rows_matched"], cites["column_mappings"]) == (2, {"output": "input"})
    assert (json["rows_matched"], json["column_mappings"]) == (3, {"output": "attributes.output.value"})
    held = (await ax.ask("get_task"))["task"]["evaluators"]
    assert [one.get("query_filter") for one in held] == ["status_code = 'OK'", None]


async def test_a_preview_creates_nothing(kept_rules: Caller) -> None:
    seen = await kept_rules.ask("create_task", name="policy", evaluators=["cites"], preview=True)
    assert seen["created"] is False
    assert seen["plan"]["evaluators"][0]["rows_to_score"] == 4
    assert await no_task(kept_rules)


async def test_the_type_follows_the_evaluators(settings: Settings, bot: None) -> None:
    async with serving(settings, NO_MODEL) as ax:
        await make_rules(ax)
        await ax.ask("create_judge", name="polite", catalogue="tone")
        made = await ax.ask("create_task", name="tone", evaluators=["polite"])
        assert made["task"]["type"] == "TEMPLATE_EVALUATION"
        mixed = await ax.refused("create_task", name="both", evaluators=["polite", "cites"])
        assert mixed == {
            "code": "invalid",
            "message": "LLM judges and code evaluators cannot share a task.",
            "next": "Create one task for the judges and one for the code evaluators.",
        }
        assert await ax.refused("trigger_backfill", evaluators=["polite", "cites"], preview=True) == mixed
        unfit = await ax.refused("create_task", name="tone 2", evaluators=["polite"], type="CODE_EVALUATION")
        assert unfit["message"] == "type=CODE_EVALUATION does not fit 'polite', which needs TEMPLATE_EVALUATION."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"evaluators": ["site"]}, "No judge is named 'site'. Near: 'cites' ("),
        ({"evaluators": ["cites", "CITES"]}, "Evaluator 'cites' is named twice."),
        ({"evaluators": []}, "evaluators: list should have at least 1 item"),
        ({"evaluators": "cites"}, "evaluators: input should be a valid list"),
        ({"evaluators": [7]}, "evaluators.0: expected a name, or an object with name"),
        ({"evaluators": [{"nam": "cites"}]}, "evaluators.0.nam: unknown name, did you mean 'name'?"),
        ({"name": ""}, "name: string should have at least 1 character"),
        ({"name": "x" * 256}, "name: string should have at most 255 characters"),
        ({"sampling_rate": 1.5}, "sampling_rate: input should be less than or equal to 1"),
        ({"type": "TEMPLATE"}, "type: expected one of 'TEMPLATE_EVALUATION'"),
        ({"query_filters": "x"}, "query_filters: unknown name, did you mean 'query_filter'?"),
        ({"query_filter": "nme = 'a1'"}, "Spans have no field 'nme'."),
        ({"query_filter": ""}, "The filter is blank."),
        (
            {"query_filter": "name = 'zzz'"},
            "No existing span matches the filter \"name = 'zzz'\", though there are some without it.",
        ),
        (
            {"evaluators": [{"name": "cites", "query_filter": "name = 'zzz'"}]},
            "No existing span matches the filter of 'cites'",
        ),
        (
            {"column_mappings": {"output": "attributes.reply"}},
            "'cites' finds no value on any of 4 rows for 'output' (tried attributes.reply). Paths that exist: attri",
        ),
        ({"column_mappings": {"answer": "output"}}, "column_mappings names 'answer', which no evaluator has"),
        (
            {"evaluators": [{"name": "cites", "column_mappings": {"answer": "output"}}]},
            "'cites' has no variable 'answer'; it has output.",
        ),
        ({"project": "bott"}, "No project is named 'bott'. Near: 'bot' ("),
        ({"dataset": "questions"}, "A dataset task needs experiments."),
        ({"project": "bot", "experiments": ["a"]}, "A task reads a project or a dataset, not both."),
        ({"experiments": ["a"], "sampling_rate": 0.5}, "sampling_rate belongs to a task on a project."),
        ({"experiments": ["a"]}, "No experiment is named 'a'. There is no experiment yet."),
    ],
)
async def test_a_task_that_could_not_score_is_refused_and_not_made(
    kept_rules: Caller, arguments: dict[str, Any], said: str
) -> None:
    refusal = await kept_rules.refused("create_task", **{"name": "policy", "evaluators": ["cites"], **arguments})
    assert said in refusal["message"]
    assert await no_task(kept_rules)


async def test_a_refusal_is_this_text_and_nothing_else(kept_rules: Caller) -> None:
    result = await kept_rules.call("create_task", name="policy", evaluators=["cites"], query_filter="name = 'zzz'")
    assert result.is_error
    assert text_of(result) == (
        '{"code":"invalid","message":"No existing span matches the filter \\"name = \'zzz\'\\", though there are some '
        'without it.","next":"Try the filter with search_spans. Pass allow_empty=true if it is meant for later '
        'rows."}'
    )
    assert result.structured_content is None


async def test_a_filter_for_spans_to_come_has_to_be_allowed(ax: Caller, bot: None, rules: None) -> None:
    made = await ax.ask(
        "create_task", name="later", evaluators=["cites"], query_filter="name = 'zzz'", allow_empty=True
    )
    assert made["plan"]["evaluators"][0]["rows_matched"] == 0
    assert (await ax.ask("get_task"))["task"]["query_filter"] == "name = 'zzz'"


async def test_a_project_without_spans_is_a_warning_and_no_error(ax: Caller, settings: Settings, rules: None) -> None:
    # A project appears with its first span; this one's lies ahead of every window.
    await send(settings.home, [span("future", "x", minutes_ago=-60 * 24 * 400)])
    text = await ax.read("create_task", name="policy", evaluators=["cites"])
    assert "Warning: there is no span there, so filters and mappings could not be tried." in text


async def test_a_mapping_that_is_the_same_on_every_row_is_warned_of(ax: Caller, bot: None, rules: None) -> None:
    made = await ax.ask("create_task", name="kind", evaluators=["json"], column_mappings={"output": "span_kind"})
    assert made["plan"]["evaluators"][0]["warnings"] == ["output: span_kind is the same on every sampled row"]


async def test_a_name_is_taken_once(ax: Caller, bot: None, rules: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    refusal = await ax.refused("create_task", name="policy", evaluators=["json"])
    assert refusal["code"] == "invalid"
    assert "This space has a task named 'policy' already." in refusal["message"]
    held = (await ax.ask("get_task"))["task"]["evaluators"]
    assert [one["evaluator_name"] for one in held] == ["cites"]


async def test_experiments_alone_say_which_dataset_is_meant(ax: Caller, files: Path, rules: None) -> None:
    await make_experiments(ax, files)
    made = await ax.ask("create_task", name="variants", evaluators=["cites"], experiments=["a", "b", "A"])
    assert made["plan"]["evaluators"][0]["rows_matched"] == 4
    assert made["plan"]["evaluators"][0]["column_mappings"] == {"output": "output"}
    task = (await ax.ask("get_task"))["task"]
    assert "project_id" not in task
    assert len(task["experiment_ids"]) == 2


async def test_a_filter_of_a_dataset_task_is_tried_on_its_runs(ax: Caller, files: Path, rules: None) -> None:
    await make_experiments(ax, files)
    asked: dict[str, Any] = {"name": "gold", "evaluators": ["cites"], "experiments": ["a", "b"]}
    gold = "dataset.tier = 'gold'"
    seen = await ax.ask("create_task", **asked, query_filter=gold, preview=True)
    assert seen["plan"]["evaluators"][0]["rows_matched"] == 2
    refusal = await ax.refused("create_task", **asked, query_filter="dataset.tier = 'silver'")
    assert refusal["message"].startswith("No existing experiment run matches the filter")
    refusal = await ax.refused("create_task", **asked, column_mappings={"output": "reply"})
    assert "(tried reply). Paths that exist: key, tier, " in refusal["message"]


async def test_experiments_of_two_datasets_make_no_task(ax: Caller, files: Path, rules: None) -> None:
    await make_experiments(ax, files)
    await ax.ask("create_dataset", name="others", rows=[{"key": "q1"}, {"key": "q2"}])
    await ax.ask("upload_experiment", file="a.csv", name="c", dataset="others", key="key")
    refusal = await ax.refused("create_task", name="variants", evaluators=["cites"], experiments=["a", "c"])
    assert refusal["message"] == "The experiments do not belong to one dataset."


async def test_one_of_several_tasks_must_be_named_and_an_id_of_another_type_is_refused(
    ax: Caller, bot: None, rules: None
) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    second = await ax.ask("create_task", name="format", evaluators=["json"])
    refusal = await ax.refused("get_task")
    assert refusal["code"] == "ambiguous"
    assert (
        f"There are 2 tasks, so one must be named: 'format' ({second['task']['id']}), 'policy' ("
        in (refusal["message"])
    )
    dataset = (await ax.ask("create_dataset", name="d", rows=[{"a": 1}]))["dataset"]["id"]
    refusal = await ax.refused("get_task", task=dataset)
    assert refusal["message"].startswith(f"{dataset!r} is a Dataset id; a task was wanted. There are: 'format' (")
    gone = "T25saW5lVGFzazo5OTpmZmZm"
    refusal = await ax.refused("get_task", task=gone)
    assert refusal["message"].startswith(f"No task has the id {gone!r}. There are: 'format' (")

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import stores
from tests.caller import Caller, serving, text_of
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, send, span

from assaykit.engine.store.tables import task_runs
from assaykit.settings import Settings

NO_RUN = "VGFza1J1bjo5OTpmZmZm"
ANSWERED = "attributes.output.value IS NOT NULL"
TEMPLATE = "Was {input} answered by {output}? Answer 'good' or 'bad'."


@pytest.fixture
async def cites(ax: Caller, bot: None) -> None:
    """A code evaluator over project "bot": of its four spans two cite, one does not, one has no output."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")


@pytest.fixture(scope="module")
async def kept_cites(kept: Caller) -> Caller:
    """The same in the store that the tests of this module share."""
    await kept.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="x")
    return kept


async def score(ax: Caller, **arguments: Any) -> dict[str, Any]:
    """An ended backfill."""
    data = await ax.ask("trigger_backfill", **{"evaluators": ["cites"], "wait": 30, **arguments})
    assert data["still_running"] is False
    return data


def counts(data: dict[str, Any]) -> tuple[str, int, int, int]:
    run = data["run"]
    return (run["status"], run["num_successes"], run["num_errors"], run["num_skipped"])


async def labels(ax: Caller, name: str = "cites") -> dict[str, str]:
    """The labels that the spans have by now, by the spans' names."""
    spans = (await ax.ask("search_spans"))["spans"]
    return {one["name"]: verdict["label"] for one in spans for verdict in one["evaluations"] if verdict["name"] == name}


async def test_a_backfill_scores_the_rows_and_tells_counts_labels_and_causes(ax: Caller, cites: None) -> None:
    done = await score(ax)
    assert counts(done) == ("COMPLETED", 3, 0, 1)
    assert done["labels"] == {"cites": {"matches": 2, "no match": 1}}
    assert done["skipped"] == [
        {"reason": "The row has no value for 'output'.", "rows": 1, "example": id_of("a4"), "code": "no_input"}
    ]
    assert done["errors"] == []
    assert (done["backend"], done["space"], done["task"]) == (ax.settings.backend, "default", "cites on bot")
    assert await labels(ax) == {"a1": "matches", "a2": "no match", "a3": "matches"}
    unlike = await ax.ask("search_spans", filter="eval.cites.label = 'no match'")
    (verdict,) = unlike["spans"][0]["evaluations"]
    assert (verdict["name"], verdict["score"]) == ("cites", 0)
    assert verdict["explanation"].startswith("Nothing matches")


async def test_a_run_is_waited_for_and_shown(ax: Caller, cites: None) -> None:
    started = await ax.ask("trigger_backfill", evaluators=["cites"])
    assert started["run"]["status"] == "PENDING"
    run = started["run"]["id"]
    ended = await ax.ask("wait_for_run", run=run, timeout=60, poll_interval=0.1)
    assert counts(ended) == ("COMPLETED", 3, 0, 1)
    assert ax.progress[-1][0] == 4
    shown = await ax.ask("get_run", run=run)
    assert {key: shown[key] for key in ended} == ended
    assert f"Run {run} COMPLETED: 3 scored, 0 failed, 1 skipped" in await ax.read("get_task")


async def test_a_preview_of_a_backfill_creates_and_triggers_nothing(kept_cites: Caller) -> None:
    seen = await kept_cites.ask("trigger_backfill", evaluators=["cites"], preview=True)
    assert seen["plan"]["evaluators"][0]["rows_to_score"] == 4
    assert "run" not in seen
    text = await kept_cites.read("trigger_backfill", evaluators=["cites"], preview=True)
    assert "nothing was triggered" in text
    assert "output <- attributes.output.value (3 of 4 rows)" in text
    assert (await kept_cites.refused("get_task"))["message"] == "There is no task yet."


async def test_an_equal_task_is_used_again_and_another_request_makes_another(ax: Caller, cites: None) -> None:
    first = await ax.read("trigger_backfill", evaluators=["cites"], wait=30)
    assert "of the new task 'cites on bot', " in first
    again = await ax.read("trigger_backfill", evaluators=["cites"], wait=30)
    assert "of the existing task 'cites on bot', " in again
    anew = {"query_filter": ANSWERED, "override_evaluations": True}
    other = await ax.read("trigger_backfill", evaluators=["cites"], **anew, wait=30)
    assert all("PENDING" not in text and "to score" not in text for text in (first, again, other))
    assert "of the new task 'cites on bot 2', " in other


async def test_a_task_that_samples_is_not_the_equal_of_a_backfill(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="none", evaluators=["cites"], sampling_rate=0)
    done = await score(ax)
    assert done["task"] == "cites on bot"
    assert counts(done)[1] == 3


async def test_the_order_of_evaluators_makes_no_other_task(ax: Caller, cites: None) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    first = await score(ax, evaluators=["cites", "json"])
    assert (await score(ax, evaluators=["json", "cites"]))["task"] == first["task"] == "cites + json on bot"


async def test_when_everything_is_labelled_the_run_says_so_and_what_to_call(ax: Caller, cites: None) -> None:
    first = await score(ax, query_filter=ANSWERED)
    assert counts(first) == ("COMPLETED", 3, 0, 0)
    second = await ax.ask("trigger_run", task=first["task"], window="last 7 days")
    ended = await ax.ask("wait_for_run", run=second["run"]["id"])
    assert counts(ended) == ("CANCELLED", 0, 0, 0)
    text = await ax.read("wait_for_run", run=second["run"]["id"])
    assert "All 3 matching rows are labelled by these evaluators already." in text
    assert "Trigger again with override_evaluations=true" in text
    third = await score(ax, query_filter=ANSWERED, override_evaluations=True)
    assert third["plan"]["evaluators"][0]["rows_to_score"] == 3
    assert counts(third) == ("COMPLETED", 3, 0, 0)


async def test_an_override_replaces_the_verdicts(ax: Caller, cites: None) -> None:
    await score(ax)
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="know", new_version=True)
    await score(ax, override_evaluations=True)
    assert await labels(ax) == {"a1": "no match", "a2": "matches", "a3": "no match"}


async def test_a_run_over_a_window_without_rows_says_so(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    run = (await ax.ask("trigger_run", task="policy", window="last 2 minutes", wait=30))["run"]
    text = await ax.read("get_run", run=run["id"])
    assert "had nothing to do: 0 scored, 0 failed, 0 skipped" in text
    assert "no span started in the window" in text


async def test_a_backfill_with_nothing_to_do_makes_no_task_and_no_run(ax: Caller, cites: None) -> None:
    empty = await ax.ask("trigger_backfill", evaluators=["cites"], window="last 2 minutes", wait=30)
    assert (empty["runs"], empty["task"]) == ([], None)
    text = await ax.read("trigger_backfill", evaluators=["cites"], window="last 2 minutes")
    assert "No span started in the window; the newest of the project started at " in text
    assert "Warning: there is no span there" in text
    assert (await ax.refused("get_task"))["message"] == "There is no task yet."
    done = await ax.ask(empty["next"]["tool"], **empty["next"]["arguments"], wait=30)
    assert counts(done) == ("COMPLETED", 3, 0, 1)


async def test_a_backfill_finds_the_equal_task_even_if_it_is_continuous(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="watch", evaluators=["cites"], query_filter=ANSWERED, is_continuous=True)
    given: dict[str, Any] = {"evaluators": ["cites"], "query_filter": ANSWERED}
    assert "The call runs task 'watch'" in await ax.read("trigger_backfill", **given, preview=True)
    done = await score(ax, query_filter=ANSWERED)
    assert (done["task"], counts(done)) == ("watch", ("COMPLETED", 3, 0, 0))
    runs = (await ax.ask("list_runs", task="watch"))["runs"]
    again = await ax.ask("trigger_backfill", **given)
    assert (again["task"], again["runs"], again["coverage"]["left"]) == ("watch", [], 0)
    text = await ax.read("trigger_backfill", **given)
    assert "All 3 matching rows are labelled, so no task and no run was made." in text
    foreseen = (
        "All 3 matching rows are labelled: the call creates no task and no run; task 'watch' scores the same rows"
    )
    assert foreseen in await ax.read("trigger_backfill", **given, preview=True)
    assert [run["id"] for run in (await ax.ask("list_runs", task="watch"))["runs"]] == [run["id"] for run in runs]
    anew = await ax.ask(again["next"]["tool"], **again["next"]["arguments"], wait=30)
    assert anew["run"]["num_successes"] == 3


async def test_with_wait_a_reply_tells_only_the_last_state(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    for call in ({"window": "last 7 days"}, {"window": "last 7 days", "override_evaluations": True}):
        done = await ax.call("trigger_run", task="policy", **call, wait=30)
        text = text_of(done)
        assert ("PENDING" in text, text.startswith("Task 'policy', over ")) == (False, True)
        assert (done.structured_content or {})["run"]["status"] == "COMPLETED"


async def test_a_backfill_without_names_lists_what_there_is(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    refusal = await ax.refused("trigger_backfill")
    assert refusal["message"].startswith(
        "There is no evaluator to score with. Tasks: 'policy'. Projects: 'bot'. Judges: 'cites'. Catalogue: "
    )
    assert "hallucination" in refusal["message"]
    assert refusal["next"] == "Pass task, or project and evaluators."


async def test_the_window_decides_which_rows_are_scored(ax: Caller, settings: Settings, cites: None) -> None:
    await send(settings.home, [span("old", "[RET-1]", minutes_ago=60 * 24 * 9)])
    assert "old" not in await labels_after(ax)
    assert (await labels_after(ax, window="everything"))["old"] == "matches"


async def labels_after(ax: Caller, **arguments: Any) -> dict[str, str]:
    await score(ax, **arguments)
    spans = (await ax.ask("search_spans", window="everything"))["spans"]
    return {one["name"]: one["evaluations"][0]["label"] for one in spans if one["evaluations"]}


async def test_a_task_brings_its_own_project_filter_and_mappings(ax: Caller, cites: None) -> None:
    await ax.ask("create_task", name="policy", evaluators=["cites"], query_filter="name = 'a1'")
    done = await score(ax, evaluators=None, task="policy")
    assert counts(done) == ("COMPLETED", 1, 0, 0)
    for more in ({"project": "bot"}, {"evaluators": ["cites"]}, {"query_filter": "x"}, {"column_mappings": {"a": "b"}}):
        refusal = await ax.refused("trigger_backfill", task="policy", **more)
        assert refusal["message"] == "A task brings its own project, evaluators, filter and mappings."


async def test_a_dataset_task_scores_experiments_and_leads_to_the_comparison(
    ax: Caller, files: Path, cites: None
) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}, {"key": "q2"}])
    for name, answers in (("a", ["no", "no"]), ("b", ["[RET-1]", "[RET-2]"])):
        lines = [f"q{n},{answer}" for n, answer in enumerate(answers, start=1)]
        (files / f"{name}.csv").write_text("\n".join(["key,output", *lines]), encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.csv", key="key")
    await ax.ask("create_task", name="variants", evaluators=["cites"], experiments=["a", "b"])
    seen = await ax.ask("trigger_backfill", task="variants", preview=True)
    assert seen["plan"]["evaluators"][0]["rows_to_score"] == 4
    assert "window" not in seen
    done = await score(ax, evaluators=None, task="variants")
    assert done["labels"] == {"cites": {"matches": 2, "no match": 2}}
    assert "Next: compare_experiments" in await ax.read("get_run", run=done["run"]["id"])
    (finding,) = (await ax.ask("compare_experiments", experiments=["a", "b"]))["comparison"]["findings"]
    assert (finding["evaluator"], finding["n"], len(finding["fixed"] or finding["rose"])) == ("cites", 2, 2)
    again = await ax.ask("trigger_backfill", task="variants", preview=True)
    assert again["plan"]["evaluators"][0]["rows_to_score"] == 0
    refusal = await ax.refused("trigger_backfill", task="variants", window="last 7 days")
    assert refusal["message"] == "Task 'variants' reads experiments, which have no window."


async def test_a_judge_scores_and_what_it_says_off_its_labels_is_a_failure(settings: Settings, bot: None) -> None:
    def answer(prompt: str) -> str:
        return "good" if "RET-1" in prompt else "excellent" if "SHIP-2" in prompt else "bad"

    with ScriptedModel(answer) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            done = await score(ax, evaluators=["helpful"])
            assert counts(done) == ("COMPLETED", 2, 1, 1)
            assert done["labels"] == {"helpful": {"good": 1, "bad": 1}}
            assert done["errors"][0]["example"] == id_of("a3")
            assert "excellent" in done["errors"][0]["reason"]
            assert await labels(ax, "helpful") == {"a1": "good", "a2": "bad"}


async def test_a_refused_key_ends_the_run_and_names_the_variable(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good", key="another") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            done = await score(ax, evaluators=["helpful"], query_filter=ANSWERED)
            assert counts(done) == ("FAILED", 0, 3, 0)
            assert "OPENAI_API_KEY" in done["run"]["failure_reason"]
            assert "sk-test" not in await ax.read("get_run", run=done["run"]["id"])


async def test_a_slow_run_is_still_running_reports_progress_and_can_be_cancelled(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good", latency_s=20) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="helpful", template=TEMPLATE, choices={"good": 1, "bad": 0})
            started = await ax.ask("trigger_backfill", evaluators=["helpful"], query_filter=ANSWERED, wait=1)
            run = started["run"]["id"]
            assert (started["still_running"], started["run"]["status"]) == (True, "RUNNING")
            assert ax.progress[-1] == (0, 3)
            waited = await ax.read("wait_for_run", run=run, timeout=1, poll_interval=0.2)
            assert f"Run {run} RUNNING: 0 scored, 0 failed, 0 skipped\n0 of 3 done" in waited
            assert waited.endswith(f"Still running. Next: wait_for_run(run={run!r}) again.")
            cancelled = await ax.ask("cancel_run", run=run)
            assert cancelled["run"]["status"] == "CANCELLED"
            assert counts(await ax.ask("wait_for_run", run=run)) == ("CANCELLED", 0, 0, 0)
            assert "Cancelled on request" in await ax.read("get_run", run=run)
            refusal = await ax.refused("cancel_run", run=run)
            assert "The run is CANCELLED already and cannot be cancelled." in refusal["message"]


@pytest.mark.parametrize("tool", ["get_run", "cancel_run", "wait_for_run"])
async def test_a_run_that_is_none_is_told_apart(kept_cites: Caller, tool: str) -> None:
    assert await kept_cites.refused(tool, run=NO_RUN) == {
        "code": "not_found",
        "message": f"No run has the id {NO_RUN!r}.",
        "next": "`get_task` shows the ids of a task's last runs.",
    }
    project = (await kept_cites.ask("list_projects"))["projects"][0]["id"]
    assert (await kept_cites.refused(tool, run=project))["message"] == "A run id was wanted, but this is a Model id."
    refusal = await kept_cites.refused(tool, run="last")
    assert refusal["message"] == "A run id was wanted, but 'last' is not an id."
    assert (await kept_cites.refused(tool))["message"] == "run: required"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"evaluators": None}, "There is no evaluator to score with."),
        ({"evaluators": []}, "There is no evaluator to score with."),
        ({"evaluators": ["sites"]}, "No judge is named 'sites'. Near: 'cites' ("),
        ({"evaluators": ["cites", "Cites"]}, "Evaluator 'cites' is named twice."),
        ({"project": "bott"}, "No project is named 'bott'. Near: 'bot' ("),
        ({"task": "policy", "evaluators": None}, "No task is named 'policy'. There is no task yet."),
        ({"query_filter": "name = 'zzz'"}, "No existing span matches the filter \"name = 'zzz'\""),
        ({"query_filter": "nme = 'a1'"}, "Spans have no field 'nme'."),
        ({"column_mappings": {"output": "attributes.reply"}}, "'cites' finds no value on any of 4 rows for 'output'"),
        ({"column_mappings": {"answer": "output"}}, "column_mappings names 'answer'"),
        ({"window": "soon"}, "The window 'soon' is not understood."),
        ({"window": "last 99999 months"}, "The window 'last 99999 months' reaches too far."),
        ({"window": "2020-01-01..9999-12-31"}, "The window '2020-01-01..9999-12-31' reaches too far."),
        ({"max_spans": 0}, "max_spans: input should be greater than or equal to 1"),
        ({"wait": 601}, "wait: input should be less than or equal to 600"),
        ({"override_evaluations": "maybe"}, "override_evaluations: input should be a valid boolean"),
        ({"override_evaluation": True}, "override_evaluation: unknown name, did you mean 'override_evaluations'?"),
    ],
)
async def test_a_backfill_that_could_not_score_is_refused_and_makes_no_task(
    kept_cites: Caller, arguments: dict[str, Any], said: str
) -> None:
    refusal = await kept_cites.refused("trigger_backfill", **{"evaluators": ["cites"], **arguments})
    assert said in refusal["message"]
    assert (await kept_cites.refused("get_task"))["message"] == "There is no task yet."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"timeout": 0}, "timeout: input should be greater than or equal to 1"),
        ({"timeout": 601}, "timeout: input should be less than or equal to 600"),
        ({"poll_interval": 0}, "poll_interval: input should be greater than or equal to 0.1"),
        ({"time_out": 5}, "time_out: unknown name, did you mean 'timeout'?"),
    ],
)
async def test_a_wait_without_end_is_not_offered(kept_cites: Caller, arguments: dict[str, Any], said: str) -> None:
    assert said in (await kept_cites.refused("wait_for_run", run=NO_RUN, **arguments))["message"]


async def test_a_second_window_on_the_same_data_sees_the_run(ax: Caller, settings: Settings, cites: None) -> None:
    done = await score(ax)
    async with serving(settings) as other:
        shown = await other.ask("get_run", run=done["run"]["id"])
        assert shown["run"] == done["run"]
        assert await labels(other) == await labels(ax)


async def test_a_run_whose_process_has_ended_says_that_it_goes_on(ax: Caller, cites: None, settings: Settings) -> None:
    run = (await score(ax, project="bot"))["run"]["id"]
    # What a process leaves behind that is killed; long before it is taken over, it is looked at.
    await stores.change(settings.home, sa.update(task_runs).values(status="RUNNING", heartbeat_ns=1))
    said = text_of(await ax.call("get_run", run=run))
    assert "The run continues while an assaykit server or engine is open." in said

"""Requests of users to a coding assistant, in the words of Arize's documentation, played as the calls that answer them.

Each test is one request; it ends in the state that was asked for. Names stand for what a user has lying around.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import send, span

from assaykit.settings import Settings

PROJECT = "production"
MADE_UP = "Paris has 90 million inhabitants."
FRESH, OLD = {"capital", "population", "weather"}, {"old"}
"""The spans of kind LLM, of the last 7 days and before."""

VERDICTS = {
    "hallucinated": "factual",
    "incorrect": "correct",
    "ungrounded": "grounded",
    "irrelevant": "relevant",
}
"""What a judge of the catalogue says of an answer that is made up, and of any other."""

QUESTIONS = [
    {"key": "q1", "input": "What is the capital of France?", "context": "France: capital Paris."},
    {"key": "q2", "input": "How many people live in Paris?", "context": "Paris: 2 million people."},
    {"key": "q3", "input": "Which river is there?", "context": "Paris: on the Seine."},
]
ANSWERS = {"q1": "Paris.", "q2": MADE_UP, "q3": "The Seine."}


def verdict(prompt: str) -> str:
    bad, good = next((bad, good) for bad, good in VERDICTS.items() if bad in prompt)
    return bad if MADE_UP in prompt else good


@pytest.fixture
async def user(settings: Settings) -> AsyncGenerator[Caller]:
    """Somebody with traces in a project, judges named after the catalogue's, and an OpenAI integration."""
    await send(
        settings.home,
        [
            span("chat", "Done.", kind="CHAIN", minutes_ago=20),
            span("capital", "Paris.", asked="What is the capital of France?", minutes_ago=30),
            span("population", MADE_UP, asked="How many people live in Paris?", minutes_ago=60 * 24),
            span("weather", "Mild.", asked="How is the weather?", minutes_ago=60 * 24 * 3),
            span("old", "Paris.", asked="And in 1990?", minutes_ago=60 * 24 * 9),
        ],
        PROJECT,
    )
    with ScriptedModel(verdict) as model:
        async with serving(replace(settings, period_s=0.1), model.url) as ax:
            for name in ("hallucination", "correctness", "relevance"):
                await ax.ask("create_judge", name=name, catalogue=name)
            yield ax


async def labels(ax: Caller, judge: str) -> dict[str, str]:
    """The judge's labels by the names of the spans, of any age."""
    found = await ax.ask("search_spans", filter=f"eval.{judge}.label IS NOT NULL", window="everything")
    return {
        one["name"]: given["label"] for one in found["spans"] for given in one["evaluations"] if given["name"] == judge
    }


def expected(names: set[str], good: str, bad: str) -> dict[str, str]:
    return {name: bad if name == "population" else good for name in names}


async def kinds(ax: Caller, name: str) -> Mapping[str, Any]:
    """The task of that name."""
    return (await ax.ask("get_task", task=name))["task"]


async def told_when(ax: Caller, name: str, **arguments: Any) -> None:
    """Create a continuous task; the answer says who runs it and when next."""
    made = await ax.ask("create_task", name=name, is_continuous=True, **arguments)
    assert made["schedule"]["worker"] == "this"
    due = datetime.fromisoformat(made["schedule"]["next_run_at"]) - datetime.now(UTC)
    assert abs(due.total_seconds()) < 60


async def until_scored(ax: Caller, task: str, number: int) -> None:
    """Wait until the runs of a task that nobody triggered have scored so many."""
    with anyio.fail_after(60):
        while sum(run["num_successes"] for run in (await ax.ask("get_task", task=task))["last_runs"]) < number:
            pass


async def test_create_a_continuous_task_to_run_my_hallucination_evaluator_on_my_project(user: Caller) -> None:
    (project,) = (await user.ask("list_projects"))["projects"]
    assert "hallucination" in [judge["name"] for judge in (await user.ask("list_judges"))["judges"]]
    await told_when(
        user, "hallucination watch", evaluators=["hallucination"], project=project["name"],
        query_filter="span_kind = 'LLM'",
    )  # fmt: skip
    await send(user.settings.home, [span("new", MADE_UP, asked="How many?"), span("step", kind="CHAIN")], PROJECT)
    await until_scored(user, "hallucination watch", 1)
    (task,) = (await user.ask("list_tasks"))["tasks"]
    assert (task["target"], task["is_continuous"], task["schedule"]["failures"]) == (f"project {PROJECT!r}", True, 0)
    assert await labels(user, "hallucination") == {"new": "hallucinated"}


async def test_trigger_a_backfill_eval_run_on_my_project_for_the_last_7_days(user: Caller) -> None:
    await user.ask("create_task", name="quality", evaluators=["correctness"], query_filter="span_kind = 'LLM'")
    (task,) = (await user.ask("list_tasks", project=PROJECT))["tasks"]
    begun = await user.ask("trigger_backfill", task=task["name"], window="last 7 days")
    ended = await user.ask("wait_for_run", run=begun["run"]["id"], timeout=60, poll_interval=0.1)
    assert (ended["run"]["status"], ended["run"]["num_successes"]) == ("COMPLETED", 3)
    assert await labels(user, "correctness") == expected(FRESH, "correct", "incorrect")


async def test_set_up_a_task_that_only_evaluates_llm_spans(user: Caller) -> None:
    planned = await user.ask(
        "create_task",
        name="LLM spans only",
        evaluators=["hallucination"],
        query_filter="span_kind = 'LLM'",
        preview=True,
    )
    assert planned["plan"]["evaluators"][0]["rows_matched"] == len(FRESH | OLD)
    await user.ask("create_task", name="LLM spans only", evaluators=["hallucination"], query_filter="span_kind = 'LLM'")
    assert (await kinds(user, "LLM spans only"))["query_filter"] == "span_kind = 'LLM'"
    await user.ask("trigger_run", task="LLM spans only", window="everything", wait=30)
    assert await labels(user, "hallucination") == expected(FRESH | OLD, "factual", "hallucinated")


async def test_run_my_correctness_evaluator_continuously_on_my_production_traces(user: Caller) -> None:
    await told_when(user, "correctness in production", evaluators=["correctness"], project="production")
    await send(user.settings.home, [span("today", "Paris.", asked="What is the capital of France?")], PROJECT)
    await until_scored(user, "correctness in production", 1)
    assert await labels(user, "correctness") == {"today": "correct"}
    # The plain words mean from now on; what was there before is asked for on its own.
    await user.ask("update_task", task="correctness in production", query_filter="span_kind = 'LLM'")
    await user.ask("trigger_backfill", task="correctness in production", window="last 7 days", wait=30)
    assert await labels(user, "correctness") == expected({*FRESH, "today"}, "correct", "incorrect")
    task = await kinds(user, "correctness in production")
    assert (task["is_continuous"], task["query_filter"]) == (True, "span_kind = 'LLM'")


async def test_backfill_my_hallucination_eval_on_the_last_7_days_of_spans(user: Caller) -> None:
    done = await user.ask(
        "trigger_backfill", project=PROJECT, evaluators=["hallucination"], window="last 7 days", wait=30
    )
    assert (done["run"]["status"], done["run"]["num_successes"]) == ("COMPLETED", 4)
    assert await labels(user, "hallucination") == expected({*FRESH, "chat"}, "factual", "hallucinated")


async def test_set_up_a_task_to_score_only_llm_spans_with_my_relevance_evaluator(user: Caller) -> None:
    await user.ask(
        "create_task", name="relevance of answers", evaluators=["relevance"], query_filter="span_kind = 'LLM'"
    )
    await user.ask("trigger_run", task="relevance of answers", window="last 7 days", wait=30)
    assert await labels(user, "relevance") == expected(FRESH, "relevant", "irrelevant")
    (task,) = (await user.ask("list_tasks"))["tasks"]
    assert (task["evaluators"], task["query_filter"]) == (["relevance"], "span_kind = 'LLM'")


@pytest.fixture
async def dataset(user: Caller) -> str:
    """The id of dataset "qa-regression"."""
    return (await user.ask("create_dataset", name="qa-regression", rows=QUESTIONS))["dataset"]["id"]


async def results(ax: Caller, files: Path) -> list[dict[str, Any]]:
    """What the user's application answers to the examples, keyed by their ids."""
    await ax.ask("get_dataset", dataset="qa-regression", save_to="examples.json")
    examples = json.loads((files / "examples.json").read_text(encoding="utf-8"))
    return [{"example_id": one["id"], "output": ANSWERS[one["key"]]} for one in examples]


@pytest.fixture
async def experiment(user: Caller, files: Path, dataset: str) -> str:
    """The id of an experiment on it."""
    (files / "variant.json").write_text(json.dumps(await results(user, files)), encoding="utf-8")
    made = await user.ask("upload_experiment", file="variant.json", dataset=dataset)
    return made["experiment"]["id"]


async def test_upload_runs_csv_as_a_new_experiment_on_a_dataset_and_name_it(
    user: Caller, files: Path, dataset: str
) -> None:
    rows = await results(user, files)
    lines = [f"{row['example_id']},{row['output']}" for row in rows]
    (files / "runs.csv").write_text("\n".join(["example_id,output", *lines]), encoding="utf-8")
    await user.ask("upload_experiment", file="runs.csv", dataset=dataset, name="baseline-v1")
    (listed,) = (await user.ask("list_experiments", dataset=dataset))["experiments"]
    assert (listed["name"], listed["dataset"]) == ("baseline-v1", "qa-regression")
    shown = await user.ask("get_experiment", experiment="baseline-v1", failures_first=False)
    assert [(row["example_id"], row["output"]) for row in shown["runs"]] == [
        (row["example_id"], row["output"]) for row in rows
    ]


async def test_create_an_experiment_from_nightly_runs_jsonl_for_a_dataset(
    user: Caller, files: Path, dataset: str
) -> None:
    rows = await results(user, files)
    (files / "nightly_runs.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    made = await user.ask("upload_experiment", file="nightly_runs.jsonl", dataset="qa-regression")
    assert (made["experiment"]["name"], made["runs"], made["examples_without_run"]) == ("nightly_runs", 3, 0)
    (listed,) = (await user.ask("list_experiments", dataset="qa-regression"))["experiments"]
    assert listed["id"] == made["experiment"]["id"]


async def scored(ax: Caller, experiment: str, judge: str) -> dict[str, str]:
    """The labels of every row of an experiment, by what was answered."""
    shown = await ax.ask("get_experiment", experiment=experiment)
    assert shown["next_cursor"] is None
    return {
        row["output"]: given["label"] for row in shown["runs"] for given in row["evaluations"] if given["name"] == judge
    }


async def test_create_a_correctness_judge_using_my_openai_integration_and_run_it_on_an_experiment(
    user: Caller, experiment: str
) -> None:
    integrations = (await user.ask("get_status"))["integrations"]
    assert [(one["name"], one["provider"], one["has_api_key"]) for one in integrations] == [("openai", "OPEN_AI", True)]
    await user.ask("create_judge", name="correct answers", catalogue="correctness", integration="openai")
    await user.ask("create_task", name="check", evaluators=["correct answers"], experiments=[experiment])
    done = await user.ask("trigger_run", task="check", experiments=[experiment], wait=30)
    assert (done["run"]["status"], done["run"]["num_successes"]) == ("COMPLETED", 3)
    given = await scored(user, experiment, "correct answers")
    assert given == {"Paris.": "correct", MADE_UP: "incorrect", "The Seine.": "correct"}


async def test_score_every_run_in_an_experiment_with_a_groundedness_judge(user: Caller, experiment: str) -> None:
    await user.ask("create_judge", name="groundedness", catalogue="groundedness")
    made = await user.ask("create_task", name="grounded?", evaluators=["groundedness"], experiments=[experiment])
    assert made["plan"]["evaluators"][0]["rows_to_score"] == 3
    done = await user.ask("trigger_run", task="grounded?", wait=30)
    assert (done["run"]["num_successes"], done["run"]["num_errors"], done["run"]["num_skipped"]) == (3, 0, 0)
    given = await scored(user, experiment, "groundedness")
    assert given == {"Paris.": "grounded", MADE_UP: "ungrounded", "The Seine.": "grounded"}
    worst = (await user.ask("get_experiment", experiment=experiment, limit=1))["runs"]
    assert [row["output"] for row in worst] == [MADE_UP]

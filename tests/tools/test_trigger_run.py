"""`trigger_run`: any task, with what its type takes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.caller import Caller

from assaykit.api.client import Api
from assaykit.errors import Invalid
from assaykit.session import Session, session
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of
from assaykit.tools.runs.tools import trigger_run
from assaykit.wire import ids

ANSWERED = "attributes.output.value IS NOT NULL"


@pytest.fixture
async def policy(ax: Caller, bot: None) -> None:
    """A task over the three answered spans of project "bot"."""
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_task", name="policy", evaluators=["cites"], query_filter=ANSWERED)


@pytest.fixture
async def variants(ax: Caller, files: Path, policy: None) -> None:
    """A task over the experiments a and b."""
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}, {"key": "q2"}])
    for name in ("a", "b", "c"):
        (files / f"{name}.csv").write_text("key,output\nq1,[RET-1]\nq2,no\n", encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.csv", key="key")
    await ax.ask("create_task", name="variants", evaluators=["cites"], experiments=["a", "b"])


def counts(data: dict[str, Any]) -> tuple[str, int, int, int]:
    run = data["run"]
    return (run["status"], run["num_successes"], run["num_errors"], run["num_skipped"])


async def test_a_run_without_a_window_takes_what_came_since_the_last(ax: Caller, policy: None) -> None:
    first = await ax.ask("trigger_run", task="policy", wait=30)
    assert counts(first) == ("COMPLETED", 3, 0, 0)
    assert first["labels"] == {"cites": {"matches": 2, "no match": 1}}
    second = await ax.ask("trigger_run", task="policy", override_evaluations=True, wait=30)
    assert counts(second)[1] == 0
    assert second["run"]["data_start_time"] >= first["run"]["created_at"]


@pytest.mark.over_http("wait_for_run")
async def test_without_wait_it_answers_at_once_with_the_next_step(ax: Caller, policy: None) -> None:
    answer = await ax.call("trigger_run")
    data = data_of(answer)
    run = data["run"]
    assert (run["status"], data["task"]) == ("PENDING", "policy")
    assert counts(await ax.ask("wait_for_run", run=run["id"]))[0] == "COMPLETED"


@pytest.mark.parametrize(
    ("arguments", "scored"),
    [
        ({"window": "everything"}, 3),
        ({"data_start_time": "2020-01-01"}, 3),
        ({"data_start_time": "2020-01-01", "data_end_time": "2020-01-02T10:00:00+02:00"}, 0),
        ({"max_spans": 2}, 2),
    ],
)
async def test_the_rows_asked_for_are_scored(ax: Caller, policy: None, arguments: dict[str, Any], scored: int) -> None:
    done = await ax.ask("trigger_run", task="policy", wait=30, **arguments)
    assert counts(done)[1] == scored


async def test_the_rows_of_the_last_minutes_are_scored(ax: Caller, policy: None, last: Callable[[int], str]) -> None:
    done = await ax.ask("trigger_run", task="policy", wait=30, window=last(25))
    assert counts(done)[1] == 1


async def test_what_is_labelled_is_scored_again_only_when_that_is_said(ax: Caller, policy: None) -> None:
    await ax.ask("trigger_run", window="everything", wait=30)
    assert counts(await ax.ask("trigger_run", window="everything", wait=30))[1] == 0
    again = await ax.ask("trigger_run", window="everything", override_evaluations=True, wait=30)
    assert counts(again)[1] == 3


async def test_some_experiments_of_a_task_or_all_of_them_are_scored(ax: Caller, variants: None) -> None:
    one = await ax.ask("trigger_run", task="variants", experiments=["b"], wait=30)
    assert counts(one) == ("COMPLETED", 2, 0, 0)
    every = await ax.ask("trigger_run", task="variants", wait=30)
    assert counts(every) == ("COMPLETED", 2, 0, 0)
    # The contract lets a trigger name experiments that the task itself does not.
    other = await ax.ask("trigger_run", task="variants", experiments=["c"], wait=30)
    assert counts(other)[1] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"experiment_name": "v1"}, "experiment_name belongs to RUN_EXPERIMENT tasks; this one is CODE_EVALUATION."),
        (
            {"example_ids": ["x"], "max_examples": 3},
            "example_ids, max_examples belong to RUN_EXPERIMENT tasks; this one is CODE_EVALUATION.",
        ),
        ({"evaluation_tasks": ["policy"]}, "evaluation_tasks belongs to RUN_EXPERIMENT tasks"),
        ({"experiments": ["a"]}, "experiments belongs to tasks on a dataset; 'policy' reads a project."),
        ({"window": "today", "data_start_time": "2026-01-01"}, "The window is given twice."),
        ({"window": "soon"}, "The window 'soon' is not understood."),
        ({"data_start_time": "soon"}, "The window 'soon' is not understood."),
        ({"data_end_time": "9999-12-31"}, "The moment '9999-12-31' lies too far away."),
        ({"data_start_time": "2026-02-01", "data_end_time": "2026-01-01"}, "ends before it starts."),
        ({"max_spans": 0}, "max_spans: input should be greater than or equal to 1"),
        ({"wait": 601}, "wait: input should be less than or equal to 600"),
        ({"task": "polcy"}, "No task is named 'polcy'. Near: 'policy' ("),
        ({"from": "today"}, "from: unknown name"),
    ],
)
async def test_what_does_not_fit_the_task_is_refused_by_name(
    ax: Caller, policy: None, arguments: dict[str, Any], said: str
) -> None:
    refusal = await ax.refused("trigger_run", **{"task": "policy", **arguments})
    assert said in refusal["message"]
    assert (await ax.ask("list_runs", task="policy"))["runs"] == []


async def test_a_task_on_a_dataset_has_no_window(ax: Caller, variants: None) -> None:
    refusal = await ax.refused("trigger_run", task="variants", window="today")
    assert refusal["message"] == "window: task 'variants' reads experiments, which have no window."
    refusal = await ax.refused("trigger_run", task="variants", experiments=["d"])
    assert refusal["message"].startswith("No experiment is named 'd'.")


# What goes over the wire: these speak to replies written here.

SPACE, DATASET = ids.encode("Space", 1, "a"), ids.encode("Dataset", 1, "a")
EXPERIMENT_TASK, SCORING_TASK = ids.encode("OnlineTask", 1, "a"), ids.encode("OnlineTask", 2, "a")
RUN = ids.encode("TaskRun", 1, "a")
TASKS: Mapping[str, Mapping[str, Any]] = {
    EXPERIMENT_TASK: {"id": EXPERIMENT_TASK, "name": "answers", "type": "RUN_EXPERIMENT", "dataset_id": DATASET},
    SCORING_TASK: {"id": SCORING_TASK, "name": "scoring", "type": "CODE_EVALUATION", "dataset_id": DATASET},
}


def backend(triggered: list[dict[str, Any]], settings: Settings) -> Session:
    def answer(request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        if last == "spaces":
            return httpx.Response(200, json={"spaces": [{"id": SPACE, "name": "work"}]})
        if last == "trigger":
            triggered.append(json.loads(request.content))
            return httpx.Response(201, json={"id": RUN, "status": "PENDING"})
        if last == "tasks":
            wanted = request.url.params.get("name", "")
            return httpx.Response(200, json={"tasks": [one for one in TASKS.values() if wanted in one["name"]]})
        if last == "examples":
            return httpx.Response(200, json={"examples": [{"id": "e1", "topic": "returns"}]})
        return httpx.Response(200, json=TASKS[last]) if last in TASKS else httpx.Response(404)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://ax.test")
    return session(Api(http, "ax"), settings)


async def trigger(here: Session, **arguments: Any) -> str:
    # Progress is only reported while waiting.
    return (await trigger_run.function(here, cast("Any", None), **arguments)).text


async def test_a_task_that_makes_an_experiment_takes_its_name_its_examples_and_what_scores_it(
    settings: Settings,
) -> None:
    sent: list[dict[str, Any]] = []
    here = backend(sent, settings)
    text = await trigger(
        here,
        task="answers",
        experiment_name="v1",
        example_ids=["e1"],
        query_filter="topic = 'returns'",
        tracing_metadata={"build": "7"},
        evaluation_tasks=["scoring"],
    )
    assert f"Run {RUN} of task 'answers' is PENDING." in text
    assert sent == [
        {
            "experiment_name": "v1",
            "example_ids": ["e1"],
            "query_filter": "topic = 'returns'",
            "tracing_metadata": {"build": "7"},
            "evaluation_task_ids": [SCORING_TASK],
        }
    ]


async def test_a_task_that_makes_an_experiment_needs_its_name_and_refuses_what_scoring_takes(
    settings: Settings,
) -> None:
    sent: list[dict[str, Any]] = []
    here = backend(sent, settings)
    with pytest.raises(Invalid, match="Task 'answers' makes an experiment, which needs a name"):
        await trigger(here, task="answers")
    with pytest.raises(
        Invalid,
        match="window, override_evaluations, max_spans, experiments belong to evaluation tasks; "
        "this one is RUN_EXPERIMENT",
    ):
        await trigger(
            here,
            task="answers",
            experiment_name="v1",
            window="today",
            max_spans=3,
            override_evaluations=True,
            experiments=["a"],
        )
    assert sent == []

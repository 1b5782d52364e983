"""Tasks that run an experiment, from a prompt or a template to a comparison."""

import json
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from tests.caller import Caller, serving, text_of
from tests.conftest import spans_of_bot
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, send

from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

pytestmark = pytest.mark.slow

ROWS = [
    {"question": "Capital of Peru?", "answer": "Lima"},
    {"question": "Capital of Japan?", "answer": "Tokyo"},
    {"question": "Capital of Chad?", "answer": "N'Djamena"},
]
GENERATION = {"messages": [{"role": "USER", "content": "Q: {question}"}], "model_name": "gpt-test"}
TEMPLATE = {
    "template": "Is {{said}} in Asia?",
    "column_mapping": {"said": "answer"},
    "classification_choices": {"yes": 1, "no": 0},
    "model_name": "judge-1",
}


class Bench(NamedTuple):
    """A caller with dataset "capitals", and the model behind it."""

    ax: Caller
    model: ScriptedModel

    async def example_ids(self) -> list[str]:
        return [row["id"] for row in (await self.ax.ask("get_dataset"))["examples"]]

    async def outputs(self, experiment: str) -> dict[str, str | None]:
        """What came out, by the right answer."""
        answers = dict(zip(await self.example_ids(), (row["answer"] for row in ROWS), strict=True))
        found = await self.ax.ask("get_experiment", experiment=experiment)
        return {answers[row["example_id"]]: row["output"] for row in found["runs"]}


def answer(prompt: str) -> Any:
    if "Asia" in prompt:
        return "yes" if "Tokyo" in prompt else "no"
    if "Chad" in prompt:
        return {"text": ""}
    return next((row["answer"] for row in ROWS if row["question"] in prompt), "I do not know.")


@pytest.fixture
async def bench(settings: Settings) -> AsyncGenerator[Bench]:
    with ScriptedModel(answer) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="capitals", rows=ROWS)
            yield Bench(ax, model)


def counts(data: dict[str, Any]) -> tuple[str, int, int, int]:
    run = data["run"]
    return (run["status"], run["num_successes"], run["num_errors"], run["num_skipped"])


async def test_a_prompt_is_run_over_a_dataset_and_the_experiment_can_be_read(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("save_prompt", prompt="geo", template="Q: {question}", provider="OPEN_AI", model="gpt-test")
    made = await ax.ask("create_task", name="answers", dataset="capitals", run_configuration={"prompt": "geo"})
    assert (made["created"], made["task"]["type"]) == (True, "RUN_EXPERIMENT")
    assert made["run_configuration"]["messages"] == [{"role": "USER", "content": "Q: {question}"}]
    shown = (await ax.ask("get_prompt", prompt="geo"))["prompt"]["version"]
    assert made["run_configuration"]["prompt_version_id"] == shown["id"]
    done = await ax.ask("trigger_run", task="answers", experiment_name="v1", wait=30)
    assert counts(done) == ("COMPLETED", 2, 1, 0)
    assert (done["experiment"]["name"], done["labels"]) == ("v1", {})
    assert done["errors"][0]["reason"] == "The model's reply is empty."
    assert await bench.outputs("v1") == {"Lima": "Lima", "Tokyo": "Tokyo", "N'Djamena": None}
    assert sorted(bench.model.prompts) == sorted(f"Q: {row['question']}" for row in ROWS)
    text = await ax.read("get_run", run=done["run"]["id"])
    assert "Experiment 'v1' (" in text
    assert "Next: get_experiment shows the rows, compare_experiments says" in text


@pytest.mark.parametrize("written", ["F_STRING", "MUSTACHE", "NONE"])
async def test_messages_are_filled_in_the_writing_that_is_named(bench: Bench, written: str) -> None:
    content = {"F_STRING": "Q: {question}", "MUSTACHE": "Q: {{question}}", "NONE": "Q: {question}"}[written]
    config = {"messages": [{"role": "USER", "content": content}], "model_name": "m", "input_variable_format": written}
    text = await bench.ax.read("create_task", name="answers", run_configuration=config)
    assert ("so each gets the same messages" in text) == (written == "NONE")
    await bench.ax.ask("trigger_run", experiment_name="v1", max_examples=1, wait=30)
    assert bench.model.prompts == ["Q: {question}" if written == "NONE" else "Q: Capital of Peru?"]


async def test_a_template_labels_the_examples_and_two_of_them_can_be_compared(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_task", name="asia", type="RUN_EXPERIMENT", run_configuration=TEMPLATE)
    first = await ax.ask("trigger_run", task="asia", experiment_name="mild", wait=30)
    assert counts(first) == ("COMPLETED", 3, 0, 0)
    assert await bench.outputs("mild") == {"Lima": "no", "Tokyo": "yes", "N'Djamena": "no"}
    changed = await ax.ask("update_task", run_configuration={**TEMPLATE, "template": "Asia? {{said}}!"})
    assert (changed["changed"], changed["task"]["run_configuration"]["template"]) == (
        ["run_configuration"],
        "Asia? {{said}}!",
    )
    await ax.ask("trigger_run", task="asia", experiment_name="strict", wait=30)
    compared = (await ax.ask("compare_experiments", experiments=["mild", "strict"]))["comparison"]
    assert "template_evaluation" in json.dumps(compared)


@pytest.mark.parametrize(
    ("template", "mapping"),
    [
        ("Q: {question}", None),
        ("Q: {{question}}", None),
        ("Q: {x}", {"x": "question"}),
        ("Q: {{ what is asked }}", {"what is asked": "question"}),
    ],
)
async def test_a_template_without_choices_is_a_prompt_that_is_sent_as_it_is(
    bench: Bench, template: str, mapping: dict[str, str] | None
) -> None:
    config: dict[str, Any] = {"template": template, "model_name": "m"}
    config |= {"column_mapping": mapping} if mapping else {}
    made = await bench.ax.ask("create_task", name="answers", run_configuration=config)
    assert made["run_configuration"]["experiment_type"] == "LLM_GENERATION"
    assert (made["spending"]["rows"], made["spending"]["calls"]) == (3, 3)
    assert any("it is a prompt: the model gets its text alone" in one for one in made["warnings"])
    await bench.ax.ask("trigger_run", task="answers", experiment_name="v1", wait=30)
    assert sorted(bench.model.prompts) == sorted(f"Q: {row['question']}" for row in ROWS)
    assert (await bench.outputs("v1"))["Lima"] == "Lima"


async def test_variables_in_the_other_notation_are_converted_and_said(bench: Bench) -> None:
    ax = bench.ax
    made = await ax.ask(
        "create_task", name="asia", run_configuration={**TEMPLATE, "template": 'Is {said} in Asia? {"a": 1}'}
    )
    assert made["run_configuration"]["template"] == 'Is {{said}} in Asia? {"a": 1}'
    assert made["warnings"][0].endswith("as the contract writes them: '{{said}}' for '{said}'.")
    await ax.ask("trigger_run", task="asia", experiment_name="v1", wait=30)
    assert await bench.outputs("v1") == {"Lima": "no", "Tokyo": "yes", "N'Djamena": "no"}
    assert all(prompt.startswith("The text between") or "[data" in prompt for prompt in bench.model.prompts)
    messages = [{"role": "USER", "content": "Q: {{question}}, {answer}"}]
    preview = {"messages": messages, "input_variable_format": "MUSTACHE", "model_name": "m"}
    told = await ax.ask("create_task", name="x", preview=True, run_configuration=preview)
    assert told["warnings"] == ["Warning: '{answer}' is sent as it is; '{{answer}}' is the column."]
    judge = await ax.ask(
        "create_judge", name="tone", template="Is {{ output }} kind?", choices={"yes": 1, "no": 0}, model="m"
    )
    assert judge["variables"] == ["output"]
    text = await ax.read(
        "create_judge", name="b", template="Is {{output}} kind?", choices={"yes": 1, "no": 0}, model="m"
    )
    assert "Its variables were written {{x}}, and a judge's are {x}." in text


async def test_a_run_takes_a_filter_with_examples_named_or_counted(bench: Bench) -> None:
    ax, ids = bench.ax, await bench.example_ids()
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    asia = "question CONTAINS 'Japan'"
    await ax.ask("trigger_run", experiment_name="a", query_filter=asia, max_examples=5, wait=30)
    assert list(await bench.outputs("a")) == ["Tokyo"]
    await ax.ask("trigger_run", experiment_name="b", example_ids=[ids[0], ids[1]], query_filter=asia, wait=30)
    assert list(await bench.outputs("b")) == ["Tokyo"]
    await ax.ask("trigger_run", experiment_name="c", example_ids=[ids[0]], wait=30)
    assert list(await bench.outputs("c")) == ["Lima"]
    version = (await ax.ask("get_dataset"))["versions"][0]["id"]
    named = await ax.ask("trigger_run", experiment_name="d", dataset_version_id=version, max_examples=1, wait=30)
    assert counts(named) == ("COMPLETED", 1, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Task 'answers' makes an experiment, which needs a name."),
        ({"experiment_name": "a", "example_ids": ["x"], "max_examples": 1}, "exclude each other"),
        ({"experiment_name": "a", "example_ids": ["x"]}, "has no example 'x'"),
        ({"experiment_name": "a", "window": "today", "max_spans": 5}, "window, max_spans belong to evaluation tasks"),
        ({"experiment_name": "a", "override_evaluations": True}, "override_evaluations belongs to evaluation tasks"),
        ({"experiment_name": "a", "max_example": 3}, "max_example: unknown name, did you mean 'max_examples'?"),
        ({"experiment_name": "a", "max_examples": "three"}, "max_examples: input should be a valid integer"),
        ({"experiment_name": "a", "evaluation_tasks": ["answer"]}, "No task is named 'answer'. Near: 'answers'"),
        ({"experiment_name": "a", "evaluation_tasks": ["shrt"]}, "Near: 'short'"),
        ({"experiment_name": "a", "evaluation_tasks": ["answers"]}, "Task 'answers' runs experiments itself"),
        ({"experiment_name": "a", "query_filter": "colour = 1"}, "'colour'"),
    ],
)
async def test_what_a_run_cannot_take_is_refused_by_name(bench: Bench, arguments: dict[str, Any], said: str) -> None:
    await bench.ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="^.{1,5}$")
    await bench.ax.ask("create_task", name="answers", run_configuration=GENERATION)
    assert said in (await bench.ax.refused("trigger_run", task="answers", **arguments))["message"]
    assert (await bench.ax.ask("list_runs", task="answers"))["runs"] == []
    assert bench.model.count == 0


async def test_a_name_that_is_taken_is_refused_and_so_is_a_backfill(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v1", wait=30)
    assert (await ax.refused("trigger_run", experiment_name="v1"))["code"] == "conflict"
    refusal = await ax.refused("trigger_backfill", task="answers")
    assert (refusal["message"], refusal["next"]) == (
        "Task 'answers' makes experiments and scores nothing.",
        "Call `trigger_run` with it.",
    )


async def test_an_example_without_a_value_is_warned_about_and_skipped(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("append_examples", dataset="capitals", rows=[{"answer": "Rome"}])
    made = await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    assert made["warnings"] == ["Warning: examples without question are skipped."]
    done = await ax.ask("trigger_run", experiment_name="v1", wait=30)
    assert counts(done) == ("COMPLETED", 2, 1, 1)
    assert done["skipped"][0]["reason"] == "The example has no value for 'question'."


async def test_evaluation_tasks_follow_and_their_labels_are_there(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="^.{1,5}$")
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v0", max_examples=1, wait=30)
    await ax.ask("create_task", name="scoring", evaluators=["short"], experiments=["v0"])
    text = text_of(
        await ax.call(
            "trigger_run", task="answers", experiment_name="v1", max_examples=2, evaluation_tasks=["scoring"], wait=30
        )
    )
    assert "When it is complete, scoring score it; get_task shows." in text
    (follower,) = (await ax.ask("list_runs", task="scoring"))["runs"]
    done = await ax.ask("wait_for_run", run=follower["id"])
    assert (counts(done), done["labels"]) == (("COMPLETED", 2, 0, 0), {"short": {"matches": 2}})
    found = await ax.ask("get_experiment", experiment="v1")
    assert [row["evaluations"][0]["label"] for row in found["runs"]] == ["matches", "matches"]


async def test_a_judge_scores_the_first_experiment_of_a_dataset_and_later_ones(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="^.{1,5}$")
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    asked = {"task": "answers", "max_examples": 2, "evaluation_tasks": ["short"], "wait": 30}
    first = await ax.call("trigger_run", experiment_name="v1", **asked)
    assert "Created 'short on capitals', which scores later experiments too: evaluation_tasks." in text_of(first)
    assert data_of(first)["scoring"]["labels"] == {"short": {"matches": 2}}
    later = await ax.call("trigger_run", experiment_name="v2", **asked)
    assert "When it is complete, 'short on capitals' score it" in text_of(later)
    newest = (await ax.ask("list_runs", task="short on capitals"))["runs"][0]
    assert (await ax.ask("wait_for_run", run=newest["id"]))["labels"] == {"short": {"matches": 2}}
    for name in ("v1", "v2"):
        found = await ax.ask("get_experiment", experiment=name)
        assert [one["label"] for row in found["runs"] for one in row["evaluations"]] == ["matches", "matches"]
    assert [task["name"] for task in (await ax.ask("list_tasks"))["tasks"]] == ["short on capitals", "answers"]


async def test_a_judge_gets_a_task_before_the_run_where_the_dataset_has_an_experiment(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="^.{1,5}$")
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v0", max_examples=1, wait=30)
    # A task of the judge's name scores a project, so it cannot follow.
    await send(ax.settings.home, spans_of_bot())
    await ax.ask("create_task", name="short", evaluators=["short"], project="bot")
    asked = {"task": "answers", "max_examples": 2, "evaluation_tasks": ["short"]}
    said = text_of(await ax.call("trigger_run", experiment_name="v1", **asked))
    assert "Created task 'short on capitals'. When it is complete, 'short on capitals' score it" in said
    await ax.ask("wait_for_run", run=(await ax.ask("list_runs", task="answers"))["runs"][0]["id"])
    (scoring,) = (await ax.ask("list_runs", task="short on capitals"))["runs"]
    assert (await ax.ask("wait_for_run", run=scoring["id"]))["labels"] == {"short": {"matches": 2}}
    assert all(row["evaluations"] == [] for row in (await ax.ask("get_experiment", experiment="v0"))["runs"])


async def test_a_judge_of_the_first_experiment_is_told_as_calls_without_a_wait(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="^.{1,5}$")
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    said = text_of(await ax.call("trigger_run", task="answers", experiment_name="v1", evaluation_tasks=["short"]))
    assert (
        "short has no task yet, and a task needs an experiment. When the run is complete: create_task(name='short on "
        "capitals', evaluators=['short'], experiments=['v1']), then trigger_run(task='short on capitals')." in said
    )


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ({"template": "Is {colour} fine?", "choices": {"yes": 1, "no": 0}}, "colour"),
    ],
)
async def test_a_judge_that_cannot_score_the_experiment_is_refused_before_the_run(
    bench: Bench, judge: dict[str, Any], said: str
) -> None:
    ax = bench.ax
    await ax.ask("create_judge", name="odd", **judge)
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v0", max_examples=1, wait=30)
    asked = bench.model.count
    refusal = await ax.refused("trigger_run", task="answers", experiment_name="v1", evaluation_tasks=["odd"])
    assert said in refusal["message"]
    assert bench.model.count == asked
    assert [one["name"] for one in (await ax.ask("list_experiments"))["experiments"]] == ["v0"]


async def test_tracing_makes_spans_that_can_be_searched(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v1", tracing_metadata={"build": 7}, wait=30)
    (project,) = (await ax.ask("list_projects"))["projects"]
    found = await ax.ask("search_spans", project=project["name"], filter="metadata.build = '7'")
    assert len(found["spans"]) == 3
    failed = await ax.ask("search_spans", project=project["name"], filter="status_code = 'ERROR'")
    assert [span["input"] for span in failed["spans"]] == ["Q: Capital of Chad?"]


DEFAULTING: dict[str, dict[str, Any]] = {
    "search_spans": {},
    "get_trace": {"trace": id_of("a1")},
    "preview_judge": {"judge": "cites"},
    "render_judge": {"judge": "cites"},
    "create_task": {"name": "policy", "evaluators": ["cites"]},
    "preview_backfill": {"evaluators": ["cites"]},
    "trigger_backfill": {"evaluators": ["cites"], "wait": 20},
    "annotate": {"name": "share", "score": 0.4, "targets": [id_of("a1")]},
    "label_queue": {"queue": "first", "label": "kind"},
    "log_evaluations": {"rows": [{"context.span_id": id_of("a1"), "eval.tone.label": "kind"}]},
}
"""A call of each tool that takes the only project if none is named."""

NAMING = {"list_tasks", "create_dataset", "calibrate_judge"}
"""The tools whose `project` has no default: without it they read other things."""


async def test_every_tool_takes_the_only_project_that_holds_no_experiment_traces(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v1", tracing_metadata={"build": 7}, wait=30)
    await ax.ask("create_judge", name="cites", code="JSON_PARSEABLE")
    takes = {one.name for one in (await ax.client.list_tools()).tools if "project" in one.input_schema["properties"]}
    assert takes == {*DEFAULTING, *NAMING}
    for tool, arguments in DEFAULTING.items():
        assert (await ax.refused(tool, **arguments))["message"] == "There is no project yet.", tool
    await send(ax.settings.home, spans_of_bot())
    for tool, arguments in DEFAULTING.items():
        await ax.ask(tool, **arguments)
    await send(ax.settings.home, spans_of_bot(), "shop")
    for tool, arguments in DEFAULTING.items():
        # A queue that is there has its project.
        asked = arguments | {"queue": "second"} if "queue" in arguments else arguments
        refusal = await ax.refused(tool, **asked)
        assert refusal["message"].startswith("There are 2 projects, so one must be named: 'shop' ("), tool


async def test_a_project_of_experiment_traces_is_marked_and_never_the_only_one(bench: Bench) -> None:
    ax = bench.ax
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    await ax.ask("trigger_run", experiment_name="v1", tracing_metadata={"build": 7}, wait=30)
    assert (await ax.refused("search_spans"))["message"] == "There is no project yet."
    (traced,) = (await ax.ask("list_projects"))["projects"]
    assert traced["holds"] == "traces of an experiment"
    text = await ax.read("list_projects")
    assert text == f"1 project(s) in space 'default': {traced['name']!r} (traces of an experiment)"
    await send(ax.settings.home, spans_of_bot())
    text = await ax.read("list_projects")
    assert f"'bot', {traced['name']!r} (traces of an experiment)\nNext: search_spans(project='bot')." in text
    assert {one["name"] for one in (await ax.ask("search_spans"))["spans"]} == {"a1", "a2", "a3", "a4"}
    assert "Projects: 'bot'." in (await ax.refused("trigger_backfill"))["message"]


async def test_a_key_that_is_refused_gives_the_run_up_and_is_never_shown(settings: Settings) -> None:
    with ScriptedModel(answer, key="another") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="many", rows=[{"question": str(number)} for number in range(40)])
            await ax.ask("create_task", name="answers", run_configuration=GENERATION)
            result = await ax.call("trigger_run", experiment_name="v1", wait=30)
    assert counts(data_of(result))[:2] == ("FAILED", 0)
    assert "refusals in a row" in text_of(result)
    assert "sk-test" not in text_of(result) + json.dumps(result.structured_content)


@contextmanager
def held() -> Generator[tuple[ScriptedModel, threading.Event]]:
    """A model that answers one question, and the others when the gate opens."""
    gate, asked = threading.Event(), iter(range(100))

    def late(prompt: str) -> Any:
        if next(asked):
            gate.wait(120)
        return answer(prompt)

    with ScriptedModel(late) as model:
        try:
            yield model, gate
        finally:
            gate.set()


async def test_a_run_that_is_cancelled_keeps_its_rows(settings: Settings) -> None:
    with held() as (model, gate):
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="capitals", rows=ROWS[:2])
            await ax.ask("create_task", name="answers", run_configuration=GENERATION)
            run = (await ax.ask("trigger_run", experiment_name="v1"))["run"]["id"]
            while not (await ax.ask("get_run", run=run))["run"]["num_successes"]:
                pass
            assert counts(await ax.ask("cancel_run", run=run)) == ("CANCELLED", 1, 0, 0)
            gate.set()
            assert len((await ax.ask("get_experiment", experiment="v1"))["runs"]) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"messages": []}, "LLM_GENERATION.messages: list should have at least 1 item"),
        ({**GENERATION, "temprature": 1}, "LLM_GENERATION.temprature: unknown name"),
        ({**GENERATION, "promt": "geo"}, "LLM_GENERATION.promt: unknown name, did you mean 'prompt'?"),
        ({**GENERATION, "prompt": "geo"}, "run_configuration has messages and prompt."),
        ({"prompt": "geo"}, "There is no prompt yet."),
        ({**GENERATION, "integration": "opnai"}, "No AI integration is named 'opnai'. Near: 'openai'"),
        ({**GENERATION, "model_name": None}, "Integration 'openai' lists no models"),
        ({**GENERATION, "experiment_type": "GUESS"}, "experiment_type must be one of LLM_GENERATION"),
        (
            {"messages": [{"role": "USER", "content": "{query}"}], "model_name": "m"},
            "None of 3 examples has a value for 'query' (tried query). Columns: question, answer.",
        ),
        (
            {
                "messages": [{"role": "USER", "content": "{{question}}"}],
                "model_name": "m",
                "input_variable_format": "F_STRING",
            },
            "There is no variable as F_STRING, but question as MUSTACHE.",
        ),
        ({"template": "{q}?", "column_mapping": {"x": "question"}, "model_name": "m"}, "column_mapping names 'x'"),
        (
            {**TEMPLATE, "template": "{{said}}? Answer 'true' or 'false'."},
            "The template asks for the answers ['true', 'false'], but the choices are ['yes', 'no'].",
        ),
        ({"integration_id": "a", "input_template": {"q": "{{question}}"}}, "The embedded engine calls no agents"),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused_before_there_is_a_task(
    bench: Bench, config: dict[str, Any], said: str
) -> None:
    refusal = await bench.ax.refused("create_task", name="answers", run_configuration=config)
    assert said in refusal["message"]
    assert (await bench.ax.refused("get_task"))["message"] == "There is no task yet."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"type": "RUN_EXPERIMENT"}, "A RUN_EXPERIMENT task needs run_configuration."),
        ({"evaluators": ["x"], "run_configuration": GENERATION}, "evaluators: only tasks that evaluate have that"),
        (
            {"sampling_rate": 0.5, "query_filter": "a = 1", "run_configuration": GENERATION},
            "query_filter, sampling_rate:",
        ),
        ({"type": "CODE_EVALUATION", "run_configuration": GENERATION}, "run_configuration belongs to RUN_EXPERIMENT"),
        ({}, "There is no evaluator to score with."),
    ],
)
async def test_arguments_of_the_two_sorts_of_task_are_not_mixed(
    bench: Bench, arguments: dict[str, Any], said: str
) -> None:
    refusal = await bench.ax.refused("create_task", name="answers", **arguments)
    assert said in refusal["message"]
    assert ("trigger_run(evaluation_tasks)" in refusal["next"]) == ("evaluators" in arguments)


async def test_a_preview_creates_nothing_and_lists_and_updates_know_the_sort_of_task(bench: Bench) -> None:
    ax = bench.ax
    seen = await ax.read("create_task", name="answers", run_configuration=GENERATION, preview=True)
    assert "nothing was created" in seen
    assert "question <- question (3 of 3 rows)" in seen
    assert (await ax.ask("list_tasks"))["tasks"] == []
    await ax.ask("create_task", name="answers", run_configuration=GENERATION)
    line = "'answers' (RUN_EXPERIMENT) on dataset 'capitals': LLM_GENERATION by gpt-test: 'Q: {question}'"
    assert line in await ax.read("list_tasks")
    text = await ax.read("get_task")
    assert "LLM_GENERATION by gpt-test: 'Q: {question}'" in text
    assert "No runs yet: `trigger_run` starts one." in text
    refusal = await ax.refused("update_task", query_filter="a = 1")
    assert "only tasks that evaluate have that" in refusal["message"]
    refusal = await ax.refused("update_task", run_configuration={"messages": []})
    assert "LLM_GENERATION.messages" in refusal["message"]
    assert (await ax.ask("update_task", name="other"))["task"]["run_configuration"]["messages"]
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await ax.ask("trigger_run", experiment_name="v1", max_examples=1, wait=30)
    await ax.ask("create_task", name="scoring", evaluators=["json"], experiments=["v1"])
    refusal = await ax.refused("update_task", task="scoring", run_configuration=GENERATION)
    assert refusal["message"].startswith("run_configuration: only RUN_EXPERIMENT tasks have that")

"""Runs of RUN_EXPERIMENT tasks: what a model is asked, what the new experiment has, and how a run ends."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.engine.door import PAUSE_S, Body, Door, HandClock, counts, judge_version, opened
from tests.engine.held import held_model
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs.row_workers import GIVE_UP_AFTER
from assaykit.engine.store.tables import dataset_versions, examples

CAPITALS: Sequence[Body] = (
    {"country": "Peru", "capital": "Lima", "size": {"km2": 1285216}},
    {"country": "Japan", "capital": "Tokyo", "size": {"km2": 377975}},
    {"country": "Chad", "capital": "N'Djamena", "size": {"km2": 1284000}},
)
SECRET = "sk-the-right-key"  # noqa: S105  (opens nothing)


class Stage(NamedTuple):
    """An engine with a dataset and an integration."""

    door: Door
    dataset: str
    examples: list[str]
    integration: str

    def generation(self, content: str = "Capital of {country}?", **fields: Any) -> Body:
        config = {
            "experiment_type": "LLM_GENERATION",
            "ai_integration_id": self.integration,
            "model_name": "gpt-test",
            "messages": [{"role": "USER", "content": content}],
            "input_variable_format": "F_STRING",
        }
        return config | fields

    def evaluation(self, **fields: Any) -> Body:
        config = {
            "experiment_type": "TEMPLATE_EVALUATION",
            "ai_integration_id": self.integration,
            "model_name": "judge-1",
            "template": "Is {{ place }} big?",
            "provide_explanation": True,
            "classification_choices": {"big": 1, "small": 0},
            "column_mapping": {"place": "country"},
        }
        return config | fields

    def body(self, config: Body, name: str = "capitals") -> Body:
        return {"name": name, "type": "RUN_EXPERIMENT", "dataset_id": self.dataset, "run_configuration": config}

    async def task(self, config: Body, name: str = "capitals") -> str:
        return (await self.door.post("/v2/tasks", self.body(config, name)))["id"]

    async def refused(self, status: int, task: str, **request: Any) -> str:
        return await self.door.refused(status, "POST", f"/v2/tasks/{task}/trigger", json=request)

    async def rows(self, run: Body) -> dict[str, Body]:
        """The new experiment's rows by country."""
        known = dict(zip(self.examples, (row["country"] for row in CAPITALS), strict=False))
        rows = await self.door.runs_of(run["experiment_id"])
        return {known.get(row["example_id"], row["example_id"]): row for row in rows}


@asynccontextmanager
async def staged(
    home: Path, model: ScriptedModel, rows: Sequence[Body] = CAPITALS, provider: str = "OPENAI"
) -> AsyncGenerator[Stage]:
    environment = {f"{provider}_API_KEY": SECRET, f"{provider}_BASE_URL": model.url}
    async with opened(home, environment, HandClock()) as door:
        dataset, ids = await door.dataset(rows)
        integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
        yield Stage(door, dataset, ids, integration)


def capital(prompt: str) -> str:
    return next((row["capital"] for row in CAPITALS if row["country"] in prompt), "no idea")


async def test_each_example_becomes_a_row_of_a_new_experiment(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation())
            triggered = await stage.door.trigger(task, experiment_name="v1")
            assert (triggered["status"], triggered.get("experiment_id")) == ("PENDING", None)
            run = await stage.door.until(triggered["id"], "COMPLETED")
            assert (counts(run), run.get("failure_reason")) == ((3, 0, 0), None)
            assert (await stage.door.get(f"/v2/tasks/{task}/runs"))["task_runs"] == [run]
            made = await stage.door.get(f"/v2/experiments/{run['experiment_id']}")
            version = (await stage.door.get(f"/v2/datasets/{stage.dataset}"))["versions"][0]["id"]
            assert (made["name"], made["dataset_id"], made["dataset_version_id"]) == ("v1", stage.dataset, version)
            assert "experiment_traces_project_id" not in made
            rows = await stage.rows(run)
            assert {country: row["output"] for country, row in rows.items()} == {
                "Peru": "Lima",
                "Japan": "Tokyo",
                "Chad": "N'Djamena",
            }
            assert all(row["latency"] > 0 and row["token_count"] == 3 + 7 for row in rows.values())
            assert {row["execution_status"] for row in rows.values()} == {"COMPLETED"}
            assert not any(row["error"] or "result.trace.id" in row for row in rows.values())
    assert {request.headers["authorization"] for request in model.requests} == {f"Bearer {SECRET}"}
    assert "temperature" not in model.requests[0].body


@pytest.mark.parametrize(
    ("written", "content", "asked"),
    [
        ("F_STRING", 'In {"a": {size.km2}}, {{country}}: {country}', 'In {"a": 1285216}, {{country}}: Peru'),
        ("mustache", "{country} is {{ country }}, {{dataset.capital}}", "{country} is Peru, Lima"),
        ("NONE", "{country} {{country}}", "{country} {{country}}"),
    ],
)
async def test_messages_are_filled_in_the_writing_of_the_task(
    home: Path, written: str, content: str, asked: str
) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model, CAPITALS[:1]) as stage:
            config = stage.generation(content, input_variable_format=written)
            run = await stage.door.run(await stage.task(config), experiment_name="v1")
            assert run["status"] == "COMPLETED"
    assert model.prompts == [asked]


async def test_values_are_not_looked_into_for_variables(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model, [{"country": "{capital}", "capital": "Lima"}]) as stage:
            await stage.door.run(await stage.task(stage.generation()), experiment_name="v1")
    assert model.prompts == ["Capital of {capital}?"]


@pytest.mark.parametrize("provider", ["OPENAI", "ANTHROPIC"])
async def test_roles_parameters_and_tools_reach_the_model_and_its_calls_are_the_output(
    home: Path, provider: str
) -> None:
    parameters: Body = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool: Body = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    with ScriptedModel(lambda _: {"city": "Lima"}) as model:
        async with staged(home, model, CAPITALS[:1], provider) as stage:
            config = stage.generation(
                messages=[{"role": "system", "content": "Be brief."}, {"role": "USER", "content": "{country}"}],
                invocation_parameters={"temperature": 0.5, "max_tokens": 50, "stop": ["."]},
                tool_config={"tools": [tool], "tool_choice": "required"},
            )
            run = await stage.door.run(await stage.task(config), experiment_name="v1")
            output = json.loads((await stage.rows(run))["Peru"]["output"])
    (call,) = output["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Lima"}
    assert (call["type"], output.get("content")) == ("FUNCTION", None)
    body = model.requests[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.5, 50)
    user = {"role": "user", "content": "Peru"}
    if provider == "OPENAI":
        assert body["messages"] == [{"role": "system", "content": "Be brief."}, user]
        assert (body["tools"], body["tool_choice"], body["stop"]) == ([tool], "required", ["."])
    else:
        assert (body["system"], body["messages"]) == ("Be brief.", [user])
        assert body["tools"] == [{"name": "look_up", "input_schema": parameters}]
        assert (body["tool_choice"], body["stop_sequences"]) == ({"type": "any"}, ["."])


async def test_a_response_format_reaches_the_model_in_its_own_spelling(home: Path) -> None:
    wanted: Body = {"type": "JSON_SCHEMA", "json_schema": {"name": "c", "schema": {"properties": {"label": {}}}}}
    with ScriptedModel(capital) as model:
        async with staged(home, model, CAPITALS[:1]) as stage:
            config = stage.generation(invocation_parameters={"response_format": wanted})
            run = await stage.door.run(await stage.task(config), experiment_name="v1")
            assert (await stage.rows(run))["Peru"]["output"] == '{"label": "Lima"}'
    assert model.requests[0].body["response_format"] == wanted | {"type": "json_schema"}


async def test_a_template_gives_each_example_a_label_a_score_and_an_explanation(home: Path) -> None:
    with ScriptedModel(lambda prompt: "small" if "Japan" in prompt else "big") as model:
        async with staged(home, model) as stage:
            run = await stage.door.run(await stage.task(stage.evaluation()), experiment_name="v1")
            assert counts(run) == (3, 0, 0)
            rows = await stage.rows(run)
            assert rows["Japan"]["output"] == rows["Japan"]["eval.template_evaluation.label"] == "small"
            assert [rows[name]["eval.template_evaluation.score"] for name in ("Peru", "Japan")] == [1, 0]
            assert rows["Peru"]["eval.template_evaluation.explanation"] == "As scripted."
            version = judge_version(stage.integration, "size", template="{country}")
            body = {"space_id": await stage.door.space(), "name": "sizes", "type": "TEMPLATE", "version": version}
            judge = (await stage.door.post("/v2/evaluators", body))["version"]["id"]
            task = await stage.task(stage.evaluation(evaluator_version_id=judge, provide_explanation=False), "again")
            again = await stage.rows(await stage.door.run(task, experiment_name="v2"))
            assert again["Peru"]["eval.size.label"] == "big"
            assert "eval.size.explanation" not in again["Peru"]


async def test_a_template_without_choices_puts_out_what_the_model_wrote(home: Path) -> None:
    essay = "It is. " * 40
    with ScriptedModel(lambda _: {"text": essay}) as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.evaluation(classification_choices=None))
            rows = await stage.rows(await stage.door.run(task, experiment_name="v1"))
            assert rows["Peru"]["output"] == essay.strip()


@pytest.mark.parametrize(
    ("request_body", "countries"),
    [
        ({"max_examples": 2}, ["Peru", "Japan"]),
        ({"query_filter": "capital != 'Lima'"}, ["Japan", "Chad"]),
        ({"query_filter": "capital != 'Lima'", "max_examples": 1}, ["Japan"]),
        ({"example_ids": [2, 0]}, ["Peru", "Chad"]),
        ({"example_ids": [2, 0], "query_filter": "capital = 'Lima'"}, ["Peru"]),
    ],
)
async def test_a_run_is_on_the_examples_asked_for(home: Path, request_body: Body, countries: list[str]) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            if named := request_body.get("example_ids"):
                request_body = request_body | {"example_ids": [stage.examples[number] for number in named]}
            run = await stage.door.run(await stage.task(stage.generation()), experiment_name="v1", **request_body)
            assert sorted(await stage.rows(run)) == sorted(countries)
            assert counts(run) == (len(countries), 0, 0)


async def test_an_older_version_of_the_dataset_can_be_run_on(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model, CAPITALS[:2]) as stage:
            (old,) = (await stage.door.get(f"/v2/datasets/{stage.dataset}"))["versions"]

            def newer(connection: sa.Connection) -> None:
                times = {"created_ns": 1, "updated_ns": 1}
                connection.execute(
                    dataset_versions.insert().values(id="new", dataset_id=stage.dataset, name="v2", **times)
                )
                data = {"country": "Chad"}
                connection.execute(examples.insert().values(id="chad", version_id="new", data=data, **times))

            await stage.door.engine.database.write(newer)
            task = await stage.task(stage.generation())
            newest = await stage.door.run(task, experiment_name="new")
            assert list(await stage.rows(newest)) == ["chad"]
            older = await stage.door.run(task, experiment_name="old", dataset_version_id=old["id"])
            assert sorted(await stage.rows(older)) == ["Japan", "Peru"]
            made = await stage.door.get(f"/v2/experiments/{older['experiment_id']}")
            assert made["dataset_version_id"] == old["id"]


@pytest.mark.parametrize(
    ("status", "request_body", "said"),
    [
        (400, {}, "experiment_name: required"),
        (400, {"experiment_name": 'a "name"'}, "experiment_name"),
        (400, {"example_ids": ["e"], "max_examples": 1}, "example_ids and max_examples exclude each other"),
        (400, {"example_ids": []}, "example_ids"),
        (400, {"max_examples": 0}, "max_examples"),
        (400, {"max_exampels": 2}, "max_exampels: unknown name, did you mean 'max_examples'?"),
        (400, {"max_spans": 2, "override_evaluations": True}, "max_spans, override_evaluations belong to evaluation"),
        (422, {"example_ids": ["nobody"]}, "no example 'nobody'"),
        (422, {"query_filter": "capital ="}, "filter"),
        (422, {"query_filter": "capitol = 'Lima'"}, "'capital'"),
        (404, {"dataset_version_id": "x"}, "no version 'x'"),
        (404, {"evaluation_task_ids": ["x"]}, "'x'"),
        (409, {"experiment_name": "taken"}, "'taken'"),
    ],
)
async def test_a_trigger_that_cannot_work_is_refused_before_a_run_exists(
    home: Path, status: int, request_body: Body, said: str
) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            await stage.door.experiment(stage.dataset, [{"example_id": stage.examples[0], "output": "x"}], "taken")
            task = await stage.task(stage.generation())
            named = {"experiment_name": "v1"} if request_body else {}
            assert said in await stage.refused(status, task, **(named | request_body))
            assert (await stage.door.get(f"/v2/tasks/{task}/runs"))["task_runs"] == []
    assert model.count == 0


async def test_arguments_of_an_experiment_are_refused_by_an_evaluation_task(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "x"}])
    task = await door.task(await door.evaluator(), dataset_id=dataset, experiment_ids=[experiment])
    request: Body = {"experiment_name": "v1", "tracing_metadata": {}}
    detail = await door.refused(400, "POST", f"/v2/tasks/{task}/trigger", json=request)
    assert "experiment_name, tracing_metadata belong to RUN_EXPERIMENT tasks" in detail


async def test_an_example_without_a_value_is_skipped_and_one_that_fails_keeps_its_error(home: Path) -> None:
    def answer(prompt: str) -> Any:
        return {"text": ""} if "Japan" in prompt else capital(prompt)

    with ScriptedModel(answer) as model:
        async with staged(home, model, [*CAPITALS, {"country": None, "capital": "?"}]) as stage:
            run = await stage.door.run(await stage.task(stage.generation()), experiment_name="v1")
            assert (run["status"], counts(run)) == ("COMPLETED", (2, 1, 1))
            rows = await stage.rows(run)
            assert sorted(rows) == ["Chad", "Japan", "Peru"]
            failed = rows["Japan"]
            assert (failed["output"], failed["error"]) == (None, "The model's reply is empty.")
            assert (failed["execution_status"], failed["token_count"]) == ("FAILED", 10)
            report = await stage.door.get(f"/x/task-runs/{run['id']}/report")
            assert report["skipped"][0]["reason"] == "The example has no value for 'country'."
            assert report["errors"] == [
                {"reason": report["errors"][0]["reason"], "rows": 1, "example": stage.examples[1], "code": "bad_reply"}
            ]
            assert report["labels"] == {}


async def test_a_run_that_skips_everything_says_why_and_one_without_examples_makes_nothing(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation("{population}"))
            run = await stage.door.run(task, experiment_name="v1")
            assert (run["status"], counts(run)) == ("COMPLETED", (0, 0, 3))
            assert "The example has no value for 'population'." in run["failure_reason"]
            none = await stage.door.run(task, experiment_name="v2", query_filter="capital = 'Rome'")
            assert (none["status"], none.get("experiment_id")) == ("CANCELLED", None)
            assert "no example is chosen" in none["failure_reason"]
            assert [one["name"] for one in (await stage.door.get("/v2/experiments"))["experiments"]] == ["v1"]


async def test_a_key_that_is_refused_ends_the_run_and_is_never_shown(home: Path) -> None:
    with ScriptedModel(capital, key="sk-another-key-altogether") as model:
        async with staged(home, model, [{"country": str(number)} for number in range(60)]) as stage:
            run = await stage.door.run(await stage.task(stage.generation()), experiment_name="v1")
            assert run["status"] == "FAILED"
            assert "refusals in a row: OPEN_AI did not accept the key in OPENAI_API_KEY" in run["failure_reason"]
            rows = await stage.door.runs_of(run["experiment_id"])
            assert GIVE_UP_AFTER <= len(rows) == run["num_errors"]
            assert SECRET not in json.dumps([run, rows])


async def some_made(stage: Stage, task: str) -> str:
    """A run of the task that has made a row and waits for the others."""
    run = (await stage.door.trigger(task, experiment_name="v1"))["id"]
    with anyio.fail_after(60):
        while not (await stage.door.get(f"/v2/task-runs/{run}"))["num_successes"]:  # noqa: ASYNC110
            await anyio.sleep(PAUSE_S)
    return run


async def test_a_cancelled_run_keeps_what_it_has_made(home: Path) -> None:
    with held_model(1, capital) as (model, held):
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation())
            run = await some_made(stage, task)
            cancelled = await stage.door.post(f"/v2/task-runs/{run}/cancel")
            held.let_go()
            assert (cancelled["status"], counts(cancelled)) == ("CANCELLED", (1, 0, 0))
            after = await stage.door.run(task, experiment_name="v2")
            assert counts(after) == (3, 0, 0)
            assert await stage.door.get(f"/v2/task-runs/{run}") == cancelled
            assert len(await stage.rows(cancelled)) == 1


async def test_evaluation_tasks_score_the_new_experiment_when_it_is_complete(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            door = stage.door
            old = await door.experiment(stage.dataset, [{"example_id": stage.examples[0], "output": "x"}], "old")
            params = [{"name": "keywords", "type": "STRING_ARRAY", "default_value": ["Lima"]}]
            evaluator = await door.evaluator("lima", static_params=params)
            scoring = await door.task(evaluator, "scoring", dataset_id=stage.dataset, experiment_ids=[old])
            task = await stage.task(stage.generation())
            run = await door.run(task, experiment_name="v1", evaluation_task_ids=[scoring, scoring])
            (follower,) = (await door.get(f"/v2/tasks/{scoring}/runs"))["task_runs"]
            assert counts(await door.until(follower["id"], "COMPLETED")) == (3, 0, 0)
            rows = await stage.rows(run)
            assert [rows[name]["eval.lima.score"] for name in ("Peru", "Japan")] == [1, 0]
            assert not any("eval.lima.label" in row for row in await door.runs_of(old))
            unfit = await stage.refused(422, task, experiment_name="v2", evaluation_task_ids=[task])
            assert "runs experiments itself" in unfit
            elsewhere, (example,) = await door.dataset([{"q": 1}], "other")
            foreign = await door.experiment(elsewhere, [{"example_id": example, "output": "x"}])
            other = await door.task(evaluator, "other", dataset_id=elsewhere, experiment_ids=[foreign])
            unfit = await stage.refused(422, task, experiment_name="v2", evaluation_task_ids=[other])
            assert "does not score this dataset's experiments" in unfit


async def test_an_evaluation_task_that_is_gone_by_then_is_told_with_the_run(home: Path) -> None:
    with held_model(0, capital) as (model, held):
        async with staged(home, model, CAPITALS[:1]) as stage:
            old = await stage.door.experiment(stage.dataset, [{"example_id": stage.examples[0], "output": "x"}], "old")
            evaluator = await stage.door.evaluator()
            scoring = await stage.door.task(evaluator, dataset_id=stage.dataset, experiment_ids=[old])
            task = await stage.task(stage.generation())
            run = await stage.door.trigger(task, experiment_name="v1", evaluation_task_ids=[scoring])
            await stage.door.until(run["id"], "RUNNING")
            await stage.door.delete(f"/v2/tasks/{scoring}")
            held.let_go()
            ended = await stage.door.until(run["id"], "COMPLETED")
            assert f"Evaluation task {scoring} was not started" in ended["failure_reason"]


async def test_tracing_puts_a_span_of_each_row_into_a_project(home: Path) -> None:
    def answer(prompt: str) -> Any:
        return {"text": ""} if "Japan" in prompt else capital(prompt)

    with ScriptedModel(answer) as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation())
            told = {"build": 7, "flags": {"fast": True}}
            run = await stage.door.run(task, experiment_name="v1", tracing_metadata=told)
            made = await stage.door.get(f"/v2/experiments/{run['experiment_id']}")
            project = await stage.door.get(f"/v2/projects/{made['experiment_traces_project_id']}")
            assert project["name"].startswith("experiment_traces_for_dataset_")
            assert project["project_type"] == "EXPERIMENT"
            spans = {one["context"]["trace_id"]: one for one in await stage.door.spans(project["id"])}
            rows = await stage.rows(run)
            assert {row["result.trace.id"] for row in rows.values()} == spans.keys()
            peru, japan = (spans[rows[name]["result.trace.id"]] for name in ("Peru", "Japan"))
            assert (peru["kind"], peru["status_code"], japan["status_code"]) == ("LLM", "OK", "ERROR")
            assert japan["status_message"] == "The model's reply is empty."
            attributes = peru["attributes"]
            assert (attributes["input.value"], attributes["output.value"]) == ("Capital of Peru?", "Lima")
            assert attributes["llm.input_messages.0.message.role"] == "user"
            assert (attributes["llm.token_count.total"], attributes["llm.model_name"]) == (10, "gpt-test")
            assert (attributes["metadata.build"], attributes["metadata.flags.fast"]) == (7, True)
            assert attributes["metadata.experiment_id"] == run["experiment_id"]
            assert attributes["metadata.example_id"] == stage.examples[0]
            judging = await stage.task(stage.evaluation(classification_choices={"Lima": 1, "no idea": 0}), "judge")
            await stage.door.run(judging, experiment_name="v2", tracing_metadata={})
            found = await stage.door.spans(project["id"], filter="span_kind = 'EVALUATOR'")
            assert {json.loads(one["attributes"]["input.value"])["place"] for one in found} == {
                row["country"] for row in CAPITALS
            }


@pytest.mark.parametrize(
    ("status", "fields", "said"),
    [
        (400, {"experiment_type": "GUESSING"}, "experiment_type must be one of LLM_GENERATION"),
        (400, {"messages": []}, "run_configuration.LLM_GENERATION.messages"),
        (400, {"input_variable_format": None}, "input_variable_format"),
        (400, {"temperature": 1}, "run_configuration.LLM_GENERATION.temperature: unknown name"),
        (404, {"ai_integration_id": "x"}, "'x'"),
        (422, {"model_name": None}, "lists no models"),
        (422, {"prompt_version_id": "x"}, "no prompt version with the id 'x'"),
        (
            422,
            {"input_variable_format": "MUSTACHE", "messages": [{"role": "USER", "content": "{{#rows}}x{{/rows}}"}]},
            "'{{#rows' begins a Mustache tag",
        ),
    ],
)
async def test_a_generation_that_cannot_work_is_refused_when_it_is_made_and_when_it_is_changed(
    home: Path, status: int, fields: Body, said: str
) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            config = stage.generation(**fields)
            assert said in await stage.door.refused(status, "POST", "/v2/tasks", json=stage.body(config))
            task = await stage.task(stage.generation())
            change = {"run_configuration": config}
            assert said in await stage.door.refused(status, "PATCH", f"/v2/tasks/{task}", json=change)
            kept = (await stage.door.get(f"/v2/tasks/{task}"))["run_configuration"]
            assert kept == stage.generation()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": "Is {country} big?"}, "'{country}' is left as it stands"),
        ({"template": "Is {{place}} big? Answer 'yes' or 'no'."}, "'yes', 'no'"),
        ({"classification_choices": {"big": 1, "BIG": 0}}, "letter case"),
        ({"evaluator_version_id": "x"}, "'x'"),
    ],
)
async def test_a_template_that_cannot_work_is_refused(home: Path, fields: Body, said: str) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            body = stage.body(stage.evaluation(**fields))
            assert said in await stage.door.refused(422, "POST", "/v2/tasks", json=body)


async def test_a_configuration_is_replaced_whole_and_kept_in_upper_case(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model, CAPITALS[:1]) as stage:
            task = await stage.task(stage.generation(invocation_parameters={"temperature": 0.5}))
            config = stage.evaluation(experiment_type="template_evaluation")
            changed = await stage.door.http.patch(f"/v2/tasks/{task}", json={"run_configuration": config})
            found = changed.json()
            assert found["run_configuration"] == stage.evaluation()
            assert ("evaluators" in found, found["type"]) == (False, "RUN_EXPERIMENT")
            run = await stage.door.run(task, experiment_name="v1")
            assert (run["status"], counts(run)) == ("FAILED", (0, 1, 0))
            for field, value in {"query_filter": "a = 1", "sampling_rate": 1, "is_continuous": True}.items():
                detail = await stage.door.refused(400, "PATCH", f"/v2/tasks/{task}", json={field: value})
                assert f"{field} does not belong to a RUN_EXPERIMENT task" in detail
            renamed = await stage.door.http.patch(f"/v2/tasks/{task}", json={"name": "other"})
            assert renamed.json()["run_configuration"] == stage.evaluation()


async def test_no_write_transaction_reads_through_the_dataset(home: Path) -> None:
    reads: list[str] = []

    def note(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        is_write = connection.get_execution_options().get("begin") == "BEGIN IMMEDIATE"
        if is_write and "FROM examples" in statement:
            reads.append(statement)

    with ScriptedModel(lambda _: "Lima") as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation())
            event.listen(sa.Engine, "before_cursor_execute", note)
            try:
                run = await stage.door.run(task, experiment_name="e", query_filter="country != 'Chad'", max_examples=2)
            finally:
                event.remove(sa.Engine, "before_cursor_execute", note)
    assert counts(run) == (2, 0, 0)
    assert reads == []

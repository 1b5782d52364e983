"""Places where servers and clients of this contract are known to misunderstand each other, one test for each.

The engine is asked over its HTTP door as the clients ask it. Traps of their processes are in `test_client_traps`.
"""

import json
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
from structlog.testing import capture_logs
from tests.e2e import processes
from tests.engine.door import NOW, Body, counts, judge_version, span, task_body, version
from tests.engine.rest import Rest, at, opened
from tests.scripted_model import ScriptedModel

from assaykit.engine.engine import STORE

SECRET = "sk-a-key-that-nobody-may-see"  # noqa: S105  (made up, to be looked for)

CLOSED = {
    "status": {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"},
    "type": {
        *{"TEMPLATE_EVALUATION", "CODE_EVALUATION", "RUN_EXPERIMENT", "TEMPLATE", "CODE", "MANAGED", "CUSTOM"},
        *{"CATEGORICAL", "CONTINUOUS", "FREEFORM", "STRING", "STRING_ARRAY", "REGEX"},
    },
    "kind": {
        *{"LLM", "CHAIN", "RETRIEVER", "EMBEDDING", "AGENT", "TOOL", "RERANKER", "GUARDRAIL", "EVALUATOR"},
        *{"PROMPT", "DECISION", "UNKNOWN"},
    },
    "status_code": {"OK", "ERROR", "UNSET"},
    "provider": {"OPEN_AI", "ANTHROPIC"},
    "auth_type": {"DEFAULT"},
    "project_type": {"APPLICATION", "HARNESS", "EXPERIMENT"},
    "direction": {"MAXIMIZE", "MINIMIZE", "NONE"},
    "data_granularity": {"SPAN", "TRACE", "SESSION"},
    "optimization_direction": {"MAXIMIZE", "MINIMIZE", "NONE"},
    "managed_evaluator": {"CONTAINS_ANY_KEYWORD"},
}
"""The words a generated client takes under each name; any other raises in it."""


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncGenerator[Rest]:
    async with opened(tmp_path, {"OPENAI_API_KEY": SECRET}) as rest:
        yield rest


def fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name and value inside a body, but not what users named: attributes and their like."""
    if isinstance(value, dict):
        for name, inner in cast("Body", value).items():
            yield name, inner
            if name not in {"attributes", "classification_choices"}:
                yield from fields(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from fields(inner)


async def examples_of(rest: Rest, dataset: str) -> list[Body]:
    return (await rest.get(f"/v2/datasets/{dataset}/examples"))["examples"]


async def project_task(rest: Rest, **more: Any) -> str:
    """A task of one code evaluator on a project with one span."""
    return await rest.door.task(await rest.door.evaluator(), project_id=await rest.door.send(span(1)), **more)


async def test_trap_01_an_enum_is_in_the_case_that_the_sdk_knows_and_is_read_in_either(rest: Rest) -> None:
    project, evaluator = await rest.door.send(span(1)), await rest.door.evaluator()
    told: dict[str, tuple[str, str]] = {}
    for version_, typed in (("8.39.0", "code_evaluation"), ("8.40.0", "CODE_EVALUATION"), ("", "Code_Evaluation")):
        headers = {"sdk-version": version_} if version_ else {}
        body = task_body(evaluator, name=f"of {version_}", project_id=project, type=typed)
        made = (await rest.door.http.post("/v2/tasks", json=body, headers=headers)).json()
        run = (await rest.door.http.post(f"/v2/tasks/{made['id']}/trigger", json={}, headers=headers)).json()
        told[version_] = made["type"], run["status"]
    assert told["8.39.0"] == ("code_evaluation", "pending")
    assert told["8.40.0"] == told[""] == ("CODE_EVALUATION", "PENDING")


async def test_trap_02_an_old_sdk_is_sent_no_field_that_it_does_not_know(rest: Rest) -> None:
    await rest.door.send(span(1))
    answers = {
        version_: await rest.door.http.get("/v2/projects", headers={"sdk-version": version_})
        for version_ in ("8.39.0", "8.61.0")
    }
    rows = {version_: answer.json()["projects"][0].keys() for version_, answer in answers.items()}
    assert rows["8.39.0"] == {"id", "name", "space_id", "created_at"}
    assert rows["8.61.0"] - rows["8.39.0"] == {"project_type"}


async def test_trap_03_no_reply_holds_a_word_that_its_enum_does_not_have(rest: Rest) -> None:
    odd = {**span(1, openinference__span__kind="WIZARD"), "status": {"code": 2}}
    plain = {**span(2), "status": {"code": 77}}
    project = await rest.door.send(odd, plain)
    task = await rest.door.task(await rest.door.evaluator(), project_id=project)
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    judge = {"type": "TEMPLATE", "version": judge_version(integration, data_granularity="span", direction="minimize")}
    await rest.create("/v2/evaluators", {"space_id": rest.space, "name": "tone", **judge})
    await rest.config("CATEGORICAL", "tone", values=[{"label": "good"}, {"label": "bad"}])
    runs = [await rest.door.run(task, **({"override_evaluations": True} if again else {})) for again in (0, 1, 0)]
    bodies = [await rest.get(f"/v2/{noun}") for noun in ("projects", "evaluators", "tasks", "annotation-configs")]
    bodies += [await rest.get("/v2/ai-integrations"), *runs, {"spans": await rest.door.spans(project)}]
    bodies += [await rest.get(f"/v2/evaluators/{row['id']}") for row in bodies[1]["evaluators"]]
    seen = {(name, value) for name, value in fields(bodies) if name in CLOSED}
    assert {name for name, _ in seen} == CLOSED.keys()
    assert [pair for pair in seen if pair[1] not in CLOSED[pair[0]]] == []
    assert {("kind", "UNKNOWN"), ("status_code", "ERROR"), ("status", "CANCELLED")} < seen


async def test_trap_04_the_experiment_that_the_sdk_asks_for_by_a_made_up_id_is_not_found(rest: Rest) -> None:
    await rest.refused(404, "GET", "/v2/experiments/experiment_id_for_http_run")


async def test_trap_05_a_space_is_a_part_of_its_name_in_lists_and_an_exact_id_in_resolution(rest: Rest) -> None:
    await project_task(rest)

    async def names(**query: str) -> list[str]:
        return [row["name"] for row in (await rest.get("/v2/tasks", **query))["tasks"]]

    assert await names(space_name="FAUL") == await names(space_id=rest.space) == ["nightly"]
    assert await names(space_id=rest.space, name="NIGHT") == ["nightly"]
    assert await names(space_id="default") == await names(space_name=rest.space) == []


async def test_trap_06_every_experiment_is_found_by_paging_without_a_name(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    made = [
        (await rest.experiment(dataset, {"example_id": key, "output": "x"}, name=f"run {number}"))[0]
        for number in range(205)
    ]
    listed = await rest.door.all_of("/v2/experiments", "experiments", 100, dataset_id=dataset)
    assert [row["id"] for row in listed] == made[::-1]


async def test_trap_07_a_post_that_lists_and_a_delete_with_a_body_pass_a_real_server(tmp_path: Path) -> None:
    with processes.engine(processes.environment(tmp_path), tmp_path / "log") as address:
        headers = {"Authorization": f"Bearer {processes.KEY}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as http:

            async def asked(method: str, path: str, body: Body) -> Body:
                response = await http.request(method, path, json=body)
                assert response.is_success, response.text
                return response.json()

            space = (await http.get("/v2/spaces")).json()["spaces"][0]["id"]
            project = (await asked("POST", "/v2/projects", {"name": "shop", "space_id": space}))["id"]
            assert (await asked("POST", "/v2/spans", {"project_id": project}))["spans"] == []
            assert (await asked("POST", "/v2/traces", {"project_id": project}))["traces"] == []
            gone = await asked("DELETE", "/v2/spans", {"project_id": project, "span_ids": ["a"]})
            assert gone["not_deleted_span_ids"] == ["a"]
            new = {"name": "questions", "space_id": space, "examples": [{"q": 1}, {"q": 2}]}
            dataset = await asked("POST", "/v2/datasets", new)
            path = f"/v2/datasets/{dataset['id']}/examples"
            (found,) = (await asked("POST", f"{path}/search", {"filter": "q = 2"}))["examples"]
            doomed = {"dataset_version_id": dataset["versions"][0]["id"], "example_ids": [found["id"]]}
            assert (await asked("DELETE", path, doomed))["deleted_example_ids"] == [found["id"]]
            made = {"space_id": space, "name": "refunds", "type": "CODE", "version": version()}
            evaluator = await asked("POST", "/v2/evaluators", made)
            path = f"/v2/evaluators/{evaluator['id']}/versions"
            newer = (await asked("POST", path, version()))["id"]
            assert (await asked("DELETE", path, {"version_ids": [newer]}))["deleted_version_ids"] == [newer]
            tags = f"/v2/evaluators/{evaluator['id']}/tags"
            assert (await http.request("DELETE", tags, json={"tag_ids": ["t"]})).status_code == 501


async def test_trap_08_a_time_without_a_zone_is_utc_and_every_answer_ends_with_z(rest: Rest) -> None:
    task = await project_task(rest)
    naive = {"data_start_time": "2025-12-31T00:00:00", "data_end_time": "2025-12-31T20:00:00.5+02:00"}
    run = await rest.door.run(task, **naive)
    assert run["data_start_time"] == "2025-12-31T00:00:00Z"
    assert run["data_end_time"] == "2025-12-31T18:00:00.500000Z"
    bodies = [run, await rest.get("/v2/tasks"), await rest.get("/v2/projects"), await rest.get("/v2/evaluators")]
    moments = [value for name, value in fields(bodies) if name.endswith(("_at", "_time"))]
    assert len(moments) >= 10
    assert all(moment.endswith("Z") and "+" not in moment for moment in moments)


async def test_trap_09_a_number_may_be_an_int_or_a_float_and_stays_what_it_was(rest: Rest) -> None:
    for name, rate in (("whole", 1), ("half", 0.5), ("none", 0)):
        evaluator = await rest.door.evaluator(name)
        task = await rest.door.task(evaluator, name, project_id=await rest.door.send(span(1)), sampling_rate=rate)
        assert (await rest.get(f"/v2/tasks/{task}"))["sampling_rate"] == rate
    dataset, ids = await rest.door.dataset([{"n": 1, "x": 1.0, "deep": [2, 2.0]}])
    (row,) = await examples_of(rest, dataset)
    assert [type(each) for each in (row["n"], row["x"], *row["deep"])] == [int, float, int, float]
    runs = [{"example_id": ids[0], "output": "a", "eval.tone.score": score} for score in (1, 0.5)]
    experiment, _ = await rest.experiment(dataset, *runs)
    scores = [run["eval.tone.score"] for run in await rest.door.runs_of(experiment)]
    assert [(score, type(score)) for score in scores] == [(1, int), (0.5, float)]


async def test_trap_10_an_output_is_text_and_nan_is_in_no_body(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    body = {"name": "e", "dataset_id": dataset, "experiment_runs": [{"example_id": key, "output": {"answer": 4}}]}
    assert "output" in await rest.refused(400, "POST", "/v2/experiments", body)
    bare = json.dumps(body | {"experiment_runs": [{"example_id": key, "output": "x", "score": float("nan")}]})
    refused = await rest.door.http.post("/v2/experiments", content=bare)
    assert (refused.status_code, "Send null" in refused.json()["next"]) == (400, True)
    experiment, _ = await rest.experiment(dataset, {"example_id": key, "output": '{"answer": 4}', "score": None})
    told = (await rest.door.http.get(f"/v2/experiments/{experiment}/runs")).text
    assert "NaN" not in told
    (run,) = json.loads(told)["experiment_runs"]
    assert (run["output"], run["score"]) == ('{"answer": 4}', None)


async def test_trap_11_a_column_with_dots_stays_one_column(rest: Rest) -> None:
    dotted = {"attributes.input.value": "hello", "attributes.input": {"value": "nested"}}
    dataset, (key,) = await rest.door.dataset([dotted])
    (row,) = await examples_of(rest, dataset)
    assert {name: row[name] for name in dotted} == dotted
    sent = {"example_id": key, "output": "x", "eval.tone.label": "good", "eval.tone.metadata.k": 1}
    experiment, _ = await rest.experiment(dataset, sent)
    (run,) = await rest.door.runs_of(experiment)
    assert sent.items() <= run.items()
    assert "eval" not in run
    found = await rest.ask(
        "POST", f"/v2/datasets/{dataset}/examples/search", {"filter": "attributes.input.value = 'hello'"}
    )
    assert len(found["examples"]) == 1


async def test_trap_12_what_is_left_out_of_a_patch_stays_and_null_clears_it(rest: Rest) -> None:
    task = await project_task(rest, query_filter="status_code = 'OK'")
    evaluator = (await rest.get("/v2/evaluators"))["evaluators"][0]["id"]
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    dataset, (key,) = await rest.door.dataset([{"q": 1, "a": 2}])
    await rest.ask("PATCH", f"/v2/evaluators/{evaluator}", {"description": "said"})
    for path, stays, cleared in (
        (f"/v2/tasks/{task}", "query_filter", {"query_filter": None}),
        (f"/v2/evaluators/{evaluator}", "description", {"description": None}),
    ):
        assert stays in await rest.ask("PATCH", path, {"name": "renamed"})
        assert stays not in await rest.ask("PATCH", path, cleared)
        await rest.refused(400, "PATCH", path, {})
        assert "name" in await rest.refused(400, "PATCH", path, {"name": None})
    path = f"/v2/ai-integrations/{integration}"
    assert (await rest.ask("PATCH", path, {"name": "mine"}))["has_api_key"] is True
    assert (await rest.ask("PATCH", path, {"api_key": None}))["has_api_key"] is False
    await rest.ask("PATCH", f"/v2/datasets/{dataset}/examples", {"examples": [{"id": key, "a": None}]})
    (row,) = await examples_of(rest, dataset)
    assert (row["q"], row["a"]) == (1, None)


async def test_trap_13_a_run_is_answered_as_pending_and_can_be_cancelled_before_it_works(rest: Rest) -> None:
    task = await project_task(rest)
    run = await rest.create(f"/v2/tasks/{task}/trigger", {})
    assert (run["status"], counts(run)) == ("PENDING", (0, 0, 0))
    cancelled = await rest.ask("POST", f"/v2/task-runs/{run['id']}/cancel")
    assert cancelled["status"] == "CANCELLED"
    await rest.refused(400, "POST", f"/v2/task-runs/{run['id']}/cancel")
    again = await rest.create(f"/v2/tasks/{task}/trigger", {})
    assert again["status"] == "PENDING"
    assert (await rest.door.until(again["id"], "COMPLETED"))["num_successes"] == 1


async def test_trap_14_the_first_run_of_a_new_task_needs_no_window(rest: Rest) -> None:
    task = await project_task(rest)
    bodies: list[Body | None] = [{}, None]
    for body in bodies:
        run = await rest.ask("POST", f"/v2/tasks/{task}/trigger", body, 201)
        ended = await rest.door.until(run["id"], "COMPLETED", "CANCELLED")
        assert "data_start_time" in ended
        assert ended["data_end_time"] == at(NOW).replace("+00:00", "Z")


async def test_trap_15_a_slow_model_keeps_no_request_waiting(tmp_path: Path) -> None:
    gate = threading.Event()

    def answer(_prompt: str) -> str:
        gate.wait(30)
        return "good"

    with ScriptedModel(answer) as model:
        try:
            environment = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": model.url}
            async with opened(tmp_path, environment) as rest:
                project = await rest.door.send(span(1))
                task = await rest.door.task(await rest.door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
                with anyio.fail_after(60):
                    run = await rest.create(f"/v2/tasks/{task}/trigger", {})
                    assert run["status"] == "PENDING"
                    await rest.door.until(run["id"], "RUNNING")
                    assert (await rest.get(f"/v2/task-runs/{run['id']}"))["num_successes"] == 0
                gate.set()
                assert (await rest.door.until(run["id"], "COMPLETED"))["num_successes"] == 1
        finally:
            gate.set()


async def test_trap_16_a_providers_key_is_in_no_answer_no_log_and_no_error(tmp_path: Path) -> None:
    refusal = f"Incorrect API key provided: {SECRET}."
    told: list[str] = []
    with (
        ScriptedModel(lambda _: "good", failures=[401] * 50, failure_text=refusal) as model,
        capture_logs() as logs,
    ):
        environment = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": model.url}
        async with opened(tmp_path, environment) as rest:
            integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
            project = await rest.door.send(span(1))
            task = await rest.door.task(await rest.door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
            run = await rest.door.run(task)
            assert run["status"] == "FAILED"
            new = {"name": "mine", "provider": "OPEN_AI"}
            for method, path, body in (
                ("GET", "/v2/ai-integrations", None),
                ("GET", f"/v2/ai-integrations/{integration}", None),
                ("POST", "/v2/ai-integrations", {**new, "api_key": SECRET}),
                ("POST", "/v2/ai-integrations", {**new, "headers": {"x-api-key": SECRET}}),
                ("POST", "/v2/ai-integrations", {**new, "key": SECRET}),
                ("PATCH", f"/v2/ai-integrations/{integration}", {"api_key": SECRET}),
                ("POST", f"/x/ai-integrations/{integration}/check", {"model": "judge-1"}),
                ("GET", f"/x/task-runs/{run['id']}/report", None),
                ("GET", "/v2/evaluators", None),
            ):
                told.append((await rest.door.http.request(method, path, json=body)).text)
    assert model.count > 1
    assert [text for text in [*told, json.dumps(run), repr(logs)] if SECRET in text] == []
    assert SECRET.encode() not in (tmp_path / STORE).read_bytes()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_trap_17_an_evaluator_that_the_sdk_lost_is_explained(rest: Rest, method: str) -> None:
    task = await project_task(rest)
    project = (await rest.get("/v2/projects"))["projects"][0]["id"]
    body = {"evaluators": [None]} if method == "PATCH" else task_body(None, "other", project_id=project)
    path = f"/v2/tasks/{task}" if method == "PATCH" else "/v2/tasks"
    detail = await rest.refused(400, method, path, body)
    assert "TaskEvaluatorInput(SpanEvaluatorInput(evaluator_id=...))" in detail


async def test_trap_18_code_of_a_user_is_kept_and_not_run(rest: Rest, tmp_path: Path) -> None:
    witness = tmp_path / "it-ran"
    code = {
        "type": "CUSTOM",
        "name": "own",
        "code": f"open({str(witness)!r}, 'w')",
        "imports": f"open({str(witness)!r}, 'w')",
        "variables": ["output"],
    }
    made = {
        "space_id": rest.space,
        "name": "own",
        "type": "CODE",
        "version": {"commit_message": "m", "code_config": code},
    }
    evaluator = await rest.create("/v2/evaluators", made)
    assert code.items() <= evaluator["version"]["code_config"].items()
    task = await rest.door.task(evaluator["id"], project_id=await rest.door.send(span(1)))
    run = await rest.door.run(task)
    assert (run["status"], counts(run)) == ("FAILED", (0, 0, 0))
    assert "'own' is not a judge or a managed code evaluator" in run["failure_reason"]
    assert not witness.exists()


def test_trap_19_rest_flight_and_spans_have_a_port_each_and_no_variable_says_one_for_all(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "assaykit", "engine", "--env", "--flight-port", "9001", "--otlp-port", "9002"],
        env=processes.environment(tmp_path), capture_output=True, check=True, encoding="utf-8", timeout=300,
    ).stdout  # fmt: skip
    exported = [line.split()[1:] for line in told.splitlines() if line.startswith("export ")]
    said = dict(pair.split("=", 1) for pairs in exported for pair in pairs)
    ports = [said[f"ARIZE_{door}_PORT"] for door in ("API", "FLIGHT", "OTLP")]
    assert ports[1:] == ["9001", "9002"]
    assert len(set(ports)) == 3
    assert not [name for name in said if name.startswith("ARIZE_SINGLE")]
    (cleared,) = [line.split()[1:] for line in told.splitlines() if line.startswith("unset ")]
    assert {"ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT"} <= set(cleared)


async def test_trap_22_an_evaluator_in_use_is_not_deleted_and_its_tasks_are_listed(rest: Rest) -> None:
    evaluator = await rest.door.evaluator()
    project = await rest.door.send(span(1))
    tasks = [await rest.door.task(evaluator, name, project_id=project) for name in ("nightly", "weekly")]
    detail = await rest.refused(409, "DELETE", f"/v2/evaluators/{evaluator}")
    assert "'nightly', 'weekly'" in detail
    assert "Delete the tasks first" in detail
    for task in tasks:
        await rest.door.delete(f"/v2/tasks/{task}")
    await rest.door.delete(f"/v2/evaluators/{evaluator}")
    await rest.refused(404, "GET", f"/v2/evaluators/{evaluator}")

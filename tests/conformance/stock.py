"""The setting of the page on the CLI: tasks on a project and a dataset, and runs of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.conformance.clients import Place

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stock:
    """The ids that a command is written with. `ids` fills the braces of a command."""

    place: Place
    ids: Mapping[str, str]

    def begun(self) -> str:
        """A run that is under way, and will be for a minute."""
        with self.place.client() as client:
            run = _post(
                client, f"/v2/tasks/{self.ids['slow_task']}/trigger", {"data_start_time": "2020-01-01T00:00:00Z"}
            )
        return run["id"]

    def get(self, path: str) -> Body:
        """What the engine says."""
        with self.place.client() as client:
            answer = client.get(path)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


def stocked(place: Place, project: str) -> Stock:
    """A stock on `project`, which has spans."""
    place.send(project)
    with place.client() as client:
        space = client.get("/v2/spaces").json()["spaces"][0]["id"]
        project_id = client.get("/v2/projects", params={"name": project}).json()["projects"][0]["id"]
        judge = _judge(client, space, f"{project} judge", place.model)
        slow = _judge(client, space, f"{project} slow judge", place.slow)
        dataset = _post(client, "/v2/datasets", {"name": project, "space_id": space, "examples": [{"q": "Who?"}] * 2})[
            "id"
        ]
        examples = [one["id"] for one in client.get(f"/v2/datasets/{dataset}/examples").json()["examples"]]
        runs = [{"example_id": one, "output": "Here."} for one in examples]
        experiments = [
            _post(client, "/v2/experiments", {"name": name, "dataset_id": dataset, "experiment_runs": runs})["id"]
            for name in ("one", "two")
        ]
        task, slow_task = (_task(client, f"{project} {one}", one, project_id) for one in (judge, slow))
        run = _post(client, f"/v2/tasks/{task}/trigger", {})["id"]
    ids = {
        "project": project_id,
        "evaluator": judge,
        "dataset": dataset,
        "first": experiments[0],
        "second": experiments[1],
        "example": examples[0],
        "task": task,
        "slow_task": slow_task,
        "run": run,
    }
    return Stock(place, ids)


def _judge(client: httpx.Client, space: str, name: str, model: str) -> str:
    integration = {"name": name, "provider": "OPEN_AI", "base_url": model, "api_key": "env:MODEL_KEY"}
    llm: Body = {
        "ai_integration_id": _post(client, "/v2/ai-integrations", integration)["id"],
        "model_name": "m-1",
        "invocation_parameters": {},
        "provider_parameters": {},
    }
    config: Body = {
        "name": name,
        "template": "Is it good or bad? {answer}",
        "include_explanations": False,
        "use_function_calling": True,
        "classification_choices": {"good": 1, "bad": 0},
        "llm_config": llm,
    }
    version: Body = {"commit_message": "First.", "template_config": config}
    wanted: Body = {"space_id": space, "name": name, "type": "TEMPLATE", "version": version}
    return _post(client, "/v2/evaluators", wanted)["id"]


def _task(client: httpx.Client, name: str, evaluator: str, project: str) -> str:
    attached = {"evaluator_id": evaluator, "column_mappings": {"answer": "output.value"}}
    wanted: Body = {"name": name, "type": "TEMPLATE_EVALUATION", "project_id": project, "evaluators": [attached]}
    return _post(client, "/v2/tasks", wanted)["id"]


def _post(client: httpx.Client, path: str, body: Body) -> Body:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()

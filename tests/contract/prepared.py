"""A store with some of every noun, so that random requests reach more than "there is no such thing"."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.engine import door
from tests.engine.door import Body, Door, judge_version, span, span_id

Words = Mapping[str, Sequence[str]]
"""Values by the name of a field that takes such values, mostly ids."""

ROWS = 40
SPARES = 12
RECENT_NS = 600 * door.SECOND


class Prepared(NamedTuple):
    """`kept` belongs together: its examples lie in its dataset, and so on. `spare` is there to be deleted."""

    kept: Words
    spare: Words


async def prepare(home: Path) -> Prepared:
    """Fill the store at `home`."""
    async with door.opened(home) as found:
        space = await found.space()
        await _answers(found, space)
        kept = await _one_of_each(found, space, 0, ROWS)
        spare: dict[str, list[str]] = {}
        for number in range(1, SPARES + 1):
            for name, values in (await _one_of_each(found, space, number, 2)).items():
                spare.setdefault(name, []).extend(values)
    return Prepared({**kept, "space_id": [space], "space_name": ["default"]}, spare)


async def _answers(found: Door, space: str) -> None:
    """The two annotation configs that published annotations speak of."""
    labels = [{"label": "good", "score": 1}, {"label": "bad", "score": 0}]
    quality: Body = {"space_id": space, "name": "quality", "annotation_config_type": "CATEGORICAL", "values": labels}
    note: Body = {"space_id": space, "name": "note", "annotation_config_type": "FREEFORM"}
    for config in (quality, note):
        await found.post("/v2/annotation-configs", config)


async def _one_of_each(found: Door, space: str, number: int, rows: int) -> dict[str, list[str]]:
    name = f"thing-{number}"
    numbers = range(ROWS * number, ROWS * number + rows)
    now = time.time_ns() - RECENT_NS
    sent = [span(each, start_ns=now + each, openinference__span__kind="LLM") for each in numbers]
    project = await found.send(*sent, project=name)
    dataset, examples = await found.dataset([{"question": f"q{each}", "tier": each} for each in numbers], name)
    runs = [{"example_id": example, "output": "a refund", "latency": 1.5} for example in examples]
    experiment = await found.experiment(dataset, runs, name)
    evaluator = await found.evaluator(name)
    task = await found.task(evaluator, name, project_id=project)
    over_runs = await found.task(evaluator, f"{name} again", dataset_id=dataset, experiment_ids=[experiment])
    config: Body = {"space_id": space, "name": name, "annotation_config_type": "FREEFORM"}
    config_id = (await found.post("/v2/annotation-configs", config))["id"]
    queue: Body = {
        "space_id": space,
        "name": name,
        "annotation_config_ids": [config_id],
        "annotator_emails": ["anna@example.com"],
        "record_sources": [{"record_type": "EXAMPLE", "dataset_id": dataset, "example_ids": examples[:2]}],
    }
    return {
        "project_id": [project],
        "span_id": [span_id(each) for each in numbers],
        "dataset_id": [dataset],
        "dataset_version_id": [(await found.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]],
        "example_id": examples,
        "experiment_id": [experiment],
        "experiment_run_id": [run["id"] for run in await found.runs_of(experiment)],
        "evaluator_id": [evaluator],
        "task_id": [task, over_runs],
        "run_id": [(await found.run(task))["id"], (await found.run(over_runs))["id"]],
        "config_id": [config_id],
        "queue_id": [(await found.post("/v2/annotation-queues", queue))["id"]],
        "name": [name],
        **await _judge(found, space, name),
        **await _prompt(found, space, name),
    }


async def _judge(found: Door, space: str, name: str) -> dict[str, list[str]]:
    # Nobody listens on port 9, and there is no key: nothing leaves this computer.
    body: Body = {"name": name, "provider": "CUSTOM", "base_url": "http://127.0.0.1:9", "model_names": ["judge-1"]}
    integration = (await found.post("/v2/ai-integrations", body))["id"]
    version = judge_version(integration, f"{name} judged")
    judge: Body = {"space_id": space, "name": f"{name} judged", "type": "TEMPLATE", "version": version}
    made = await found.post("/v2/evaluators", judge)
    return {
        "integration_id": [integration],
        "judge_id": [made["id"]],
        "evaluator_version_id": [made["version"]["id"]],
    }


async def _prompt(found: Door, space: str, name: str) -> dict[str, list[str]]:
    message = {"role": "USER", "content": "Hello, {name}!"}
    version = {"commit_message": "first", "provider": "OPEN_AI", "messages": [message]}
    made = await found.post("/v2/prompts", {"space_id": space, "name": name, "version": version})
    path = f"/v2/prompt-versions/{made['version']['id']}/labels"
    labelled = await found.http.put(path, json={"labels": [f"{name} label"]})
    assert labelled.is_success, labelled.text
    return {
        "prompt_id": [made["id"]],
        "prompt_version_id": [made["version"]["id"]],
        "label_name": [f"{name} label"],
    }

"""A store in which each name, key and value that others chose is a hostile text, and the folder of its files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from tests.engine import door
from tests.engine.door import Body, Door, judge_version, version
from tests.injection.vectors import at
from tests.traces import Span, send, span

ROOM = 255
"""Characters of the name of a resource."""
LABEL_ROOM = 100
ROWS = 12
WEEK = "last 7 days"

TASKS = f"""
import sys

def shouts(input, example):
    print({at("function error")[0]!r})
    print({at("function error")[0]!r}, file=sys.stderr)
    if hash(str(example)) % 2:
        raise ValueError({at("function error")[0]!r})
    return {at("output")[0]!r}

def judged(output):
    raise RuntimeError({at("function error")[0]!r})

def {"long_name_of_a_function" * 4}(input):
    return "x"
"""


class World(NamedTuple):
    """The data folder, the folder of files, and the ids and names of the things in the store."""

    home: Path
    files: Path
    ids: Mapping[str, str]


def answer(prompt: str) -> dict[str, str]:
    """A verdict of the judge's model: of some rows with a hostile explanation, of the others a hostile label."""
    if "cursor" in prompt:
        return {"label": at("label", LABEL_ROOM)[0], "explanation": at("explanation")[0]}
    return {"label": "good", "explanation": at("explanation")[0]}


def spans() -> list[Span]:
    """Spans with a hostile text in each place."""
    keys: dict[str, Any] = dict.fromkeys(at("attribute key"), "x")
    metadata = {key: at("metadata value")[0] for key in at("metadata key")}
    found: list[Span] = []
    for number in range(ROWS):
        one = dict(
            span(
                at("span name")[number % 2] + str(number),
                at("attribute value")[number % 3],
                asked=at("attribute value")[(number + 1) % 3],
                kind="LLM" if number % 2 else at("span kind")[0],
                status="ERROR" if number % 3 == 0 else "OK",
                metadata=metadata,
                session__id=at("session")[number % 2],
                user__id=at("user")[number % 2],
                llm__model_name=at("model")[number % 2],
                tool__name=at("tool")[number % 2],
                tag__tags=at("tag"),
                **keys,
            )
        )
        one["status"] = {**one["status"], "message": at("status")[0]}
        when = one["endTimeUnixNano"]
        raised = {"key": "exception.message", "value": {"stringValue": at("status")[0]}}
        one["events"] = [{"name": at("status")[0], "timeUnixNano": when, "attributes": [raised]}]
        found.append(one)
    return found


async def build(folder: Path, model: str, refusing: str) -> World:
    """Fill a store through the routes of the engine, as the application and other clients do."""
    home, files = folder / "home", folder / "files"
    await anyio.Path(files).mkdir(parents=True)
    for name in at("project", ROOM):
        await send(home, spans(), name)
    async with door.opened(home) as found:
        ids = await _filled(found, model, refusing)
    (files / "task.py").write_text(TASKS, encoding="utf-8")
    _write_files(files, ids)
    return World(home, files, ids)


async def _filled(found: Door, model: str, refusing: str) -> dict[str, str]:
    space = await found.space()
    projects = {one["name"]: one["id"] for one in (await found.get("/v2/projects"))["projects"]}
    ids: dict[str, str] = {
        "model": model,
        "refusing model": refusing,
        "space": space,
        "project": projects[at("project", ROOM)[0]],
    }
    ids |= {f"project {place}": projects[name] for place, name in enumerate(at("project", ROOM))}
    there = await found.spans(ids["project"])
    ids |= {f"trace {n}": one["context"]["trace_id"] for n, one in enumerate(there[:3])}
    ids |= await _datasets(found, space)
    for place, name in enumerate(at("experiment", ROOM)):
        told = name.replace('"', "'").replace("\\", "/")
        ids[f"experiment {place}"] = await found.experiment(ids["dataset"], _runs(ids), told)
    ids["experiment"] = ids["experiment 0"]
    ids["experiment 2"] = await found.experiment(ids["dataset"], _runs(ids, 1), "plain")
    integration: Body = {
        "name": at("integration", ROOM)[0], "provider": "CUSTOM", "base_url": model,
        "model_names": at("integration model"),
    }  # fmt: skip
    ids["integration"] = (await found.post("/v2/ai-integrations", integration))["id"]
    refuses: Body = {"name": "refuses", "provider": "CUSTOM", "base_url": refusing, "model_names": ["m"]}
    ids["refusing"] = (await found.post("/v2/ai-integrations", refuses))["id"]
    ids |= await _judges(found, space, ids)
    ids |= await _tasks(found, ids)
    ids |= await _prompts(found, space)
    await _annotations(found, space, ids)
    return ids


async def _datasets(found: Door, space: str) -> dict[str, str]:
    first, second = at("dataset", ROOM)
    columns = at("column")
    examples: list[Body] = [
        {
            "input": at("value")[number % 2], "expected": at("value")[(number + 1) % 2], "key": f"k{number}",
            columns[0]: at("value")[number % 2], columns[1]: {columns[0]: at("value")[0]},
            "tier": at("value")[number % 2],
        }
        for number in range(ROWS)
    ]  # fmt: skip
    dataset, rows = await found.dataset(examples, first)
    other, _ = await found.dataset([{columns[0]: at("value")[0]}], second)
    inserted = {"examples": [{"input": "more", columns[0]: "x"}], "new_version": at("version")[0]}
    await found.http.post(f"/v2/datasets/{dataset}/examples", json=inserted)
    return {"dataset": dataset, "dataset 1": other, **{f"example {n}": row for n, row in enumerate(rows)}}


def _runs(ids: Mapping[str, str], turn: int = 0) -> list[Body]:
    verdicts = at("judge of a file")
    return [
        {
            "example_id": ids[f"example {number}"],
            "output": at("output")[0],
            at("run column")[0]: at("value")[0],
            "eval.tone.label": at("label")[(number + turn) % 2][:LABEL_ROOM],
            "eval.tone.score": (number + turn) % 2,
            "eval.tone.explanation": at("explanation")[0],
            **{f"eval.{name}.label": at("label")[number % 2][:LABEL_ROOM] for name in verdicts},
            **{f"eval.{name}.score": (number * turn) % 3 for name in verdicts},
            "error": at("function error")[0] if number == 0 else None,
        }
        for number in range(ROWS)
    ]


async def _judges(found: Door, space: str, ids: Mapping[str, str]) -> dict[str, str]:
    made: dict[str, str] = {}
    config = {
        "template": at("template")[0] + " {output}",
        "classification_choices": {"good": 1, at("choice", LABEL_ROOM)[0]: 0},
        "include_explanations": True,
    }
    judged = judge_version(ids["integration"], "hostile", **config)
    judged["commit_message"] = at("prompt description")[0]
    llm = judged["template_config"]["llm_config"]
    llm["model_name"] = at("integration model")[0]
    body = {"space_id": space, "name": at("judge", ROOM)[0], "type": "TEMPLATE", "version": judged}
    made["judge"] = (await found.post("/v2/evaluators", body))["id"]
    failing = judge_version(ids["refusing"], "failing")
    body = {"space_id": space, "name": "failing", "type": "TEMPLATE", "version": failing}
    made["failing judge"] = (await found.post("/v2/evaluators", body))["id"]
    body = {"space_id": space, "name": at("judge", ROOM)[1], "type": "CODE", "version": version("words")}
    made["code"] = (await found.post("/v2/evaluators", body))["id"]
    return made


async def _tasks(found: Door, ids: Mapping[str, str]) -> dict[str, str]:
    wanted = {"output": f"attributes.{at('mapping')[0]}"}
    evaluators = [{"evaluator_id": ids["code"], "column_mappings": wanted}]
    name, told = at("task", ROOM)[0], f"name = '{at('filter')[0]}'".replace("='project'", "")
    fields = {"type": "CODE_EVALUATION", "project_id": ids["project"], "query_filter": told}
    made = await found.post("/v2/tasks", {"name": name, "evaluators": evaluators, **fields})
    again = await found.post(
        "/v2/tasks", {"name": name + " 2", "evaluators": [{"evaluator_id": ids["code"]}], **fields}
    )
    over = {"type": "CODE_EVALUATION", "project_id": ids["project"]}
    right = [{"evaluator_id": ids["code"], "column_mappings": {"output": "attributes.output.value"}}]
    works = await found.post("/v2/tasks", {"name": name + " 3", "evaluators": right, **over})
    since = {"data_start_time": "2020-01-01T00:00:00Z"}
    ran = [await found.run(one["id"], **since) for one in (made, works)]
    return {
        "task": made["id"], "task 1": again["id"], "task 2": works["id"], "run": ran[0]["id"], "run 2": ran[1]["id"],
    }  # fmt: skip


async def _prompts(found: Door, space: str) -> dict[str, str]:
    message = {"role": "USER", "content": at("template")[0] + " {input}"}
    first: Body = {
        "commit_message": at("prompt description")[0], "provider": "OPEN_AI", "messages": [message],
        "model": at("integration model")[0],
    }  # fmt: skip
    body = {
        "space_id": space,
        "name": at("prompt", ROOM)[0],
        "description": at("prompt description")[0],
        "version": first,
    }
    made = await found.post("/v2/prompts", body)
    labelled = await found.http.put(
        f"/v2/prompt-versions/{made['version']['id']}/labels", json={"labels": at("prompt label")}
    )
    assert labelled.is_success, labelled.text
    return {"prompt": made["id"]}


async def _annotations(found: Door, space: str, ids: Mapping[str, str]) -> None:
    name = at("annotation", ROOM)[0]
    values = [{"label": label[:ROOM], "score": n} for n, label in enumerate([*at("annotation label"), "good"])]
    config = {"space_id": space, "name": name, "annotation_config_type": "CATEGORICAL", "values": values}
    await found.post("/v2/annotation-configs", config)
    await found.post(
        "/v2/annotation-configs", {"space_id": space, "name": "note", "annotation_config_type": "FREEFORM"}
    )
    (first, *_) = await found.spans(ids["project"])
    said = [{"name": name, "label": at("annotation label", ROOM)[0]}, {"name": "note", "text": at("note")[0]}]
    span_id = first["context"]["span_id"]
    body = {"project_id": ids["project"], "annotations": [{"record_id": span_id, "values": said}]}
    answered = await found.http.post("/v2/spans/annotate", json=body)
    assert answered.is_success, answered.text
    answered = await found.http.post(
        f"/v2/datasets/{ids['dataset']}/examples/annotate",
        json={"annotations": [{"record_id": ids["example 0"], "values": said}]},
    )
    assert answered.is_success, answered.text


def _write_files(files: Path, ids: Mapping[str, str]) -> None:
    rows = [
        {"key": f"k{number}", "output": at("output")[0], at("file column")[0]: "x", "eval.tone.score": number % 2}
        for number in range(ROWS)
    ]
    (files / "variant.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    odd = [{**row, "key": at("value")[0] + str(n)} for n, row in enumerate(rows)]
    (files / "odd.jsonl").write_text("\n".join(map(json.dumps, odd)), encoding="utf-8")
    (files / (at("file")[0][:60] + ".jsonl")).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (files / "broken.jsonl").write_text('{"' + "VEC01Q", encoding="utf-8")

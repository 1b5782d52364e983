"""Calls of the sweep that are refused, and calls that change the store."""

import sys

from tests.injection.calls import Call, Id
from tests.injection.vectors import at
from tests.injection.world import ROOM, WEEK, World

_NAMED = {
    "get_task": "task", "get_dataset": "dataset", "get_experiment": "experiment", "get_prompt": "prompt",
    "list_judges": "judge", "search_spans": "project", "list_tasks": "project", "list_runs": "task",
    "list_experiments": "dataset",
}  # fmt: skip
_LONG = at("project")[0]
_DELETED = ("project", "dataset", "experiment", "judge", "prompt", "task", "integration", "annotation_config")


_REFUSED = (
    Call("list_datasets", "space", {"space": _LONG}),
    Call("list_datasets", "unknown argument", {_LONG: 1}),
    Call("annotate", "unknown argument", {_LONG: 1}),
    Call("get_run", "state", {"run": Id("run"), "rows": True, "state": _LONG}),
    Call("list_runs", "status", {"task": Id("task"), "status": _LONG}),
    Call("delete_resource", "kind", {"kind": _LONG, "name": "x"}),
    Call("get_dataset", "path", {"dataset": Id("dataset"), "save_to": _LONG}),
    Call("get_dataset", "path", {"dataset": Id("dataset"), "save_to": f"/{_LONG}/x.csv"}),
    Call("upload_experiment", "path", {"file": _LONG, "dataset": Id("dataset")}),
    Call("run_experiment", "path", {"task": _LONG, "dataset": Id("dataset")}),
    Call("run_experiment", "function", {"task": f"task.py:{_LONG}", "dataset": Id("dataset")}),
    Call("delete_task", "not found", {"task": _LONG}),
    Call("delete_task", "refused", {"task": Id("task")}),
    Call("retry_experiment", "refused", {"experiment": Id("experiment 0")}),
    Call("retry_experiment", "not found", {"experiment": _LONG}),
    Call("update_task", "not found", {"task": _LONG, "name": "x"}),
    Call("update_task", "clear", {"task": Id("task"), "clear": [_LONG]}),
    Call("trigger_run", "not found", {"task": _LONG[:30]}),
    Call("create_judge", "code", {"name": "x", "code": _LONG}),
    Call("create_judge", "catalogue", {"name": "x", "catalogue": _LONG}),
    Call("create_judge", "taken", {"name": at("judge", ROOM)[0], "code": "JSON_PARSEABLE"}),
    Call(
        "create_judge",
        "model",
        {"name": "x", "template": "{output}", "choices": {"a": 1, "b": 0}, "model": "nowhere"},
    ),
    Call(
        "create_judge",
        "integration",
        {"name": "x", "template": "{output}", "choices": {"a": 1, "b": 0}, "integration": _LONG},
    ),
    Call("create_integration", "provider", {"name": _LONG, "provider": _LONG}),
    Call("create_integration", "address", {"name": _LONG, "provider": "CUSTOM", "base_url": _LONG}),
    Call("create_integration", "key", {"name": _LONG, "provider": "OPEN_AI", "key_variable": _LONG}),
    Call(
        "create_integration",
        "taken",
        {
            "name": at("integration", ROOM)[0],
            "provider": "CUSTOM",
            "base_url": "http://127.0.0.1:9/v1",
            "model_names": [_LONG],
            "test": False,
        },
    ),
    Call("save_prompt", "refused", {"prompt": at("prompt", ROOM)[0], "template": "x", "provider": _LONG}),
    Call("label_prompt", "not found", {"labels": ["x"], "prompt": _LONG}),
    Call("create_dataset", "taken", {"name": at("dataset", ROOM)[0], "rows": [{"a": 1}]}),
)
"""Refusals of an odd word."""

_COLUMN = at("column")[0]
_ODD = at("project", ROOM)[0]
_FILES_COLUMN = {"dataset": Id("dataset"), "key": "key"}
_PYTHON = {"python": sys.executable, "dataset": Id("dataset")}
_AGAIN = {"project": Id("project"), "window": WEEK}
_MAPPING = {"output": "attributes.output.value"}
_ANNOTATED = at("annotation", ROOM)[0]
_TASK = {"evaluators": [Id("code")], "project": Id("project"), "column_mappings": _MAPPING}
_CONFIGURATION = {
    "experiment_type": "LLM_GENERATION", "integration": at("integration", ROOM)[0],
    "model_name": at("integration model")[0],
    "messages": [{"role": "USER", "content": "{{input}}" + at("template")[0]}], "input_variable_format": "MUSTACHE",
}  # fmt: skip

CHANGES = (
    Call("annotate", "near", {"name": _ANNOTATED[:8], "targets": ["x"], "label": "good", "project": Id("project")}),
    Call(
        "annotate",
        "label",
        {"name": _ANNOTATED, "targets": [Id("example 0")], "label": "nowhere", "dataset": Id("dataset")},
    ),
    Call(
        "annotate",
        "success",
        {"name": _ANNOTATED, "targets": [Id("example 1")], "label": "good", "dataset": Id("dataset")},
    ),
    Call("annotate", "targets", {"name": _ANNOTATED, "targets": [_ODD], "label": "good", "dataset": Id("dataset")}),
    Call("annotate", "targets", {"name": _ANNOTATED, "targets": [_ODD], "label": "good", "project": Id("project")}),
    Call(
        "annotate",
        "success",
        {"name": _ODD + "!", "targets": [Id("example 1")], "text": at("note")[0], "dataset": Id("dataset")},
    ),
    Call(
        "annotate",
        "choices",
        {
            "name": _ANNOTATED,
            "targets": [Id("example 1")],
            "label": "good",
            "choices": {_ODD: 1, "b": 0},
            "dataset": Id("dataset"),
        },
    ),
    Call("append_examples", "near", {"dataset": Id("dataset"), "rows": [{_COLUMN + "?": "x"}]}),
    Call(
        "append_examples",
        "success",
        {"dataset": Id("dataset"), "rows": [{"input": _ODD, _COLUMN: "x", "key": "new"}]},
    ),
    Call(
        "append_examples",
        "unique",
        {"dataset": Id("dataset"), "rows": [{"input": "a", _COLUMN: at("value")[0]}] * 2, "unique": [_COLUMN]},
    ),
    Call("append_examples", "unique", {"dataset": Id("dataset"), "rows": [{"input": "a"}], "unique": [_COLUMN]}),
    Call("append_examples", "file", {"dataset": Id("dataset"), "file": "odd.jsonl"}),
    Call("append_examples", "broken", {"dataset": Id("dataset"), "file": "broken.jsonl"}),
    Call("edit_examples", "near", {"dataset": Id("dataset"), "rows": [{"id": _ODD, _COLUMN: "x"}]}),
    Call("edit_examples", "near", {"dataset": Id("dataset"), "rows": [{"key": "new", _COLUMN + "?": "x"}]}),
    Call("edit_examples", "absent", {"dataset": Id("dataset"), "delete": [_ODD]}),
    Call("edit_examples", "file", {"dataset": Id("dataset"), "file": "odd.jsonl"}),
    Call("edit_examples", "broken", {"dataset": Id("dataset"), "file": "broken.jsonl"}),
    Call("edit_examples", "success", {"dataset": Id("dataset"), "rows": [{"key": "new", _COLUMN: _ODD}]}),
    Call("edit_examples", "equal", {"dataset": Id("dataset"), "rows": [{"key": "new", _COLUMN: _ODD}]}),
    Call(
        "edit_examples",
        "version",
        {"dataset": Id("dataset"), "rows": [{"key": "new", _COLUMN: "y"}], "new_version": True},
    ),
    Call("edit_examples", "deleted", {"dataset": Id("dataset"), "delete": ["new"]}),
    Call("create_dataset", "rows", {"name": _ODD + "1", "rows": [{_ODD: _ODD}]}),
    Call("create_dataset", "project", {"name": _ODD + "2", "project": Id("project")}),
    Call(
        "create_dataset",
        "dataset",
        {"name": _ODD + "3", "dataset": Id("dataset"), "sample": "stratified", "by": _COLUMN, "size": 3},
    ),
    Call(
        "create_dataset",
        "dataset",
        {"name": _ODD + "4", "dataset": Id("dataset"), "sample": "stratified", "by": "tier", "size": 1},
    ),
    Call(
        "create_dataset",
        "near",
        {"name": _ODD + "5", "dataset": Id("dataset"), "sample": "stratified", "by": "nowhere", "size": 3},
    ),
    Call("create_dataset", "unique", {"name": _ODD + "6", "dataset": Id("dataset"), "unique": ["tier"]}),
    Call("create_dataset", "unique", {"name": _ODD + "7", "dataset": Id("dataset"), "unique": ["nowhere"]}),
    Call("create_dataset", "filter", {"name": _ODD + "8", "dataset": Id("dataset"), "filter": "\"nowhere\" = 'x'"}),
    Call("create_dataset", "empty", {"name": _ODD + "9", "project": Id("project"), "filter": "name = 'nobody'"}),
    Call("upload_experiment", "success", {"file": "variant.jsonl", **_FILES_COLUMN, "name": _ODD.replace('"', "")}),
    Call("upload_experiment", "taken", {"file": "variant.jsonl", **_FILES_COLUMN, "name": _ODD.replace('"', "")}),
    Call("upload_experiment", "unmatched", {"file": "odd.jsonl", **_FILES_COLUMN}),
    Call("upload_experiment", "skipped", {"file": "odd.jsonl", **_FILES_COLUMN, "skip_unmatched": True}),
    Call("upload_experiment", "no column", {"file": "variant.jsonl", "dataset": Id("dataset"), "key": "nowhere"}),
    Call(
        "upload_experiment",
        "no column",
        {"file": "variant.jsonl", "dataset": Id("dataset"), "key": at("file column")[0]},
    ),
    Call("upload_experiment", "no column", {"file": "variant.jsonl", **_FILES_COLUMN, "output": "nowhere"}),
    Call("upload_experiment", "no key", {"file": "variant.jsonl", "dataset": Id("dataset"), "example_id": "key"}),
    Call(
        "upload_experiment",
        "evaluators",
        {"file": "variant.jsonl", **_FILES_COLUMN, "evaluators": {at("judge")[0]: {"score": at("file column")[0]}}},
    ),
    Call(
        "upload_experiment",
        "evaluators",
        {"file": "variant.jsonl", **_FILES_COLUMN, "evaluators": {at("judge")[0]: {"score": "nowhere"}}},
    ),
    Call("upload_experiment", "new dataset", {"file": "odd.jsonl", "key": "key", "new_dataset": _ODD + "0"}),
    Call("upload_experiment", "file name", {"file": at("file")[0][:60] + ".jsonl", **_FILES_COLUMN, "name": "f"}),
    Call("upload_experiment", "broken", {"file": "broken.jsonl", **_FILES_COLUMN}),
    Call(
        "log_evaluations",
        "success",
        {
            "project": Id("project"),
            "rows": [{"session_id": at("session")[0], f"session_eval.{at('judge of a file')[1]}.label": "x"}],
        },
    ),
    Call(
        "log_evaluations",
        "unmatched",
        {"project": Id("project"), "rows": [{"span_id": _ODD, "eval.tone.label": _ODD[:90]}]},
    ),
    Call(
        "log_evaluations",
        "skipped",
        {"project": Id("project"), "rows": [{"span_id": _ODD, "eval.tone.label": "x"}], "skip_unmatched": True},
    ),
    Call("log_evaluations", "column", {"project": Id("project"), "rows": [{"span_id": _ODD, _ODD: "x"}]}),
    Call(
        "log_evaluations",
        "contradiction",
        {
            "project": Id("project"),
            "rows": [
                {"session_id": at("session")[0], "session_eval.tone.label": word} for word in ("x", at("label")[1][:90])
            ],
        },
    ),
    Call("log_evaluations", "file", {"project": Id("project"), "file": "odd.jsonl"}),
    Call("create_judge", "success", {"name": _ODD + " judge", "code": "MATCHES_REGEX", "pattern": "(" + _ODD}),
    Call("create_judge", "success", {"name": _ODD + " judge", "code": "CONTAINS_ANY_KEYWORD", "keywords": [_ODD]}),
    Call(
        "create_judge",
        "success",
        {
            "name": _ODD + " model",
            "template": "{output} " + _ODD,
            "choices": {_ODD[:60]: 1, "b": 0},
            "integration": Id("integration"),
            "model": at("integration model")[0],
        },
    ),
    Call(
        "create_judge",
        "model",
        {
            "name": _ODD + " third",
            "template": "{output} " + _ODD,
            "choices": {_ODD[:60]: 1, "b": 0},
            "integration": Id("integration"),
            "model": "nowhere",
        },
    ),
    Call("create_task", "success", {"name": at("task", 200)[0] + " new", **_TASK}),
    Call("create_task", "taken", {"name": at("task", ROOM)[0], **_TASK}),
    Call("create_task", "filter", {"name": "f", **_TASK, "query_filter": f"name = '{_ODD[:30]}'", "allow_empty": True}),
    Call(
        "create_task",
        "experiments",
        {"name": "e", "evaluators": [Id("code")], "dataset": Id("dataset"), "experiments": [Id("experiment 0")]},
    ),
    Call(
        "create_task",
        "experiments",
        {"name": "near", "evaluators": [Id("code")], "dataset": Id("dataset"), "experiments": [_ODD]},
    ),
    Call(
        "create_task",
        "configuration",
        {"name": _ODD, "type": "RUN_EXPERIMENT", "dataset": Id("dataset"), "run_configuration": _CONFIGURATION},
    ),
    Call(
        "create_task",
        "configuration",
        {
            "name": _ODD,
            "type": "RUN_EXPERIMENT",
            "dataset": Id("dataset"),
            "run_configuration": {**_CONFIGURATION, "messages": [{"role": "USER", "content": "{{VEC}}"}]},
        },
    ),
    Call(
        "create_task",
        "configuration",
        {"name": _ODD, "type": "RUN_EXPERIMENT", "dataset": Id("dataset"), "run_configuration": {_ODD: 1}},
    ),
    Call(
        "update_task",
        "success",
        {"task": Id("task 1"), "query_filter": f"name = '{_ODD[:30]}'", "allow_empty": True},
    ),
    Call("update_task", "success", {"task": Id("task 1"), "name": at("task", 200)[0] + " again"}),
    Call("update_task", "mapping", {"task": Id("task 1"), "column_mappings": {"output": f"attributes.{_ODD[:60]}"}}),
    Call("trigger_run", "success", {"task": Id("task"), "window": WEEK, "wait": 30}),
    Call("trigger_run", "success", {"task": Id("task 2"), "window": WEEK, "wait": 30, "override_evaluations": True}),
    Call("trigger_run", "window", {"task": Id("task 2"), "window": _ODD}),
    Call(
        "trigger_backfill",
        "success",
        {**_AGAIN, "evaluators": [Id("code")], "column_mappings": _MAPPING, "wait": 30},
    ),
    Call(
        "trigger_backfill",
        "success",
        {**_AGAIN, "evaluators": [Id("judge")], "column_mappings": _MAPPING, "wait": 30, "max_rows": 3},
    ),
    Call(
        "trigger_backfill",
        "empty",
        {**_AGAIN, "evaluators": [Id("code")], "query_filter": "name = 'nobody'", "allow_empty": True, "wait": 30},
    ),
    Call(
        "trigger_backfill",
        "mapping",
        {
            **_AGAIN,
            "evaluators": [Id("code")],
            "column_mappings": {"output": "attributes.nowhere"},
            "allow_empty": True,
            "wait": 30,
        },
    ),
    Call(
        "trigger_backfill",
        "refused",
        {**_AGAIN, "evaluators": ["failing"], "column_mappings": _MAPPING, "wait": 60, "max_rows": 2},
    ),
    Call("preview_judge", "refused", {"judge": "failing", **_AGAIN, "column_mappings": _MAPPING}),
    Call(
        "create_integration",
        "refused",
        {"name": "r", "provider": "CUSTOM", "base_url": Id("refusing model"), "model_names": ["m"]},
    ),
    Call(
        "run_experiment",
        "success",
        {"task": "task.py:shouts", **_PYTHON, "name": _ODD.replace('"', "") + "r", "evaluators": ["task.py:judged"]},
    ),
    Call(
        "run_experiment",
        "dry run",
        {"task": "task.py:shouts", **_PYTHON, "dry_run": True, "evaluators": ["task.py:judged"]},
    ),
    Call("run_experiment", "near", {"task": "task.py:shout", **_PYTHON}),
    Call("run_experiment", "binding", {"task": "task.py:shouts", **_PYTHON, "binding": _ODD}),
    Call("run_experiment", "taken", {"task": "task.py:shouts", **_PYTHON, "name": _ODD.replace('"', "") + "r"}),
    Call(
        "run_experiment",
        "judge",
        {
            "task": "task.py:shouts",
            **_PYTHON,
            "name": "judged",
            "evaluators": [Id("code")],
            "column_mappings": {"output": "nowhere"},
        },
    ),
    Call("retry_experiment", "success", {"experiment": _ODD.replace('"', "") + "r", "python": sys.executable}),
    Call(
        "save_prompt",
        "success",
        {
            "prompt": _ODD,
            "template": _ODD + "{input}",
            "provider": "OPEN_AI",
            "model": _ODD,
            "commit_message": _ODD,
            "description": _ODD,
        },
    ),
    Call(
        "save_prompt",
        "again",
        {"prompt": at("prompt", ROOM)[0], "template": _ODD + "{input}", "provider": "OPEN_AI", "model": _ODD},
    ),
    Call("label_prompt", "success", {"labels": [_ODD], "prompt": Id("prompt")}),
    Call("label_prompt", "deciding", {"labels": [_ODD], "prompt": Id("prompt"), "experiment": Id("experiment 0")}),
    Call("label_prompt", "remove", {"labels": [_ODD], "prompt": Id("prompt"), "remove": True}),
    Call("label_prompt", "remove", {"labels": ["nowhere"], "prompt": Id("prompt"), "remove": True}),
    Call(
        "create_integration",
        "success",
        {
            "name": _ODD,
            "provider": "CUSTOM",
            "base_url": "http://127.0.0.1:9/v1",
            "model_names": [_ODD],
            "test": False,
        },
    ),
    Call(
        "create_integration",
        "refused",
        {"name": _ODD + "x", "provider": "CUSTOM", "base_url": Id("model"), "model_names": [_ODD]},
    ),
    Call("delete_task", "success", {"task": Id("task 1"), "confirm": at("task", 200)[0] + " again"}),
    Call(
        "delete_resource",
        "success",
        {"kind": "dataset", "name": at("dataset", ROOM)[1], "confirm": at("dataset", ROOM)[1]},
    ),
    Call("delete_resource", "success", {"kind": "prompt", "name": Id("prompt"), "confirm": at("prompt", ROOM)[0]}),
    Call("delete_resource", "success", {"kind": "project", "name": Id("project"), "confirm": at("project", ROOM)[0]}),
)
"""Calls that change the store, in an order in which each finds the things that it needs."""


def errors(world: World) -> list[Call]:
    """Names that nothing has, that are near others, or that several things have; ids of another kind; odd words."""
    ids = world.ids
    found: list[Call] = []
    for tool, noun in _NAMED.items():
        for kind, name in (
            ("not found", at(noun, ROOM)[0][:120] + "?"), ("near", at(noun, ROOM)[0][:7]),
            ("long", at("attribute value")[2]),
            ("another kind", ids["space"]), ("gone", ids[noun][:-6] + "OTk5OTk5"),
        ):  # fmt: skip
            found.append(Call(tool, kind, {noun: name}))
        found.append(Call(tool, "by name", {noun: at(noun, ROOM)[0].replace('"', "'")}))
    found += [
        Call(tool, "unnamed") for tool in ("get_dataset", "get_experiment", "get_prompt", "search_spans", "get_task")
    ]
    for noun in _DELETED:
        known = at("annotation" if noun == "annotation_config" else noun, ROOM)[0]
        found.append(Call("delete_resource", "not found", {"kind": noun, "name": known[:100] + "?"}))
        found.append(Call("delete_resource", "refused", {"kind": noun, "name": known}))
    for tool in ("get_run", "wait_for_run", "cancel_run"):
        found += [
            Call(tool, "not found", {"run": name}) for name in (at("filter")[0], ids["task"], at("attribute value")[2])
        ]
    return [*found, *(one.of(ids) for one in _REFUSED)]

"""Calls of the sweep that change nothing: each tool on each kind of reply that it can give over the hostile store."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from tests.injection.vectors import at
from tests.injection.world import LABEL_ROOM, ROOM, WEEK, World


class Call(NamedTuple):
    """A call of a tool; `kind` is the kind of its reply."""

    tool: str
    kind: str
    arguments: Mapping[str, Any] = {}

    def of(self, ids: Mapping[str, str]) -> "Call":
        """The call with the ids of one store."""
        return self._replace(arguments=_known(dict(self.arguments), ids))


class Id(str):
    """The id of a thing in the store, by its word in `World.ids`."""

    __slots__ = ()


def _known(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, Id):
        return ids[value]
    if isinstance(value, dict):
        return {key: _known(one, ids) for key, one in cast("dict[str, Any]", value).items()}
    return [_known(one, ids) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def reads(world: World) -> list[Call]:
    """The calls of tools that only read, and plans."""
    return [*_lists(world), *_traces(world), *_plans(world), *_calibrations(world), *_comparisons(world)]


def _lists(world: World) -> list[Call]:
    ids, files = world.ids, world.files
    lists = {
        "list_projects": {}, "list_spaces": {}, "list_datasets": {}, "list_experiments": {"dataset": ids["dataset"]},
        "list_judges": {}, "list_integrations": {}, "list_prompts": {}, "list_tasks": {},
        "list_runs": {"task": ids["task"]},
    }  # fmt: skip
    found = [Call(tool, "success", given) for tool, given in lists.items()]
    found += [Call(tool, "file", {**given, "save_to": str(files / f"{tool}.jsonl")}) for tool, given in lists.items()]
    found += [
        Call(tool, "empty", {**given, "name": at("project", ROOM)[0] + "?"})
        for tool, given in lists.items()
        if tool not in {"list_judges", "list_runs"}
    ]
    found += [Call(tool, "paged", {**given, "limit": 1}) for tool, given in lists.items() if tool != "list_judges"]
    found += [
        Call(tool, "bad cursor", {**given, "cursor": at("project", ROOM)[0]})
        for tool, given in lists.items()
        if tool != "list_judges"
    ]
    return [
        *found,
        Call("get_status", "success"),
        Call("list_tasks", "filtered", {"project": ids["project"]}),
        Call("list_tasks", "empty", {"dataset": ids["dataset"]}),
        Call("list_runs", "empty", {"task": ids["task 1"]}),
        Call("list_runs", "filtered", {"task": ids["task 1"], "status": "FAILED"}),
        Call("list_judges", "success", {"judge": ids["judge"]}),
        Call("list_judges", "success", {"judge": ids["code"]}),
        Call("get_task", "success", {"task": ids["task"]}),
        Call("get_task", "success", {"task": ids["task 2"]}),
        Call("get_run", "success", {"run": ids["run"]}),
        Call("get_run", "success", {"run": ids["run 2"]}),
        Call("get_run", "rows", {"run": ids["run"], "rows": True}),
        Call("get_run", "rows", {"run": ids["run 2"], "rows": True}),
        Call("get_run", "file", {"run": ids["run 2"], "rows": True, "save_to": str(files / "run.csv")}),
        Call("wait_for_run", "success", {"run": ids["run"]}),
        Call("wait_for_run", "success", {"run": f"{ids['run']},{ids['run 2']}"}),
        Call("cancel_run", "refused", {"run": ids["run"]}),
        Call("get_dataset", "success", {"dataset": ids["dataset"]}),
        Call("get_dataset", "success", {"dataset": ids["dataset 1"]}),
        Call("get_dataset", "version", {"dataset": ids["dataset"], "version": at("version")[0]}),
        Call("get_dataset", "no version", {"dataset": ids["dataset"], "version": at("version")[0] + "?"}),
        Call("get_dataset", "file", {"dataset": ids["dataset"], "save_to": str(files / "dataset.csv")}),
        Call("get_experiment", "success", {"experiment": ids["experiment 0"]}),
        Call("get_experiment", "success", {"experiment": ids["experiment 2"], "failures_first": True}),
        Call("get_experiment", "file", {"experiment": ids["experiment 1"], "save_to": str(files / "runs.csv")}),
        Call("get_experiment", "filtered", {"experiment": ids["experiment 0"], "filter": "\"nowhere\" = 'x'"}),
        Call("get_experiment", "filtered", {"experiment": ids["experiment 0"], "filter": "eval.ton.label = 'x'"}),
        Call("get_experiment", "filtered", {"experiment": ids["experiment 0"], "filter": "eval.tone.label = 'x'"}),
        Call("get_prompt", "success", {"prompt": ids["prompt"]}),
        Call("get_prompt", "label", {"prompt": ids["prompt"], "label": at("prompt label")[0]}),
        Call("get_prompt", "no label", {"prompt": ids["prompt"], "label": "VEC"}),
        Call("get_prompt", "no version", {"prompt": ids["prompt"], "version": "nowhere"}),
    ]


def _traces(world: World) -> list[Call]:
    ids = world.ids
    key = at("attribute key")[1]
    return [
        *(Call("search_spans", "success", {"project": ids[f"project {n}"], "limit": 100}) for n in range(3)),
        Call("search_spans", "paged", {"project": ids["project"], "limit": 2}),
        Call("search_spans", "empty", {"project": ids["project"], "filter": "name = 'nobody'"}),
        Call("search_spans", "near value", {"project": ids["project"], "filter": "name = 'VEC04Q'"}),
        Call("search_spans", "near value", {"project": ids["project"], "filter": "attributes.user.id = 'VEC'"}),
        Call("search_spans", "near key", {"project": ids["project"], "filter": "attributes.nowhere = 'x'"}),
        Call("search_spans", "near key", {"project": ids["project"], "filter": f"attributes.{key[:6]} = 'x'"}),
        Call("search_spans", "near key", {"project": ids["project"], "filter": f"attributes.metadata.{key[:5]} = 'x'"}),
        Call("search_spans", "refused", {"project": ids["project"], "filter": f"attributes.{key[:60]} = 'x'"}),
        Call("search_spans", "refused", {"project": ids["project"], "filter": at("filter")[0]}),
        Call("search_spans", "refused", {"project": ids["project"], "filter": f"name = '{at('project')[0]}"}),
        Call("search_spans", "refused", {"project": ids["project"], "filter": f'"{at("project")[0]}" = 1'}),
        Call("search_spans", "refused", {"project": ids["project"], "filter": f"eval.{at('annotation')[0]} = 1"}),
        Call("search_spans", "refused", {"project": ids["project"], "window": at("filter")[0]}),
        Call("search_spans", "run", {"run": ids["run 2"], "limit": 100}),
        Call("search_spans", "file", {"project": ids["project"], "save_to": str(world.files / "spans.csv")}),
        *(
            Call(
                "preview_judge",
                "values",
                {"judge": ids["code"], "project": ids["project"], "column_mappings": {"output": at_path}},
            )
            for at_path in (
                "attributes.session.id",
                "attributes.user.id",
                "attributes.llm.model_name",
                "attributes.tool.name",
                "attributes.tag.tags",
                "status_message",
                "name",
                f"attributes.metadata.{at('metadata key')[0]}",
                "attributes.openinference.span.kind",
            )
        ),
        *(Call("get_trace", "success", {"trace": ids[f"trace {n}"], "project": ids["project"]}) for n in range(3)),
        Call("get_trace", "not found", {"trace": at("filter")[0], "project": ids["project"]}),
    ]


def _plans(world: World) -> list[Call]:
    ids = world.ids
    project = {"project": ids["project"], "window": WEEK}
    mapping = {"output": "attributes.output.value"}
    nowhere = {"output": "attributes.nowhere"}
    odd = {"output": f"attributes.{at('mapping')[0]}"}
    strange = {at("mapping")[0]: "attributes.output.value"}
    found: list[Call] = []
    for tool in ("preview_judge", "render_judge"):
        for told in (mapping, nowhere, odd, strange):
            given = {"judge": ids["judge"], **project, "column_mappings": told}
            found.append(Call(tool, "plan", given | ({"call_model": False} if tool == "preview_judge" else {})))
        over = {"judge": ids["judge"], "dataset": ids["dataset"], "experiments": [ids["experiment 0"]]}
        found.append(Call(tool, "plan", over | ({"call_model": False} if tool == "preview_judge" else {})))
        found.append(Call(tool, "empty", {"judge": ids["judge"], **project, "filter": "name = 'nobody'"}))
    for told in (mapping, nowhere, odd, strange):
        given = {**project, "evaluators": [ids["code"]], "column_mappings": told}
        found.append(Call("preview_backfill", "plan", given))
        found.append(Call("trigger_backfill", "plan", {**given, "preview": True}))
        found.append(
            Call(
                "create_task",
                "plan",
                {
                    "name": at("task", 200)[0] + "+",
                    "project": ids["project"],
                    "evaluators": [ids["code"]],
                    "column_mappings": told,
                    "preview": True,
                },
            )
        )
    return [
        *found,
        Call("preview_judge", "success", {"judge": ids["judge"], **project, "column_mappings": mapping, "rows": 2}),
        Call("preview_judge", "success", {"judge": ids["code"], **project, "column_mappings": mapping}),
        Call("preview_judge", "success", {"judge": ids["code"], **project, "granularity": "TRACE"}),
        Call("preview_judge", "success", {"judge": ids["code"], **project, "granularity": "SESSION"}),
        Call("preview_backfill", "plan", {"task": ids["task"], "window": WEEK}),
        Call("preview_backfill", "plan", {"task": ids["task 2"], "window": WEEK}),
        Call("preview_backfill", "plan", {**project, "evaluators": [ids["judge"]], "column_mappings": mapping}),
        Call("preview_backfill", "empty", {**project, "evaluators": [ids["code"]], "query_filter": "name = 'nobody'"}),
        Call("preview_backfill", "refused", {**project, "evaluators": [ids["code"]], "query_filter": at("filter")[0]}),
        Call("plan_experiment", "success", {"goal": "tone +5", "dataset": ids["dataset"]}),
        Call(
            "plan_experiment",
            "success",
            {
                "goal": "tone: better by 5 points",
                "pilot": [ids["experiment 0"], ids["experiment 2"]],
                "dataset": ids["dataset"],
            },
        ),
        Call(
            "plan_experiment",
            "success",
            {"goal": at("judge of a file")[0] + ": better by 5 points", "pilot": [ids["experiment 0"]]},
        ),
        Call("plan_experiment", "refused", {"goal": at("filter")[0]}),
    ]


def _calibrations(world: World) -> list[Call]:
    column, judge = at("column")[0], at("judge of a file")[0]
    experiments = [world.ids["experiment 0"], world.ids["experiment 2"]]
    labelled = {"judge": "tone", "truth": "expected", "experiments": experiments}
    return [
        Call("calibrate_judge", "success", labelled),
        Call("calibrate_judge", "success", {**labelled, "truth": judge, "slice_by": [column], "people": [judge]}),
        Call("calibrate_judge", "success", {**labelled, "labels": {at("label", LABEL_ROOM)[0]: "yes"}}),
        Call("calibrate_judge", "near", {**labelled, "truth": "nowhere"}),
        Call("calibrate_judge", "near", {**labelled, "judge": "nowhere"}),
        Call("calibrate_judge", "near", {**labelled, "failures": ["nowhere"]}),
        *_queues(world),
    ]


def _queues(world: World) -> list[Call]:
    """Queues of hostile items under hostile names; those of a project first, which has hostile labels too."""
    ids, label, column, judge = world.ids, at("label", LABEL_ROOM)[0], at("column")[0], at("judge of a file")[0]
    spans = {"queue": "spans", "label": label, "project": ids["project"], "window": WEEK}
    runs = {"queue": "runs", "label": label, "experiment": ids["experiment 0"]}
    return [
        Call("label_queue", "success", spans),
        Call("label_queue", "success", {"queue": "spans", "person": at("dataset", 200)[0], "show_verdicts": True}),
        Call("label_queue", "success", {**runs, "by": [column]}),
        Call("label_queue", "success", {**spans, "queue": label, "level": "TRACE"}),
        Call("label_queue", "success", {"queue": "examples", "label": label, "dataset": ids["dataset"]}),
        Call("label_queue", "near", {"queue": "spansa"}),
        Call("label_queue", "near", {**runs, "queue": "other", "by": [judge, "nowhere"]}),
        Call("label_queue", "near", {**spans, "queue": "other", "by": ["nowhere"]}),
    ]


def _comparisons(world: World) -> list[Call]:
    ids = world.ids
    both = {"experiments": [ids["experiment 0"], ids["experiment 2"]]}
    three = {"experiments": [ids[f"experiment {n}"] for n in range(3)]}
    column, judge = at("column")[0], at("judge of a file")[0]
    candidate = {"candidate": ids["experiment 2"], "baseline": ids["experiment 0"]}
    return [
        Call("compare_experiments", "success", both),
        Call("compare_experiments", "success", three),
        Call("compare_experiments", "full", {**three, "detail": "full", "all_pairs": True}),
        Call("compare_experiments", "slices", {**both, "slice_by": [column]}),
        Call(
            "compare_experiments",
            "slices",
            {**both, "slice_by": ["tier", "expected"], "directions": {"tone": "MAXIMIZE"}},
        ),
        Call("compare_experiments", "clusters", {**both, "cluster_by": column}),
        Call("compare_experiments", "clusters", {**both, "cluster_by": "tier"}),
        Call("compare_experiments", "near", {**both, "slice_by": ["VEC"]}),
        Call("compare_experiments", "near", {**both, "cluster_by": "nowhere"}),
        Call("compare_experiments", "near", {**both, "evaluators": ["nowhere"]}),
        Call("compare_experiments", "near", {**both, "truth": "nowhere", "predicted": "VEC"}),
        Call("compare_experiments", "truth", {**both, "truth": "expected", "predicted": "output"}),
        Call("compare_experiments", "truth", {**both, "truth": column, "predicted": "eval.tone.label"}),
        Call("compare_experiments", "truth", {**both, "truth": "tier", "predicted": "tone"}),
        Call("compare_experiments", "directions", {**both, "directions": {"nowhere": "MAXIMIZE"}}),
        Call(
            "compare_experiments",
            "directions",
            {**both, "directions": {judge: "MINIMIZE", "tone": "MAXIMIZE"}, "primary": judge},
        ),
        Call("compare_experiments", "positive", {**both, "positive": {"tone": "nowhere", judge: "nowhere"}}),
        Call("compare_experiments", "positive", {**both, "positive": {"tone": at("label", LABEL_ROOM)[0]}}),
        Call("compare_experiments", "primary", {**both, "primary": "nowhere"}),
        Call("compare_experiments", "baseline", {**both, "baseline": "nowhere"}),
        Call("compare_experiments", "range", {**both, "range": {judge: [0, 1]}}),
        Call("compare_experiments", "failures", {**both, "failures": "count"}),
        Call("compare_experiments", "page", {**three, "save_to": str(world.files / "page.html")}),
        *(
            Call("check_release", "success", {**candidate, "rules": [rule], **more})
            for rule, more in (
                ("tone: not worse by more than 5 points", {"directions": {"tone": "MAXIMIZE"}}),
                (f"{judge}: better", {}),
                (f"{judge[:6]}: better", {}),
                ("nowhere: better", {}),
                (f"tone by {column}: not worse by more than 5 points", {"directions": {"tone": "MAXIMIZE"}}),
                ("tone by tier: not worse by more than 5 points", {"directions": {"tone": "MAXIMIZE"}}),
                ("tone by nowhere: not worse by more than 5 points", {"directions": {"tone": "MAXIMIZE"}}),
                ("exact match with expected: at least 95 %", {}),
                ("exact match with tier: at least 95 %", {}),
                ("exact match with nowhere: at least 95 %", {}),
                ("failed rows: at most 5 %", {}),
                (at("filter")[0], {}),
                ("tone: at least 80 %", {"positive": {"tone": at("label", LABEL_ROOM)[0]}}),
            )
        ),
        Call("check_release", "policy", {**candidate, "policy": at("filter")[0]}),
    ]

"""A store with the hostile traces and the things made of them, and the calls that show foreign text."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import anyio
from tests.caller import Caller, serving
from tests.hosts.corpus import (
    BREAK,
    CANARY,
    HOSTILE_PROJECTS,
    LONG_PROJECT,
    LONG_TRACE,
    ORDER,
    TRACES,
    VARIANT,
    VERDICT,
    fill,
)
from tests.hosts.stand_ins import Call
from tests.scripted_model import ScriptedModel
from tests.traces import PROJECT

from assaykit.settings import Settings

MAPPING = {"output": "attributes.output.value"}
NOWHERE = {"output": "attributes.nowhere"}
WEEK = "last 7 days"
VARIANTS = ("one", "two", VARIANT)


class Prepared(NamedTuple):
    """A data folder, a folder for files, and the runs of two evaluators over the hostile traces."""

    home: Path
    files: Path
    cites: str
    tone: str


def copied(there: Prepared, folder: Path) -> Prepared:
    """The same in another folder, whose calls may change it."""
    shutil.copytree(there.home.parent, folder, dirs_exist_ok=True)
    return there._replace(home=folder / "home", files=folder / "files")


def _answer(prompt: str) -> dict[str, str]:
    """A verdict of the judge's model: for some rows a hostile explanation, for the others a hostile label."""
    return {"label": "kind" if "result" in prompt else ORDER, "explanation": f"{ORDER}\n{BREAK}"}


async def prepare(folder: Path) -> Prepared:
    """Fill a store: the corpus, two evaluators and their runs, a dataset of the spans, three experiments, a prompt."""
    home, files = folder / "home", folder / "files"
    await anyio.Path(files).mkdir()
    await fill(home)
    settings = Settings(home=home, folders=(files,), toolsets=("all",), structured=True)
    with ScriptedModel(_answer) as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d+\]")
            await ax.ask(
                "create_judge", name="tone", template=f"{BREAK}\n{ORDER} {{output}}", choices={"kind": 1, "rude": 0}
            )
            cites = await _scored(ax, "cites", PROJECT)
            tone = await _scored(ax, "tone", PROJECT)
            for project in HOSTILE_PROJECTS:
                await _scored(ax, "cites", project)
            await ax.ask("create_dataset", name="rows", project=PROJECT)
            for place, name in enumerate(VARIANTS):
                await _upload(ax, files / f"{place}.jsonl", name, place)
            prompt = {"template": f"{BREAK}\n{ORDER} {{{{input}}}}", "provider": "OPEN_AI", "model": "gpt-4o"}
            await ax.ask("save_prompt", prompt="greeting", **prompt)
    return Prepared(home, files, cites, tone)


async def _scored(ax: Caller, judge: str, project: str) -> str:
    """The id of a finished backfill of the project."""
    given = {"evaluators": [judge], "column_mappings": MAPPING, "window": WEEK, "wait": 60}
    return (await ax.ask("trigger_backfill", project=project, **given))["run"]["id"]


async def _upload(ax: Caller, file: Path, name: str, place: int) -> None:
    """An experiment with hostile outputs, labels, explanations and names of evaluators."""
    examples = (await ax.ask("get_dataset", dataset="rows", limit=100))["examples"]
    rows = [
        {
            "example_id": example["id"],
            "output": f"{BREAK}\n{ORDER} {place}",
            "eval.tone.label": ORDER if number % 2 else "kind",
            "eval.tone.score": (number + place) % 2,
            "eval.tone.explanation": f"{ORDER}\n{BREAK}",
            f"eval.{VERDICT}.label": f"{CANARY}\n{BREAK}",
        }
        for number, example in enumerate(examples)
    ]
    await anyio.Path(file).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file=str(file), dataset="rows", name=name)


def showing(there: Prepared) -> list[Call]:
    """Calls of every tool that shows foreign text, and calls whose errors show it."""
    span_id = TRACES[0].span["spanId"]
    return [
        Call("list_projects"),
        *(Call("search_spans", {"project": name, "limit": 100}) for name in (PROJECT, *HOSTILE_PROJECTS)),
        Call("search_spans", {"run": there.cites, "limit": 100}),
        Call("search_spans", {"project": LONG_PROJECT, "limit": 100}),
        Call("search_spans", {"project": PROJECT, "save_to": str(there.files / "spans.jsonl")}),
        *(Call("get_trace", {"trace": one.span["traceId"], "project": one.project}) for one in TRACES),
        Call("get_trace", {"trace": LONG_TRACE[0]["traceId"], "project": LONG_PROJECT}),
        Call("preview_judge", {"judge": "tone", "project": PROJECT, "column_mappings": MAPPING, "call_model": False}),
        *(
            Call("create_task", {"name": f"on {name}", "evaluators": ["cites"], "project": name})
            for name in HOSTILE_PROJECTS
        ),
        Call("list_tasks"),
        Call("get_task", {"task": f"cites on {HOSTILE_PROJECTS[0]}"}),
        Call("get_run", {"run": there.tone}),
        Call("get_run", {"run": there.tone, "rows": True, "limit": 100}),
        Call("wait_for_run", {"run": there.tone}),
        Call("create_dataset", {"name": "copied", "project": PROJECT}),
        Call("append_examples", {"dataset": "copied", "rows": [{ORDER: "a"}]}),
        Call("get_dataset", {"dataset": "rows", "limit": 100}),
        Call("get_dataset", {"dataset": "rows", "save_to": str(there.files / "examples.jsonl")}),
        Call("list_experiments", {"dataset": "rows"}),
        Call("get_experiment", {"experiment": "one", "dataset": "rows"}),
        Call("get_experiment", {"experiment": VARIANT, "dataset": "rows"}),
        Call("compare_experiments", {"experiments": ["one", "two", VARIANT]}),
        Call("upload_experiment", {"file": str(there.files / "0.jsonl"), "dataset": "rows", "name": "three"}),
        Call("log_evaluations", {"project": PROJECT, "rows": [{"span_id": span_id, f"eval.{VERDICT}.label": ORDER}]}),
        Call("get_prompt", {"prompt": "greeting"}),
        Call("list_judges", {"judge": "tone"}),
        # Errors
        Call("search_spans"),
        Call("get_experiment", {"experiment": "nowhere", "dataset": "rows"}),
        Call("delete_resource", {"kind": "project", "name": "HOSTIL"}),
        Call("preview_judge", {"judge": "cites", "project": PROJECT, "column_mappings": NOWHERE}),
        Call(
            "create_dataset", {"name": "unique", "dataset": "rows", "by": "nowhere", "sample": "stratified", "size": 3}
        ),
        Call("compare_experiments", {"experiments": ["one", "two"], "evaluators": ["nowhere"]}),
        Call("get_trace", {"trace": ORDER, "project": PROJECT}),
    ]

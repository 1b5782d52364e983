"""A small store behind a chaos proxy, and one call of every tool that finds something there."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.caller import Caller, session
from tests.chaos.proxy import ChaosProxy
from tests.conftest import spans_of_bot
from tests.engines import KEY, Engines
from tests.traces import id_of, send

from assaykit.api.connection import CONNECTIONS
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

ROWS = [{"key": f"q{number}", "input": f"question {number}", "expected": f"answer {number}"} for number in range(3)]
CODE = "def answer(input):\n    return input.upper()\n"
SOURCE = {"base_url": "https://models.example/v1", "model_names": ["m"], "test": False}


class Scene(NamedTuple):
    """The way to the store: `settings` lead to the proxy. `run` is the id of a run of task "watch"."""

    proxy: ChaosProxy
    settings: Settings
    run: str

    @asynccontextmanager
    async def caller(self, **changes: Any) -> AsyncGenerator[Caller]:
        """A caller with a session of its own, over a connection without a past."""
        CONNECTIONS.clear()
        async with session(replace(self.settings, **changes)) as caller:
            yield caller

    def write(self, name: str, content: object) -> str:
        """A file in the allowed folder; its name."""
        self.settings.folders[0].joinpath(name).write_text(json.dumps(content), encoding="utf-8")
        return name


@asynccontextmanager
async def scene(folder: Path, *, like_ax: bool = True) -> AsyncGenerator[Scene]:
    """The store with project "bot" and a thing of each kind, behind a proxy that is quiet yet."""
    files = folder / "files"
    files.mkdir(parents=True)
    home = folder / "home"
    await send(home, spans_of_bot())
    settings = Settings(home=home, folders=(files,), toolsets=("all",), structured=True)
    with Engines() as engines, engines.serving(settings) as url, ChaosProxy(url, like_ax=like_ax) as proxy:
        there = Scene(proxy, replace(settings, backend="ax", ax_key=KEY, ax_url=proxy.address), "")
        async with there.caller() as ax:
            yield there._replace(run=await _furnish(there, ax))


async def _furnish(there: Scene, ax: Caller) -> str:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[")
    await ax.ask("create_dataset", name="qa", rows=ROWS)
    examples = (await ax.ask("get_dataset", dataset="qa"))["examples"]
    for name in ("old", "new"):
        rows = [
            {"example_id": one["id"], "output": name, "eval.right.score": 1, "eval.person.score": int(place > 0)}
            for place, one in enumerate(examples)
        ]
        there.write(f"{name}.json", rows)
        await ax.ask("upload_experiment", file=f"{name}.json", dataset="qa")
    there.settings.folders[0].joinpath("app.py").write_text(CODE, encoding="utf-8")
    await ax.ask("create_integration", name="far", provider="CUSTOM", **SOURCE)
    await ax.ask("save_prompt", prompt="greet", template="Hello {input}", provider="OPEN_AI", model="m")
    await ax.ask("annotate", targets=[id_of("a1")], name="tone", text="kind", project="bot")
    await ax.ask("create_task", name="watch", evaluators=["cites"], project="bot")
    done = await ax.ask("trigger_run", task="watch", window="last 7 days", wait=60)
    return done["run"]["id"]


def calls(there: Scene, number: int) -> Mapping[str, dict[str, Any]]:
    """The arguments of one call of each tool. Names of new things end in `number`."""
    tag = f"{number}"
    example = {"input": f"more {tag}", "expected": "?"}
    backfill = {"project": "bot", "evaluators": ["cites"], "window": "last 7 days"}
    return {
        "get_status": {},
        "list_spaces": {},
        "list_projects": {},
        "search_spans": {"project": "bot"},
        "get_trace": {"trace": id_of("a1"), "project": "bot"},
        "list_judges": {},
        "render_judge": {"judge": "cites", "project": "bot"},
        "list_integrations": {},
        "list_prompts": {},
        "get_prompt": {"prompt": "greet"},
        "list_datasets": {},
        "get_dataset": {"dataset": "qa"},
        "list_experiments": {"dataset": "qa"},
        "get_experiment": {"experiment": "old"},
        "compare_experiments": {"experiments": ["old", "new"]},
        "plan_experiment": {"goal": "better by 5 points", "pilot": ["old", "new"]},
        "calibrate_judge": {"judge": "right", "truth": "person", "experiments": ["new"]},
        "check_release": {"candidate": "new", "baseline": "old", "rules": ["right: not worse by more than 50 points"]},
        "list_tasks": {},
        "get_task": {"task": "watch"},
        "list_runs": {"task": "watch"},
        "get_run": {"run": there.run},
        "wait_for_run": {"run": there.run},
        "preview_backfill": backfill,
        "preview_judge": {"judge": "cites", "project": "bot", "call_model": False},
        "create_judge": {"name": f"judge {tag}", "code": "MATCHES_REGEX", "pattern": "x"},
        "create_dataset": {"name": f"dataset {tag}", "rows": ROWS},
        "append_examples": {"dataset": "qa", "rows": [example]},
        "edit_examples": {"dataset": "qa", "rows": [{"key": "q1", "note": tag}]},
        "upload_experiment": {"file": "old.json", "dataset": "qa", "name": f"experiment {tag}"},
        "run_experiment": {"task": "app.py:answer", "dataset": "qa", "name": f"answers {tag}"},
        "retry_experiment": {"experiment": "old", "dataset": "qa", "task": "app.py:answer"},
        "create_integration": {"name": f"integration {tag}", "provider": "CUSTOM", **SOURCE},
        "save_prompt": {"prompt": f"prompt {tag}", "template": "Hi {input}", "provider": "OPEN_AI", "model": "m"},
        "label_prompt": {"prompt": "greet", "labels": [f"label {tag}"]},
        "annotate": {"targets": [id_of("a2")], "name": f"note {tag}", "text": "kind", "project": "bot"},
        "label_queue": {"queue": f"queue {tag}", "label": "tone", "project": "bot", "person": "ann@example.com"},
        "log_evaluations": {"rows": [{"span_id": id_of("a1"), "eval.kind.label": "yes"}], "project": "bot"},
        "create_task": {"name": f"task {tag}", "evaluators": ["cites"], "project": "bot"},
        "update_task": {"task": "watch", "sampling_rate": 1},
        "trigger_backfill": {**backfill, "override_evaluations": True},
        "trigger_run": {"task": "watch", "window": "last 6 days"},
        "cancel_run": {"run": there.run},
        "delete_task": {"task": "watch", "confirm": "watch"},
        "delete_resource": {"kind": "dataset", "name": "qa", "confirm": "qa"},
    }


async def outcome(ax: Caller, tool: str, **arguments: Any) -> tuple[str, str]:
    """The code of a call, empty for a success, and all that it says."""
    result = await ax.call(tool, **arguments)
    text = text_of(result)
    if not result.is_error:
        return "", text + json.dumps(data_of(result))
    return json.loads(text)["code"], text

"""The requests of one call of each tool over HTTP, on the store of the scene, against the kept numbers."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from tests.chaos.scene import calls, outcome, scene

from assaykit.discovery import discover

pytestmark = [pytest.mark.slow, pytest.mark.embedded("it starts engines of its own")]

KEPT = Path(__file__).parent / "requests.json"
UPDATING = "ASSAYKIT_UPDATE"


def told(made: Counter[str]) -> list[str]:
    return [f"{number} x {request}" for request, number in sorted(made.items())]


@pytest.mark.parametrize("like_ax", [True, False], ids=["AX", "engine"])
async def test_no_tool_makes_more_requests_than_before(tmp_path: Path, like_ax: bool) -> None:
    where = "AX" if like_ax else "engine"
    found: dict[str, list[str]] = {}
    tools = {definition.name for _, definition in discover()}
    async with scene(tmp_path, like_ax=like_ax) as there:
        assert calls(there, 1).keys() == tools, "tests/chaos/scene.py has one call of each tool"
        for tool, arguments in calls(there, 1).items():
            there.proxy.asked.clear()
            async with there.caller() as ax:
                await outcome(ax, tool, **arguments)
            found[tool] = told(Counter(_shape(call) for call in there.proxy.calls()))
    kept: dict[str, dict[str, list[str]]] = {}
    if KEPT.exists():
        kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if os.environ.get(UPDATING) == "1":
        kept[where] = found
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    before = kept[where]
    changed = {tool: (before.get(tool), now) for tool, now in found.items() if before.get(tool) != now}
    assert not changed, f"these tools make other requests ({UPDATING}=1 keeps them): {changed}"
    assert before.keys() == found.keys()


def _shape(call: str) -> str:
    """A request without the ids in its path."""
    method, _, path = call.partition(" ")
    parts = [part if part in _NOUNS or not part else "{id}" for part in path.split("/")]
    return f"{method} {'/'.join(parts)}"


_NOUNS = {
    *("v1", "v2", "x", "traces", "spaces", "projects", "spans", "annotate", "datasets", "examples", "experiments"),
    *("runs", "evaluators", "versions", "tasks", "trigger", "task-runs", "cancel", "ai-integrations", "prompts"),
    *("labels", "prompt-versions", "annotation-configs", "status", "plan", "uploads", "evaluations", "judge", "judges"),
    *("columns", "ranked-rows", "run-outputs", "some-examples", "annotation-queues", "records", "span-count"),
    *("rows", "labels", "outcomes", "schedule", "check", "evaluator-templates", "evaluator-versions", "search"),
}

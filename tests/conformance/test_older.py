"""The `arize` SDK that the documents were written for works unmodified, and so do the documents' Python blocks."""

import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conformance.pages import EXPERIMENTS, TASKS, Page
from tests.conformance.sdk import engine_for_sdk, run_sdk, variables_of
from tests.e2e.processes import KEY
from tests.environments import OLDER_ARIZE, python_with
from tests.forks import Forks
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, span

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "older"
GENERATION = HERE.parents[1] / "engine" / "generations" / "8.39.json"

IN_JANUARY_2024 = (datetime.now(UTC) - datetime(2024, 1, 15, tzinfo=UTC)).total_seconds() / 60
"""Minutes since a day in the window that the page on tasks triggers a run over."""


class Older:
    """The SDK beside a running engine and a model that finds everything good."""

    def __init__(self, forks: Forks, variables: Mapping[str, str], model: str) -> None:
        self.model = model
        self._forks = forks
        self._variables = variables
        self._home = Path(variables["HOME"])

    def send(self, project: str, *minutes_ago: float) -> list[str]:
        """One span for each moment; their ids."""
        names = [f"{project} {number}" for number in range(len(minutes_ago))]
        told = [span(name, "Thank you.", minutes_ago=ago) for name, ago in zip(names, minutes_ago, strict=True)]
        resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": told}]}]}
        address = f"http://127.0.0.1:{self._variables['ARIZE_API_PORT']}/v1/traces"
        headers = {"Authorization": f"Bearer {KEY}"}
        httpx.post(address, json=body, headers=headers, trust_env=False).raise_for_status()
        return [id_of(name) for name in names]

    def run(self, script: str, *arguments: str) -> dict[str, Any]:
        """What a script prints, that must come to its end."""
        return run_sdk(self._forks, python_with(*OLDER_ARIZE), HERE / script, self._variables, *arguments)

    def perform(self, page: Page) -> dict[str, Any]:
        """What a document's blocks leave behind."""
        plan = self._home / "plan.json"
        plan.write_text(page.plan(), encoding="utf-8")
        facts = self.run("perform.py", str(plan))
        print(page.summary())  # noqa: T201 - `-rP` shows it
        return facts


@pytest.fixture
def older(tmp_path: Path, forks: Forks) -> Generator[Older]:
    with (
        # As slow as a quick model, so that a run that was just triggered can be cancelled.
        ScriptedModel(lambda _prompt: "good", latency_s=0.3) as model,
        engine_for_sdk(tmp_path / "store", tmp_path / "engine.log") as variables,
    ):
        openai = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "of-nobody"}
        yield Older(forks, variables_of(tmp_path / "home", **variables, **openai, MODEL_URL=model.url), model.url)


def test_every_rest_call_of_the_sdk_is_answered_as_it_understands_it(older: Older) -> None:
    older.run("sweep.py", "shop", older.model, *older.send("shop", 5, 6, 7))


def test_the_checked_in_generation_is_what_the_sdk_says(older: Older) -> None:
    known = json.loads(GENERATION.read_text(encoding="utf-8"))
    assert older.run("generation.py", *known) == known


def test_the_page_on_tasks_runs_as_it_is_printed(older: Older) -> None:
    older.send("page", 5, IN_JANUARY_2024, IN_JANUARY_2024 + 1)
    assert older.perform(TASKS) == {
        "tasks": [
            ["Nightly QA Run", "run_experiment", False],
            ["Custom Relevance", "template_evaluation", True],
            ["Experiment Evaluation", "template_evaluation", False],
        ],
        "runs": [["completed", 2, False], ["completed", 2, True]],
        "experiments": ["one", "qa-run-2024-01-15", "two"],
    }


def test_the_page_on_experiments_runs_as_it_is_printed(older: Older) -> None:
    assert older.perform(EXPERIMENTS) == {
        "experiments": {
            "support-agent-baseline": [10, 10, ["eval.correctness.score"]],
            "my_experiment": [1, 1, ["eval.correctness.score"]],
            "multi-eval-experiment": [10, 10, ["eval.correctness.score", "eval.has_output.score"]],
            "async-experiment": [10, 10, ["eval.async_has_output.score"]],
            "sampled-experiment": [1, 1, []],
            "tracing-demo": [10, 10, []],
            "auto-instrumented": [10, 10, []],
        },
        "fetched": [10, ["good"]],
    }

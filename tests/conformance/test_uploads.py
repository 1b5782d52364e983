"""Experiments sent in the two ways that are not in Python: the TypeScript client, and curl."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.clients import HERE, Note, Place, count, counted
from tests.conformance.stock import Stock, stocked
from tests.e2e.processes import KEY
from tests.environments import node_modules_with

pytestmark = pytest.mark.slow

CLIENT = "@arizeai/ax-client@1.28.0"


@pytest.fixture(scope="session")
def stock(place: Place) -> Stock:
    return stocked(place, "uploads")


def examples(stock: Stock) -> list[str]:
    return [one["id"] for one in stock.get(f"/v2/datasets/{stock.ids['dataset']}/examples")["examples"]]


def test_the_typescript_client_creates_an_experiment_and_reads_it(
    stock: Stock, tmp_path: Path, record_property: Note
) -> None:
    # An import is looked for beside the script.
    (tmp_path / "node_modules").symlink_to(node_modules_with(CLIENT))
    script = shutil.copy(HERE / "documents" / "experiments.mjs", tmp_path)
    given = {"dataset": stock.ids["dataset"], "name": "uploads", "examples": examples(stock)}
    ran = subprocess.run(
        ["node", script, json.dumps(given)],  # noqa: S607  (node is where it is)
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**stock.place.variables, "ARIZE_BASE_URL": stock.place.address},
        timeout=300,
    )
    names = counted(ran, record_property)
    assert set(names) == {"createExperiment", "getExperiment", "listExperimentRuns"}


def curl(stock: Stock, path: str, body: dict[str, Any] | None = None, key: str = KEY) -> tuple[int, Any]:
    """What curl gets for a request of the REST API: status and body."""
    words = ["-H", f"Authorization: Bearer {key}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    ran = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *words, f"{stock.place.address}{path}"],  # noqa: S607  (so is curl)
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=300,
    )
    text, _, status = ran.stdout.rpartition("\n")
    return int(status), json.loads(text)


@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="the client is curl, which is not installed"
)
def test_curl_sends_an_experiment_and_reads_its_runs(stock: Stock, record_property: Note) -> None:
    runs = [
        {"example_id": one, "output": "Answer", "eval.correctness.label": "correct", "eval.correctness.score": 1}
        for one in examples(stock)
    ]
    sent = {"name": "from curl", "dataset_id": stock.ids["dataset"], "experiment_runs": runs}
    status, made = curl(stock, "/v2/experiments", sent)
    assert (status, made["name"]) == (201, "from curl")
    status, listed = curl(stock, f"/v2/experiments/{made['id']}/runs")
    assert status == 200
    assert [{name: run[name] for name in runs[0]} for run in listed["experiment_runs"]] == runs
    status, problem = curl(stock, "/v2/experiments", sent, key="another")
    assert (status, problem["title"]) == (401, "Unauthorized")
    count(record_property, 3, 3)

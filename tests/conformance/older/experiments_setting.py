"""The setting of the page on experiments: a dataset whose columns its tasks read, and a key of OpenAI's."""

import os
from typing import Any

from arize import ArizeClient

SPACE = "default"
KEY = os.environ["ARIZE_API_KEY"]

_client = ArizeClient()
DATASET = _client.datasets.create(
    name="support",
    space=SPACE,
    examples=[
        {
            "attributes.input.value": f"Who invented the telephone? ({number})",
            "attributes.output.value": "Bell",
            "attributes.my_number": number,
        }
        for number in range(10)
    ],
).id


def facts() -> dict[str, Any]:
    """What the page left behind: of each experiment its rows, those with an output, and the verdicts it has."""
    found: dict[str, Any] = {}
    for dataset in _client.datasets.list(space=SPACE).datasets:
        for experiment in _client.experiments.list(dataset=dataset.id).experiments:
            rows = _client.experiments.list_runs(experiment=experiment.id, limit=100).experiment_runs
            names = {name for row in rows for name in row.additional_properties if name.endswith(".score")}
            found[experiment.name] = [len(rows), sum(bool(row.output) for row in rows), sorted(names)]
    frame = globals()["runs_df"]
    return {"experiments": found, "fetched": [len(frame), sorted(set(frame["output"]))]}

"""A client may keep rows under `updated_at` to the second. These clocks stand still: only the engine moves it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.engine.rest import Rest, opened


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncGenerator[Rest]:
    async with opened(tmp_path) as rest:
        yield rest


async def second_of(rest: Rest, path: str) -> str:
    """`updated_at` as far as the seconds."""
    return (await rest.get(path))["updated_at"][:19]


async def test_every_change_of_a_datasets_rows_goes_to_another_second(rest: Rest) -> None:
    dataset, examples = await rest.door.dataset([{"q": "one"}, {"q": "two"}])
    await rest.config("FREEFORM", "note")
    path = f"/v2/datasets/{dataset}"
    seconds = [await second_of(rest, path)]
    await rest.create(f"{path}/examples", {"examples": [{"q": "three"}]})
    seconds.append(await second_of(rest, path))
    version = (await rest.get(path))["versions"][0]["id"]
    await rest.ask("DELETE", f"{path}/examples", {"dataset_version_id": version, "example_ids": examples[1:]})
    seconds.append(await second_of(rest, path))
    said = {"record_id": examples[0], "values": [{"name": "note", "text": "seen"}]}
    await rest.ask("POST", f"{path}/examples/annotate", {"annotations": [said]}, 202)
    seconds.append(await second_of(rest, path))
    assert len(set(seconds)) == 4
    assert seconds == sorted(seconds)


async def test_the_answer_to_an_append_has_the_time_that_the_dataset_has(rest: Rest) -> None:
    dataset, _ = await rest.door.dataset([{"q": "one"}])
    told = await rest.create(f"/v2/datasets/{dataset}/examples", {"examples": [{"q": "two"}]})
    assert told["updated_at"] == (await rest.get(f"/v2/datasets/{dataset}"))["updated_at"]


async def test_every_change_of_an_experiments_runs_goes_to_another_second(rest: Rest) -> None:
    dataset, examples = await rest.door.dataset([{"q": "one"}])
    run = {"example_id": examples[0], "output": "a refund"}
    experiment, runs = await rest.experiment(dataset, run)
    await rest.config("FREEFORM", "note")
    path = f"/v2/experiments/{experiment}"
    seconds = [await second_of(rest, path)]
    await rest.create(f"{path}/runs", {"experiment_runs": [run]})
    seconds.append(await second_of(rest, path))
    said = {"record_id": runs[0], "values": [{"name": "note", "text": "seen"}]}
    await rest.ask("POST", f"{path}/runs/annotate", {"annotations": [said]}, 202)
    seconds.append(await second_of(rest, path))
    task = await rest.door.task(await rest.door.evaluator(), dataset_id=dataset, experiment_ids=[experiment])
    assert (await rest.door.run(task))["num_successes"] == 2
    seconds.append(await second_of(rest, path))
    assert len(set(seconds)) == 4
    assert seconds == sorted(seconds)

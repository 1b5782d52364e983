"""Searching examples and runs: the filter, the pages, and columns that nobody has."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import Body
from tests.engine.rest import Rest, opened


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


async def search_examples(rest: Rest, dataset: str, **body: Any) -> list[Body]:
    return (await rest.ask("POST", f"/v2/datasets/{dataset}/examples/search", body))["examples"]


async def search_runs(rest: Rest, experiment: str, **body: Any) -> list[Body]:
    return (await rest.ask("POST", f"/v2/experiments/{experiment}/runs/search", body))["experiment_runs"]


async def test_examples_are_found_by_their_columns(rest: Rest) -> None:
    rows = [
        {"topic": "arithmetic", "level": 1},
        {"topic": "geometry", "level": 2},
        {"topic": "arithmetic", "level": 3, "attributes.input.value": "two and two"},
    ]
    dataset, ids = await rest.door.dataset([*rows])

    async def found(text: str) -> list[int]:
        return [each["level"] for each in await search_examples(rest, dataset, filter=text)]

    assert await found("topic = 'arithmetic'") == [1, 3]
    assert await found("topic = 'arithmetic' and not level > 1") == [1]
    assert await found("attributes.input.value contains 'TWO'") == [3]
    assert await found(f"id = '{ids[1]}'") == [2]
    assert await found("nowhere is null and level >= 2") == [2, 3]
    assert await found("level > 7") == []
    assert [each["level"] for each in await search_examples(rest, dataset)] == [1, 2, 3]


async def test_runs_are_found_by_output_verdict_and_annotation(rest: Rest) -> None:
    dataset, examples = await rest.door.dataset([{"q": 1}, {"q": 2}, {"q": 3}])
    runs: list[Body] = [
        {"example_id": examples[0], "output": "yes", "eval.quality.label": "good", "eval.quality.score": 1},
        {"example_id": examples[1], "output": "no", "eval.quality.label": "bad", "eval.quality.score": 0.2},
        {"example_id": examples[2], "output": "yes", "latency": 5},
    ]
    experiment, ids = await rest.experiment(dataset, *runs)
    await rest.config("FREEFORM", "note")
    record = {"record_id": ids[2], "values": [{"name": "note", "text": "odd"}]}
    await rest.ask("POST", f"/v2/experiments/{experiment}/runs/annotate", {"annotations": [record]}, 202)

    async def found(text: str) -> list[int]:
        return [ids.index(each["id"]) for each in await search_runs(rest, experiment, filter=text)]

    assert await found("output = 'yes'") == [0, 2]
    assert await found("eval.quality.score < 0.5") == [1]
    assert await found("eval.quality.label is null") == [2]
    assert await found("annotation.note.text = 'odd'") == [2]
    assert await found(f"example_id in ('{examples[0]}', '{examples[1]}')") == [0, 1]
    assert (
        await search_runs(rest, experiment) == (await rest.get(f"/v2/experiments/{experiment}/runs"))["experiment_runs"]
    )


async def test_a_column_that_no_row_has_is_named_with_what_is_near(rest: Rest) -> None:
    dataset, (example,) = await rest.door.dataset([{"topic": "a"}])
    detail = await rest.refused(422, "POST", f"/v2/datasets/{dataset}/examples/search", {"filter": "topik = 'a'"})
    assert "'topik'" in detail
    assert "'topic'" in detail
    experiment, _ = await rest.experiment(dataset, {"example_id": example, "output": "a"})
    path = f"/v2/experiments/{experiment}/runs/search"
    body = {"filter": "output = 'a' and (eval.x.score = 1 or not eval.x.score > 2)"}
    assert "'eval.x.score'" in await rest.refused(422, "POST", path, body)


@pytest.mark.parametrize("rows", [1, 499, 1200])
async def test_pages_of_matches_lose_none_and_repeat_none(rest: Rest, rows: int) -> None:
    dataset, _ = await rest.door.dataset([{"n": 0}])
    more = [{"n": number} for number in range(1, rows)]
    for start in range(0, len(more), 1000):
        await rest.create(f"/v2/datasets/{dataset}/examples", {"examples": more[start : start + 1000]})
    path = f"/v2/datasets/{dataset}/examples/search"
    for limit, text, expected in [
        (500, None, range(rows)),
        (7, "n >= 0 and n < 21", range(min(21, rows))),
        (500, f"n = {rows - 1}", range(rows - 1, rows)),
    ]:
        found: list[int] = []
        body: Body = {"limit": limit} | ({} if text is None else {"filter": text})
        while True:
            page = await rest.ask("POST", path, body)
            found += [each["n"] for each in page["examples"]]
            if not page["pagination"]["has_more"]:
                break
            assert len(page["examples"]) == limit
            body["cursor"] = page["pagination"]["next_cursor"]
        assert found == list(expected)


async def test_what_cannot_be_searched_is_explained(rest: Rest) -> None:
    dataset, (example,) = await rest.door.dataset([{"topic": "a"}])
    experiment, _ = await rest.experiment(dataset, {"example_id": example, "output": "a"})
    for path in (f"/v2/datasets/{dataset}/examples/search", f"/v2/experiments/{experiment}/runs/search"):
        assert "blank" in await rest.refused(400, "POST", path, {"filter": "  "})
        assert "limit" in await rest.refused(400, "POST", path, {"limit": 501})
        assert "cursor" in await rest.refused(400, "POST", path, {"cursor": "x"})
        assert "limits" in await rest.refused(400, "POST", path, {"limits": 5})
        await rest.refused(422, "POST", path, {"filter": "topic ="})
    assert "'x'" in await rest.refused(404, "POST", "/v2/datasets/x/examples/search", {})
    assert "'x'" in await rest.refused(404, "POST", "/v2/experiments/x/runs/search", {"filter": "a = 1"})
    body = {"dataset_version_id": "y"}
    assert "'y'" in await rest.refused(404, "POST", f"/v2/datasets/{dataset}/examples/search", body)

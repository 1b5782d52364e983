"""Rows of one source through the tool: by a column, by provenance, and what cannot be clustered."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller

GAINED = [n // 5 % 3 != 0 for n in range(60)]
"""Of twelve documents with five questions each, eight gain all of theirs and four lose them."""


async def upload(ax: Caller, files: Path, dataset: str) -> None:
    ids = {one["key"]: one["id"] for one in (await ax.ask("get_dataset", dataset=dataset, limit=500))["examples"]}
    for name in ("old", "new"):
        rows = [
            {"example_id": ids[f"q{n}"], "output": "x", "eval.right.score": int(gain == (name == "new"))}
            for n, gain in enumerate(GAINED)
        ]
        (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset=dataset)


@pytest.fixture
async def cases(ax: Caller, files: Path) -> None:
    rows = [{"key": f"q{n}", "doc": n // 5, "all": "one"} for n in range(60)]
    await ax.ask("create_dataset", name="cases", rows=rows)
    await upload(ax, files, "cases")


async def compared(ax: Caller, **arguments: Any) -> tuple[dict[str, Any], str]:
    asked = {"experiments": ["old", "new"], "directions": {"right": "MAXIMIZE"}, **arguments}
    data = await ax.ask("compare_experiments", **asked)
    return data["comparison"]["findings"][0], await ax.read("compare_experiments", **asked)


async def test_rows_of_one_document_are_no_independent_evidence(ax: Caller, cases: None) -> None:
    plain, _ = await compared(ax)
    assert (plain["verdict"], plain["clusters"]) == ("better", None)
    one, text = await compared(ax, cluster_by="doc")
    # Eight documents against four: a sign-flip p of 2 * P(X <= 4) of twelve, 0.388.
    assert round(one["p"], 3) == 0.388
    assert (one["verdict"], one["clusters"]) == ("no difference shown", {"by": "doc", "count": 12})
    assert "60 rows from 12 sources" in text
    assert "Rows with the same 'doc' are one cluster" in text
    assert "They tell as much as about 11 independent rows." in text


async def test_one_cluster_and_a_column_that_is_not_there_get_the_next_step(ax: Caller, cases: None) -> None:
    one, text = await compared(ax, cluster_by="all")
    assert (one["verdict"], one["p"]) == ("not tested", None)
    assert "no verdict, because all 60 rows are of one source ('all')" in text
    by_id, _ = await compared(ax, cluster_by="id")
    assert (by_id["verdict"], by_id["clusters"]) == ("better", None)
    refused = await ax.refused("compare_experiments", experiments=["old", "new"], cluster_by="docs")
    assert refused["message"].startswith("cluster_by: the dataset has no column 'docs'; it has 'key', 'doc', 'all'.")


async def test_turns_of_one_session_are_clusters_without_being_asked(ax: Caller, files: Path) -> None:
    rows = [{"key": f"q{n}", "attributes.session.id": f"s{n // 5}"} for n in range(60)]
    await ax.ask("create_dataset", name="turns", rows=rows)
    await upload(ax, files, "turns")
    one, text = await compared(ax)
    assert one["clusters"] == {"by": "attributes.session.id", "count": 12}
    assert "60 rows from 12 sessions" in text
    apart, _ = await compared(ax, cluster_by="id")
    assert apart["clusters"] is None


async def test_copies_of_one_example_are_clusters_without_being_asked(ax: Caller, files: Path) -> None:
    rows = [{"key": f"q{n}", "source_example_id": f"e{n // 5}"} for n in range(60)]
    await ax.ask("create_dataset", name="copies", rows=rows)
    await upload(ax, files, "copies")
    one, text = await compared(ax, dataset="copies")
    assert one["clusters"] == {"by": "source_example_id", "count": 12}
    assert "60 rows from 12 sources" in text

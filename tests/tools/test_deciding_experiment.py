"""The experiment that decided for a prompt's version, recorded with it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.caller import Caller

from assaykit.names import Named
from assaykit.tools.prompts import deciding_experiment
from assaykit.tools.prompts.deciding_experiment import LONGEST, record, recorded, without_records

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(name=NAMES)
def test_what_is_recorded_is_read_again_and_has_no_slash(name: str) -> None:
    label = record(Named(id="RXhwOjE6YQ==", name=name))
    assert "/" not in label
    assert recorded(["production", label]) == Named(id="RXhwOjE6YQ==", name=name)
    assert without_records(["production", label, "experimental"]) == ["production", "experimental"]


@given(name=st.text("ab/%", min_size=LONGEST, max_size=400))
def test_a_long_name_is_cut_and_not_within_what_stands_for_one_character(name: str) -> None:
    label = record(Named(id="x", name=name))
    assert len(label) <= LONGEST
    found = recorded([label])
    assert found is not None
    assert name.startswith(found.name)
    assert len(found.name) > LONGEST // 4


def test_a_version_without_a_record_has_none() -> None:
    assert recorded(["production", "experiment", "experiment=x"]) is None


@pytest.fixture
async def decided(ax: Caller, files: Path) -> str:
    """A prompt of two versions and an experiment on a dataset; the experiment's id."""
    for text in ("Hi {name}", "Hello {name}"):
        await ax.ask("save_prompt", prompt="greeting", template=text, provider="OPEN_AI", model="m")
    await ax.ask("create_dataset", name="people", rows=[{"key": "a"}])
    (files / "v2.csv").write_text("key,output\na,x\n", encoding="utf-8")
    made = await ax.ask("upload_experiment", file="v2.csv", key="key", name="hello/50 %")
    return made["experiment"]["id"]


async def test_the_winner_carries_the_experiment_that_decided(ax: Caller, decided: str) -> None:
    said = await ax.read("label_prompt", labels=["production"], experiment="hello/50 %")
    assert said.endswith(f"has label(s) 'production'; decided by experiment 'hello/50 %' ({decided}).")
    version: dict[str, Any] = (await ax.ask("get_prompt", label="production"))["prompt"]["version"]
    assert version["labels"] == ["production"]
    assert version["experiment"] == {"id": decided, "name": "hello/50 %"}
    assert f"decided by experiment 'hello/50 %' ({decided})" in await ax.read("get_prompt")


async def test_the_record_stays_with_the_version_that_it_is_of(ax: Caller, decided: str) -> None:
    made = await ax.ask("label_prompt", labels=["production"], experiment=decided)
    newest = made["version"]["id"]
    again = await ax.ask("label_prompt", labels=["production", "live"])
    assert again["version"]["experiment"] == {"id": decided, "name": "hello/50 %"}
    assert again["removed"] == []
    older = (await ax.ask("save_prompt", prompt="greeting", template="Hey {name}"))["prompt"]["version"]["id"]
    moved = await ax.ask("label_prompt", labels=["production"], version=older)
    assert moved["version"]["experiment"] is None
    assert list(moved["moved_from"]) == ["production"]
    before = (await ax.ask("get_prompt", version=newest))["prompt"]["version"]
    assert (before["labels"], before["experiment"]["id"]) == (["live"], decided)
    cleared = await ax.ask("label_prompt", remove=["live"], version=newest)
    assert (cleared["version"]["experiment"], cleared["removed"]) == (None, ["live"])


@pytest.mark.over_http("label_prompt", "not_found")
async def test_an_experiment_that_is_not_there_moves_no_label(ax: Caller, decided: str) -> None:
    refusal = await ax.refused("label_prompt", labels=["production"], experiment="hullo")
    assert refusal["message"].startswith("No experiment is named 'hullo'.")
    assert (await ax.ask("get_prompt"))["prompt"]["version"]["labels"] == []


async def test_where_no_such_label_is_taken_the_label_moves_and_that_is_said(
    ax: Caller, files: Path, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend's limits may be other than ours: here the record is longer than a label can be."""
    monkeypatch.setattr(deciding_experiment, "LONGEST", 10_000)
    (files / "long.csv").write_text("key,output\na,x\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="long.csv", key="key", name="n" * 250)
    made = await ax.read("label_prompt", labels=["production"], experiment="n" * 250)
    assert made.endswith(
        "has label(s) 'production'. The experiment could not be recorded: this backend takes no such label."
    )
    version = (await ax.ask("get_prompt", label="production"))["prompt"]["version"]
    assert (version["labels"], version["experiment"]) == (["production"], None)
    refusal = await ax.refused("label_prompt", labels=["a/b"], experiment="n" * 250)
    assert refusal["message"] == "'a/b' cannot be a label."

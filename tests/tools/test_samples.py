"""Samples of datasets, rows and files; repeats that are dropped; and experiments on two samples of one dataset."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, text_of
from tests.tools.test_spans_as_examples import examples

from assaykit.toolkit.replies import data_of

ROWS = [{"key": f"q{n}", "kind": "ab"[n % 4 == 0], "n": n} for n in range(40)]
"""Thirty of kind a, ten of kind b."""


@pytest.fixture
async def questions(ax: Caller) -> dict[str, str]:
    """A dataset of forty questions; the ids of its examples by key."""
    await ax.ask("create_dataset", name="questions", rows=ROWS)
    return {one["key"]: one["id"] for one in (await ax.ask("get_dataset", limit=500))["examples"]}


async def test_a_random_sample_has_its_size_its_seed_and_the_ids_of_its_sources(
    ax: Caller, questions: dict[str, str]
) -> None:
    made = await ax.ask("create_dataset", name="ten", dataset="questions", size=10, seed=7)
    assert made["sample"] == {"method": "random", "size": 10, "of": 40, "seed": 7}
    assert made["source"] == {"dataset": "questions", "examples": 40}
    assert made["columns"] == ["key", "kind", "n", "source_example_id", "sample_seed", "sample_method"]
    found = await examples(ax, "ten")
    assert len(found) == len({one["key"] for one in found}) == 10
    for one in found:
        assert one["source_example_id"] == questions[one["key"]]
        assert (one["sample_seed"], one["sample_method"]) == (7, "random, 10 of 40")
    assert [one["n"] for one in found] == sorted(one["n"] for one in found)
    keys: dict[int, list[str]] = {}
    for number, seed in enumerate((7, 8)):
        await ax.ask("create_dataset", name=f"again {number}", dataset="questions", size=10, seed=seed)
        keys[seed] = [one["key"] for one in await examples(ax, f"again {number}")]
    assert keys[7] == [one["key"] for one in found] != keys[8]


async def test_a_stratified_sample_has_of_each_kind_its_share(ax: Caller, questions: dict[str, str]) -> None:
    made = await ax.ask("create_dataset", name="eight", dataset="questions", size=8, by="kind")
    assert made["sample"] == {
        "method": "stratified",
        "size": 8,
        "of": 40,
        "seed": 0,
        "by": "kind",
        "strata": [{"value": "b", "examples": 2, "of": 10}, {"value": "a", "examples": 6, "of": 30}],
    }
    assert Counter(one["kind"] for one in await examples(ax, "eight")) == {"a": 6, "b": 2}


async def test_a_stratum_without_an_example_is_told(ax: Caller) -> None:
    rows = [*({"kind": "a"} for _ in range(97)), {"kind": "rare"}, {"other": 1}, {"kind": None, "other": 2}]
    text = await ax.read("create_dataset", name="four", rows=rows, sample="stratified", by="kind", size=4)
    assert "Sample: stratified by kind, 4 of 100, seed 0, kept in sample_seed." in text
    assert "Strata: 'a' 4 of 97, (no value) 0 of 2, 'rare' 0 of 1." in text
    assert "Warning: 2 strata with 3 row(s) have no example, their share is too small: (no value), 'rare'." in text


async def test_a_systematic_sample_goes_at_even_steps(ax: Caller, questions: dict[str, str]) -> None:
    await ax.ask("create_dataset", name="steps", dataset="questions", sample="systematic", size=8, seed=3)
    numbers = [one["n"] for one in await examples(ax, "steps")]
    assert {after - before for before, after in itertools.pairwise(numbers)} == {5}


async def test_a_filter_chooses_the_examples_of_a_dataset(ax: Caller, questions: dict[str, str]) -> None:
    made = await ax.call("create_dataset", name="few", dataset="questions", filter="kind = 'b' AND NOT n >= 20")
    assert "with 5 example(s) of the 5 of 40 example(s) of 'questions' that match; columns: 'key'," in text_of(made)
    assert data_of(made)["source"] == {"dataset": "questions", "examples": 40, "matched": 5}
    found = await examples(ax, "few")
    assert [(one["key"], one["source_example_id"]) for one in found] == [
        (key, questions[key]) for key in ("q0", "q4", "q8", "q12", "q16")
    ]
    one = f"id = '{questions['q7']}' OR annotation.tone.label = 'rude'"
    assert (await ax.ask("create_dataset", name="one", dataset="questions", filter=one))["examples"] == 1
    half = await ax.ask("create_dataset", name="half", dataset="questions", filter="kind = 'a'", size=15)
    assert half["sample"]["of"] == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 'c'", "None of the 40 example(s) of 'questions' matches \"kind = 'c'\"."),
        (
            "kind = 'a' AND knid = 'b'",
            "No row has a column 'knid'; there are 'key', 'kind', 'n', ",
        ),
        ("kind =", "At column 7 of the filter"),
    ],
)
async def test_a_filter_that_takes_no_example_is_refused_with_the_cause(
    ax: Caller, questions: dict[str, str], text: str, said: str
) -> None:
    assert said in (await ax.refused("create_dataset", name="none", dataset="questions", filter=text))["message"]
    assert [one["name"] for one in (await ax.ask("list_datasets"))["datasets"]] == ["questions"]


async def test_a_sample_of_a_sample_keeps_the_id_of_the_first(ax: Caller, questions: dict[str, str]) -> None:
    await ax.ask("create_dataset", name="twenty", dataset="questions", size=20, seed=1)
    await ax.ask("create_dataset", name="five", dataset="twenty", size=5, seed=2)
    found = await examples(ax, "five")
    assert [one["source_example_id"] for one in found] == [questions[one["key"]] for one in found]
    assert {(one["sample_seed"], one["sample_method"]) for one in found} == {(2, "random, 5 of 20")}


async def test_what_people_said_of_an_example_goes_with_its_copy(ax: Caller, questions: dict[str, str]) -> None:
    await ax.ask(
        "annotate",
        dataset="questions",
        name="hard",
        targets=[questions["q3"]],
        label="yes",
        choices={"yes": 1, "no": 0},
    )
    made = await ax.ask("create_dataset", name="copy", dataset="questions")
    assert made["examples"] == 40
    (told,) = [one for one in await examples(ax, "copy") if "annotation.hard.label" in one]
    assert (told["key"], told["annotation.hard.label"]) == ("q3", "yes")


@pytest.mark.parametrize("kind", ["rows", "file", "dataset", "project"])
async def test_repeats_are_dropped_by_named_columns_whatever_the_source(
    ax: Caller, files: Path, kind: str, bot: None
) -> None:
    rows = [{"input": "When?", "n": 1}, {"input": "Where?", "n": 2}, {"input": "When?", "n": 3}]
    (files / "r.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    await ax.ask("create_dataset", name="source", rows=rows)
    given: dict[str, Any] = {
        "rows": {"rows": rows, "unique": ["input"]},
        "file": {"file": "r.jsonl", "unique": ["input"]},
        "dataset": {"dataset": "source", "unique": ["input"]},
        "project": {"project": "bot", "unique": ["span_kind", "status_code"]},
    }[kind]
    made = await ax.ask("create_dataset", name="made", **given)
    assert (made["examples"], made["dropped"]) == ((2, 2) if kind == "project" else (2, 1))
    if kind != "project":
        assert [one["n"] for one in await examples(ax, "made")] == [1, 2]


async def test_repeats_by_all_columns_are_those_that_differ_in_where_they_come_from_alone(ax: Caller) -> None:
    rows = [{"a": 1, "b": None}, {"a": 1}, {"a": 1, "b": 2}, {"a": 1.0}, {"a": "1"}]
    text = await ax.read("create_dataset", name="rows", rows=rows, unique=["*"])
    assert "with 4 example(s)" in text
    assert "Dropped 1 row(s) that repeat an earlier one by all columns." in text
    await ax.ask("create_dataset", name="twice", rows=[{"a": 1}, {"a": 1}])
    copied = await ax.ask("create_dataset", name="once", dataset="twice", unique=["*"])
    assert (copied["examples"], copied["dropped"]) == (1, 1)


async def test_repeats_are_dropped_before_the_sample_is_taken(ax: Caller) -> None:
    rows = [{"a": n % 5} for n in range(50)]
    made = await ax.ask("create_dataset", name="five", rows=rows, unique=["a"], size=5)
    assert (made["dropped"], made["sample"]["of"]) == (45, 5)
    refusal = await ax.refused("create_dataset", name="six", rows=rows, unique=["a"], size=6)
    assert refusal["message"] == "There are 5 rows that differ, so no sample of 6."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"size": 41}, "There are 40 rows, so no sample of 41."),
        ({"size": 0}, "A sample of 0 has no example."),
        ({"sample": "random"}, "A sample needs its size."),
        ({"by": "kind"}, "A sample needs its size."),
        ({"size": 5, "sample": "stratified"}, "A stratified sample needs a column of strata, and no other has one."),
        ({"size": 5, "sample": "systematic", "by": "kind"}, "no other has one"),
        ({"size": 5, "by": "knd"}, "No row has a column 'knd'; there are 'key', 'kind', 'n'."),
        ({"unique": ["ky"]}, "No row has a column 'ky'; there are 'key', 'kind', 'n'."),
        ({"unique": []}, "unique names no column."),
        ({"size": 5, "sample": "best"}, "sample: expected one of 'random', 'stratified' or 'systematic'"),
    ],
)
async def test_a_sample_that_cannot_be_taken_is_refused_and_nothing_is_made(
    kept: Caller, arguments: dict[str, Any], said: str
) -> None:
    refusal = await kept.refused("create_dataset", name="none", rows=ROWS, **arguments)
    assert said in refusal["message"], refusal
    assert (await kept.ask("list_datasets"))["datasets"] == []


async def test_a_dataset_without_examples_or_that_is_none_is_no_source(ax: Caller) -> None:
    refusal = await ax.refused("create_dataset", name="copy", dataset="questions")
    assert refusal["code"] == "not_found"
    await ax.ask("create_dataset", name="questions", rows=[{"a": 1}])
    refusal = await ax.refused("create_dataset", name="questions", dataset="questions")
    assert refusal["code"] == "conflict"


async def upload(ax: Caller, files: Path, dataset: str, name: str, score: int) -> None:
    """An experiment on every example of the dataset; a run of an odd question has the score, of an even one 0."""
    rows = [
        {"key": one["key"], "output": name, "eval.good.score": score * (one["n"] % 2)}
        for one in await examples(ax, dataset)
    ]
    (files / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset=dataset, key="key")


async def test_experiments_on_two_samples_are_paired_by_the_examples_that_both_have(
    ax: Caller, files: Path, questions: dict[str, str]
) -> None:
    await ax.ask("create_dataset", name="one", dataset="questions", size=30, seed=1)
    await ax.ask("create_dataset", name="two", dataset="questions", size=30, seed=2)
    await upload(ax, files, "one", "before", 0)
    await upload(ax, files, "two", "after", 1)
    await upload(ax, files, "questions", "whole", 1)
    first, second = [{one["key"] for one in await examples(ax, name)} for name in ("one", "two")]
    shared = first & second
    assert 20 <= len(shared) < 30
    odd = {key for key in shared if int(key[1:]) % 2}
    told = await ax.ask(
        "compare_experiments", experiments=["before", "after", "whole"], directions={"good": "MAXIMIZE"}
    )
    by_name = {one["challenger"]: one for one in told["comparison"]["findings"]}
    assert by_name["after"]["n"] == len(shared)
    assert set(by_name["after"]["fixed"]) == {questions[key] for key in odd}
    assert by_name["after"]["broken"] == []
    assert by_name["whole"]["n"] == 30


async def test_slices_of_experiments_on_two_samples_read_the_columns_of_both(
    ax: Caller, files: Path, questions: dict[str, str]
) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        await ax.ask("create_dataset", name=name, dataset="questions", size=30, seed=seed)
    await upload(ax, files, "one", "before", 0)
    await upload(ax, files, "two", "after", 1)
    kinds = [{one["key"]: one["kind"] for one in await examples(ax, name)} for name in ("one", "two")]
    shared = Counter(kind for key, kind in kinds[0].items() if key in kinds[1])
    told = await ax.ask("compare_experiments", experiments=["before", "after"], slice_by=["kind"])
    (slicing,) = told["comparison"]["slices"]["by"]
    assert {one["value"]: one["n"] for one in slicing["slices"]} == shared


async def test_datasets_that_share_no_example_are_not_compared(
    ax: Caller, files: Path, questions: dict[str, str]
) -> None:
    await ax.ask("create_dataset", name="half", dataset="questions", size=20)
    taken = {one["key"] for one in await examples(ax, "half")}
    (files / "rest.jsonl").write_text(
        "\n".join(json.dumps(row) for row in ROWS if row["key"] not in taken), encoding="utf-8"
    )
    await ax.ask("create_dataset", name="rest", file="rest.jsonl")
    await upload(ax, files, "half", "a", 1)
    await upload(ax, files, "rest", "b", 1)
    refusal = await ax.refused("compare_experiments", experiments=["a", "b"])
    assert refusal["message"] == (
        "The experiments belong to different datasets that share no example, so they cannot be paired."
    )
    assert "create_dataset(dataset=..., size=...)" in refusal["next"]

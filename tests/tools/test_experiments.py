import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import rest

from assaykit.settings import Settings

CSV = "key,answer,verdict,points\nq1,yes,good,1\nq2,no,bad,0\n"
COLUMNS = {"helpful": {"label": "verdict", "score": "points"}}


TWO = [{"key": "q1", "question": "Is it?"}, {"key": "q2", "question": "Was it?"}]


@pytest.fixture
async def questions(ax: Caller) -> str:
    """A dataset of two questions; its id."""
    return (await ax.ask("create_dataset", name="questions", rows=TWO))["dataset"]["id"]


@pytest.fixture(scope="module")
async def two_kept(kept: Caller) -> Caller:
    """The same dataset in the store that the tests of this module share."""
    await kept.ask("create_dataset", name="questions", rows=TWO)
    return kept


async def ids_of(settings: Settings, dataset_id: str) -> list[str]:
    async with rest(settings.home) as client:
        return [row["id"] for row in (await client.get(f"/v2/datasets/{dataset_id}/examples")).json()["examples"]]


async def runs_of(settings: Settings, experiment_id: str) -> list[dict[str, Any]]:
    async with rest(settings.home) as client:
        return (await client.get(f"/v2/experiments/{experiment_id}/runs")).json()["experiment_runs"]


async def experiments(settings: Settings) -> list[str]:
    async with rest(settings.home) as client:
        return [one["name"] for one in (await client.get("/v2/experiments")).json()["experiments"]]


def write(files: Path, name: str, text: str) -> None:
    (files / name).write_text(text, encoding="utf-8")


async def upload(ax: Caller, files: Path, name: str, scores: list[Any], *, evaluator: str = "helpful") -> None:
    """An experiment whose run on the n-th question has the n-th score."""
    rows = [
        {"key": f"q{n}", "output": f"{name} {n}", f"eval.{evaluator}.score": score}
        for n, score in enumerate(scores, start=1)
    ]
    write(files, f"{name}.jsonl", "\n".join(json.dumps(row) for row in rows))
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="many", key="key")


async def test_a_variant_is_uploaded_by_key_under_the_name_of_its_file(
    ax: Caller, settings: Settings, files: Path, questions: str
) -> None:
    write(files, "variant-a.csv", CSV)
    made = await ax.ask("upload_experiment", file="variant-a.csv", key="key", output="answer", evaluators=COLUMNS)
    experiment_id = made["experiment"].pop("id")
    assert made == {
        "backend": ax.settings.backend,
        "space": "default",
        "experiment": {"name": "variant-a"},
        "dataset": "questions",
        "examples_created": 0,
        "runs": 2,
        "failed": 0,
        "examples_covered": 2,
        "examples_without_run": 0,
        "examples_with_several_runs": 0,
        "rows_tried_again": 0,
        "skipped": {"rows": 0, "examples": []},
        "evaluators": ["helpful"],
    }
    first, second = await runs_of(settings, experiment_id)
    assert [first["example_id"], second["example_id"]] == await ids_of(settings, questions)
    assert (first["output"], first["eval.helpful.label"], first["eval.helpful.score"]) == ("yes", "good", 1)
    assert (second["output"], second["eval.helpful.score"]) == ("no", 0)


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
async def test_rows_are_matched_by_example_id_in_each_format(
    ax: Caller, settings: Settings, files: Path, questions: str, suffix: str
) -> None:
    one, _ = await ids_of(settings, questions)
    row = {"example_id": one, "output": "yes", "eval.helpful.label": "good"}
    text = {
        "csv": f"example_id,output,eval.helpful.label\n{one},yes,good\n",
        "json": json.dumps({"runs": [row]}),
        "jsonl": json.dumps(row),
    }
    write(files, f"v.{suffix}", text[suffix])
    made = await ax.ask("upload_experiment", file=f"v.{suffix}", dataset="Questions", name="first")
    assert (made["runs"], made["examples_without_run"], made["evaluators"]) == (1, 1, ["helpful"])
    (run,) = await runs_of(settings, made["experiment"]["id"])
    assert {key: run[key] for key in row} == row


async def test_a_run_without_a_score_stays_unscored(
    ax: Caller, settings: Settings, files: Path, questions: str
) -> None:
    write(files, "v.csv", "key,output,points\nq1,yes,1\nq2,no,\n")
    made = await ax.ask("upload_experiment", file="v.csv", key="key", evaluators={"helpful": {"score": "points"}})
    first, second = await runs_of(settings, made["experiment"]["id"])
    assert first["eval.helpful.score"] == 1
    assert "eval.helpful.score" not in second


async def test_more_runs_than_one_request_takes_all_arrive(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="many", rows=[{"key": f"k{n}"} for n in range(1100)])
    write(files, "v.csv", "key,output\n" + "".join(f"k{n},x\n" for n in range(1100)))
    made = await ax.ask("upload_experiment", file="v.csv", dataset="many", key="key")
    assert (made["runs"], made["examples_covered"]) == (1100, 1100)


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("key,said\nq1,yes\n", {"key": "key"}, "'v.csv' has no column 'output'; it has 'key', 'said'"),
        (CSV, {"key": "kee", "output": "answer"}, "'v.csv' has no column 'kee'"),
        (
            CSV,
            {"key": "verdict", "output": "answer"},
            "The dataset has no column 'verdict', so it has no example of 'good', 'bad'; it has key, question.",
        ),
        (
            CSV,
            {"key": "question", "output": "answer"},
            "'v.csv' has no column 'question' for 'example_id'; it has 'key', 'answer'",
        ),
        ("ticket,output\nq1,yes\n", {}, "'v.csv' has no column 'example_id'"),
        (
            "ticket,output\nq8,yes\nq9,no\n",
            {"example_id": "ticket"},
            "2 of 2 rows of 'v.csv' match no example of dataset 'questions', with 'example_id' 'q8', 'q9'; nothing",
        ),
        (
            "key,output\nq1,x\nq7,y\n",
            {"key": "key"},
            "1 of 2 rows of 'v.csv' match no example of dataset 'questions', with 'key' 'q7'; nothing was",
        ),
        ("key,output\nq1,x\n,y\n", {"key": "key"}, "1 of 2 rows of 'v.csv' have no key in 'key': line 3."),
        ("key,output\nq1,x\nq2\n", {"key": "key"}, "Line 3 of 'v.csv' has 1 cells"),
        ("key,output\nq1,x\nq2,\n", {"key": "key"}, "1 of 2 rows of 'v.csv' have no output in 'output': line 3."),
        (
            "key,output,eval.good.score\nq1,x,high\n",
            {"key": "key"},
            "Line 2 of 'v.csv' holds 'high' as a score in 'eval.good.score'",
        ),
        (CSV, {"key": "key", "output": "answer", "evaluators": {"e": {}}}, "neither a label nor a score column"),
        (CSV, {"key": "key", "output": "answer", "evaluators": {"e": {"lable": "x"}}}, "evaluators.e.lable: unknown"),
        (CSV, {"key": "key", "output": "answer", "evaluators": {"e": {"label": "x"}}}, "has no column 'x'"),
        (CSV, {"key": "key", "output": "answer", "name": 'a"b'}, "The name 'a\"b' has a double quote or a backslash."),
        (CSV, {"kee": "key"}, "kee: unknown name, did you mean 'key'?"),
        (CSV, {"dataset": "answers"}, "No dataset is named 'answers'."),
    ],
)
async def test_a_file_that_does_not_fit_says_where_and_nothing_is_written(
    two_kept: Caller, text: str, arguments: dict[str, Any], said: str
) -> None:
    write(two_kept.settings.folders[0], "v.csv", text)
    refusal = await two_kept.refused("upload_experiment", file="v.csv", **arguments)
    assert said in refusal["message"]
    assert await experiments(two_kept.settings) == []


async def test_a_key_that_is_not_unique_is_no_key(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="twins", rows=[{"key": "q1"}, {"key": "q1"}])
    write(files, "v.csv", CSV)
    refusal = await ax.refused("upload_experiment", file="v.csv", key="key", output="answer")
    assert "The dataset has 'q1' in 'key' more than once, so it cannot be the key." in refusal["message"]


async def test_a_name_is_taken_once_per_dataset(ax: Caller, settings: Settings, files: Path, questions: str) -> None:
    write(files, "v.csv", CSV)
    arguments = {"file": "v.csv", "key": "key", "output": "answer"}
    await ax.ask("upload_experiment", **arguments)
    refusal = await ax.refused("upload_experiment", **arguments)
    assert refusal["message"] == "Dataset 'questions' already has an experiment named 'v'; nothing was written."
    await ax.ask("upload_experiment", **arguments, name="v again")
    assert await experiments(settings) == ["v again", "v"]


async def test_one_of_two_datasets_must_be_named(ax: Caller, files: Path, questions: str) -> None:
    await ax.ask("create_dataset", name="more", rows=[{"key": "q1"}])
    write(files, "v.csv", CSV)
    refusal = await ax.refused("upload_experiment", file="v.csv", key="key", output="answer")
    assert refusal["code"] == "ambiguous"
    assert f"'questions' ({questions})" in refusal["message"]


@pytest.fixture
async def many(ax: Caller) -> None:
    """A dataset of twelve questions."""
    await ax.ask("create_dataset", name="many", rows=[{"key": f"q{n}"} for n in range(1, 13)])


async def test_a_better_variant_is_said_to_be_better_with_the_figures(ax: Caller, files: Path, many: None) -> None:
    await upload(ax, files, "a", [0] * 10 + [1, 1])
    await upload(ax, files, "b", [1] * 12)
    answer = await ax.ask("compare_experiments", experiments=["a", "b"], directions={"helpful": "MAXIMIZE"})
    (finding,) = answer["comparison"]["findings"]
    assert (finding["verdict"], finding["n"]) == ("better", 12)
    assert (finding["baseline"], finding["challenger"]) == ("a", "b")
    assert len(finding["fixed"]) == 10
    assert finding["broken"] == []
    assert "b is better than a" in await ax.read(
        "compare_experiments", experiments=["a", "b"], directions={"helpful": "MAXIMIZE"}
    )


async def test_the_baseline_named_turns_the_verdict_round(ax: Caller, files: Path, many: None) -> None:
    await upload(ax, files, "a", [0] * 10 + [1, 1])
    await upload(ax, files, "b", [1] * 12)
    answer = await ax.ask(
        "compare_experiments", experiments=["a", "b"], baseline="b", directions={"helpful": "MAXIMIZE"}
    )
    (finding,) = answer["comparison"]["findings"]
    assert (finding["verdict"], finding["baseline"]) == ("worse", "b")


async def test_what_got_worse_is_told_before_what_got_better_and_with_its_question(ax: Caller, files: Path) -> None:
    asked = [{"key": f"q{number}", "question": f"Question {number}?"} for number in range(1, 31)]
    await ax.ask("create_dataset", name="many", rows=asked)
    await upload(ax, files, "before", [1, *[0] * 29])
    await upload(ax, files, "after", [0, *[1] * 29])
    given = {"experiments": ["before", "after"], "directions": {"helpful": "MAXIMIZE"}}
    text = await ax.read("compare_experiments", **given, save_to="report.html")
    worse, better = (text.index(f"helpful, {way} in after") for way in ("broken", "fixed"))
    assert worse < better
    broken = text[worse:better]
    assert ": Question 1?\n" in broken
    assert "before  1" in broken
    page = (files / "report.html").read_text(encoding="utf-8")
    assert page.count("Question 1?<br>") == 1
    assert "Question 30?<br>" in page


async def test_equal_variants_show_no_difference(ax: Caller, files: Path, many: None) -> None:
    await upload(ax, files, "a", [1] * 6 + [0] * 6)
    await upload(ax, files, "b", [1] * 5 + [0] * 6 + [1])
    answer = await ax.ask("compare_experiments", experiments=["a", "b"])
    (finding,) = answer["comparison"]["findings"]
    assert finding["verdict"] == "no difference shown"
    assert "no difference between b and a can be shown: " in await ax.read(
        "compare_experiments", experiments=["a", "b"]
    )


async def test_a_comparison_that_cannot_be_made_says_why(ax: Caller, files: Path, many: None) -> None:
    await upload(ax, files, "a", [1, 0])
    await upload(ax, files, "b", [1, 1])
    cases: list[tuple[dict[str, Any], str]] = [
        ({"experiments": []}, "A comparison needs two different experiments."),
        ({"experiments": ["a", "A"]}, "A comparison needs two different experiments."),
        ({"experiments": ["a", "c"]}, "No experiment is named 'c'. There are: 'b' ("),
        ({"experiments": "a"}, "experiments: input should be a valid list"),
        ({"experiments": ["a", "b"], "directions": {"helpful": "UP"}}, "directions.helpful: expected one of"),
        ({"experiments": ["a", "b"], "evaluators": ["tone"]}, "'tone'"),
        ({"experiments": ["a", "b"], "evaluator": ["x"]}, "evaluator: unknown name, did you mean 'evaluators'?"),
    ]
    for arguments, said in cases:
        assert said in (await ax.refused("compare_experiments", **arguments))["message"]


async def test_experiments_of_two_datasets_are_not_compared(
    ax: Caller, files: Path, many: None, questions: str
) -> None:
    await upload(ax, files, "a", [1, 0])
    write(files, "v.csv", CSV)
    await ax.ask("upload_experiment", file="v.csv", dataset="questions", key="key", output="answer")
    refusal = await ax.refused("compare_experiments", experiments=["a", "v"])
    assert refusal["message"].startswith("The experiments belong to different datasets")


async def test_an_experiment_of_the_same_name_is_told_apart_by_its_dataset(
    ax: Caller, files: Path, many: None, questions: str
) -> None:
    write(files, "v.csv", CSV)
    for dataset in ("many", "questions"):
        for name in ("v", "w"):
            await ax.ask(
                "upload_experiment",
                file="v.csv",
                dataset=dataset,
                name=name,
                key="key",
                output="answer",
                evaluators=COLUMNS,
            )
    refusal = await ax.refused("compare_experiments", experiments=["v", "w"])
    assert refusal["message"].startswith("2 experiments are named 'v': ")
    answer = await ax.ask("compare_experiments", experiments=["v", "w"], dataset="questions")
    assert answer["comparison"]["findings"][0]["n"] == 2


async def test_a_comparison_is_written_as_a_page_that_only_overwrite_replaces(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="many", rows=[{"key": f"q{number}"} for number in range(1, 9)])
    await upload(ax, files, "first", [0] * 8)
    await upload(ax, files, "second", [1] * 8)
    both = {"experiments": ["first", "second"], "dataset": "many"}
    assert "suffix of a format" in (await ax.refused("compare_experiments", **both, save_to="page.csv"))["message"]
    data = await ax.ask("compare_experiments", **both, save_to="page.html")
    page = (files / "page.html").read_text(encoding="utf-8")
    assert data["saved"] == str(files / "page.html")
    assert page.startswith("<!doctype html>")
    assert "8 higher" in page
    refusal = await ax.refused("compare_experiments", **both, save_to="page.html")
    assert "already" in refusal["message"]
    assert "overwrite=true" in refusal["next"]
    (files / "page.html").write_text("an older report", encoding="utf-8")
    await ax.ask("compare_experiments", **both, save_to="page.html", overwrite=True)
    assert (files / "page.html").read_text(encoding="utf-8") == page

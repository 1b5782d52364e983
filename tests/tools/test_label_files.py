"""Labels of people from files and rows: several people, the verdict in sight, and every refusal with its place."""

import json
from typing import Any

import pytest
from tests.caller import Caller
from tests.tools.test_annotations import CHOICES, annotated, configs, examples, project_id
from tests.traces import id_of

from assaykit.settings import Settings

A1, A2 = id_of("a1"), id_of("a2")


async def test_labels_of_several_people_come_from_a_file(bot: None, ax: Caller, settings: Settings) -> None:
    (settings.folders[0] / "labels.csv").write_text(
        "context.span_id,label,note,annotator,saw_verdict,input\n"
        f"{A1}, Good ,clear,Ann,,x\n{A1},bad,,Bob,true,x\n{A2},bad,,ann,no,x\n{A2},,,Bob,,x\n",
        encoding="utf-8",
    )
    told = await ax.ask("annotate", name="quality", file="labels.csv", choices=CHOICES)
    assert told["annotations"] == {"quality (Ann)": 2, "quality (Bob)": 1}
    assert (told["items"], told["labelled_by_several"], told["saw_verdict"]) == (2, 1, 1)
    assert (told["respelled"], told["rows_without_label"], told["passed_over"]) == (1, 1, ["input"])
    by_ann = {"name": "quality (Ann)", "label": "good", "score": 1.0, "text": "clear"}
    by_bob = {"name": "quality (Bob)", "label": "bad", "score": 0.0, "text": "[saw the verdict]"}
    found = await annotated(settings, await project_id(ax))
    assert found["a1"] == [by_ann, by_bob]
    told = await ax.ask("search_spans", project="bot", filter="\"annotation.quality (Bob).label\" = 'bad'")
    assert [one["span_id"] for one in told["spans"]] == [A1]
    # A second file of a person is a correction. Choices are known from the first one, for a new person too.
    rows = [{"id": A2, "label": "good", "annotator": who} for who in ("Ann", "Cy")]
    told = await ax.ask("annotate", name="quality", rows=rows)
    assert told["configs_created"] == ["quality (Cy)"]
    found = await annotated(settings, await project_id(ax))
    assert [one["label"] for one in found["a2"]] == ["good", "good"]
    assert found["a1"] == [by_ann, by_bob]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": A1, "label": "fine"}], "Line 1 of 'rows' has the label 'fine', which is not offered"),
        ([{"id": A1, "label": "good"}, {"id": A1, "label": "bad"}], "Lines 1 and 2 of 'rows' give"),
        ([{"id": A1, "label": "good", "annotator": " "}], "no text in 'annotator'"),
        ([{"id": A1, "label": "good"}, {"id": None, "label": "bad"}], "Line 2 of 'rows' has an answer and no text"),
        ([{"id": A1, "label": "good", "saw_verdict": "perhaps"}], "'perhaps' in saw_verdict"),
        ([{"id": A1, "label": None}], "No row of 'rows' holds a label"),
        ([{"id": A1, "verdict": "good"}], "has no column label, score or text; it has 'id', 'verdict'"),
        ([{"key": A1, "label": "good"}], "has no column of ids; it has 'key', 'label'"),
        ([{"id": A1, "label": "good"}, {"id": A2, "score": 1}], "Line 2 of 'rows'"),
        ([{"id": A1, "label": "good"}, {"id": "0" * 16, "label": "bad"}], "0" * 16),
        ([], "holds no rows"),
    ],
)
async def test_a_refused_row_is_named_and_nothing_is_stored(
    bot: None, ax: Caller, settings: Settings, rows: list[dict[str, Any]], said: str
) -> None:
    refusal = await ax.refused("annotate", name="quality", rows=rows, choices=CHOICES)
    assert said in refusal["message"]
    assert refusal["next"]
    assert await configs(settings) == []
    assert await annotated(settings, await project_id(ax)) == {}


async def test_labels_come_from_one_place(bot: None, ax: Caller) -> None:
    for given in (
        {},
        {"targets": [A1], "rows": [{"id": A1, "label": "good"}]},
        {"rows": [{"id": A1}], "label": "good"},
        {"file": "labels.csv", "rows": [{"id": A1}]},
    ):
        assert "exactly one of file and rows" in (await ax.refused("annotate", name="q", **given))["message"]


async def test_traces_runs_and_examples_take_rows_too(bot: None, ax: Caller) -> None:
    trace = (await ax.ask("search_spans", project="bot"))["spans"][0]["trace_id"]
    told = await ax.ask("annotate", name="q", rows=[{"trace_id": trace, "score": 1}], project="bot")
    assert told["items"] == 1
    of_dataset, of_experiment = await examples(ax)
    for place, column, ids in (("dataset", "example_id", of_dataset), ("experiment", "run_id", of_experiment)):
        named = {"experiment": "v", "dataset": "questions"}[place]
        rows = [{column: one, "score": 0.5} for one in ids]
        assert (await ax.ask("annotate", name="q", rows=rows, **{place: named}))["annotations"] == {"q": 2}
        refusal = await ax.refused("annotate", name="q", rows=[{column: "none", "score": 0.5}], **{place: named})
        assert refusal["message"].startswith("1 of 1 targets are no ")


async def test_a_calibration_takes_the_label_of_most_people(bot: None, ax: Caller) -> None:
    said = {"Ann": ("good", "bad"), "Bob": ("good", "bad"), "Cy": ("bad", "bad")}
    rows = [
        {"id": item, "label": label, "annotator": who}
        for who, labels in said.items()
        for item, label in zip((A1, A2), labels, strict=True)
    ]
    await ax.ask("annotate", name="quality", rows=rows, choices=CHOICES)
    verdicts = [{"span_id": A1, "eval.kind.label": "good"}, {"span_id": A2, "eval.kind.label": "good"}]
    await ax.ask("log_evaluations", rows=verdicts, project="bot")
    found = await ax.ask("calibrate_judge", judge="kind", truth="quality", project="bot", failures=["bad"])
    assert (found["rows"], found["agreement"]["accuracy"]) == (2, 0.5)
    assert found["people"]["people"] == ["quality (Ann)", "quality (Bob)", "quality (Cy)"]
    assert found["people"]["items"] == 2


async def seen_and_unseen(ax: Caller, **place: Any) -> None:
    """Labels of two people for four rows: Ann had the verdict in sight on two of them."""
    column, keys = place.pop("column"), place.pop("keys")
    rows = [
        {column: key, "label": ("good", "bad")[n % 2], "annotator": who, "saw_verdict": who == "Ann" and n < 2}
        for n, key in enumerate(keys)
        for who in ("Ann", "Bob")
    ]
    told = await ax.read("annotate", name="quality", rows=rows, choices=CHOICES, **place)
    assert "Next: calibrate_judge(judge=..., truth='quality', " in told


@pytest.mark.over_http("annotate", "calibrate_judge", "check_release")
async def test_labels_with_the_verdict_in_sight_are_counted_told_and_kept(ax: Caller, settings: Settings) -> None:
    rows = [
        {
            "q": str(n),
            "output": str(n),
            "eval.tone.label": ("good", "bad")[n % 2],
            "eval.tone.score": 1 - n % 2,
            "eval.tone.metadata.model": "m-1",
        }
        for n in range(12)
    ]
    (settings.folders[0] / "runs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("create_dataset", name="cases", rows=[{"q": str(n)} for n in range(12)])
    await ax.ask("upload_experiment", file="runs.jsonl", dataset="cases", name="first", key="q")
    shown = await ax.ask("get_experiment", experiment="first")
    keys = [one["id"] for one in shown["runs"]]
    await seen_and_unseen(ax, experiment="first", column="run_id", keys=keys)
    asked: dict[str, Any] = {"judge": "tone", "truth": "quality", "experiments": ["first"], "failures": ["bad"]}
    told = await ax.ask("calibrate_judge", **asked)
    assert (told["saw_verdict"], told["record"]["saw_verdict"], told["people"]["items"]) == (2, 2, 12)
    text = await ax.read("calibrate_judge", **asked)
    assert "2 of 12 labels were given with the judge's verdict in sight, so the agreement may be too high." in text
    told = await ax.ask("calibrate_judge", **{**asked, "truth": "quality (Bob)"})
    assert (told["saw_verdict"], told["record"]["saw_verdict"]) == (0, 0)
    assert "in sight" not in await ax.read("calibrate_judge", **{**asked, "truth": "quality (Bob)"})
    await ax.ask("calibrate_judge", **asked)
    (settings.folders[0] / "gate.toml").write_text("require_calibration = true", encoding="utf-8")
    judged = await ax.ask("check_release", candidate="first", policy="gate.toml", rules=["tone: at least 10 %"])
    assert "n = 12, 2 labels with the verdict in sight, " in judged["rules"][0]["why"]


async def test_labels_of_spans_with_the_verdict_in_sight_are_counted_too(bot: None, ax: Caller) -> None:
    keys = [id_of(f"a{n}") for n in (1, 2, 3, 4)]
    rows = [{"span_id": key, "eval.tone.label": "good"} for key in keys]
    await ax.ask("log_evaluations", rows=rows)
    await seen_and_unseen(ax, project="bot", column="span_id", keys=keys)
    asked: dict[str, Any] = {"judge": "tone", "truth": "quality", "project": "bot", "failures": ["bad"]}
    assert (await ax.ask("calibrate_judge", **asked))["saw_verdict"] == 2
    told = await ax.ask("calibrate_judge", **{**asked, "truth": "quality (Bob)"})
    assert told["saw_verdict"] == 0


async def test_labels_of_examples_are_a_truth_and_notes_have_a_next_step(ax: Caller, settings: Settings) -> None:
    rows = [{"q": str(n), "output": str(n), "eval.tone.label": ("good", "bad")[n % 2]} for n in range(4)]
    (settings.folders[0] / "runs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("create_dataset", name="cases", rows=[{"q": str(n)} for n in range(4)])
    await ax.ask("upload_experiment", file="runs.jsonl", dataset="cases", name="first", key="q")
    keys = [one["id"] for one in (await ax.ask("get_dataset", dataset="cases"))["examples"]]
    await seen_and_unseen(ax, dataset="cases", column="example_id", keys=keys)
    for truth in ("quality", "quality (Ann)"):
        told = await ax.ask("calibrate_judge", judge="tone", truth=truth, experiments=["first"], failures=["bad"])
        assert (told["rows"], told["agreement"]["accuracy"]) == (4, 1.0)
    told = await ax.read("annotate", name="note", targets=keys[:1], text="late", dataset="cases")
    assert told.endswith("Next: label_queue(queue=...) shows further items of a queue.")

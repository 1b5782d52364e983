"""Annotations: what people say, where, and the configs that say which answers there are."""

from typing import Any

import pytest
from tests.caller import Caller, connected
from tests.traces import id_of, rest, send, span

from assaykit.session import session
from assaykit.settings import Settings
from assaykit.tools.annotations.places import offers
from assaykit.tools.annotations.tools import annotate
from assaykit.wire.annotations import AnnotationConfig

CHOICES = {"good": 1, "bad": 0}


async def stored(settings: Settings, path: str, rows: str) -> list[dict[str, Any]]:
    """The rows of a list as another process reads them."""
    async with rest(settings.home) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()[rows]


async def configs(settings: Settings) -> list[dict[str, Any]]:
    found = await stored(settings, "/v2/annotation-configs", "annotation_configs")
    return [{key: value for key, value in one.items() if key not in {"id", "space_id", "created_at"}} for one in found]


async def annotated(settings: Settings, project: str) -> dict[str, list[dict[str, Any]]]:
    """By span name, what was said about it."""
    async with rest(settings.home) as client:
        answer = await client.post("/v2/spans", json={"project_id": project, "start_time": "2000-01-01T00:00:00Z"})
    assert answer.status_code == 200, answer.text
    kept = ("name", "label", "score", "text")
    return {
        one["name"]: [{key: said[key] for key in kept if said.get(key) is not None} for said in one["annotations"]]
        for one in answer.json()["spans"]
        if one.get("annotations")
    }


async def project_id(ax: Caller) -> str:
    return (await ax.ask("list_projects"))["projects"][0]["id"]


async def examples(ax: Caller, name: str = "questions") -> tuple[list[str], list[str]]:
    """The ids of the examples of a new dataset and of the runs of an experiment on it."""
    made = await ax.ask("create_dataset", name=name, rows=[{"key": "q1"}, {"key": "q2"}])
    (ax.settings.folders[0] / "v.csv").write_text("key,output\nq1,a\nq2,b\n", encoding="utf-8")
    ran = await ax.ask("upload_experiment", name="v", file="v.csv", dataset=name, key="key")
    of_dataset = await stored(ax.settings, f"/v2/datasets/{made['dataset']['id']}/examples", "examples")
    of_experiment = await stored(ax.settings, f"/v2/experiments/{ran['experiment']['id']}/runs", "experiment_runs")
    return [row["id"] for row in of_dataset], [row["id"] for row in of_experiment]


async def test_a_first_label_makes_a_categorical_config_and_says_so(bot: None, ax: Caller, settings: Settings) -> None:
    targets = [id_of("a1"), id_of("a2"), id_of("a1")]
    told = await ax.ask("annotate", name="quality", targets=targets, label="good", choices=CHOICES, text="clear")
    assert told["annotation_config"]["created"] is True
    assert told["annotation_config"]["type"] == "CATEGORICAL"
    assert told["spans"] == targets[:2]
    assert await configs(settings) == [
        {
            "name": "quality",
            "type": "CATEGORICAL",
            "values": [{"label": "good", "score": 1.0}, {"label": "bad", "score": 0.0}],
            "optimization_direction": "NONE",
        }
    ]
    said = [{"name": "quality", "label": "good", "score": 1.0, "text": "clear"}]
    assert await annotated(settings, await project_id(ax)) == {"a1": said, "a2": said}


async def test_what_was_made_is_said_in_words_once(bot: None, ax: Caller) -> None:
    given = {"name": "quality", "targets": [id_of("a1")], "label": "good"}
    said = await ax.read("annotate", **given, choices=CHOICES)
    assert said.splitlines()[0] == (
        "Created annotation config 'quality' (CATEGORICAL: good / bad). "
        "Annotated 1 span(s) of 'bot' as 'quality': label 'good'."
    )
    said = await ax.read("annotate", **given)
    assert said.splitlines() == [
        "Annotated 1 span(s) of 'bot' as 'quality': label 'good'.",
        (
            "Next: calibrate_judge(judge=..., truth='quality', project='bot') holds a judge against these labels; "
            "label_queue(queue=...) shows further items of a queue."
        ),
    ]
    again = await ax.ask("annotate", **{**given, "label": "bad"}, choices={"bad": 0, "good": 1})
    assert again["annotation_config"]["created"] is False


async def test_a_first_score_makes_a_continuous_config(bot: None, ax: Caller, settings: Settings) -> None:
    await ax.ask("annotate", name="share", targets=[id_of("a1")], score=0.4)
    await ax.ask("annotate", name="stars", targets=[id_of("a1")], score=4, score_range=[1, 5])
    found = {one["name"]: (one["type"], one["minimum_score"], one["maximum_score"]) for one in await configs(settings)}
    assert found == {"share": ("CONTINUOUS", 0, 1), "stars": ("CONTINUOUS", 1, 5)}


@pytest.mark.over_http("annotate")
async def test_a_first_note_makes_a_freeform_config(bot: None, ax: Caller, settings: Settings) -> None:
    told = await ax.ask("annotate", name="note", targets=[id_of("a1")], text="Wrong policy.")
    assert told["annotation_config"]["type"] == "FREEFORM"
    assert await annotated(settings, await project_id(ax)) == {"a1": [{"name": "note", "text": "Wrong policy."}]}


async def test_saying_it_again_replaces_it(bot: None, ax: Caller, settings: Settings) -> None:
    for label in ("good", "bad"):
        await ax.ask("annotate", name="quality", targets=[id_of("a1")], label=label, choices=CHOICES)
    found = await annotated(settings, await project_id(ax))
    assert found == {"a1": [{"name": "quality", "label": "bad", "score": 0.0}]}


@pytest.mark.over_http("annotate")
async def test_runs_and_examples_are_annotated_where_they_are(ax: Caller, settings: Settings) -> None:
    of_dataset, of_experiment = await examples(ax)
    told = await ax.ask("annotate", name="q", targets=of_experiment, score=1, experiment="v")
    assert told["runs"] == of_experiment
    told = await ax.ask("annotate", name="q", targets=of_dataset[:1], score=0, dataset="questions")
    assert told["examples"] == of_dataset[:1]
    said = await ax.read("annotate", name="q", targets=of_dataset[:1], score=0, dataset="questions")
    assert said.splitlines()[0] == ("Annotated 1 example(s) of 'questions' as 'q': score 0.0.")


async def test_an_unknown_target_refuses_all_and_leaves_no_config(bot: None, ax: Caller, settings: Settings) -> None:
    refusal = await ax.refused("annotate", name="q", targets=[id_of("a1"), "0" * 16], score=1)
    assert refusal["code"] == "not_found"
    assert "0" * 16 in refusal["message"]
    assert "Pass window" in refusal["next"]
    assert await configs(settings) == []
    assert await annotated(settings, await project_id(ax)) == {}
    of_dataset, of_experiment = await examples(ax)
    for place, targets in (("experiment", of_dataset), ("dataset", of_experiment)):
        named = {"experiment": "v", "dataset": "questions"}[place]
        refusal = await ax.refused("annotate", name="q", targets=targets, score=1, **{place: named})
        assert refusal["code"] == "not_found"
        assert refusal["message"].startswith("2 of 2 targets are no ")
        assert refusal["message"].endswith("Nothing was annotated.")
    assert await configs(settings) == []


async def test_an_older_span_is_found_in_a_window(settings: Settings, ax: Caller) -> None:
    await send(settings.home, [span("old", "x", minutes_ago=60 * 24 * 40)])
    given: dict[str, Any] = {"name": "q", "targets": [id_of("old")], "score": 1}
    assert (await ax.refused("annotate", **given))["code"] == "not_found"
    day = (await ax.ask("search_spans", window="everything"))["spans"][0]["start_time"][:10]
    assert (await ax.ask("annotate", **given, window=f"{day}..{day}"))["spans"] == [id_of("old")]
    refusal = await ax.refused("annotate", **given, window="everything")
    assert "wider than 31 days" in refusal["message"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "There is nothing to record."),
        ({"label": "good"}, "a new one needs every label that it offers"),
        ({"label": "good", "choices": {"good": 1}}, "a new one needs every label that it offers"),
        ({"label": "fine", "choices": CHOICES}, "a new one needs every label that it offers"),
        ({"score": 4}, "The score 4 is not within 0 to 1"),
        ({"score": 9, "score_range": [1, 5]}, "The score 9 is not within 1 to 5"),
        ({"score": 1, "score_range": [5, 1]}, "score_range is two numbers"),
        ({"score": 1, "score_range": [1]}, "score_range is two numbers"),
        ({"score": 1, "choices": {"good": 1, "bad": 0}}, "choices belongs to a label"),
        ({"text": "x", "choices": {"good": 1, "bad": 0}}, "choices belongs to a label"),
        ({"text": "x", "score_range": [0, 1]}, "and score_range to a score without a label"),
        ({"label": "good", "choices": {"good": 1, "bad": 0}, "score_range": [0, 1]}, "choices belongs to a label"),
        ({"score": 1, "score_range": [0, 1, 2]}, "score_range is two numbers"),
        ({"score": "NaN"}, "score: "),
        ({"score": 1, "targets": []}, "targets: "),
        ({"score": 1, "targets": ["x"] * 1001}, "targets: "),
        ({"score": 1, "name": ""}, "name"),
        ({"score": 1, "project": "bot", "dataset": "d"}, "project and dataset were given"),
        ({"score": 1, "dataset": "d", "window": "today"}, "window belongs to spans."),
        ({"score": 1, "dataset": "d"}, "There is no dataset yet"),
        ({"score": 1, "project": "bat"}, "No project is named 'bat'"),
        (
            {"score": 1, "targets": ["0f8fad5b-d9cb-469f-a165-70867728950e"]},
            "The targets are ids of runs or examples, not of spans.",
        ),
    ],
)
async def test_what_cannot_be_annotated_is_refused(
    bot: None, ax: Caller, settings: Settings, given: dict[str, Any], said: str
) -> None:
    refusal = await ax.refused("annotate", **{"name": "q", "targets": [id_of("a1")], **given})
    assert said in refusal["message"]
    assert refusal["next"]
    assert await configs(settings) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"label": "fine"}, "offers CATEGORICAL: good / bad."),
        ({"label": "good", "choices": {"good": 1, "fine": 0}}, "exists already and offers something else"),
        ({"label": "good", "score_range": [0, 1]}, "exists already and offers something else"),
        ({"score": 1}, "has a score but no label"),
    ],
)
async def test_what_a_config_does_not_offer_is_refused(bot: None, ax: Caller, given: dict[str, Any], said: str) -> None:
    await ax.ask("annotate", name="quality", targets=[id_of("a1")], label="good", choices=CHOICES)
    refusal = await ax.refused("annotate", name="quality", targets=[id_of("a2")], **given)
    assert said in refusal["message"]


async def test_a_score_outside_the_bounds_of_a_config_is_refused(bot: None, ax: Caller) -> None:
    await ax.ask("annotate", name="stars", targets=[id_of("a1")], score=4, score_range=[1, 5])
    refusal = await ax.refused("annotate", name="stars", targets=[id_of("a1")], score=6)
    assert refusal["message"] == "Annotation config 'stars' offers CONTINUOUS: 1 to 5."
    refusal = await ax.refused("annotate", name="stars", targets=[id_of("a1")], score=2, score_range=[1, 10])
    assert "offers something else: CONTINUOUS: 1 to 5" in refusal["message"]


async def test_a_name_in_another_case_is_another_config(bot: None, ax: Caller, settings: Settings) -> None:
    await ax.ask("annotate", name="note", targets=[id_of("a1")], text="x")
    told = await ax.ask("annotate", name="Note", targets=[id_of("a1")], text="x")
    assert told["annotation_config"]["created"] is True
    assert len(await configs(settings)) == 2


async def test_annotating_takes_five_requests_and_two_once_all_is_there(bot: None, settings: Settings) -> None:
    given: dict[str, Any] = {"name": "note", "targets": [id_of("a1")], "text": "x", "project": "bot"}
    async with connected(settings) as api:
        here = session(api, settings)
        counts: list[int] = []
        for _ in range(2):
            before = api.requests
            await annotate.function(here, **given)
            counts.append(api.requests - before)
    # The space, the project, the config by name, its making; then the annotations.
    assert counts == [5, 2]


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [({}, "any score"), ({"minimum_score": 1}, "from 1"), ({"maximum_score": 5}, "up to 5")],
)
def test_a_config_without_a_bound_is_shown_without_it(bounds: dict[str, float], shown: str) -> None:
    config = AnnotationConfig.model_validate({"id": "x", "name": "stars", "type": "CONTINUOUS", **bounds})
    assert offers(config) == f"CONTINUOUS: {shown}"

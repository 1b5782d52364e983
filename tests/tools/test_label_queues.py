"""Queues of items to label: each way of sampling, two people, the end of a queue, and every refusal."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.traces import Span, id_of, send, span

from assaykit.settings import Settings

SPANS = 24
CHOICES = {"good": 1.0, "bad": 0.0}
NUMBERS = {id_of(f"s{n}"): n for n in range(SPANS)}


def tone(n: int) -> str:
    """The verdict of the judge tone on span n: rude on 3 spans, neutral on 6, else polite."""
    return "rude" if n < 3 else "neutral" if n < 9 else "polite"


def strict(n: int) -> str:
    """The verdict of the judge strict, which differs from that of tone on spans 2 to 5."""
    return "polite" if 2 <= n < 6 else tone(n)


def spans() -> list[Span]:
    """Two spans for each of twelve traces would need parents; here each span is a trace, four sessions of six."""
    return [
        span(
            f"s{n}",
            f"Answer {n}",
            asked=f"Question {n}?",
            minutes_ago=60 - n,
            session__id=f"c{n % 4}",
            tier="gold" if n % 4 == 0 else "free",
        )
        for n in range(SPANS)
    ]


@pytest.fixture(scope="module")
async def home_of_queues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("queues") / "home"
    await send(home, spans())
    verdicts = [
        {
            "context.span_id": key,
            "eval.tone.label": tone(n),
            "eval.tone.explanation": f"since {n}",
            "eval.strict.label": strict(n),
            "eval.short.label": "yes",
        }
        for key, n in NUMBERS.items()
    ]
    async with serving(Settings(home=home, toolsets=("all",), structured=True)) as caller:
        await caller.ask("log_evaluations", rows=verdicts)
    return home


@pytest.fixture
def bot(settings: Settings, home_of_queues: Path) -> None:
    """Project "bot" with these spans instead of its four."""
    shutil.copytree(home_of_queues, settings.home)


async def numbers_in(ax: Caller, **asked: Any) -> list[int]:
    """The numbers of a new queue's spans, in its order: each page of items is labelled to see the next one."""
    told = await ax.ask("label_queue", queue="q", label="quality", **asked)
    found: list[int] = []
    while told["items"]:
        keys = [one["span_id"] for one in told["items"]]
        found += [NUMBERS[key] for key in keys]
        await ax.ask("annotate", name="quality", project="bot", choices=CHOICES, rows=labels(keys))
        told = await ax.ask("label_queue", queue="q")
        assert told["done"] == len(found)
    assert told["left"] == 0
    return found


def labels(keys: Sequence[str], **more: Any) -> list[dict[str, Any]]:
    return [{"span_id": key, "label": "good", **more} for key in keys]


@pytest.mark.over_http("label_queue")
async def test_a_random_queue_has_n_items_of_its_seed_in_random_order(bot: None, ax: Caller) -> None:
    found = await numbers_in(ax, n=7, seed=3)
    assert (len(set(found)), found == sorted(found)) == (7, False)
    again = await ax.ask("label_queue", queue="r", label="other", n=7, seed=3)
    assert [NUMBERS[one["span_id"]] for one in again["items"]] == found[:5]
    other = await ax.ask("label_queue", queue="s", label="other", n=7, seed=4)
    assert [NUMBERS[one["span_id"]] for one in other["items"]] != found[:5]


async def test_a_queue_by_a_path_has_each_value_in_proportion(bot: None, ax: Caller) -> None:
    found = await numbers_in(ax, by=["attributes.tier"], n=12)
    assert sum(n % 4 == 0 for n in found) == 3


async def test_a_queue_by_a_judge_has_each_of_its_labels_equally(bot: None, ax: Caller) -> None:
    found = await numbers_in(ax, by=["tone"], n=11)
    counts = [sum(tone(n) == label for n in found) for label in ("rude", "neutral", "polite")]
    assert counts == [3, 4, 4]


async def test_a_queue_by_two_judges_has_the_items_on_which_they_differ(bot: None, ax: Caller) -> None:
    assert sorted(await numbers_in(ax, by=["tone", "strict"])) == [2, 3, 4, 5]
    told = await ax.read("label_queue", queue="r", label="other", by=["strict", "tone"], n=3)
    assert "3 of 4 spans on which strict and tone differ (24 have both verdicts), seed 0" in told


async def test_people_and_judges_are_compared_alike(bot: None, ax: Caller) -> None:
    keys = [id_of("s0"), id_of("s9")]
    rows = [{"span_id": key, "label": "rude"} for key in keys]
    await ax.ask("annotate", name="person", project="bot", choices={"rude": 0, "polite": 1, "neutral": 1}, rows=rows)
    assert await numbers_in(ax, by=["tone", "person"]) == [9]


async def test_a_filter_and_a_window_choose_the_items(bot: None, ax: Caller) -> None:
    found = await numbers_in(ax, project="bot", filter="eval.tone.label = 'rude'")
    assert sorted(found) == [0, 1, 2]
    refused = await ax.refused("label_queue", queue="r", label="x", filter="name = 'nothing'")
    assert refused["message"] == "There are no spans to label."


async def test_two_people_go_through_one_queue_on_their_own(bot: None, ax: Caller) -> None:
    told = await ax.ask("label_queue", queue="q", label="quality", n=6, person="Ann")
    first = [one["span_id"] for one in told["items"]]
    asked = {"name": "quality", "project": "bot", "choices": CHOICES}
    await ax.ask("annotate", **asked, rows=labels(first[:4], annotator="Ann"))
    told = await ax.ask("label_queue", queue="q", person="ann")
    assert (told["done"], told["left"], told["items"][0]["span_id"]) == (4, 2, first[4])
    told = await ax.ask("label_queue", queue="q", person="Bob")
    assert (told["done"], [one["span_id"] for one in told["items"]]) == (0, first)
    # The choices are known from the labels of the other person.
    await ax.ask("annotate", name="quality", project="bot", rows=labels(first[:1], annotator="Bob"))
    told = await ax.ask("label_queue", queue="q")
    assert (told["done"], told["labelled_by"]) == (4, {"Ann": 4, "Bob": 1})
    assert "1 of 6 labelled as 'quality' by 'Bob', 5 left. Others: 'Ann' 4." in await ax.read(
        "label_queue", queue="q", person="Bob"
    )


async def test_verdicts_are_hidden_unless_asked_for_and_the_next_call_says_so(bot: None, ax: Caller) -> None:
    asked: dict[str, Any] = {"queue": "q", "label": "quality", "by": ["tone", "strict"], "person": "Ann"}
    hidden = await ax.told("label_queue", **asked)
    assert "Question 2?" in hidden
    assert "Answer 2" in hidden
    assert not any(word in hidden for word in ("polite", "rude", "neutral", "since 2"))
    assert "annotate(name='quality', project='bot', choices={'good': 1, 'bad': 0}, rows=[{'span_id': '" in hidden
    assert "'annotator': 'Ann'}, ...])" in hidden
    seen = await ax.read("label_queue", queue="q", show_verdicts=True)
    assert "verdict of tone: rude: since 2" in seen
    assert "'saw_verdict': True}" in seen


async def test_traces_and_sessions_are_labelled_as_such(bot: None, ax: Caller) -> None:
    told = await ax.ask("label_queue", queue="sessions", label="quality", level="SESSION")
    found = [one["session_id"] for one in told["items"]]
    assert sorted(found) == ["c0", "c1", "c2", "c3"]
    rows = [{"session_id": found[0], "label": "bad"}]
    await ax.ask("annotate", name="quality", project="bot", choices=CHOICES, rows=rows)
    assert (await ax.ask("label_queue", queue="sessions"))["left"] == 3
    told = await ax.ask("label_queue", queue="traces", label="quality", level="TRACE", n=2)
    rows = [{"trace_id": told["items"][0]["trace_id"], "label": "bad"}]
    await ax.ask("annotate", name="quality", project="bot", rows=rows)
    assert ((await ax.ask("label_queue", queue="traces"))["done"], told["records"]) == (1, 2)


async def test_runs_and_examples_are_labelled_to_the_end(ax: Caller, files: Path) -> None:
    examples = [{"question": f"Q{n}", "kind": "a" if n < 3 else "b"} for n in range(6)]
    await ax.ask("create_dataset", name="cases", rows=examples)
    await ax.ask("label_queue", queue="of examples", label="fit", dataset="cases", by=["kind"], n=4)
    told = await ax.ask("label_queue", queue="of examples")
    kinds = sorted(one["texts"]["kind"] for one in told["items"])
    assert kinds == ["a", "a", "b", "b"]
    rows = [{"example_id": one["example_id"], "label": "good"} for one in told["items"]]
    await ax.ask("annotate", name="fit", dataset="cases", choices=CHOICES, rows=rows)
    text = await ax.read("label_queue", queue="of examples")
    assert "4 of 4 labelled as 'fit', 0 left." in text
    assert "Next: calibrate_judge(judge=..., truth='fit')" in text
    runs = [
        {"question": f"Q{n}", "output": f"A{n}", "eval.tone.label": "rude" if n == 4 else "polite"} for n in range(6)
    ]
    (files / "runs.jsonl").write_text("\n".join(map(json.dumps, runs)), encoding="utf-8")
    await ax.ask("upload_experiment", dataset="cases", name="first", file="runs.jsonl", key="question")
    told = await ax.ask("label_queue", queue="of runs", label="fit", experiment="first", by=["tone"], n=2)
    assert {one["texts"]["output"] for one in told["items"]} > {"A4"}
    assert all("rude" not in str(one) for one in told["items"])
    rows = [{"run_id": one["run_id"], "label": "bad"} for one in told["items"]]
    await ax.ask("annotate", name="fit", experiment="first", rows=rows)
    assert (await ax.ask("label_queue", queue="of runs"))["left"] == 0


async def test_a_deleted_queue_leaves_its_labels(bot: None, ax: Caller) -> None:
    told = await ax.ask("label_queue", queue="q", label="quality", n=2)
    keys = [one["span_id"] for one in told["items"]]
    await ax.ask("annotate", name="quality", project="bot", choices=CHOICES, rows=labels(keys))
    await ax.ask("delete_resource", kind="queue", name="q", confirm="q")
    assert (await ax.refused("label_queue", queue="q"))["code"] == "not_found"
    found = await ax.ask("search_spans", filter="annotation.quality.label = 'good'")
    assert sorted(one["span_id"] for one in found["spans"]) == sorted(keys)


async def test_a_queue_goes_on_with_the_same_call_and_refuses_another_sample(bot: None, ax: Caller) -> None:
    asked: dict[str, Any] = {"queue": "q", "label": "quality", "project": "bot", "by": ["tone"], "n": 4, "seed": 5}
    first = await ax.ask("label_queue", **asked)
    assert await ax.ask("label_queue", **asked) == first
    for change, word in (({"n": 5}, "n"), ({"by": ["strict"]}, "by"), ({"seed": 6, "label": "x"}, "label and seed")):
        refused = await ax.refused("label_queue", **{**asked, **change})
        assert refused["message"] == f"Queue 'q' exists already with another {word}."
        assert refused["next"].startswith("Pass queue='q' without")


@pytest.mark.parametrize(
    ("asked", "message", "step"),
    [
        ({}, "No annotation queue is named 'q'.", "Pass label, and project, dataset or experiment, to make it."),
        ({"label": "x", "by": ["tune"]}, "No row has a column 'tune'; there are", "Name one of these."),
        (
            {"label": "x", "by": ["tone", "nobody"]},
            "None of the 24 spans has a verdict of 'nobody'; there are",
            "Name two",
        ),
        (
            {"label": "x", "by": ["tone", "tone"]},
            "by takes a path, a judge, or two different judges.",
            "Name one or two.",
        ),
        (
            {"label": "x", "by": ["a", "b", "c"]},
            "by takes a path, a judge, or two different judges.",
            "Name one or two.",
        ),
        (
            {"label": "x", "by": ["tone", "short"]},
            "'tone' and 'short' share no label: ",
            "Name two judges with the same",
        ),
        (
            {"label": "x", "by": ["tone"], "n": 2},
            "'tone' gives 3 different labels, more than the 2 items",
            "Pass n of at least 3",
        ),
        ({"label": "x", "n": 25}, "There are 24 such spans, so no queue of 25.", "Pass n of at most 24."),
        ({"label": "x", "n": 501}, "A queue has 1 to 500 items, not 501.", "Make several queues for more."),
        ({"label": "x", "n": 0}, "A queue has 1 to 500 items, not 0.", "Make several"),
        ({"label": "x", "project": "bat"}, "No project is named 'bat'", ""),
        ({"label": "x", "filter": "name ="}, "", ""),
        ({"label": "x", "window": "some day"}, "some day", ""),
        (
            {"label": "x", "project": "bot", "dataset": "d"},
            "project and dataset were given; a queue has one source.",
            "Pass one",
        ),
        (
            {"label": "x", "dataset": "d", "level": "TRACE"},
            "filter, window and level belong to a project.",
            "Leave them out.",
        ),
        ({"label": "x" * 256}, "longer than 255", "short name"),
        ({"label": "x", "experiment": "e"}, "'e'", ""),
        ({"label": " ", "n": 1}, "label is blank", "short name"),
    ],
)
async def test_bad_input_gets_one_sentence_and_the_next_step(
    bot: None, ax: Caller, asked: dict[str, Any], message: str, step: str
) -> None:
    refused = await ax.refused("label_queue", queue="q", **asked)
    assert message in refused["message"]
    assert step in refused["next"]
    assert refused["next"]


async def test_judges_that_agree_everywhere_leave_nothing_to_compare(bot: None, ax: Caller) -> None:
    refused = await ax.refused("label_queue", queue="q", label="x", by=["tone", "strict"], filter="name = 's9'")
    assert refused["message"] == "'tone' and 'strict' agree on all 1 spans that have both verdicts."

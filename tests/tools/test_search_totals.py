"""The total of a search, the fields that its filter names in vain, and the answers of people in its list."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import id_of, send, span

from assaykit.engine.store.traces import span_counts
from assaykit.settings import Settings


@pytest.mark.parametrize(
    ("asked", "head", "total"),
    [
        ({}, "4 span(s) of 'bot', newest first\n", 4),
        ({"limit": 1}, "1 of 4 span(s) of 'bot', newest first; more follow", 4),
        ({"limit": 2, "filter": "input CONTAINS '?' AND status_code != 'ERROR'"}, "2 of 3 span(s)", 3),
        ({"limit": 1, "filter": "status_code = 'ERROR'"}, "1 span(s)", 1),
    ],
)
async def test_a_search_tells_how_many_spans_match(
    kept: Caller, asked: dict[str, object], head: str, total: int
) -> None:
    assert (await kept.read("search_spans", **asked)).startswith(head)
    found = await kept.ask("search_spans", **asked)
    assert (found["total"], found["total_is_exact"], found["absent"]) == (total, True, [])


async def test_a_search_of_a_window_tells_the_total_of_the_window(kept: Caller, last: Callable[[int], str]) -> None:
    found = await kept.ask("search_spans", limit=1, window=last(25))
    assert (len(found["spans"]), found["total"], found["total_is_exact"]) == (1, 2, True)


async def test_a_later_page_tells_the_total_of_all_pages(kept: Caller) -> None:
    first = await kept.ask("search_spans", limit=3)
    assert (await kept.read("search_spans", limit=3, cursor=first["next_cursor"])).startswith("1 of 4 span(s)")


async def test_a_search_of_a_run_tells_the_total_of_the_run(ax: Caller, settings: Settings, bot: None) -> None:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[")
    asked = {"evaluators": ["cites"], "project": "bot", "query_filter": "output CONTAINS '['", "wait": 30}
    run = (await ax.ask("trigger_backfill", **asked))["run"]["id"]
    found = await ax.ask("search_spans", run=run, limit=1)
    assert (found["total"], found["total_is_exact"]) == (2, True)
    found = await ax.ask("search_spans", run=run, filter="exception.type = 'x' OR name = 'a1'")
    assert (found["total"], found["absent"]) == (1, ["No span there has 'exception.type'."])


@pytest.mark.embedded("the bound of the count is lowered in this process")
async def test_a_filter_without_an_index_is_counted_among_the_newest_spans(
    ax: Caller, settings: Settings, bot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_counts, "MOST_SPANS_COUNTED", 2)
    assert (await ax.read("search_spans", project="bot", limit=1)).startswith("1 of at least 2 span(s)")
    monkeypatch.setattr(span_counts, "MOST_SPANS_COUNTED", 3)
    text = await ax.read("search_spans", project="bot", limit=1, filter="input CONTAINS '?'")
    assert text.startswith("1 of at least 3 span(s)")
    said = await ax.ask("search_spans", project="bot", filter="metadata.tier IS NULL")
    assert said["absent"] == ["None of the newest 3 spans has 'attributes.metadata.tier'."]


@pytest.mark.embedded("the bound of the count is lowered in this process")
async def test_the_total_of_a_user_is_exact_however_old_the_spans_are(
    ax: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_counts, "MOST_SPANS_COUNTED", 4)
    of_users: list[tuple[dict[str, Any], int, int]] = [({"user.id": "old"}, 3, 300), ({"user.id": "new"}, 9, 10)]
    sent = [span(f"{at + n}", minutes_ago=at + n, **user) for user, many, at in of_users for n in range(many)]
    await send(settings.home, sent)
    found = await ax.ask("search_spans", limit=1, window="everything", filter="attributes.user.id = 'old'")
    assert (found["total"], found["total_is_exact"]) == (3, True)
    found = await ax.ask("search_spans", limit=1, window="everything", filter="attributes.user.id LIKE 'old'")
    assert not found["total_is_exact"]


NAMED_IN_VAIN: list[tuple[str, list[str], int]] = [
    ("metadata.teir = 'x' OR status_code = 'OK'", ["'attributes.metadata.teir'; near it: attributes.metadata.tier"], 2),
    ("resource.service.nam IS NULL", ["'attributes.resource.service.nam'"], 2),
    ("NOT (eval.tone.label = 'rude') OR name = 'one'", ["'eval.tone.label'"], 1),
    ("exception.message IS NULL AND name LIKE 'o%'", ["'exception.message'"], 1),
    ("annotation.q.label = 'x' OR trace_eval.a.score > 1", ["'annotation.q.label'", "'trace_eval.a.score'"], 0),
    ("metadata.tier IS NULL", [], 1),
    ("metadata.tier = 'pro'", [], 1),
    ("metadata.tier = 'none'", [], 0),
]


async def test_a_filter_that_names_what_no_span_has_says_so_beside_its_matches(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", "x", metadata__tier="pro"), span("two", "y")])
    for filter_text, absent, number in NAMED_IN_VAIN:
        found = await ax.ask("search_spans", project="bot", filter=filter_text)
        assert len(found["spans"]) == number, filter_text
        for told, name in zip(found["absent"], absent, strict=True):
            assert told.startswith(f"No span there has {name}"), filter_text
        text = await ax.read("search_spans", project="bot", filter=filter_text)
        assert all(f"No span there has {name}" in text for name in absent), filter_text


async def test_a_misspelt_judge_is_told_beside_matching_spans(ax: Caller, settings: Settings, bot: None) -> None:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[")
    text = await ax.read("search_spans", project="bot", filter="eval.citse.label IS NULL")
    assert text.startswith("4 span(s)")
    assert "No span there has 'eval.citse.label'." in text
    assert "did you mean eval.cites.label?" in text


async def test_a_search_shows_the_answers_of_people_with_their_notes(ax: Caller, settings: Settings, bot: None) -> None:
    choices = {"good": 1, "bad": 0}
    quality = {"name": "quality", "label": "good", "text": "clear\nand short", "choices": choices}
    await ax.ask("annotate", project="bot", targets=[id_of("a1")], **quality)
    points = {"name": "points", "score": 0.5, "score_range": [0, 1]}
    await ax.ask("annotate", project="bot", targets=[id_of("a2")], **points)
    found = await ax.ask("search_spans", project="bot")
    said = {one["name"]: one["annotations"] for one in found["spans"]}
    (of_first,), (of_second,) = said["a1"], said["a2"]
    assert (of_first["name"], of_first["label"], of_first["text"]) == ("quality", "good", "clear\nand short")
    assert (of_second["name"], of_second["score"], said["a3"]) == ("points", 0.5, [])
    text = await ax.read("search_spans", project="bot")
    assert "quality=good, by a person: clear and short" in text
    assert "points=0.5, by a person" in text

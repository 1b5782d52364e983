"""Names and keys that stay what they are: columns of judges, keys with spaces, runs that ended meanwhile, words."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from tests.caller import Caller
from tests.traces import id_of, rest, send, span

from assaykit.api.client import Api
from assaykit.errors import Unavailable
from assaykit.settings import Settings

BODY: dict[str, Any] = {
    "type": "MANAGED",
    "name": "tone",
    "managed_evaluator": "CONTAINS_ANY_KEYWORD",
    "variables": ["output"],
    "static_params": [{"name": "keywords", "type": "STRING_ARRAY", "default_value": ["a"]}],
}


async def spans(settings: Settings, number: int) -> None:
    await send(settings.home, [span(f"s{n}", output="a word") for n in range(number)])


async def test_a_new_version_keeps_the_column_of_the_verdicts(ax: Caller, settings: Settings) -> None:
    await spans(settings, 3)
    async with rest(settings.home) as api:
        space = (await api.get("/v2/spaces")).json()["spaces"][0]["id"]
        version = {"commit_message": "m", "code_config": BODY}
        made = {"space_id": space, "name": "Tone judge", "type": "CODE", "version": version}
        (await api.post("/v2/evaluators", json=made)).raise_for_status()
    await ax.ask("create_task", name="t", evaluators=["Tone judge"])
    assert (await ax.ask("trigger_run", task="t", window="last 30 days", wait=30))["run"]["num_successes"] == 3
    await ax.ask("create_judge", name="Tone judge", code="CONTAINS_ANY_KEYWORD", keywords=["b"], new_version=True)
    again = await ax.ask("trigger_run", task="t", window="last 30 days", wait=30)
    assert again["run"]["status"] == "CANCELLED"  # all are labelled
    (found, *_) = (await ax.ask("search_spans"))["spans"]
    assert {one["name"] for one in found["evaluations"]} == {"tone"}


async def three_runs(ax: Caller, settings: Settings) -> list[str]:
    """Three runs that wait for a key."""
    await spans(settings, 1)
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="x")
    await ax.ask("create_task", name="t", evaluators=["cites"])
    return [(await ax.ask("trigger_run", task="t", window="last 30 days", wait=0))["run"]["id"] for _ in range(3)]


class Ending:
    """A stand-in for runs that end, or a backend that fails, between the look and the cancel."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, broken: str | None = None) -> None:
        self.tried: list[str] = []
        self.broken = broken
        real_get, real_post = Api.get, Api.post

        async def get(api: Api, at: str, *rest: Any, **more: Any) -> Any:
            found = await real_get(api, at, *rest, **more)
            is_run = at.startswith("/v2/task-runs/") and not self.tried
            return found.model_copy(update={"status": "RUNNING"}) if is_run else found

        async def post(api: Api, at: str, *rest: Any, **more: Any) -> Any:
            if at.endswith("/cancel"):
                self.tried.append(unquote(at.split("/")[3]))
                if self.tried[-1] == self.broken:
                    raise Unavailable("The backend is away.", "Try again.")
            return await real_post(api, at, *rest, **more)

        monkeypatch.setattr(Api, "get", get)
        monkeypatch.setattr(Api, "post", post)


async def test_a_run_that_ends_meanwhile_keeps_no_other_from_being_cancelled(
    ax: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = await three_runs(ax, settings)
    await ax.ask("wait_for_run", run=",".join(runs))
    ending = Ending(monkeypatch)
    told = await ax.ask("cancel_run", run=",".join(runs))
    assert ending.tried == runs
    assert len(told["runs"]) == 3


async def test_a_failure_to_cancel_one_run_is_told_with_the_others(
    ax: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = await three_runs(ax, settings)
    await ax.ask("wait_for_run", run=",".join(runs))
    ending = Ending(monkeypatch, broken=runs[0])
    refusal = await ax.refused("cancel_run", run=",".join(runs))
    assert ending.tried == runs
    assert refusal["message"] == f"The backend is away. Cancelled all the same: {runs[1]}, {runs[2]}."


async def test_keys_that_differ_in_spaces_alone_look_different(ax: Caller, settings: Settings) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "a b", "q": 1}])
    rows = [{"key": "a  b", "output": "x"}, {"key": "a\tb", "output": "x"}]
    (settings.folders[0] / "v.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    refusal = await ax.refused("upload_experiment", file="v.jsonl", key="key")
    assert "'a  b', 'a\\tb'" in refusal["message"]
    await spans(settings, 1)
    refusal = await ax.refused("log_evaluations", rows=[{"context.span_id": "a  b", "eval.tone.label": "x"}])
    assert "'a  b'" in refusal["message"]


async def test_an_example_id_beside_a_key_is_refused_and_not_ignored(ax: Caller, settings: Settings) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "a", "q": 1}])
    rows = [{"key": "a", "example_id": "elsewhere", "output": "x"}]
    (settings.folders[0] / "v.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert "has a column 'example_id'" in (await ax.refused("upload_experiment", file="v.jsonl", key="key"))["message"]


async def test_the_word_nan_is_a_label_and_no_score(ax: Caller, settings: Settings) -> None:
    await spans(settings, 3)
    rows: list[dict[str, Any]] = [
        {"context.span_id": id_of("s0"), "eval.tone.label": "nan", "eval.tone.score": "nan"},
        {"context.span_id": id_of("s1"), "eval.tone.label": " ", "eval.tone.score": 1},
        {"context.span_id": id_of("s2"), "eval.tone.label": "ok", "eval.tone.explanation": "NaN"},
    ]
    await ax.ask("log_evaluations", rows=rows)
    said = {
        (one.get("label"), one.get("score"), one.get("explanation"))
        for found in (await ax.ask("search_spans"))["spans"]
        for one in found["evaluations"]
    }
    assert said == {("nan", None, None), (None, 1, None), ("ok", None, "NaN")}


async def test_a_near_name_of_a_judge_is_suggested(ax: Caller, settings: Settings) -> None:
    await spans(settings, 1)
    await ax.ask("create_judge", name="tone judge", code="MATCHES_REGEX", pattern="x")
    for wanted, meant in (
        ("\"eval.tonne judge.label\" = 'x'", '"eval.tone judge.label"'),
        ('"trace_eval.tone judg.score" > 0', '"trace_eval.tone judge.score"'),
        ("eval.Tone_judge.label = 'x'", '"eval.tone judge.label"'),
    ):
        assert f"did you mean {meant}?" in " ".join((await ax.told("search_spans", filter=wanted)).split())
    refusal = await ax.refused("search_spans", filter="\"tonejudge\" = 'x'")
    assert 'did you mean "eval.tone judge.label"?' in refusal["next"]
    assert "did you mean" not in await ax.told("search_spans", filter="\"eval.tone judge.label\" = 'x'")


async def test_runs_that_scored_nothing_do_not_send_the_reader_to_the_verdicts(ax: Caller, settings: Settings) -> None:
    await spans(settings, 1)
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="x")
    await ax.ask("create_task", name="t", evaluators=["cites"], query_filter="name = 'nothing'", allow_empty=True)
    runs = [(await ax.ask("trigger_run", task="t", window="last 30 days", wait=0))["run"]["id"] for _ in range(2)]
    told = await ax.read("wait_for_run", run=",".join(runs))
    assert "search_spans shows the verdicts" not in told

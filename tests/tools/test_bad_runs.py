"""Providers and spans that are wrong in some way: the row fails with its reason, and nothing else does."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from tests.api.faulty import Peer, misbehaving
from tests.caller import Caller, serving
from tests.traces import rest, send, span

from assaykit.engine import models
from assaykit.judge.providers import calls
from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("the waits of judge calls are cut short in this process")

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def html(peer: Peer) -> None:
    await peer.answer(b"<html><body>Bad gateway</body></html>", "content-type: text/html")


async def nothing(peer: Peer) -> None:
    """The connection is closed without a byte."""
    await peer.close()


async def half_a_body(peer: Peer) -> None:
    await peer.send(HEAD + b'content-length: 1000\r\n\r\n{"choices": [')
    await peer.close()


async def a_drip(peer: Peer) -> None:
    """A byte now and then, for ever."""
    await peer.send(HEAD + b"content-length: 1000000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await anyio.sleep(0.02)


def verdict() -> bytes:
    message = {"role": "assistant", "content": json.dumps({"label": "good", "explanation": "As it is."})}
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    return json.dumps(
        {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    ).encode()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (html, "not a JSON object: '<html>"),
        (nothing, "closed before an answer"),
        (half_a_body, "the answer is incomplete"),
        (a_drip, "1 s"),
    ],
)
async def test_a_row_that_the_provider_fails_on_fails_alone_and_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Peer], Awaitable[None]], said: str
) -> None:
    deadline_s = 1 if fault is a_drip else calls.DEADLINE_S
    monkeypatch.setattr(models, "Line", partial(calls.Line, deadline_s=deadline_s))
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.01)

    async def behave(peer: Peer) -> None:
        while True:
            body = await peer.request()
            if b"the bad one" in body:
                await fault(peer)
            else:
                await peer.answer(verdict(), "content-type: application/json")

    said_by = ["Well.", "the bad one", "Fine.", "Good."]
    await send(settings.home, [span(f"s{place}", text, minutes_ago=place + 1) for place, text in enumerate(said_by)])
    async with misbehaving(behave) as server, serving(settings, f"{server.url}/v1") as ax:
        await ax.ask(
            "create_judge", name="tone", template="Is {output} good?", choices={"good": 1, "bad": 0}, model="m"
        )
        await ax.ask("create_task", name="policy", evaluators=["tone"])
        data = await ax.ask("trigger_backfill", task="policy", wait=30)
        run = data["run"]
        assert (run["status"], run["num_successes"], run["num_errors"]) == ("COMPLETED", 3, 1)
        (error,) = data["errors"]
        assert said in error["reason"]
        failed = (await ax.ask("get_run", run=run["id"], rows=True, state="FAILED"))["rows"]
        assert len(failed) == 1


@pytest.fixture
async def cites(ax: Caller, bot: None) -> Caller:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    return ax


async def scored(ax: Caller, number: int) -> dict[str, Any]:
    data = await ax.ask("trigger_backfill", evaluators=["cites"], window="everything", wait=30)
    assert (data["run"]["num_successes"], data["run"]["num_errors"]) == (number, 0)
    return data


HOSTILE_KEYS = (
    "it's",
    'a"b',
    "x\x00y",
    "'; DROP TABLE spans; --",
    "$.a[0]",
    "a.b.c.d.e",
    "\u202egnp.exe",
    "k" * 5_000,
    "",
    "eval.cites.label",
    "__proto__",
)


async def test_hostile_keys_of_attributes_are_kept_and_harm_nobody(cites: Caller, settings: Settings) -> None:
    told = span("hostile", "See [RET-1].")
    extra = [{"key": key, "value": {"stringValue": f"v{place}"}} for place, key in enumerate(HOSTILE_KEYS)]
    await send(settings.home, [{**told, "attributes": [*told["attributes"], *extra]}])
    await scored(cites, 4)
    for text in ("attributes.__proto__ = 'v10'", "attributes.a.b.c.d.e = 'v5'"):
        found = await cites.ask("search_spans", window="everything", filter=text)
        assert [one["name"] for one in found["spans"]] == ["hostile"], text
    verdicts = await cites.ask("search_spans", window="everything", filter="eval.cites.label = 'matches'")
    assert sorted(one["name"] for one in verdicts["spans"]) == ["a1", "a3", "hostile"]


async def test_a_span_with_ten_thousand_attributes_and_one_of_five_megabytes_are_scored_like_others(
    cites: Caller, settings: Settings
) -> None:
    many = span("many", "See [RET-1].")
    extra = [{"key": f"k{number}", "value": {"intValue": str(number)}} for number in range(10_000)]
    large = span("large", "x" * 5_000_000 + " [RET-2]")
    await send(settings.home, [{**many, "attributes": [*many["attributes"], *extra]}, large])
    data = await cites.ask("trigger_backfill", evaluators=["cites"], window="everything", wait=60)
    # An evaluator of code looks at so much of a text and no more, which it says of that row alone.
    assert data["run"]["num_successes"] + data["run"]["num_errors"] == 5
    (error,) = data["errors"]
    assert "was kept: it had 5,000,008 bytes" in error["reason"]
    found = await cites.ask("search_spans", window="everything", filter="attributes.k9999 = 9999")
    assert [one["name"] for one in found["spans"]] == ["many"]
    text = await cites.read("search_spans", window="everything")
    assert len(text) < 60_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status_code = ", "not the end: status_code = ^"),
        ("name = 'x' AND (status_code = 'OK' OR", "not the end: "),
        ("name = 'a1' name = 'a2'", "At column 13 of the filter, expected AND, OR or the end"),
        ("name = 'a1' name = 'a2'", "name = 'a1' ^name = 'a2'"),
        ("status_cod = 'OK'", "status_code"),
        ("attributes.output.valu CONTAINS 'x'", "has 'attributes.output.valu'; near it: attributes.output.value"),
    ],
)
async def test_a_filter_that_cannot_be_read_or_that_no_span_can_meet_is_told_before_it_runs(
    cites: Caller, text: str, said: str
) -> None:
    refusal = await cites.refused("trigger_backfill", evaluators=["cites"], query_filter=text)
    assert said in refusal["message"] + refusal["next"], refusal
    assert (await cites.ask("list_tasks"))["tasks"] == []


async def test_what_cannot_be_meant_is_one_sentence_and_starts_nothing(cites: Caller) -> None:
    await cites.ask("create_task", name="policy", evaluators=["cites"])
    for arguments, said in (
        ({"window": "2026-02-01..2026-01-01"}, "ends before it starts"),
        ({"window": "sometime"}, "sometime"),
        ({"max_spans": 0}, "max_spans"),
        ({"max_cost": -1}, "max_cost"),
    ):
        refusal = await cites.refused("trigger_backfill", task="policy", **arguments)
        assert said in refusal["message"], refusal
    for rate in (1.5, -0.1):
        refusal = await cites.refused("create_task", name="other", evaluators=["cites"], sampling_rate=rate)
        assert "sampling_rate" in refusal["message"]
    assert (await cites.ask("list_runs", task="policy"))["runs"] == []


async def test_a_run_that_has_ended_is_cancelled_by_nobody(cites: Caller) -> None:
    run = (await scored(cites, 3))["run"]["id"]
    refusal = await cites.refused("cancel_run", run=run)
    assert refusal["message"] == "The run is COMPLETED already and cannot be cancelled."


async def test_a_body_that_is_no_span_is_refused_and_the_store_goes_on(cites: Caller, settings: Settings) -> None:
    async with rest(settings.home) as client:
        for body in (b"{", b'{"resourceSpans": 7}', b"\x00" * 100):
            answer = await client.post("/v1/traces", content=body, headers={"content-type": "application/json"})
            assert answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}
    await scored(cites, 3)

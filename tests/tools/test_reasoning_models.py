"""Replies of reasoning models and odd gateways, from the model through a backfill to the counts that are told."""

from typing import Any

from tests.caller import serving
from tests.odd_provider import OddProvider, Reply, completion, error
from tests.traces import send, span

from assaykit.settings import Settings

_REPLIES = {
    "a0": Reply(completion('<think>bad? no</think>{"explanation": "So.", "label": "good"}')),
    "a1": Reply(completion("probably bad\n</think>\n\nFinal answer: **good**.")),
    "a2": Reply(completion("<Thinking>hm</Thinking>good")),
    "a3": Reply(completion('{"label": "good"}\nI hope this helps.', usage=[], model={"id": 1})),
    "b0": Reply(completion("<think>It is probably\nbad")),
    "b1": Reply(completion("It is good or bad.")),
    "b2": Reply({"error": "a fault without a code"}),
}


async def test_a_backfill_reads_what_a_careful_person_would(settings: Settings) -> None:
    def answer(body: Any) -> Reply:
        return next(reply for name, reply in _REPLIES.items() if f"text {name}" in body["messages"][0]["content"])

    with OddProvider(answer) as model:
        async with serving(settings, f"{model.address}/v1") as ax:
            await send(settings.home, [span(name, f"text {name}") for name in _REPLIES])
            await ax.ask("create_judge", name="j", template="Judge {output}", choices={"good": 1, "bad": 0})
            done = await ax.ask("trigger_backfill", project="bot", evaluators=["j"], wait=60)
            shown = await ax.ask("get_run", run=done["run"]["id"])
    assert (done["run"]["num_successes"], done["run"]["num_errors"]) == (4, 3)
    text = str(shown)
    assert "ends inside its thoughts" in text
    assert "a fault without a code" in text


async def test_a_gateway_that_fails_on_the_schema_is_asked_in_plain_text(settings: Settings) -> None:
    def answer(body: Any) -> Reply:
        if "response_format" in body:
            return error("No endpoints found that can handle the requested parameters.", 404)
        return Reply(completion("So.\ngood"))

    with OddProvider(answer) as model:
        async with serving(settings, f"{model.address}/v1") as ax:
            await send(settings.home, [span(f"s{at}", f"text {at}") for at in range(3)])
            await ax.ask("create_judge", name="j", template="Judge {output}", choices={"good": 1, "bad": 0})
            done = await ax.ask("trigger_backfill", project="bot", evaluators=["j"], wait=60)
    assert done["run"]["num_successes"] == 3

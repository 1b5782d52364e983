"""The facts of spans that tools show beside input and output, and filters that name what no span has."""

from typing import Any

from tests.caller import Caller
from tests.traces import send, span

from assaykit.settings import Settings


def failed() -> dict[str, Any]:
    told = {"exception.type": "ValueError", "exception.message": "no city", "exception.stacktrace": "line 1"}
    event = {
        "name": "exception",
        "timeUnixNano": "1",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
    }
    facts: dict[str, Any] = {"llm.model_name": "m-1", "user.id": "u1", "metadata.tier": "pro"}
    return dict(span("broken", None, status="ERROR", **facts)) | {"events": [event]}


async def test_a_trace_shows_model_user_metadata_and_exceptions(ax: Caller, settings: Settings) -> None:
    one = failed()
    await send(settings.home, [one])
    (node,) = (await ax.ask("get_trace", trace=one["traceId"], project="bot"))["nodes"]
    assert (node["model"], node["user"], node["metadata"]) == ("m-1", "u1", {"metadata.tier": "pro"})
    assert node["exceptions"] == [
        {"exception.type": "ValueError", "exception.message": "no city", "exception.stacktrace": "line 1"}
    ]
    text = await ax.read("get_trace", trace=one["traceId"], project="bot")
    assert "model m-1, user u1" in text
    assert "exception: ValueError: no city" in text


async def test_an_exception_is_a_path_for_mappings(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [failed()])
    await ax.ask("create_judge", name="city", code="CONTAINS_ANY_KEYWORD", keywords=["city"])
    mapped = {"output": "exception.message"}
    found = await ax.ask("trigger_backfill", evaluators=["city"], project="bot", column_mappings=mapped, wait=30)
    assert found["labels"] == {"city": {"contains": 1}}


async def test_a_trace_shows_the_service_and_filters_read_exceptions(ax: Caller, settings: Settings) -> None:
    one = failed()
    links = [{"traceId": "ab" * 16, "spanId": "cd" * 8}]
    await send(settings.home, [one | {"links": links}, span("good", "x")])
    (node,) = (await ax.ask("get_trace", trace=one["traceId"], project="bot"))["nodes"]
    assert "ab" * 16 in node["links"]
    for text, number in (
        ("exception.message CONTAINS 'CITY'", 1),
        ("exception.type = 'ValueError' AND exception.message = 'no city'", 1),
        ("exception.type = ' ValueError'", 0),
        ("exception.message IS NULL", 1),
        ("NOT exception.type = 'KeyError'", 1),
    ):
        assert len((await ax.ask("search_spans", project="bot", filter=text))["spans"]) == number, text


async def test_a_filter_that_names_what_no_span_has_says_so(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", "x", llm__model_name="m")])
    for field in ("attributes.llm.model_nam", "metadata.tier", "llm.modelname"):
        text = await ax.read("search_spans", project="bot", filter=f"{field} = 'm'")
        assert "No span there has 'attributes." in text, text
    assert "near it: attributes.llm.model_name" in await ax.read(
        "search_spans", project="bot", filter="attributes.llm.model_nam = 'm'"
    )
    assert "loosen the filter" in await ax.read("search_spans", project="bot", filter="llm.model_name = 'other'")

"""The facts of spans that tools show beside input and output, and filters that name what no span has."""

from typing import Any

from tests.caller import Caller
from tests.traces import send, span

from assaykit.settings import Settings


def event(name: str, **told: Any) -> dict[str, Any]:
    attributes = [{"key": key.replace("__", "."), "value": value} for key, value in told.items()]
    return {"name": name, "timeUnixNano": "1767225600500000000", "attributes": attributes}


def retried() -> dict[str, Any]:
    """A retriever's span with two documents, two retries and a choice."""
    facts: dict[str, Any] = {
        "retrieval.documents.0.document.id": "d1",
        "retrieval.documents.0.document.content": "Refunds take 30 days.",
        "retrieval.documents.0.document.score": 0.75,
        "retrieval.documents.1.document.content": "Call us.",
        "llm.token_count.prompt": 7,
        "llm.token_count.completion": 5,
        "llm.cost.total": 0.25,
        "metadata.tier": "pro",
    }
    events = [
        event("retry", after_s={"intValue": "1"}, reason={"stringValue": "busy"}),
        event("retry", after_s={"intValue": "4"}, final={"boolValue": True}),
        event("gen_ai.choice", message__content={"stringValue": "Within 30 days."}),
    ]
    return dict(span("search", "x", kind="RETRIEVER", **facts)) | {"events": events}


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


async def test_a_trace_shows_documents_tokens_cost_metadata_and_events(ax: Caller, settings: Settings) -> None:
    one = retried()
    await send(settings.home, [one])
    (node,) = (await ax.ask("get_trace", trace=one["traceId"], project="bot"))["nodes"]
    assert node["documents"] == [
        {"id": "d1", "content": "Refunds take 30 days.", "score": 0.75},
        {"content": "Call us."},
    ]
    assert (node["tokens"], node["cost"], node["metadata"]) == (12, 0.25, {"metadata.tier": "pro"})
    assert [told["name"] for told in node["events"]] == ["retry", "retry", "gen_ai.choice"]
    assert node["events"][1]["attributes"] == {"after_s": "4", "final": "True"}
    text = await ax.read("get_trace", trace=one["traceId"], project="bot")
    for said in (
        "tokens 12, cost 0.25",
        "metadata.tier pro",
        "document: id d1",
        "content Refunds take 30 days.",
        "event retry: after_s 1, reason busy",
        "event gen_ai.choice: message.content Within 30 days.",
    ):
        assert said in text, said


async def test_filters_read_events_documents_and_metadata(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [retried(), span("other", "x")])
    for text, number in (
        ("event.retry.attributes.after_s = 4", 1),
        ("event.retry.attributes.after_s = 1", 0),
        ("event.retry.attributes.after_s > 3.5 AND event.retry.attributes.final = true", 1),
        ("event.retry.attributes.reason = 'busy'", 1),
        ("event.retry.attributes.reason = 'busy '", 0),
        ("event.gen_ai.choice.attributes.message.content CONTAINS 'within'", 1),
        ("event.retry.timestamp = '2026-01-01T00:00:00.500000Z'", 1),
        ("event.retry.attributes.reason IS NULL", 1),
        ("attributes.retrieval.documents.0.document.content CONTAINS 'refunds'", 1),
        ("retrieval.documents.0.document.score >= 0.75", 1),
        ("metadata.tier = 'pro' AND llm.cost.total = 0.25", 1),
    ):
        found = await ax.ask("search_spans", project="bot", filter=text)
        assert len(found["spans"]) == number, text
        assert found["absent"] == [], text
    found = await ax.ask("search_spans", project="bot", filter="event.retri.attributes.after_s = 4")
    assert found["absent"][0].startswith("No span there has 'event.retri.attributes.after_s'; near it: event.retry.")


KEYWORDS_AT = {
    "event.retry.attributes.reason": "busy",
    "event.gen_ai.choice.attributes.message.content": "30 days",
    "attributes.retrieval.documents.0.document.content": "Refunds",
    "attributes.retrieval.documents": "Call us.",
    "retrieval.documents.1": "Call us.",
    "attributes.metadata": "pro",
    "metadata.tier": "pro",
}


async def test_events_documents_and_metadata_are_paths_for_mappings(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [retried()])
    judges: list[dict[str, Any]] = []
    for number, (path, keyword) in enumerate(KEYWORDS_AT.items()):
        judges.append({"name": f"says {number}", "column_mappings": {"output": path}})
        await ax.ask("create_judge", name=f"says {number}", code="CONTAINS_ANY_KEYWORD", keywords=[keyword])
    await ax.ask("create_task", name="facts", evaluators=judges, project="bot")
    found = await ax.ask("trigger_backfill", task="facts", wait=30)
    assert found["labels"] == {one["name"]: {"contains": 1} for one in judges}


async def test_a_filter_reads_the_documents_of_a_span_as_a_whole(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [retried(), span("other", "x")])
    for text, number in (
        ("attributes.retrieval.documents CONTAINS 'call US'", 1),
        ("attributes.retrieval.documents CONTAINS 'content'", 0),
        ("attributes.retrieval.documents IS NULL", 1),
        ("attributes.metadata CONTAINS 'pro'", 1),
        ("attributes.metadata = 'pro'", 0),
        ("NOT (attributes.retrieval.documents CONTAINS 'nowhere')", 1),
    ):
        found = await ax.ask("search_spans", project="bot", filter=text)
        assert (len(found["spans"]), found["absent"]) == (number, []), text

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from assaykit.engine.flight import messages, tickets
from assaykit.engine.problems import Malformed
from assaykit.errors import Unsupported

QUERY: dict[str, Any] = {
    "spaceId": "s",
    "modelId": "bot",
    "environment": "TRACING",
    "startTime": "2026-01-01T00:00:00Z",
    "endTime": "2026-01-02T00:00:00Z",
    "streamChunkSize": "10",
    "sampleRate": 0.5,
}


def told(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_a_command_is_read_by_the_name_of_what_is_to_be_done() -> None:
    body = {"postExperimentData": {"spaceId": "s", "datasetId": "d", "experimentName": "e", "later": 1}}
    assert tickets.read(told(body), tickets.PUTS) == tickets.PostExperimentData(
        space_id="s", dataset_id="d", experiment_name="e"
    )


def test_a_query_is_read_and_comes_back_out_of_its_ticket() -> None:
    query = tickets.span_query(told(QUERY))
    assert (query.stream_chunk_size, query.start_time) == (10, datetime(2026, 1, 1, tzinfo=UTC))
    assert tickets.read(tickets.span_ticket(query), tickets.GETS) == query


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": "PRODUCTION"}, "Only the spans of a project are exported."),
        ({"similaritySearchParams": {"threshold": 1}}, "The engine does not search by similarity."),
    ],
)
def test_a_query_for_something_else_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        tickets.span_query(told(QUERY | change))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"\xff", told({}), told({"getDataset": {}, "getExperiment": {}}), b"[" * 9999]
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        tickets.read(raw, tickets.GETS)


def test_an_unknown_verb_and_a_missing_field_are_named() -> None:
    with pytest.raises(Unsupported, match=r"'updateDataset' over Flight\. Send one of createDataset"):
        tickets.read(told({"updateDataset": {}}), tickets.PUTS)
    with pytest.raises(Malformed, match="datasetId: required"):
        tickets.read(told({"getDataset": {}}), tickets.GETS)


def test_messages_are_as_protobuf_writes_them() -> None:
    reply = messages.SpansUpdated(records_updated=300, unmatched_ids=["a"])
    assert reply.SerializeToString() == b"\x08\xac\x02\x12\x01a"
    data = messages.FlightData(data_header=b"h", data_body=b"b")
    assert data.SerializeToString() == b"\x12\x01h\xc2\x3e\x01b"

"""Attributes that a convention knows, with values of a type that it does not name: each span is stored and read."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from tests.engine.door import Body, Door, span

from assaykit.engine.conventions import CONVENTIONS
from assaykit.engine.readings import KIND, MODEL

TEXT: Body = {"stringValue": "x"}
ODD: dict[str, Body] = {
    "list": {"arrayValue": {"values": [TEXT, {"arrayValue": {"values": [TEXT]}}]}},
    "empty list": {"arrayValue": {"values": []}},
    "mapping": {"kvlistValue": {"values": [{"key": "a", "value": TEXT}]}},
    "list of mappings": {"arrayValue": {"values": [{"kvlistValue": {"values": [{"key": "a", "value": TEXT}]}}]}},
    "bytes": {"bytesValue": "eHg="},
    "true": {"boolValue": True},
    "infinity": {"doubleValue": "Infinity"},
    "large number": {"intValue": str(2**63 - 1)},
    "empty text": {"stringValue": ""},
    "text that is no JSON": {"stringValue": '{"a": NaN'},
    "nothing": {},
}


def names(part: Any) -> Iterator[str]:
    """Every text in a row of the table: attributes, and a few words that do no harm as attributes."""
    if isinstance(part, str):
        yield part.rstrip(".")
    elif isinstance(part, tuple):
        for one in part:
            yield from names(one)


KNOWN = sorted({KIND, MODEL, *itertools.chain.from_iterable(names(tuple(row)) for row in CONVENTIONS)} - {""})


@pytest.mark.parametrize("value", ODD)
async def test_a_known_attribute_with_an_odd_value_loses_no_span(door: Door, value: str) -> None:
    spans: list[Body] = []
    for whole in (True, False):
        for name in KNOWN:
            one = span(len(spans))
            kept = [each for each in one["attributes"] if whole and each["key"] != name]
            spans.append({**one, "attributes": [*kept, {"key": name, "value": ODD[value]}]})
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    for at in range(0, len(spans), 100):
        sent = await door.post(
            "/v1/traces",
            {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans[at : at + 100]}]}]},
        )
        assert sent == {}
    projects = (await door.get("/v2/projects"))["projects"]
    found = [one for project in projects for one in await every_span(door, project["id"])]
    assert len(found) == len(spans) > 200


async def every_span(door: Door, project: str) -> list[Body]:
    found: list[Body] = []
    cursor: Body = {}
    while True:
        page = await door.post("/v2/spans", {"project_id": project, "start_time": "2000-01-01T00:00:00Z"}, **cursor)
        found += page["spans"]
        if not page["pagination"]["has_more"]:
            return found
        cursor = {"cursor": page["pagination"]["next_cursor"]}

"""Attributes that a convention knows, with values of a type that it does not name: each span is stored and read."""

import itertools
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.engine.door import Body, Door, all_pages, span

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
        for one in cast("tuple[Any, ...]", part):
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
    for at in range(0, len(spans), 100):
        await door.send(*spans[at : at + 100])
    projects = (await door.get("/v2/projects", limit=100))["projects"]
    found = [one for project in projects for one in await every_span(door, project["id"])]
    assert len(found) == len(spans) > 200


async def every_span(door: Door, project: str) -> list[Body]:
    async def page(cursor: Body) -> Body:
        body = {"project_id": project, "start_time": "2000-01-01T00:00:00Z"}
        return await door.post("/v2/spans", body, limit=500, **cursor)

    return await all_pages(page, "spans", 500)

"""Published request bodies with one odd value in each place: refused or taken, never a crash or a lost value."""

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import pytest
from tests.contract.prepared import Prepared, Words, prepare
from tests.contract.test_golden import CLASSES, GOLDENS, REQUESTS
from tests.contract.test_openapi import OPERATIONS
from tests.engine import door
from tests.engine.door import Body, Door

from assaykit.engine.operations import Operation

pytestmark = pytest.mark.slow

ODD = (
    '"\\u0000"', '"a\\ud800"', '"\\u2028%00\\ud83d\\ude00"', '"' + "x" * 70_000 + '"', '""', "null", "true", "[]", "{}",
    "1e400", "1e308", "5e-324", "18446744073709551616", "-9223372036854775809", "1" * 5000,
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00+14:00"',
    "[" * 300 + "]" * 300, '{"a":1,"a":2}', '{"":{"\\u0000":0}}',
)  # fmt: skip
"""JSON texts."""

HERE = "@here@"
SEVERAL = {"experiment_ids": "experiment_id", "example_ids": "example_id", "span_ids": "span_id"}
RECORDS = {"annotate_runs": "experiment_run_id", "annotate_examples": "example_id"}


class Store:
    """An engine on a prepared store."""

    def __init__(self, found: Door, prepared: Prepared) -> None:
        self.door = found
        self.kept = prepared.kept
        self.sent = 0

    def body(self, one: Operation, published: Any) -> Any:
        """A published body with the ids of this store, no window, and a name that nothing else has."""
        words = {**self.kept, "ai_integration_id": self.kept["integration_id"]}
        words["record_id"] = self.kept[RECORDS.get(one.name, "span_id")]
        del words["name"]
        body: Any = _filled(published, words)
        if isinstance(published, dict) and "name" in published and body["name"] != HERE:
            body["name"] = f"new-{self.sent}"
        return body

    async def send(self, one: Operation, body: str) -> int:
        """The status of the answer, which must be one of the operation's own."""
        self.sent += 1
        path = one.path.format(**{name: self._of_path(one, name) for name in one.param_convertors})
        response = await self.door.http.request(one.method, path, content=body.encode())
        assert response.status_code in {one.status, *one.refusals}, (path, body[:500], response.text)
        return response.status_code

    def _of_path(self, one: Operation, name: str) -> str:
        owner = "prompt_version_id" if "prompt" in one.path else "evaluator_version_id"
        return self.kept[owner if name == "version_id" else name][0]


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Store]:
    home = tmp_path_factory.mktemp("odd") / "home"
    prepared = await prepare(home)
    async with door.opened(home) as found:
        yield Store(found, prepared)


def _filled(value: Any, words: Words) -> Any:
    if isinstance(value, list):
        return [_filled(item, words) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    found: Body = {}
    for key, item in cast("Body", value).items():
        if key in SEVERAL and isinstance(item, list):
            found[key] = list(words[SEVERAL[key]][:2])
        elif isinstance(item, str) and item != HERE and (key in words or key.endswith("_time")):
            found[key] = words[key][0] if key in words else None
        else:
            found[key] = _filled(item, words)
    return found


def taking(name: str) -> list[Operation]:
    model = CLASSES[GOLDENS[name].model]
    return [one for one in OPERATIONS if one.takes is model or model in getattr(one.takes, "__args__", ())]


def with_each_place_open(value: Any) -> Iterator[Any]:
    """The value as often as it has places, each time with another one taken by `HERE`."""
    yield HERE
    keys: list[Any] = []
    whole: Any = value
    if isinstance(value, dict):
        keys = list(cast("Body", value))
    elif isinstance(value, list):
        keys = list(range(len(cast("list[Any]", value))))
    for key in keys:
        for opened in with_each_place_open(whole[key]):
            copy = whole.copy()
            copy[key] = opened
            yield copy


@pytest.mark.parametrize("name", [name for name in REQUESTS if taking(name)])
async def test_a_body_with_one_odd_value_gets_an_answer_of_the_document(store: Store, name: str) -> None:
    for one in taking(name):
        await store.send(one, json.dumps(store.body(one, GOLDENS[name].body)))
        for opened in with_each_place_open(GOLDENS[name].body):
            for odd in ODD:
                await store.send(one, json.dumps(store.body(one, opened)).replace(f'"{HERE}"', odd))


async def test_what_odd_bodies_left_behind_can_be_listed(store: Store) -> None:
    for one in OPERATIONS:
        if one.method == "GET" and one.most is not None:
            assert await store.send(one, "") == one.status

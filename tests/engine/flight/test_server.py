"""The Flight door with pyarrow's own client, in one process with the engine."""

import importlib
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.engine.door import KEY, Door, opened

from assaykit.engine.flight import messages, server
from assaykit.errors import Unavailable

pa: Any = importlib.import_module("pyarrow")
flight: Any = importlib.import_module("pyarrow.flight")


class Caller:
    """A client of the door that blocks, as the SDK's does: call it in a thread."""

    def __init__(self, port: int, key: str) -> None:
        self.client = flight.FlightClient(f"grpc+tcp://127.0.0.1:{port}")
        self.options = flight.FlightCallOptions(headers=[(b"auth-token-bin", key.encode())], timeout=20)

    def put(self, command: dict[str, Any], batches: list[Any], reply: Any) -> Any:
        descriptor = flight.FlightDescriptor.for_command(json.dumps(command))
        writer, reader = self.client.do_put(descriptor, batches[0].schema, options=self.options)
        with writer:
            for batch in batches:
                writer.write_batch(batch)
            writer.done_writing()
            return reply.FromString(reader.read().to_pybytes())

    def get(self, ticket: dict[str, Any]) -> list[dict[str, Any]]:
        return self.client.do_get(flight.Ticket(json.dumps(ticket)), options=self.options).read_all().to_pylist()

    def act(self, body: dict[str, Any]) -> Any:
        results: Iterator[Any] = self.client.do_action(("act", json.dumps(body).encode()), options=self.options)
        return messages.ExperimentEntry.FromString(next(results).body.to_pybytes())


@asynccontextmanager
async def served(home: Path, key: str = KEY) -> AsyncGenerator[tuple[Door, Caller]]:
    async with opened(home) as door, server.serving(door.engine, KEY, 0) as port:
        caller = Caller(port, key)
        try:
            yield door, caller
        finally:
            caller.client.close()


async def refused(kind: type[Exception], call: Any, *given: Any) -> str:
    with pytest.raises(kind) as raised:
        await anyio.to_thread.run_sync(call, *given)
    return str(raised.value)


async def test_rows_that_are_put_are_there_over_rest_and_come_back(tmp_path: Path) -> None:
    batches = [pa.record_batch({"id": [f"x{n}"], "q": [f"q{n}"], "created_at": [1]}) for n in range(3)]
    async with served(tmp_path) as (door, caller):
        command = {"createDataset": {"spaceId": await door.space(), "datasetName": "put"}}
        made = await anyio.to_thread.run_sync(caller.put, command, batches, messages.DatasetMade)
        over_rest = (await door.get(f"/v2/datasets/{made.dataset_id}/examples"))["examples"]
        over_flight = await anyio.to_thread.run_sync(caller.get, {"getDataset": {"datasetId": made.dataset_id}})
    assert [(row["id"], row["q"]) for row in over_rest] == [("x0", "q0"), ("x1", "q1"), ("x2", "q2")]
    assert [(row["id"], row["q"]) for row in over_flight] == [("x0", "q0"), ("x1", "q1"), ("x2", "q2")]
    assert all(row["created_at"] > 1_000_000_000_000 for row in over_flight), "milliseconds, and the engine's own"


async def test_an_entry_without_runs_may_be_made_again_and_one_with_runs_may_not(tmp_path: Path) -> None:
    async with served(tmp_path) as (door, caller):
        dataset, (example,) = await door.dataset([{"q": "one"}])
        entry = {"createExperimentDbEntry": {"datasetId": dataset, "experimentName": "e"}}
        first = await anyio.to_thread.run_sync(caller.act, entry)
        again = await anyio.to_thread.run_sync(caller.act, entry)
        command = {"postExperimentData": {"datasetId": dataset, "experimentName": "e"}}
        runs = [pa.record_batch({"id": ["theirs"], "example_id": [example], "output": [5], "error": [None]})]
        filled = await anyio.to_thread.run_sync(caller.put, command, runs, messages.ExperimentEntry)
        said = await refused(pa.ArrowException, caller.act, entry)
        twice = await refused(pa.ArrowException, caller.put, command, runs, messages.ExperimentEntry)
        (run,) = await door.runs_of(filled.experiment_id)
    assert first.experiment_id == again.experiment_id == filled.experiment_id
    assert first.trace_model_name == f"experiment_traces_for_dataset_{dataset}"
    assert "There is an experiment named 'e' already, and it has runs. Choose another name." in said
    assert "it has runs" in twice
    assert (run["output"], run["example_id"]) == ("5", example)
    assert run["id"] != "theirs"


async def test_a_put_with_one_bad_row_leaves_nothing_behind(tmp_path: Path) -> None:
    async with served(tmp_path) as (door, caller):
        good, bad = pa.record_batch({"id": ["a"], "q": ["x"]}), pa.record_batch({"id": ["a"], "q": ["y"]})
        command = {"createDataset": {"spaceId": await door.space(), "datasetName": "put"}}
        said = await refused(pa.ArrowException, caller.put, command, [good, bad], messages.DatasetMade)
        assert "The example id 'a' occurs twice, or belongs to another dataset." in said
        assert (await door.get("/v2/datasets"))["datasets"] == []


async def test_a_caller_without_the_key_is_refused_by_every_call(tmp_path: Path) -> None:
    async with served(tmp_path, key="another") as (_, caller):
        batch = pa.record_batch({"q": ["x"]})
        calls: tuple[tuple[Any, ...], ...] = (
            (caller.get, {"getDataset": {"datasetId": "x"}}),
            (caller.act, {"createExperimentDbEntry": {}}),
            (caller.put, {"createDataset": {}}, [batch], messages.DatasetMade),
        )
        for call in calls:
            said = await refused(flight.FlightUnauthenticatedError, *call)
            assert "The engine's key is missing or wrong. Set ARIZE_API_KEY" in said


async def test_a_thing_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, caller):
        said = await refused(KeyError, caller.get, {"getDataset": {"datasetId": "none"}})
        assert "There is no dataset with the id 'none'." in said
        assert str(tmp_path) not in said
        said = await refused(pa.ArrowInvalid, caller.get, {"getExperiment": {}})
        assert "experimentId: required" in said


async def test_an_open_put_does_not_hold_the_engine_up(tmp_path: Path) -> None:
    def begin(caller: Caller) -> Any:
        descriptor = flight.FlightDescriptor.for_command(json.dumps({"createDataset": {"datasetName": "never"}}))
        batch = pa.record_batch({"q": ["x"]})
        writer, _ = caller.client.do_put(descriptor, batch.schema, options=caller.options)
        writer.write_batch(batch)
        return writer

    with anyio.fail_after(60):
        async with served(tmp_path) as (_, caller):
            writer = await anyio.to_thread.run_sync(begin, caller)
    with pytest.raises(pa.ArrowException):
        await anyio.to_thread.run_sync(writer.close)
    async with opened(tmp_path) as door:
        assert (await door.get("/v2/datasets"))["datasets"] == []


async def test_two_engines_do_not_share_a_port(tmp_path: Path) -> None:
    async with opened(tmp_path) as door, server.serving(door.engine, KEY, 0) as port:
        with pytest.raises(Unavailable, match=f"Port {port} cannot be used.*Choose another with --flight-port"):
            async with server.serving(door.engine, KEY, port):
                pass

"""S14b and S14c: mangled trace exports over HTTP and over gRPC."""

import gzip
import importlib
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from processes import KEY, address, engine
from rows.outcome import Outcome, Terms, few

DEADLINE_S = 60
KEYS = (
    "input.value", "output.value", "llm.model_name", "a", "a.b", "a.b.c", "__proto__", "__proto__.x", "__class__.x", "",
    "llm.input_messages.0.message.content", "llm.input_messages.9999999999.message.role", "x" * 2_000, "session.id",
    "openinference.span.kind", "arize.project.name", "\u202e", "metadata", "tag.tags", "llm.token_count.prompt",
)  # fmt: skip
TEXTS = ("", "x", "\x00", "9" * 400, "{", '{"a": NaN}', "[" * 500, "é☂", "y" * 40_000, "LLM", "-1", "1e999")
TIMES = (0, 1, 1_767_225_600_000_000_000, 2**63 - 1, 2**63, 2**64 - 1)
GOOD = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}


def over_http(terms: Terms) -> Mapping[str, Outcome]:
    """Post exports as protobuf and as JSON, some of them compressed."""
    number = terms.of(150, 5_000)
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the exports repeatable)
    counted: Counter[int] = Counter()
    faults: list[str] = []
    with engine(terms.folder) as doors, _client(doors) as client:
        for place in range(number):
            body, headers = _http_request(chance)
            try:
                answer = client.post("/v1/traces", content=body, headers=headers)
            except httpx.HTTPError as error:
                faults.append(f"request {place}: {error!r}")
                continue
            counted[answer.status_code] += 1
            if answer.status_code >= 500 or "Traceback" in answer.text:
                faults.append(f"request {place}: {answer.status_code} for {headers} {body[:80]!r}")
        _read(client, faults)
    figures = {f"HTTP {status}": times for status, times in sorted(counted.items())}
    return {"S14b": Outcome({"requests": number, **figures}, few(faults))}


def over_grpc(terms: Terms) -> Mapping[str, Outcome]:
    """Send exports with the key over gRPC."""
    grpc: Any = importlib.import_module("grpc")
    number = terms.of(150, 5_000)
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the exports repeatable)
    counted: Counter[str] = Counter()
    faults: list[str] = []
    with engine(terms.folder) as doors:
        with grpc.insecure_channel(f"127.0.0.1:{doors['ARIZE_OTLP_PORT']}") as channel:
            name = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            export = channel.unary_unary(name, request_serializer=bytes, response_deserializer=bytes)
            for place in range(number):
                body = _mangled(_request(chance).SerializeToString(), chance)
                try:
                    export(body, metadata=[("authorization", KEY)], timeout=DEADLINE_S)
                    code = "OK"
                except grpc.RpcError as error:
                    code = error.code().name
                counted[code] += 1
                if code not in GOOD:
                    faults.append(f"request {place}: {code} for {body[:80]!r}")
        with _client(doors) as client:
            _read(client, faults)
    return {"S14c": Outcome({"requests": number, **counted}, few(faults))}


def _client(doors: Mapping[str, str]) -> httpx.Client:
    return httpx.Client(
        base_url=address(dict(doors)), headers={"Authorization": f"Bearer {KEY}"}, timeout=DEADLINE_S, trust_env=False
    )


def _read(client: httpx.Client, faults: list[str]) -> None:
    """All that was stored can be read."""
    try:
        for project in client.get("/v2/projects", params={"limit": 100}).raise_for_status().json()["projects"]:
            client.post("/v2/spans", json={"project_id": project["id"]}, params={"limit": 50}).raise_for_status()
    except httpx.HTTPError as error:
        faults.append(f"what was stored cannot be read: {error!r}")


def _http_request(chance: random.Random) -> tuple[bytes, dict[str, str]]:
    message = _request(chance)
    if chance.random() < 0.5:
        headers, body = {"Content-Type": "application/x-protobuf"}, message.SerializeToString()
    else:
        told = json_format.MessageToDict(message)
        headers, body = {"Content-Type": "application/json"}, json.dumps(told).encode()
    body = _mangled(body, chance)
    if chance.random() < 0.2:
        headers["Content-Encoding"] = chance.choice(("gzip", "gzip", "deflate", "br"))
        body = _mangled(gzip.compress(body), chance) if chance.random() < 0.5 else gzip.compress(body)
    if chance.random() < 0.05:
        headers["Content-Type"] = chance.choice(
            ("", "text/plain", "application/grpc", "application/json; charset=utf-16")
        )
    return body, headers


def _request(chance: random.Random) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for _ in range(chance.choice((0, 1, 1, 3))):
        arrived = made.resource_spans.add()
        if chance.random() < 0.7:
            project = chance.choice(("shop", "", "x" * 400, "\u202e", "a\nb"))
            arrived.resource.attributes.add(key="service.name").value.string_value = project
        scope = arrived.scope_spans.add()
        for _ in range(chance.choice((0, 1, 4))):
            span = scope.spans.add(
                trace_id=chance.randbytes(chance.choice((16, 16, 16, 8, 0))),
                span_id=chance.randbytes(chance.choice((8, 8, 8, 16, 0))),
                name=chance.choice(TEXTS),
                start_time_unix_nano=chance.choice(TIMES),
                end_time_unix_nano=chance.choice(TIMES),
            )
            for _ in range(chance.choice((0, 2, 12))):
                _fill(span.attributes.add(key=chance.choice(KEYS)).value, chance, 0)
    return made


def _fill(value: Any, chance: random.Random, depth: int) -> None:
    match chance.randrange(7 if depth < 5 else 5):
        case 0:
            value.string_value = chance.choice(TEXTS)
        case 1:
            value.int_value = chance.choice((0, -1, 2**63 - 1, -(2**63)))
        case 2:
            value.double_value = chance.choice((0.5, float("nan"), float("inf"), -0.0, 1e308))
        case 3:
            value.bytes_value = chance.randbytes(5)
        case 4:
            value.bool_value = True
        case 5:
            for _ in range(3):
                _fill(value.array_value.values.add(), chance, depth + 1)
        case _:
            for _ in range(2):
                _fill(value.kvlist_value.values.add(key=chance.choice(KEYS)).value, chance, depth + 1)


def _mangled(body: bytes, chance: random.Random) -> bytes:
    """The bytes, or in half of the cases with a change."""
    changed = bytearray(body)
    match chance.randrange(6) if body else 5:
        case 0:
            del changed[chance.randrange(len(changed)) :]
        case 1:
            for _ in range(chance.choice((1, 3, 20))):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        case 2:
            place = chance.randrange(len(changed))
            changed[place:place] = chance.randbytes(chance.choice((1, 9, 200)))
        case _:
            pass
    return bytes(changed)

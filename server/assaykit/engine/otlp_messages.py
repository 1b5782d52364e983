"""The parts of OTLP that traces and logs share: bodies in protobuf and JSON, values, and the project of a resource.

Source: OpenTelemetry Protocol 1.x. OTLP's JSON is protobuf's JSON mapping, except that ids are hex instead of base64.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from assaykit.engine.content_encodings import UnsupportedMedia, plain
from assaykit.engine.problems import Malformed
from assaykit.errors import Invalid
from assaykit.wire.bodies import rfc3339

BODY_LIMIT = 16 * 1024 * 1024
"""Most bytes of one request, as sent and unpacked."""

PROTOBUF, JSON = "application/x-protobuf", "application/json"

NAME_LIMIT = 255
"""Most characters of a project's name, as in `POST /v2/projects`. A longer name is cut."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
LAST_NS = 2**63 - 1
"""The last time that the store can hold: its integers are signed, 64 bits."""

_ENCODING = "See the OTLP JSON encoding: hex ids, camelCase names."
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_SCALARS = (str, int, float)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PROJECT_ON_ITEM = "arize.project.name"
"""The attribute of a single span or event that names its project: `arize-otel` sends it with routing."""

# The attributes of a resource that may name the project, in order of preference. `arize-otel` sends
# `openinference.project.name`. Arize's older set-up snippets send `model_id`.
OF_THE_PROJECT = ("openinference.project.name", "arize.project.name", "model_id")
_PROJECT_ON_RESOURCE = (*OF_THE_PROJECT, "service.name")
_NO_SERVICE_NAME = "unknown_service"
"""The prefix of the default service name that SDKs send if the user set none."""


class Signal(NamedTuple):
    """A signal of OTLP: its noun, the message of a request and of an item, and the JSON names of its three lists."""

    noun: str
    request: Any
    item: Any
    lists: tuple[str, str, str]


def decode(signal: Signal, body: bytes, *, content_type: str, content_encoding: str | None) -> Any:
    """The request inside `body`.

    Raises:
        TooLarge: the body has more than `BODY_LIMIT` bytes, as sent or unpacked.
        UnsupportedMedia: the body is neither protobuf nor JSON, or its encoding is not known.
        Malformed: the JSON lacks the list of the signal.
        Invalid: the body does not match its content type or encoding.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media not in {PROTOBUF, JSON}:
        raise UnsupportedMedia(f"The content type {media[:100]!r} is not supported.", f"Send {PROTOBUF} or {JSON}.")
    unpacked = plain(body, content_encoding, BODY_LIMIT)
    return _from_protobuf(signal, unpacked) if media == PROTOBUF else _from_json(signal, unpacked)


def encoded(message: Any, content_type: str) -> bytes:
    """An answer in the format of the request."""
    if content_type.strip().lower().startswith(JSON):
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _from_protobuf(signal: Signal, body: bytes) -> Any:
    try:
        return signal.request.FromString(body)
    except DecodeError as error:
        raise Invalid(
            f"The body is not an OTLP {signal.noun} export in protobuf.", f"If it is JSON, send {JSON}."
        ) from error


def _from_json(signal: Signal, body: bytes) -> Any:
    fault = f"The body is not an OTLP {signal.noun} export in JSON."
    outer = signal.lists[0]
    try:
        # JSON has no NaN, but some senders write it. Protobuf's JSON has it as text.
        told = json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Invalid(fault, _ENCODING) from error
    if not isinstance(told, dict):
        raise Invalid(fault, f"Send an object with `{outer}`.")
    found = cast("dict[str, Any]", told)
    if found.keys().isdisjoint(_spellings(outer)):
        raise Malformed(f"The body has no `{outer}`.", f"Send an OTLP {signal.noun} export: {{'{outer}': [...]}}.")
    try:
        for item in _json_items(signal, found):
            _ids_to_base64(item)
        try:
            return json_format.ParseDict(found, signal.request(), ignore_unknown_fields=True)
        except json_format.ParseError:
            _empty_unreadable(signal, found)
            return json_format.ParseDict(found, signal.request(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise Invalid(fault, _ENCODING) from error


def _spellings(name: str) -> tuple[str, ...]:
    """A name of JSON's mapping, and the name of the field: `resourceSpans`, `resource_spans`."""
    return (name, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name))


def _json_items(signal: Signal, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    resources, scopes, items = map(_spellings, signal.lists)
    for of_resource in _objects(told, *resources):
        for of_scope in _objects(of_resource, *scopes):
            yield from _objects(of_scope, *items)


def _objects(parent: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """The objects of the lists under `names`. The parser refuses anything else later."""
    for name in dict.fromkeys(names):
        inner = parent.get(name)
        if isinstance(inner, list):
            for item in cast("list[Any]", inner):
                if isinstance(item, dict):
                    yield cast("dict[str, Any]", item)


def _empty_unreadable(signal: Signal, told: dict[str, Any]) -> None:
    """Empty each item that is not OTLP, or whose resource or scope is not, so that it is refused and no other."""
    resources, scopes, items = map(_spellings, signal.lists)
    for of_resource in _objects(told, *resources):
        has_resource = _is_read(Resource, of_resource.get("resource"))
        for of_scope in _objects(of_resource, *scopes):
            is_known = has_resource and _is_read(InstrumentationScope, of_scope.get("scope"))
            for name in items:
                listed = of_scope.get(name)
                if isinstance(listed, list):
                    every = cast("list[Any]", listed)
                    of_scope[name] = [
                        item if is_known and item and _is_read(signal.item, item) else {} for item in every
                    ]
            if not is_known:
                of_scope.pop("scope", None)
        if not has_resource:
            del of_resource["resource"]


def _is_read(message: Any, told: Any) -> bool:
    """Whether a part of the JSON is such a message. A missing resource or scope is an empty one."""
    if not isinstance(told, dict):
        return told is None
    try:
        json_format.ParseDict(cast("dict[str, Any]", told), message(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError):
        return False
    return True


def _ids_to_base64(item: dict[str, Any]) -> None:
    """Convert the ids in place from hex to base64. Text that is not hex becomes one byte, which is refused later."""
    for holder in (item, *_objects(item, "links")):
        for name in _IDS:
            told = holder.get(name)
            if isinstance(told, str):
                try:
                    raw = bytes.fromhex(told)
                except ValueError:
                    raw = b"?"
                holder[name] = base64.b64encode(raw).decode("ascii")


def faults_of_ids(item: Any) -> Iterator[str]:
    """The reasons against the trace and span id of an item, each as one sentence."""
    trace_id, span_id = item.trace_id, item.span_id
    if not trace_id and not item.ByteSize():
        yield (
            "A record is empty, or it, its resource or its scope holds a value that OTLP does not allow, "
            "such as text for a number."
        )
    if len(trace_id) != TRACE_ID_BYTES or not any(trace_id):
        yield f"The trace id {trace_id[:32].hex()!r} is not 16 bytes long, or is all zeros."
    if len(span_id) != SPAN_ID_BYTES or not any(span_id):
        yield f"The span id {span_id[:32].hex()!r} is not 8 bytes long, or is all zeros."


def project_of(resource: dict[str, Any]) -> str:
    """The name of the project that the attributes of a resource name, or `default`."""
    for key in _PROJECT_ON_RESOURCE:
        name = name_in(resource.get(key))
        if name and not (key == "service.name" and name.startswith(_NO_SERVICE_NAME)):
            return name
    return "default"


def name_in(value: Any) -> str | None:
    """A scalar as text with its outer spaces, which tell names apart; None for blank text and for any other type."""
    return str(value) if isinstance(value, _SCALARS) and str(value).strip() else None


def timestamp(time_ns: int) -> str:
    """A time in nanoseconds since 1970 as RFC 3339 text, to the microsecond."""
    return rfc3339(_EPOCH + timedelta(microseconds=time_ns // 1000))


def mapping_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as an object of JSON values."""
    # Nearly all values are strings, and `WhichOneof` takes as long as reading the value.
    return {pair.key: pair.value.string_value or value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue) -> Any:
    """The value as JSON: bytes as base64, an unset value as None."""
    match value.WhichOneof("value"):
        case None | "string_value_strindex":  # the index belongs to profiles and counts as absent elsewhere
            return None
        case "array_value":
            return [value_of(item) for item in value.array_value.values]
        case "kvlist_value":
            return mapping_of(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode("ascii")
        case scalar:
            return getattr(value, scalar)

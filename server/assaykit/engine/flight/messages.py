"""The protobuf messages of Arrow Flight, and the messages that Arize's bulk calls put inside.

This module declares the few fields that the engine needs, by number. protobuf ignores undeclared fields.

Source: Arrow's Flight.proto; the replies and the schema of the `arize` SDK 8.61, by number.
"""

from typing import Any, Final, TypeAlias

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE: Final = "arrow.flight.protocol.FlightService"

Message: TypeAlias = Any
"""A protobuf message of one of the classes below. Its fields exist only at run time, so it has no static type."""

_KINDS: Final = {"bytes": Field.TYPE_BYTES, "string": Field.TYPE_STRING, "int64": Field.TYPE_INT64}

_DECLARED: Final[dict[str, dict[int, str]]] = {
    "FlightDescriptor": {1: "type int64", 2: "cmd bytes"},
    "Ticket": {1: "ticket bytes"},
    "Action": {1: "type string", 2: "body bytes"},
    "Result": {1: "body bytes"},
    "FlightEndpoint": {1: "ticket Ticket"},
    "FlightInfo": {2: "flight_descriptor FlightDescriptor", 3: "endpoint FlightEndpoint*", 4: "total_records int64"},
    "FlightData": {1: "flight_descriptor FlightDescriptor", 2: "data_header bytes", 1000: "data_body bytes"},
    "PutResult": {1: "app_metadata bytes"},
    "ExperimentEntry": {1: "experiment_id string", 2: "dataset_id string", 3: "trace_model_name string"},
    "DatasetMade": {1: "dataset_id string"},
    "SpansUpdated": {1: "records_updated int64", 2: "unmatched_ids string*"},
    "SpanError": {1: "span_id string", 2: "error_message string"},
    "MetadataUpdated": {
        1: "spans_processed int64",
        2: "spans_updated int64",
        3: "spans_failed int64",
        4: "errors SpanError*",
    },
    "Constants": {1: "model_id string"},
    "Schema": {1: "constants Constants"},
}


def _classes() -> dict[str, Any]:
    package = "assaykit.flight"
    file = FileDescriptorProto(name="assaykit/flight.proto", package=package, syntax="proto3")
    for name, fields in _DECLARED.items():
        message = file.message_type.add(name=name)
        for number, told in fields.items():
            field, kind = told.split()
            label = Field.LABEL_REPEATED if kind.endswith("*") else Field.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in _KINDS:
                message.field.add(name=field, number=number, label=label, type=_KINDS[kind])
            else:
                inner = f".{package}.{kind}"
                message.field.add(name=field, number=number, label=label, type=Field.TYPE_MESSAGE, type_name=inner)
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in _DECLARED}


_CLASSES: Final = _classes()

FlightDescriptor: Final = _CLASSES["FlightDescriptor"]
Ticket: Final = _CLASSES["Ticket"]
Action: Final = _CLASSES["Action"]
Result: Final = _CLASSES["Result"]
FlightEndpoint: Final = _CLASSES["FlightEndpoint"]
FlightInfo: Final = _CLASSES["FlightInfo"]
FlightData: Final = _CLASSES["FlightData"]
PutResult: Final = _CLASSES["PutResult"]
ExperimentEntry: Final = _CLASSES["ExperimentEntry"]
DatasetMade: Final = _CLASSES["DatasetMade"]
SpansUpdated: Final = _CLASSES["SpansUpdated"]
MetadataUpdated: Final = _CLASSES["MetadataUpdated"]
Schema: Final = _CLASSES["Schema"]

"""The requests of Flight calls: commands, tickets and action bodies, as JSON with names in camelCase.

A message is an object with one key, the name of the request, whose value holds the fields. Unknown fields are ignored.

Source: the messages of the `arize` SDK 8.61, as protobuf's JSON mapping writes them.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from assaykit.engine.problems import Malformed
from assaykit.errors import Unsupported, quote
from assaykit.wire.bodies import Timestamp
from assaykit.wire.validation import describe

T = TypeVar("T", bound="FlightRequest")
ResourceName = Annotated[str, Field(min_length=1, max_length=255)]
_SEND_AGAIN = "Correct the message and send it again."


class FlightRequest(BaseModel):
    """One request. `space_id` names its space."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    space_id: str = ""


class GetDataset(FlightRequest):
    """The examples of a dataset version, by default of the newest one."""

    dataset_id: str
    dataset_version: str | None = None


class GetExperiment(FlightRequest):
    """The runs of an experiment."""

    experiment_id: str


class SpanExport(FlightRequest):
    """The spans of the project named `model_id` that start in `[start_time, end_time)`, filtered, sampled by trace."""

    model_id: str
    environment: str = "TRACING"
    start_time: Timestamp
    end_time: Timestamp
    filter_expression: str = ""
    projected_columns: list[str] = []
    stream_chunk_size: int | None = Field(default=None, ge=1)
    sample_rate: float | None = Field(default=None, gt=0, le=1)
    similarity_search_params: dict[str, Any] | None = None
    model_version: str = ""
    batch_id: str = ""


class CreateDataset(FlightRequest):
    """A new dataset of the rows that follow."""

    dataset_name: ResourceName


class CreateExperimentEntry(FlightRequest):
    """A new experiment without runs; a later `PostExperimentData` adds them."""

    dataset_id: str
    experiment_name: Annotated[ResourceName, Field(pattern=r'^[^"\\]+$')]


class PostExperimentData(FlightRequest):
    """The runs of an experiment that has no runs yet."""

    dataset_id: str
    experiment_name: str


class _WriteSpans(FlightRequest):
    external_model_id: str
    """The name of a project."""


class WriteEvaluations(_WriteSpans):
    """Verdicts on spans, on their traces and sessions."""


class WriteAnnotations(_WriteSpans):
    """Annotations of spans."""


class WriteMetadata(_WriteSpans):
    """Changes to the metadata of spans."""


GETS: Final[Mapping[str, type[FlightRequest]]] = {
    "getDataset": GetDataset,
    "getExperiment": GetExperiment,
    "exportSpans": SpanExport,
}
"""`exportSpans` is the engine's own name: `span_ticket` writes it into a ticket."""

PUTS: Final[Mapping[str, type[FlightRequest]]] = {
    "createDataset": CreateDataset,
    "postExperimentData": PostExperimentData,
    "writeSpanEvaluationRequest": WriteEvaluations,
    "writeSpanAnnotationRequest": WriteAnnotations,
    "writeSpanAttributesMetadataRequest": WriteMetadata,
}

ACTIONS: Final[Mapping[str, type[CreateExperimentEntry]]] = {"createExperimentDbEntry": CreateExperimentEntry}


def read(raw: bytes, known: Mapping[str, type[T]]) -> T:
    """The request inside a message. `known` has the accepted request names.

    Raises:
        Malformed: the message is not an object with one key, or a field is missing or mistyped.
        Unsupported: the request's name is not in `known`.
    """
    told = _object(raw)
    if len(told) != 1:
        raise Malformed("The message does not hold exactly one request.", f"Send one of {', '.join(known)}.")
    ((name, body),) = told.items()
    if name not in known:
        raise Unsupported(
            f"The engine does not support {quote(name, 60)!r} over Flight.", f"Send one of {', '.join(known)}."
        )
    return _checked(known[name], body)


def span_query(raw: bytes) -> SpanExport:
    """The query inside a descriptor, which holds the fields without a request name.

    Raises:
        Malformed: a field is missing or mistyped.
        Unsupported: the query asks for an environment other than TRACING, or for a similarity search.
    """
    query = _checked(SpanExport, _object(raw))
    if query.environment != "TRACING" or query.model_version or query.batch_id:
        raise Unsupported("Only the spans of a project are exported.", "Ask for the environment TRACING.")
    if query.similarity_search_params:
        raise Unsupported("The engine does not search by similarity.", "Leave the similarity search out.")
    return query


def span_ticket(query: SpanExport) -> bytes:
    """The ticket of the query, which `read` turns back into the query."""
    return json.dumps({"exportSpans": query.model_dump(mode="json", by_alias=True)}).encode()


def _object(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Malformed("The message is not a JSON object.", _SEND_AGAIN)
    return cast("dict[str, Any]", told)


def _checked(model: type[T], body: Any) -> T:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Malformed(describe(error), _SEND_AGAIN) from error
    except OverflowError as error:
        raise Malformed("A time lies outside the years 1 to 9999.", _SEND_AGAIN) from error

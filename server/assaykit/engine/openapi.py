"""The OpenAPI 3.1 document of the engine's part of the contract, made from the declared operations."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from assaykit.engine.operations import Operation
from assaykit.engine.problems import PROBLEM_JSON
from assaykit.engine.requests import JSON
from assaykit.wire.bodies import Problem

SchemaNode = dict[str, Any]

_REF = "#/components/schemas/{model}"
_ALWAYS_IN_A_PROBLEM = ["title", "status", "type", "detail", "instance"]


def document(operations: Sequence[Operation], version: str) -> SchemaNode:
    """The OpenAPI document of the operations. `version` is the engine's."""
    bodies, schemas = _schemas(operations)
    paths: dict[str, SchemaNode] = {}
    for one, name in zip(operations, _names(operations), strict=True):
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one, name, bodies)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "assaykit engine",
            "version": version,
            "description": "The part of the Arize AX REST API v2 that the embedded engine serves.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


class _Schemas(GenerateJsonSchema):
    """pydantic's schemas, except that a reply field is required unless its default is null: replies omit only nulls."""

    def field_is_required(
        self, field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField, total: bool
    ) -> bool:
        schema = field["schema"]
        if self.mode == "serialization" and schema["type"] == "default":
            return schema.get("default") is not None
        return super().field_is_required(field, total)


def _schemas(operations: Sequence[Operation]) -> tuple[Mapping[Any, SchemaNode], dict[str, SchemaNode]]:
    """The schema of each body by (type, mode), and the components that these schemas refer to."""
    inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [(Problem, "serialization", TypeAdapter(Problem))]
    for one in operations:
        if one.takes is not None:
            inputs.append((one.takes, "validation", TypeAdapter(one.takes)))
        if one.gives is not None:
            inputs.append((one.gives, "serialization", TypeAdapter(one.gives)))
    found, whole = TypeAdapter.json_schemas(inputs, ref_template=_REF, schema_generator=_Schemas)
    schemas: dict[str, SchemaNode] = whole["$defs"]
    schemas["Problem"]["required"] = _ALWAYS_IN_A_PROBLEM
    return found, schemas


def _names(operations: Sequence[Operation]) -> Sequence[str]:
    """The name of each operation's function, prefixed with its noun if several functions share the name."""
    times = Counter(one.name for one in operations)
    return [one.name if times[one.name] == 1 else f"{_noun(one)}_{one.name}" for one in operations]


def _noun(one: Operation) -> str:
    return one.endpoint.__module__.rpartition(".")[2]


def _described(one: Operation, name: str, bodies: Mapping[Any, SchemaNode]) -> SchemaNode:
    told: SchemaNode = {
        "operationId": name,
        "tags": [_noun(one)],
        "summary": one.name.replace("_", " ").capitalize(),
        "description": (one.endpoint.__doc__ or "").partition("\n")[0],
        "parameters": [*_parameters(one)],
        "responses": _responses(one, bodies),
    }
    if one.takes is not None:
        content = {JSON: {"schema": bodies[one.takes, "validation"]}}
        told["requestBody"] = {"required": _must_be_sent(one.takes), "content": content}
    return told


def _must_be_sent(kind: type[BaseModel] | UnionType) -> bool:
    """Whether a request needs a body. The engine reads a missing body as `{}`, which fits if no field is required."""
    if isinstance(kind, UnionType):
        return all(_must_be_sent(one) for one in get_args(kind))
    return any(field.is_required() for field in kind.model_fields.values())


def _parameters(one: Operation) -> Iterator[SchemaNode]:
    for name in one.param_convertors:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for name in one.query:
        yield {"name": name, "in": "query", "schema": {"type": "string"}}
    if one.most is not None:
        yield {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": one.most}}
        yield {"name": "cursor", "in": "query", "schema": {"type": "string"}}


def _responses(one: Operation, bodies: Mapping[Any, SchemaNode]) -> SchemaNode:
    good: SchemaNode = {"description": HTTPStatus(one.status).phrase}
    if one.gives is not None:
        good["content"] = {JSON: {"schema": bodies[one.gives, "serialization"]}}
    problem = {PROBLEM_JSON: {"schema": bodies[Problem, "serialization"]}}
    bad = {str(status): {"description": HTTPStatus(status).phrase, "content": problem} for status in one.refusals}
    return {str(one.status): good} | bad

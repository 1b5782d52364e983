"""Replies with enum values that this version does not know, as a newer backend may send them.

Requests stay strict. A reply is read strictly first, so this module costs nothing until a value is unknown.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import CoreSchema, SchemaValidator, core_schema

Schema = Mapping[str, Any]


@cache
def tolerant(model: type[BaseModel]) -> SchemaValidator:
    """A validator that makes the same objects. An unknown enum value stays as text.

    A known value in another letter case becomes the known one. An optional object whose `type` is unknown is None.
    """
    return SchemaValidator(cast("CoreSchema", _open(model.__pydantic_core_schema__)))


def _open(schema: Any) -> Any:
    """The schema with every enum of texts opened to any text."""
    if isinstance(schema, list):
        return [_open(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    parts = cast("Schema", schema)
    kind = parts.get("type")
    if kind == "literal" and all(isinstance(one, str) for one in parts["expected"]):
        known = {one.casefold(): one for one in parts["expected"]}
        return core_schema.no_info_after_validator_function(partial(_known, known), core_schema.str_schema())
    if kind == "model":
        return _model(parts)
    if kind == "nullable" and (kinds := _kinds(parts["schema"])):
        # The values of `type` choose among the models, so they stay closed.
        return core_schema.no_info_wrap_validator_function(partial(_of_known_kind, kinds), cast("CoreSchema", schema))
    return {key: value if key == "metadata" else _open(value) for key, value in parts.items()}


def _model(parts: Schema) -> Any:
    """The fields of a model, opened. A `model` schema itself would use the strict validator of its class."""
    fields = dict(_open(parts["schema"]))
    extra: Any = cast("Schema", parts.get("config") or {}).get("extra_fields_behavior")
    if extra is not None:
        fields.setdefault("extra_behavior", extra)
    made = core_schema.no_info_after_validator_function(partial(_made, parts["cls"]), cast("CoreSchema", fields))
    return {**made, "ref": parts["ref"]} if "ref" in parts else made


def _made(model: type[BaseModel], parts: tuple[dict[str, Any], dict[str, Any] | None, set[str]]) -> BaseModel:
    fields, extra, given = parts
    return model.model_construct(given, **fields, **(extra or {}))


def _kinds(schema: Schema) -> frozenset[str]:
    """The values of `type` that choose among the models of a union. Empty for any other schema."""
    if schema.get("type") == "tagged-union":
        return frozenset(str(one).casefold() for one in schema["choices"])
    if schema.get("type") != "union":
        return frozenset()
    every = [_kind(choice) for choice in schema["choices"]]
    return frozenset(one for kind in every for one in kind) if all(every) else frozenset()


def _kind(choice: Any) -> frozenset[str]:
    """The values that the field `type` of a model may have."""
    fields = _inside(choice, "fields")
    expected = _inside(fields["type"], "expected") if fields and "type" in fields else None
    return frozenset(str(one).casefold() for one in expected or ())


def _inside(schema: Any, key: str) -> Any:
    """The value of `key` in the schema, or in the innermost schema that it wraps and that has it; else None."""
    while isinstance(schema, Mapping):
        parts = cast("Schema", schema)
        if key in parts:
            return parts[key]
        schema = parts.get("schema")
    return None


def _known(known: Mapping[str, str], text: str) -> str:
    return known.get(text.casefold(), text)


def _of_known_kind(kinds: frozenset[str], value: Any, validate: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping) and str(cast("Schema", value).get("type")).casefold() not in kinds:
        return None
    return validate(value)

"""The strict form of a schema, which clients of OpenAI ask for, and the parts of a schema that have no strict form.

In that form each object is closed and requires all its properties, and an optional property may be null. Source:
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas.
"""

from collections.abc import Iterator, Mapping
from typing import Any

SUPPORTED = {
    *("type", "description", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "format"),
    *("minItems", "maxItems"),
}


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The strict form of a schema without obstacles."""
    kept = {key: part for key, part in schema.items() if key != "default"}
    if "items" in kept:
        kept["items"] = strict(kept["items"])
    if "anyOf" in kept:
        kept["anyOf"] = [strict(option) for option in kept["anyOf"]]
    if kept.get("type") == "object":
        required = set(schema.get("required", ()))
        properties = {name: strict(part) for name, part in schema.get("properties", {}).items()}
        kept["properties"] = {
            name: part if name in required else {"anyOf": [part, {"type": "null"}]} for name, part in properties.items()
        }
        kept["required"] = list(properties)
        kept["additionalProperties"] = False
    return kept


def obstacles(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """The parts of a schema that have no strict form, one phrase each."""
    if foreign := schema.keys() - SUPPORTED - {"default"}:
        yield f"{at}: {', '.join(sorted(foreign))} is not supported"
    if schema.get("type") == "object" and (at or schema.get("additionalProperties")) and "properties" not in schema:
        yield f"{at}: its keys are the caller's"
    if not {"type", "anyOf", "enum", "const"} & schema.keys():
        yield f"{at}: any value fits"
    for name, part in schema.get("properties", {}).items():
        yield from obstacles(part, f"{at}.{name}".lstrip("."))
    if "items" in schema:
        yield from obstacles(schema["items"], f"{at}[]")
    for option in schema.get("anyOf", ()):
        yield from obstacles(option, at)

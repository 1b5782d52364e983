"""The fields that a version of `arize` takes in a reply, read from its generated models and printed as JSON.

`{model: {field: what}}`. A field that must be there and not be null ends in `!`; `*` stands for any other. What is a
model's name, a list of an enum's values, or null where anything goes. A list in place of the fields names the models
of which one has to fit. It runs in that version's interpreter, on the models named as arguments.
"""

import enum
import importlib
import inspect
import json
import re
import sys
from typing import Any, get_args

from pydantic import BaseModel

MODELS = "arize._generated.api_client.models"
_CONSTANTS = re.compile(r"@field_validator\('(\w+)'\)[^@]*?set\(\[(.*?)\]\)", re.DOTALL)


def told(name: str, found: dict[str, Any]) -> None:
    """Add the model of that name and those inside it."""
    if name in found:
        return
    model = getattr(importlib.import_module(MODELS), name)
    if "one_of_schemas" in model.model_fields:
        names = sorted(model.model_fields["one_of_schemas"].default)
        found[name] = names
        for inner in names:
            told(inner, found)
        return
    constants = {
        field: re.findall(r"'(\w+)'", values) for field, values in _CONSTANTS.findall(inspect.getsource(model))
    }
    fields = found[name] = {}
    for attribute, field in model.model_fields.items():
        called = field.alias or attribute
        if called == "additional_properties":
            fields["*"] = None
            continue
        what, nullable = constants.get(attribute), type(None) in get_args(field.annotation)
        for part in parts(field.annotation):
            if issubclass(part, enum.Enum):
                what = [value.value for value in part]
            elif issubclass(part, BaseModel) and part.__name__ != "StaticParamDefaultValue":
                what = part.__name__
                told(what, found)
        fields[called + ("!" if field.is_required() and not nullable else "")] = what


def parts(annotation: Any) -> list[type]:
    """The classes that an annotation names."""
    inner = [part for argument in get_args(annotation) for part in parts(argument)]
    return [annotation, *inner] if isinstance(annotation, type) and not get_args(annotation) else inner


found: dict[str, Any] = {}
for name in sys.argv[1:]:
    told(name, found)
sys.stdout.write(json.dumps(found, sort_keys=True) + "\n")

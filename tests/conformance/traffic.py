"""Recorded calls held against the generated client of `arize`, whose interpreter runs this file.

    python traffic.py FOLDER

Every line of the folder's `.jsonl` files is a call. Its path must be an operation of the client; its query and body
must be what that operation takes, and survive a round trip through its models; the reply must be of the type that
belongs to its status, and hold nothing that the type has no place for. Prints one JSON object: how many calls there
were, which routes they took, and what was wrong on each, with examples.
"""

# The client is installed in another environment than ours.
# pyright: basic, reportMissingImports=false

import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from arize._generated.api_client import api as apis
from arize._generated.api_client.api_client import ApiClient
from pydantic import BaseModel, TypeAdapter

SHOWN = 3
LONG = 19
METHOD = r"method='([A-Z]+)'"
PROBLEM = "Problem"


@dataclass(frozen=True)
class Operation:
    """What the client knows of one operation."""

    route: str
    method: str
    path: re.Pattern[str]
    parameters: dict[str, TypeAdapter[Any]]
    body: Any
    replies: dict[str, str | None]


def operations() -> Iterator[Operation]:
    """Every operation, read from the client's own methods."""
    for module in pkgutil.iter_modules(apis.__path__, f"{apis.__name__}."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name:
                continue
            for name, serialize in inspect.getmembers(kind, inspect.isfunction):
                if name.endswith("_serialize"):
                    yield operation(
                        kind, name.removeprefix("_").removesuffix("_serialize"), inspect.getsource(serialize)
                    )


def operation(kind: Any, name: str, source: str) -> Operation:
    """One operation out of the code that sends it."""
    method = inspect.unwrap(getattr(kind, name))
    taken = {one.name: one.annotation for one in inspect.signature(method).parameters.values()}
    path = found(r"resource_path='([^']+)'", source)
    body = re.search(r"_body_params = (\w+)\n", source)
    replies = re.search(r"_response_types_map[^{]*(\{.*?\n        \})", inspect.getsource(method), re.DOTALL)
    return Operation(
        route=f"{found(METHOD, source)} {re.sub(r'{.*?}', '{}', path)}",
        method=found(METHOD, source),
        path=re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))),
        parameters={
            sent: TypeAdapter(taken[given])
            for sent, given in re.findall(r"_query_params\.append\(\('(\w+)', (\w+)", source)
        },
        body=None if body is None else taken[body[1]],
        replies=dict(re.findall(r"'(\d{3})': \"?(\w+)\"?", replies[1] if replies else "")),
    )


def found(pattern: str, source: str) -> str:
    """The one group of a pattern that must be there."""
    match = re.search(pattern, source)
    assert match is not None, pattern
    return match[1]


def faults(call: dict[str, Any], of: Operation) -> Iterator[str]:
    """What is wrong with a call."""
    for name, value in parse_qsl(call["query"], keep_blank_values=True):
        if name not in of.parameters:
            yield f"query: {name!r} is not taken"
        elif (fault := unfit(of.parameters[name], value)) is not None:
            yield f"query {name}: {fault}"
    yield from body_faults(call, of)
    yield from reply_faults(call, of)


def unfit(kind: TypeAdapter[Any], value: str) -> str | None:
    """Why a query's value is not of this type; None when it is."""
    said = None
    for read in (value, int(value) if value.isdecimal() and len(value) < LONG else value):
        try:
            kind.validate_python(read)
        except ValueError as error:
            said = brief(error)
        else:
            return None
    return said


def body_faults(call: dict[str, Any], of: Operation) -> Iterator[str]:
    """What is wrong with a body that was sent."""
    if not call["request"]:
        return
    if of.body is None:
        yield "request: a body is not taken"
        return
    sent = json.loads(call["request"])
    model = next(one for one in candidates(of.body) if hasattr(one, "from_dict"))
    try:
        kept = model.from_dict(sent)
    except ValueError as error:
        yield f"request: {brief(error)}"
        return
    yield from (f"request: {loss}" for loss in losses(sent, plain(kept)))


def reply_faults(call: dict[str, Any], of: Operation) -> Iterator[str]:
    """What is wrong with a reply."""
    status = str(call["status"])
    if status not in of.replies:
        yield f"reply: the status {status} is not one of {sorted(of.replies)}"
        return
    kind = of.replies[status]
    if kind == "None" or not call["reply"]:
        if (kind == "None") != (not call["reply"]):
            yield f"reply: {status} has {'a' if call['reply'] else 'no'} body"
        return
    try:
        got = ApiClient.get_default().deserialize(call["reply"], kind, "application/json")
    except ValueError as error:
        yield f"reply: {brief(error)}"
        return
    if kind != PROBLEM:
        yield from (f"reply: {loss}" for loss in losses(json.loads(call["reply"]), everything(got)))


def candidates(annotation: Any) -> Iterator[Any]:
    """The classes in an annotation such as `Annotated[Optional[X], ...]`."""
    inner = getattr(annotation, "__args__", ())
    if not inner:
        yield annotation
    for one in inner:
        yield from candidates(one)


def losses(sent: Any, kept: Any, at: str = "body") -> Iterator[str]:
    """What a round trip changed or dropped, by its place."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        for name, value in sent.items():
            if name in kept:
                yield from losses(value, kept[name], f"{at}.{name}")
            else:
                yield f"{at}.{name} is lost"
    elif isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        for one, other in zip(sent, kept, strict=True):
            yield from losses(one, other, f"{at}[]")
    elif sent != kept and not same_moment(sent, kept):
        yield f"{at} is changed"


def plain(of: Any) -> Any:
    """What the client would put on the wire for an object of its own."""
    return ApiClient.get_default().sanitize_for_serialization(of)


def everything(of: Any) -> Any:
    """What an object holds, what only a server may write included."""
    if getattr(of, "actual_instance", None) is not None:
        return everything(of.actual_instance)
    if isinstance(of, BaseModel):
        fields = type(of).model_fields
        own = {fields[name].alias or name: everything(value) for name, value in of if name in fields}
        more = own.pop("additional_properties", {})
        return {**own, **more}
    if isinstance(of, dict):
        return {name: everything(value) for name, value in of.items()}
    if isinstance(of, list):
        return [everything(one) for one in of]
    return plain(of)


def same_moment(one: Any, other: Any) -> bool:
    """Whether two texts name one moment."""
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False


def brief(error: Exception) -> str:
    """An error on one line."""
    return " ".join(str(error).split())[:400]


def main(folder: Path) -> None:
    """Check every call and print the outcome."""
    known = list(operations())
    seen: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {}
    examples: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            call = json.loads(line)
            if not call["path"].startswith("/v2/"):
                continue
            of = next((one for one in known if one.method == call["method"] and one.path.fullmatch(call["path"])), None)
            name = f"{call['method']} {call['path']}" if of is None else of.route
            said = ["there is no such operation"] if of is None else [*faults(call, of)]
            seen[name] += 1
            if said:
                wrong.setdefault(name, Counter()).update(said)
                examples.setdefault(name, []).append(call)
    outcome = {
        "calls": seen.total(),
        "routes": sorted(seen),
        "wrong": wrong,
        "examples": {name: some[:SHOWN] for name, some in examples.items()},
    }
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Recordings of exporters: the OTLP requests of one client as lines of JSON.

The first line tells the version of the recorder, the client, the versions of its packages, and the calls that the model
got. A line `request` begins a request, `resource` and `scope` begin those of the items below them, and each `span` or
`log` is a line of its own. Attributes are plain JSON values, and times are nanoseconds after the first.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.engine.door import Body
from tests.engine.test_conventions import pairs, value

RECORDINGS = Path(__file__).parent / "recordings"
_ITEMS = {
    "/v1/traces": ("resourceSpans", "scopeSpans", "spans"),
    "/v1/logs": ("resourceLogs", "scopeLogs", "logRecords"),
}
_TIMES = ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano")
_LEFT_OUT = frozenset({"flags", "droppedAttributesCount"})


class Export(NamedTuple):
    """One request of an exporter: its path, and its body as OTLP JSON."""

    path: str
    body: Body


class Recording(NamedTuple):
    """`about` is the first line. `lines` are the others."""

    about: dict[str, Any]
    lines: list[dict[str, Any]]

    def exports(self, first_ns: int) -> list[Export]:
        """The requests as they were sent, with the first time at `first_ns`."""
        found: list[Export] = []
        for line in self.lines:
            ((sort, told),) = line.items()
            if sort == "request":
                found.append(Export(told, {_ITEMS[told][0]: []}))
                continue
            outer, middle, inner = _ITEMS[found[-1].path]
            resources = found[-1].body[outer]
            if sort == "resource":
                resources.append({"resource": {"attributes": pairs(told)}, middle: []})
            elif sort == "scope":
                resources[-1][middle].append({"scope": told, inner: []})
            else:
                resources[-1][middle][-1][inner].append(_sent(told, first_ns))
        return found


def recorded(name: str) -> Recording:
    """The recording of a client."""
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    about, *rest = map(json.loads, lines)
    return Recording(about, rest)


def recording_of(about: dict[str, Any], exports: list[Export]) -> Recording:
    """The recording of requests."""
    first = min(int(item[name]) for export in exports for item in items(export) for name in _TIMES if name in item)
    lines: list[dict[str, Any]] = []
    for path, body in exports:
        outer, middle, inner = _ITEMS[path]
        lines.append({"request": path})
        for resource in body[outer]:
            lines.append({"resource": _plain_pairs(resource["resource"].get("attributes", []))})
            for scope in resource[middle]:
                about_scope = scope["scope"]
                lines.append({"scope": {key: about_scope[key] for key in ("name", "version") if key in about_scope}})
                lines += [{"span" if inner == "spans" else "log": _kept(item, first)} for item in scope[inner]]
    return Recording(about, lines)


def keep(recording: Recording) -> None:
    """Write a recording."""
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in [recording.about, *recording.lines])
    (RECORDINGS / f"{recording.about['name']}.jsonl").write_text(f"{text}\n", encoding="utf-8")


def items(export: Export) -> Iterator[Body]:
    """The spans or log records of a request."""
    outer, middle, inner = _ITEMS[export.path]
    for resource in export.body[outer]:
        for scope in resource[middle]:
            yield from scope[inner]


def _kept(item: Body, first: int) -> Body:
    kept: Body = {}
    for key, told in item.items():
        if key in _TIMES:
            kept[key] = int(told) - first
        elif key == "attributes":
            kept[key] = _plain_pairs(told)
        elif key == "body":
            kept[key] = _plain(told)
        elif key == "events":
            kept[key] = [_kept(event, first) for event in told]
        elif key not in _LEFT_OUT:
            kept[key] = told
    return kept


def _sent(item: Body, first: int) -> Body:
    sent: Body = {}
    for key, told in item.items():
        if key in _TIMES:
            sent[key] = str(first + told)
        elif key == "attributes":
            sent[key] = pairs(told)
        elif key == "body":
            sent[key] = value(told)
        elif key == "events":
            sent[key] = [_sent(event, first) for event in told]
        else:
            sent[key] = told
    return sent


def _plain_pairs(told: list[Body]) -> dict[str, Any]:
    return {one["key"]: _plain(one.get("value", {})) for one in told}


def _plain(told: Body) -> Any:
    """The JSON value of a value of OTLP."""
    for kind, inner in told.items():
        match kind:
            case "intValue":
                return int(inner)
            case "doubleValue":
                return float(inner)
            case "arrayValue":
                return [_plain(one) for one in inner.get("values", [])]
            case "kvlistValue":
                return _plain_pairs(inner.get("values", []))
            case _:
                return inner
    return None

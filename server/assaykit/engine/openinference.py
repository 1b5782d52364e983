"""Span attributes in the form of the store: one flat object of OpenInference names with bounded JSON values.

Senders differ. Some nest attributes, some send `metadata` as JSON text, some follow other conventions than
OpenInference (`conventions.py`). The sent attributes stay; the OpenInference names are added beside them,
because filters, mappings and judges read only those.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from assaykit.engine import json_text, readings
from assaykit.engine.readings import INPUT, KIND, MODEL, OUTPUT, SESSION
from assaykit.judge.cut_text import WHOLE_LIMIT, cut
from assaykit.wire.spans import SpanKind

__all__ = ["INPUT", "KIND", "KINDS", "MODEL", "OUTPUT", "SESSION", "flattened", "kind_of", "normalised", "storable"]

FLATTEN_LIMIT = 16
"""Most levels that become part of a key. Deeper objects stay values: total key length grows with the depth squared."""

KINDS: frozenset[str] = frozenset(get_args(SpanKind))

_PLAIN = frozenset([int, bool, type(None)])


def normalised(
    raw: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = (), beside: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The attributes of one span, ready to be stored. `events` are its events in the form of the store.

    `beside` are flat attributes that are kept behind the span's own, which they do not replace, and tell no facts.

    Objects become dotted keys, also those in `metadata` sent as JSON text. Names of other conventions are mapped. A
    float that JSON cannot express becomes None. Strings over 4 MiB are cut last, so that each step reads them whole.
    """
    flat = _with_metadata(flattened(raw))
    flat.update(readings.facts_of(flat, events))
    if beside:
        flat |= {name: value for name, value in beside.items() if name not in flat}
    return flat if _is_plain(flat) else storable(flat)


def _is_plain(flat: Mapping[str, Any]) -> bool:
    """Whether `storable` would surely change nothing. Most spans pass this cheap test: short ASCII text, integers."""
    for value in flat.values():
        kind = value.__class__
        if kind is str:
            if len(value) > WHOLE_LIMIT or not value.isascii():
                return False
        elif kind not in _PLAIN:
            return False
    names = "".join(flat)
    return len(names) <= WHOLE_LIMIT and names.isascii()


def kind_of(attributes: Mapping[str, Any]) -> str:
    """The span kind in upper case; UNKNOWN if it is absent or not in the contract."""
    kind = str(attributes.get(KIND, "")).upper()
    return kind if kind in KINDS else "UNKNOWN"


def flattened(raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten objects into dotted keys; lists and empty objects stay. A key sent flat wins over a nested one."""
    if dict not in map(type, raw.values()):
        return {prefix + key: value for key, value in raw.items()} if prefix else dict(raw)
    flat: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    # A stack instead of recursion: JSON may be nested deeper than Python's recursion limit.
    pending: list[tuple[str, Any, int]] = [(prefix + key, raw[key], 1) for key in reversed(list(raw))]
    while pending:
        key, value, depth = pending.pop()
        if isinstance(value, dict) and value and depth < FLATTEN_LIMIT:
            inner = cast("dict[str, Any]", value)
            pending.extend((f"{key}.{name}", inner[name], depth + 1) for name in reversed(list(inner)))
        elif depth == 1:
            flat[key] = value
        else:
            nested.setdefault(key, value)
    return {**nested, **flat}


def storable(value: Any) -> Any:
    """The value with non-finite floats as None and strings cut to valid Unicode, at every level."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [storable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {cut(key): storable(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def _json(text: Any) -> Any:
    """The value of JSON text that holds an object or a list; None for anything else."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json_text.read(text)
    except (ValueError, RecursionError):
        return None


def _with_metadata(flat: dict[str, Any]) -> dict[str, Any]:
    """The attributes with metadata that was sent as JSON text opened. `flat` may change."""
    told = _json(flat.get("metadata"))
    if not isinstance(told, dict):
        return flat
    del flat["metadata"]
    return flattened(cast("dict[str, Any]", told), "metadata.") | flat

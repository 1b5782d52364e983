"""Random arguments for a tool, from the schema of its parameters: valid ones, nearly valid ones and hostile ones."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

TEXTS = (
    "", " ", "d", "p", "task", "judge", "e1", "all", "last 7 days", "{output}", "{0.__class__}", "{{7*7}}", "${HOME}",
    "../../etc/passwd", "/etc/passwd", "C:\\con", "a" * 300, "é☂" * 50, "\u202egnp", "\u200b", "\x00", "\x1b[31m",
    "' OR 1=1 --", '"; DROP TABLE spans; --', "<script>alert(1)</script>", "=1+1", "null", "NaN", "1e999", "-1",
    "\U0001d4b3", "\ufeffx", "\r\nSet-Cookie: a=b", "%s%s%n", "[" * 2_000, "{" * 2_000, "a\nb", "latency_ms > 1",
    "name = 'x'",
    "name LIKE '%%%%%%'", "(" * 500 + "name = 'x'" + ")" * 500, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "https://x.invalid/v1", "file:///etc/passwd", "http://169.254.169.254/", "env:HOME", "sk-" + "a" * 40,
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 7, 100, 1_000, 2**31, 2**53 + 1, 2**63, -(2**63), 10**40, 0.5, -0.0, 1e308, 1e-320)
OTHERS = (None, True, False, [], {}, [[[]]], {"": {"": ""}}, ["x"] * 200, {"__proto__": {"a": 1}}, {"$ref": "#"})
KNOWN = {
    "project": "p", "dataset": "d", "experiment": "e1", "task": "task", "judge": "judge", "experiments": ["e1"],
    "window": "last 30 days", "filter": "latency_ms > 1", "query_filter": "name = 'x'", "evaluators": ["judge"],
    "space": None, "cursor": None, "evaluator": "judge", "limit": 5, "rows": [{"question": "q"}],
    "code": "JSON_PARSEABLE",
}  # fmt: skip
"""Values of parameters that lead to something."""

SHORTLY = ("wait", "timeout", "poll_s")
"""Parameters that ask a call to last; they stay small, so that a hang is one."""


def arguments(schema: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """The arguments of a call."""
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    share = chance.choice((0.0, 0.0, 0.0, 0.2, 1.0))
    required = set(schema.get("required", ()))
    given: dict[str, Any] = {}
    for name, part in properties.items():
        if name in required or chance.random() < 0.25:
            known = name in KNOWN and share < 1 and chance.random() < 0.8
            found = KNOWN[name] if known else value(part, chance, share)
            given[name] = chance.choice((0, 1)) if name in SHORTLY else found
    if required and chance.random() < 0.1:
        given.pop(chance.choice(sorted(required)), None)
    if chance.random() < 0.1:
        given[chance.choice(TEXTS) or "x"] = hostile(chance)
    return given


def value(schema: Mapping[str, Any], chance: random.Random, share: float, depth: int = 0) -> Any:  # noqa: PLR0911  (a table)
    """A value for a schema; with the probability `share` any other value in its place."""
    if chance.random() < share:
        return hostile(chance)
    if "anyOf" in schema or "oneOf" in schema:
        return value(chance.choice(schema.get("anyOf") or schema["oneOf"]), chance, share, depth)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "integer":
            return chance.choice((1, 2, 5, 50, *(n for n in NUMBERS if isinstance(n, int))))
        case "number":
            return chance.choice((0.5, 1, *NUMBERS))
        case "boolean":
            return chance.random() < 0.5
        case "array":
            return [
                value(schema.get("items", {}), chance, share, depth + 1) for _ in range(chance.choice((0, 1, 2, 5)))
            ]
        case "object":
            return _object(schema, chance, share, depth)
        case _:
            return chance.choice(TEXTS)


def hostile(chance: random.Random) -> Any:
    """Any value of any type."""
    kind: Sequence[Any] = chance.choice((TEXTS, NUMBERS, OTHERS))
    return chance.choice(kind)


def _object(schema: Mapping[str, Any], chance: random.Random, share: float, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    made = {
        name: value(part, chance, share, depth + 1)
        for name, part in properties.items()
        if name in required or chance.random() < 0.4
    }
    more = schema.get("additionalProperties")
    if depth < 4 and (not properties or more):
        inner = more if isinstance(more, dict) else {}
        made |= {
            chance.choice(TEXTS)[:40]: value(inner, chance, share, depth + 1) for _ in range(chance.choice((0, 1, 3)))
        }
    return made

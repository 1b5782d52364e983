# pyright: basic
"""Verdicts read from the return values of evaluators: those of `arize.experiments`, of Phoenix, or plain values."""

from __future__ import annotations

import dis
import enum
import inspect
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .plain import NotJson, plain
from .plain import simpler as fields_of

FIELDS = ("label", "score", "explanation")
PASSED = {"pass": True}
"""The verdict of an evaluator whose assertions held."""

ABSTAINED = "abstained"
"""The label of an evaluator that gave no verdict."""

_PASSES = ("pass", "passed", "success", "is_correct")
_SCORES = ("score",)
_LABELS = ("label",)
_EXPLANATIONS = ("explanation", "reason", "comment", "rationale", "reasoning", "justification")
_NAMES = ("name", "key", "metric", "evaluator_name")
_BESIDE = {"metadata", "kind", "direction", "error", "source", "results", "trace_id", "answer", *_NAMES, *_EXPLANATIONS}
_VERDICTS = {"value", *_PASSES, *_SCORES, *_LABELS}
_TRIPLE = 3
_DEEPEST = 3

Verdict = dict[str, Any]


class Unreadable(Exception):
    """The return value is not a verdict."""


def verdicts(found: Any, style: str = "auto") -> list[tuple[str, Verdict]]:
    """Every verdict in a return value, with its own name; one verdict alone has a name only as the value of a key.

    Several verdicts are a list of them, `{"results": [...]}`, or a mapping from names to verdicts.

    Raises:
        Unreadable: a part has none of the shapes of `verdict`.
    """
    every = list(_parts(found, style))
    if not every:
        raise Unreadable("it holds no verdict")
    if len(every) == 1:
        name, one, is_key = every[0]
        return [(name if is_key else "", one)]
    # One without a name, or with a name twice, has its number.
    names = [name for name, _, _ in every]
    return [
        (name if name and names.count(name) == 1 else f"{name or 'score'} {place}", one)
        for place, (name, one, _) in enumerate(every, start=1)
    ]


def _parts(found: Any, style: str, depth: int = 0) -> Iterator[tuple[str, Verdict, bool]]:
    """The verdicts with their names, and whether each name is the key of a mapping."""
    fields = None if _is_value(found) else _fields_of(found)
    if depth > _DEEPEST:
        raise Unreadable("its verdicts are nested too deeply")
    if fields is not None and isinstance(fields.get("results"), (list, tuple)) and not _VERDICTS & fields.keys():
        for one in fields["results"]:
            yield from _parts(one, style, depth + 1)
    elif fields is not None and not _VERDICTS & fields.keys() and (named := _named_scores(fields)):
        explanation = _first(fields, _EXPLANATIONS)
        for name, one in named.items():
            for _, told, _ in _parts(one, style, depth + 1):
                yield name, told if explanation is None else {"explanation": str(explanation), **told}, True
    elif isinstance(found, (list, tuple)) and fields is None and _are_several(found):
        for one in found:
            yield from _parts(one, style, depth + 1)
    else:
        name = _first(fields or {}, _NAMES)
        yield (name if isinstance(name, str) else ""), verdict(found, style), False


def _are_several(found: Sequence[Any]) -> bool:
    """Whether the items are verdicts of their own, and not the score, label and explanation of one."""
    if not found or (all(_is_value(one) and not isinstance(one, bool) for one in found) and isinstance(found, tuple)):
        return False
    if isinstance(found, list) and len(found) > 1 and all(_is_number(one) for one in found):
        return True
    return not _is_value(found[0])


def _named_scores(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The verdicts of a mapping by their names; empty if a part is none."""
    named = {str(key): value for key, value in fields.items() if key not in _BESIDE}
    return named if all(_is_verdict(value) for value in named.values()) else {}


def _is_verdict(value: Any) -> bool:
    if _is_number(value) or isinstance(value, (str, enum.Enum)) or value is None:
        return True
    fields = _fields_of(value)
    return isinstance(value, tuple) or (fields is not None and bool(_VERDICTS & fields.keys()))


def _is_number(value: Any) -> bool:
    if isinstance(value, numbers.Number) or type(value).__name__ in ("bool_", "bool"):
        return True
    # A result of RAGAS also converts to float, and may hold a word and a reason.
    return hasattr(value, "__float__") and not hasattr(value, "value")


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, (str, enum.Enum)) or _is_number(value)


def _fields_of(found: Any) -> dict[str, Any] | None:
    """The fields of a mapping, a named tuple, a dataclass, a model or another object; None if it has none."""
    if isinstance(found, (tuple, list)):
        return found._asdict() if hasattr(found, "_asdict") else None  # type: ignore[union-attr]
    if isinstance(found, Mapping):
        return dict(found)
    known = {name: getattr(found, name) for name in (*_VERDICTS, *_BESIDE) if _has_field(found, name)}
    if _VERDICTS & known.keys():
        return known
    simpler = found if isinstance(found, type) else fields_of(found)
    return simpler if isinstance(simpler, dict) else None


def _has_field(found: Any, name: str) -> bool:
    value = getattr(found, name, None)
    return value is not None and not callable(value)


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def verdict(found: Any, style: str = "auto") -> Verdict:
    """The label, score, explanation and metadata of one verdict, as far as it has them.

    A bool is the score 1 or 0 with the label True or False, a number is a score, a string is a label. Two values are a
    score and an explanation, or a score and a label in the style `phoenix`; three are a score, a label and an
    explanation. None abstains, also beside an explanation.

    Raises:
        Unreadable: the value has none of these shapes.
    """
    found = found.value if isinstance(found, enum.Enum) else found
    if _is_value(found):
        return _of_value(found)
    if isinstance(found, (tuple, list)) and not hasattr(found, "_asdict"):
        if found and not _is_value(found[0]):
            return verdict(found[0], style)
        return _of_values(found, style)
    fields = _fields_of(found)
    if fields is None:
        raise Unreadable("it has neither a label nor a score")
    return _of_fields(fields)


def _of_value(found: Any) -> Verdict:
    if found is None:
        return {"label": ABSTAINED, "explanation": "the evaluator returned None"}
    if isinstance(found, str):
        return _scored({"label": found})
    if type(found).__name__ in ("bool_", "bool"):
        return {"score": float(bool(found)), "label": str(bool(found))}
    return {"score": _score(found)}


def of_assertion(error: AssertionError) -> Verdict:
    """The verdict of an assertion that does not hold."""
    return {"score": 0.0, "label": "fail", "explanation": str(error) or "an assertion does not hold"}


def _of_fields(fields: Mapping[str, Any]) -> Verdict:
    metadata = fields.get("metadata")
    told: dict[str, Any] = {name: fields.get(name) for name in FIELDS}
    value = fields.get("value")
    value = value.value if isinstance(value, enum.Enum) else value
    if value is not None and told["score"] is None and told["label"] is None:
        told.update(verdict(value) if _is_value(value) else {"label": str(value)})
    elif isinstance(value, str) and told["label"] is None:
        told["label"] = value
    passed = _first(fields, _PASSES)
    if passed is not None and (isinstance(passed, bool) or type(passed).__name__ in ("bool_", "bool")):
        told["label"] = told["label"] if told["label"] is not None else ("pass" if passed else "fail")
        told["score"] = told["score"] if told["score"] is not None else float(bool(passed))
    told["explanation"] = _first(fields, _EXPLANATIONS)
    if told["explanation"] is None and isinstance(metadata, Mapping):
        told["explanation"] = _first(metadata, _EXPLANATIONS)
    others = {key: one for key, one in fields.items() if key not in _BESIDE | _VERDICTS and one is not None}
    told["metadata"] = {**(metadata if isinstance(metadata, Mapping) else {}), **others}
    if (error := fields.get("error")) and told["score"] is None and told["label"] is None:
        raise Unreadable(f"it reports an error: {error}")
    known = not told.keys().isdisjoint(fields) or not (_VERDICTS | set(_EXPLANATIONS)).isdisjoint(fields)
    if not known:
        raise Unreadable("it has neither a label nor a score")
    return _scored(told)


def _of_values(found: Sequence[Any], style: str) -> Verdict:
    if len(found) == _TRIPLE:
        return _scored(dict(zip(("score", "label", "explanation"), found)))
    if len(found) != _TRIPLE - 1:
        raise Unreadable("a tuple is (score, explanation) or (score, label, explanation)")
    first, second = found
    if style == "phoenix":
        return _scored({"score": first, "label": second})
    return _scored({**({} if first is None else verdict(first)), "explanation": second})


def _scored(fields: dict[str, Any]) -> Verdict:
    told: dict[str, Any] = {}
    for name in ("label", "explanation"):
        value = fields.get(name)
        value = value.value if isinstance(value, enum.Enum) else value
        if value not in (None, ""):
            told[name] = str(value)
    score = fields.get("score")
    score = score.value if isinstance(score, enum.Enum) else score
    if isinstance(score, str) and "label" not in told and not _reads_as_number(score):
        # A grade in words, such as "good", is a label.
        told["label"] = score
    elif score is not None:
        told["score"] = _score(score)
    if "label" not in told and "score" not in told:
        told = {"label": ABSTAINED, "explanation": told.get("explanation", "the evaluator gave no verdict")}
    metadata = fields.get("metadata")
    if isinstance(metadata, Mapping) and metadata:
        told["metadata"] = {str(key): _plain_or_text(value) for key, value in metadata.items()}
    return told


def _plain_or_text(value: Any) -> Any:
    try:
        return plain(value)
    except NotJson:
        return str(value)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _score(value: Any) -> float:
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable(f"the score {value!r} is no number") from error
    if not math.isfinite(score):
        raise Unreadable(f"the score is {score!r}; leave it out where there is none")
    return score


def asserts(function: Callable[..., Any]) -> bool:
    """Whether the function makes assertions: itself, by a function whose name says so, or by a helper of its file."""
    code, names = _code_of(function)
    if code is None:
        return False
    if _has_assertion(code):
        return True
    helpers = (names.get(name) for name in code.co_names)
    return any(_has_assertion(one.__code__) for one in helpers if inspect.isfunction(one))


def _code_of(function: Any) -> tuple[Any, dict[str, Any]]:
    while not inspect.isfunction(function) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        function = getattr(type(function), "__call__", None)  # noqa: B004  (the method itself is read)
    return getattr(function, "__code__", None), getattr(function, "__globals__", {})


def _has_assertion(code: Any) -> bool:
    if any(name.startswith("assert") for name in code.co_names):
        return True
    return any(
        one.opname == "LOAD_ASSERTION_ERROR" or (one.opname == "LOAD_GLOBAL" and one.argval == "AssertionError")
        or (one.opname == "LOAD_COMMON_CONSTANT" and one.argval in ("AssertionError", AssertionError))
        for one in dis.get_instructions(code)
    )  # fmt: skip

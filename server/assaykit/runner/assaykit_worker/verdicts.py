# pyright: basic
"""Verdicts read from the return values of evaluators: those of `arize.experiments`, of Phoenix, or plain values."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

FIELDS = ("label", "score", "explanation")
_TRIPLE = 3


class Unreadable(Exception):
    """The return value is not a verdict."""


def verdict(found: Any, style: str = "auto") -> dict[str, Any]:
    """The label, score, explanation and metadata of a verdict, as far as it has them.

    A bool is the score 1 or 0 with the label True or False, a number is a score, a string is a label. Two values are a
    score and an explanation, or a score and a label in the style `phoenix`; three are a score, a label and an
    explanation. In any other list, as Phoenix's evaluators return, the first verdict counts.

    Raises:
        Unreadable: the value has none of these shapes, or neither label nor score.
    """
    if isinstance(found, (tuple, list)):
        if found and not isinstance(found[0], (numbers.Number, str, type(None))):
            return verdict(found[0], style)
        return _of_values(found, style)
    if isinstance(found, bool) or type(found).__name__ == "bool_":
        return {"score": float(bool(found)), "label": str(bool(found))}
    if isinstance(found, numbers.Number) or hasattr(found, "__float__"):
        return {"score": _score(found)}
    if isinstance(found, str):
        return _scored({"label": found})
    if isinstance(found, Mapping):
        fields = {name: found.get(name) for name in (*FIELDS, "metadata")}
    else:
        fields = {name: getattr(found, name, None) for name in (*FIELDS, "metadata")}
    return _scored(fields)


def _of_values(found: Sequence[Any], style: str) -> dict[str, Any]:
    if len(found) == _TRIPLE:
        return _scored(dict(zip(("score", "label", "explanation"), found)))
    if len(found) != _TRIPLE - 1:
        raise Unreadable("a tuple is (score, explanation) or (score, label, explanation)")
    first, second = found
    if style == "phoenix":
        return _scored({"score": first, "label": second})
    return _scored({**({} if first is None else verdict(first)), "explanation": second})


def _scored(fields: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in ("label", "explanation"):
        if fields.get(name) not in (None, ""):
            told[name] = str(fields[name])
    if fields.get("score") is not None:
        told["score"] = _score(fields["score"])
    if "label" not in told and "score" not in told:
        raise Unreadable("it has neither a label nor a score")
    if isinstance(fields.get("metadata"), Mapping) and fields["metadata"]:
        told["metadata"] = dict(fields["metadata"])
    return told


def _score(value: Any) -> float:
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable(f"the score {value!r} is no number") from error
    if not math.isfinite(score):
        raise Unreadable(f"the score is {score!r}; leave it out where there is none")
    return score

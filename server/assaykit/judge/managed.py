"""The five managed code evaluators: no model, no key, the same answer every time. Every score is 1 or 0.

- MATCHES_REGEX: one variable and a static parameter of type REGEX; matches / no match.
- JSON_PARSEABLE: one variable; parseable / not parseable.
- CONTAINS_ANY_KEYWORD: one variable and the STRING_ARRAY `keywords`, in any letter case; contains / missing.
- CONTAINS_ALL_KEYWORDS: the same, but every keyword is needed.
- EXACT_MATCH: two variables, compared without the space around them; match / different.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

from assaykit.errors import Invalid, quote
from assaykit.judge import patterns
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import ManagedCodeConfig, ManagedEvaluator, StaticParam, StaticParamType
from assaykit.wire.spans import EXPLANATION_LIMIT

_VARIABLES: dict[ManagedEvaluator, int] = {
    "MATCHES_REGEX": 1,
    "JSON_PARSEABLE": 1,
    "CONTAINS_ANY_KEYWORD": 1,
    "CONTAINS_ALL_KEYWORDS": 1,
    "EXACT_MATCH": 2,
}
_PARAM: dict[ManagedEvaluator, StaticParamType] = {
    "MATCHES_REGEX": "REGEX",
    "CONTAINS_ANY_KEYWORD": "STRING_ARRAY",
    "CONTAINS_ALL_KEYWORDS": "STRING_ARRAY",
}
_SHOWN = 100


def check(config: ManagedCodeConfig) -> None:
    """Refuse a configuration that could not run.

    Raises:
        Invalid: the number of variables is wrong, or a static parameter is missing, unknown or unusable.
    """
    kind, wanted = config.managed_evaluator, _VARIABLES[config.managed_evaluator]
    if len(set(config.variables)) != wanted or len(config.variables) != wanted:
        raise Invalid(
            f"{kind} takes {wanted} variable{'s' if wanted > 1 else ''}, but was given {config.variables!r}.",
            f"Give {'two different names' if wanted > 1 else 'one name'} and map them to columns.",
        )
    extra = [param.name for param in config.static_params or [] if not _is_param(kind, param)]
    if extra:
        raise Invalid(f"{kind} does not take the static parameters {extra!r}.", _what_is_taken(kind))
    if kind == "MATCHES_REGEX":
        _pattern(config)
    elif kind in _PARAM:
        _keywords(config)


async def run(config: ManagedCodeConfig, values: Mapping[str, str]) -> Verdict | Unscored:
    """The verdict on one row's values, which hold every variable of the configuration.

    Raises:
        Invalid: the configuration would not have passed `check`.
    """
    texts = [values[name] for name in config.variables]
    match config.managed_evaluator:
        case "MATCHES_REGEX":
            return await _matches(_pattern(config), texts[0])
        case "JSON_PARSEABLE":
            return _parseable(texts[0])
        case "CONTAINS_ANY_KEYWORD":
            return _contains(_keywords(config), texts[0], wants_all=False)
        case "CONTAINS_ALL_KEYWORDS":
            return _contains(_keywords(config), texts[0], wants_all=True)
        case "EXACT_MATCH":
            return _same(config.variables, texts)


async def _matches(pattern: str, text: str) -> Verdict | Unscored:
    if len(text) > patterns.TEXT_LIMIT:
        limit = f"a pattern searches at most {patterns.TEXT_LIMIT}"
        return Unscored("too_long", f"The text has {len(text)} characters; {limit}.")
    try:
        found = await patterns.search(pattern, text)
    except patterns.RanAway:
        return Unscored(
            "timeout", f"The pattern {quote(pattern, _SHOWN)!r} took too long on this text; make it simpler."
        )
    if found is None:
        return _verdict("no match", 0, f"Nothing matches {quote(pattern, _SHOWN)!r}.")
    return _verdict("matches", 1, f"Found {quote(found, _SHOWN)!r}.")


def _parseable(text: str) -> Verdict:
    try:
        # Numbers stay text, because a large number is valid JSON. NaN and Infinity are not.
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_json)
    except RecursionError:
        return _verdict("not parseable", 0, "The JSON is nested too deeply to be read.")
    except ValueError as error:
        return _verdict("not parseable", 0, f"Not JSON: {quote(str(error), _SHOWN)}.")
    kind = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else "a plain value"
    return _verdict("parseable", 1, f"The text is JSON: {kind}.")


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _contains(keywords: list[str], text: str, *, wants_all: bool) -> Verdict:
    folded = text.casefold()
    found = [word for word in keywords if word.casefold() in folded]
    missing = [word for word in keywords if word not in found]
    good = not missing if wants_all else bool(found)
    parts = [f"Found {found!r}." if found else "", f"Not found {missing!r}." if missing else ""]
    return _verdict("contains" if good else "missing", int(good), " ".join(part for part in parts if part))


def _same(names: list[str], texts: list[str]) -> Verdict:
    first, second = (text.strip() for text in texts)
    if first == second:
        return _verdict("match", 1, f"Both are {quote(first, _SHOWN)!r}.")
    shown = " and ".join(
        f"{name} is {quote(text, _SHOWN)!r}" for name, text in zip(names, (first, second), strict=True)
    )
    return _verdict("different", 0, f"They differ: {shown}.")


def _verdict(label: str, score: int, explanation: str) -> Verdict:
    return Verdict(label, score, explanation[:EXPLANATION_LIMIT])


def _is_param(kind: ManagedEvaluator, param: StaticParam) -> bool:
    wanted = _PARAM.get(kind)
    return wanted is not None and (wanted == "REGEX" or param.name == "keywords")


def _what_is_taken(kind: ManagedEvaluator) -> str:
    match _PARAM.get(kind):
        case "REGEX":
            return "Give one static parameter of type REGEX whose default_value is the pattern."
        case "STRING_ARRAY":
            return "Give one static parameter `keywords` of type STRING_ARRAY: its default_value is a list."
        case _:
            return "It takes none."


def _param(config: ManagedCodeConfig) -> StaticParam:
    """The one static parameter of this evaluator."""
    kind, given = config.managed_evaluator, config.static_params or []
    if len(given) != 1:
        raise Invalid(f"{kind} takes one static parameter, but {len(given)} were given.", _what_is_taken(kind))
    if given[0].type != _PARAM[kind]:
        raise Invalid(
            f"The static parameter {given[0].name!r} of {kind} has the type {given[0].type!r}.",
            _what_is_taken(kind),
        )
    return given[0]


def _pattern(config: ManagedCodeConfig) -> str:
    pattern = _param(config).default_value
    if not isinstance(pattern, str) or not pattern:
        raise Invalid("The pattern of MATCHES_REGEX is empty or a list.", _what_is_taken("MATCHES_REGEX"))
    if (fault := patterns.fault(pattern)) is not None:
        raise Invalid(
            f"The pattern {quote(pattern, _SHOWN)!r} is not a regular expression: {fault}.",
            "Correct it; the syntax is that of Python's re.",
        )
    return pattern


def _keywords(config: ManagedCodeConfig) -> list[str]:
    words = _param(config).default_value
    if isinstance(words, str) or not words or not all(word.strip() for word in words):
        raise Invalid(
            f"The keywords of {config.managed_evaluator} are {words!r}, not a list of words without empty ones.",
            _what_is_taken(config.managed_evaluator),
        )
    return words

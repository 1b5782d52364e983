"""Judges named with the number of a version, as `tone@2`: the verdict that this version gave, current or earlier."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from assaykit.analysis.rows import Judgement, Outcome
from assaykit.wire.run_columns import ASKED_KEYS
from assaykit.wire.spans import Evaluation, Span

_ASKED = "asked_for"
"""The key in the metadata of the judge that a version was asked of. An uploaded evaluator may be called `recall@5`."""

_NAMED = re.compile(r"(.+)@v?([0-9]{1,9})", re.DOTALL)


class JudgeVersion(NamedTuple):
    """A judge's name with the number of a version, and both apart."""

    name: str
    judge: str
    number: int


def versions_in(names: Iterable[str]) -> list[JudgeVersion]:
    """Those of the names that end in a version's number."""
    found = ((name, _NAMED.fullmatch(name)) for name in dict.fromkeys(names))
    return [JudgeVersion(name, match[1], int(match[2])) for name, match in found if match is not None]


def judge_of(verdict: Judgement) -> str:
    """The name of the judge of a verdict, without the number of a version that was asked for."""
    return (verdict.metadata or {}).get(_ASKED, verdict.name)


def with_versions(span: Span, wanted: Sequence[JudgeVersion]) -> Span:
    """The span with an evaluation of its own for each wanted version that judged it."""
    named = {one.name: one for one in span.evaluations}
    more: list[Evaluation] = []
    for one in wanted:
        if one.name not in named and (verdict := named.get(one.judge)) is not None:
            told = verdict.metadata or {}
            current = {**told, **verdict.model_dump(include={"label", "score", "explanation"})}
            if (found := _given_by(one.number, [current, *_listed(told.get("earlier"))])) is not None:
                more.append(Evaluation(name=one.name, **_words(found), metadata=_maker(found, one)))
    return span.model_copy(update={"evaluations": [*span.evaluations, *more]}) if more else span


def outcome_with_versions(outcome: Outcome, row: Mapping[str, Any], wanted: Sequence[JudgeVersion]) -> Outcome:
    """The outcome with a judgement of its own for each wanted version that judged the row."""
    more: dict[str, Judgement] = {}
    for one in wanted:
        verdict = outcome.evaluations.get(one.judge)
        if one.name not in outcome.evaluations and verdict is not None:
            words = {"label": verdict.label, "score": verdict.score, "explanation": verdict.explanation}
            current = {**(verdict.metadata or {}), **words}
            earlier = _read(row.get(f"eval.{one.judge}.metadata.earlier"))
            if (found := _given_by(one.number, [current, *earlier])) is not None:
                more[one.name] = Judgement(one.name, **_words(found), metadata=_maker(found, one))
    return outcome._replace(evaluations={**outcome.evaluations, **more}) if more else outcome


def _given_by(number: int, verdicts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((one for one in verdicts if str(one.get("version")) == str(number)), None)


def _words(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {field: verdict.get(field) for field in ("label", "score", "explanation")}


def _maker(verdict: Mapping[str, Any], of: JudgeVersion) -> dict[str, Any]:
    keys = ("evaluator_version_id", "version", "model", *ASKED_KEYS)
    return {_ASKED: of.judge, **{key: verdict[key] for key in keys if verdict.get(key) is not None}}


def _read(text: object) -> list[Mapping[str, Any]]:
    """The earlier verdicts of a column, which may have been uploaded; none if it is not the engine's JSON."""
    try:
        return _listed(json.loads(text)) if isinstance(text, str) else []
    except ValueError:
        return []


def _listed(found: object) -> list[Mapping[str, Any]]:
    every = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Mapping[str, Any]", one) for one in every if isinstance(one, dict)]

"""The evaluators of experiments that are LLM judges, and the standing of each by its last calibration."""

from collections.abc import Collection, Mapping, Sequence

from assaykit.analysis.calibration import UNKNOWN, CalibrationRecord, Standing, standing
from assaykit.analysis.compare import Variant
from assaykit.analysis.makers import makers, united
from assaykit.analysis.rows import short
from assaykit.analysis.side_agreement import differing_agreement
from assaykit.experiments.known_judges import KnownJudge
from assaykit.spelling import folded

_LOOKED_AT = 1_000
"""The first rows of an experiment, in which a verdict names its model if any does."""


def standings(variants: Sequence[Variant], records: Mapping[str, CalibrationRecord]) -> dict[str, Standing]:
    """The standing of each judge that has a record, for the verdicts on all experiments."""
    if not records:
        return {}
    told = makers({one.name: one.outcomes for one in variants})
    return {name: standing(name, records, united(told.get(name, {}).values())) for name in records}


def standing_lines(
    variants: Sequence[Variant],
    judges: Mapping[str, KnownJudge],
    records: Mapping[str, CalibrationRecord],
    evaluators: Collection[str],
) -> tuple[str, ...]:
    """A line for each of these evaluators that is an LLM judge of the space or names its model, or has a record."""
    told = standings(variants, {name: one for name, one in records.items() if name in evaluators})
    first = makers({one.name: one.outcomes[:_LOOKED_AT] for one in variants})
    models = {name for name, sides in first.items() if any(one.models for one in sides.values())}
    models |= {name for name, one in judges.items() if one.is_model}
    names = [one.name for one in variants]
    return tuple(
        f"{short(name)}: {told.get(name, UNKNOWN).sentence}{_differs(records.get(name), names)}"
        for name in dict.fromkeys(evaluators)
        if name in models or name in told
    )


def _differs(record: CalibrationRecord | None, names: Sequence[str]) -> str:
    found = None if record is None else differing_agreement(record.sides, names)
    return "" if found is None else f" {found}"


def judging_models(variants: Sequence[Variant], judges: Mapping[str, KnownJudge]) -> frozenset[str]:
    """The evaluators that are LLM judges.

    They are those of the space, ready-made ones whose labels the verdicts have, and those whose verdicts name a model.
    A verdict that names the code of a function is none.
    """
    told = makers({one.name: one.outcomes for one in variants})
    by_model = frozenset(name for name, sides in told.items() if any(one.models for one in sides.values()))
    labels: dict[str, set[str]] = {}
    functions: set[str] = set()
    for variant in variants:
        for row in variant.outcomes:
            for name, verdict in row.evaluations.items():
                if verdict.label is not None:
                    labels.setdefault(name, set()).add(folded(verdict.label))
                if (verdict.metadata or {}).get("code"):
                    functions.add(name)
    known = {name for name, one in judges.items() if _is_model(one, labels.get(name, set()))}
    return by_model | (known - functions)


def _is_model(judge: KnownJudge, labels: set[str]) -> bool:
    choices = {folded(label) for label in judge.choices}
    return judge.is_model or (judge.of_catalogue and bool(labels) and labels <= choices)

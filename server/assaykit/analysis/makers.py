"""The makers of verdicts: the version, the code and the model of each evaluator, as the rows tell them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.rows import Judgement, Outcome, short
from assaykit.wire.run_columns import MODEL_KEYS, SHORTENED_KEY, VERSION_KEYS

_TOLD = 3


class Maker(NamedTuple):
    """The versions and models of one evaluator on one experiment, each once; empty if the rows tell none.

    `shortened` counts its verdicts on a value that the judge saw shortened.
    """

    versions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    shortened: int = 0


Makers = Mapping[str, Mapping[str, Maker]]
"""Makers by evaluator and by experiment."""


def maker(verdict: Judgement) -> Maker:
    """The version and the model of one verdict, as far as it tells them."""
    told = verdict.metadata or {}
    versions, models = (
        next((str(told[key]) for key in keys if told.get(key)), None) for keys in (VERSION_KEYS, MODEL_KEYS)
    )
    return Maker(() if versions is None else (versions,), () if models is None else (models,))


def makers(experiments: Mapping[str, Sequence[Outcome]]) -> Makers:
    """Collect the makers of the verdicts of each experiment, by its name."""
    found: dict[str, dict[str, Maker]] = {}
    for name, rows in experiments.items():
        seen: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        long = Counter[str]()
        for row in rows:
            for evaluator, verdict in row.evaluations.items():
                if not verdict.metadata:
                    continue
                versions, models = seen.setdefault(evaluator, ({}, {}))
                long[evaluator] += bool(verdict.metadata.get(SHORTENED_KEY))
                told = maker(verdict)
                versions.update(dict.fromkeys(told.versions))
                models.update(dict.fromkeys(told.models))
        for evaluator, (versions, models) in seen.items():
            found.setdefault(evaluator, {})[name] = Maker(tuple(versions), tuple(models), long[evaluator])
    return found


def united(every: Iterable[Maker]) -> Maker:
    """The versions and models of several makers, each once."""
    listed = list(every)
    return Maker(
        tuple(dict.fromkeys(version for one in listed for version in one.versions)),
        tuple(dict.fromkeys(model for one in listed for model in one.models)),
        sum(one.shortened for one in listed),
    )


def differing(found: Makers) -> list[str]:
    """A note for each evaluator with several versions or models, on one experiment or on those that tell it."""
    notes: list[str] = []
    for evaluator, by_experiment in found.items():
        versions = {name: one.versions for name, one in by_experiment.items() if one.versions}
        models = {name: one.models for name, one in by_experiment.items() if one.models}
        for what, told in (("version", versions), ("model", models)):
            if len({name for one in told.values() for name in one}) > 1:
                sides = ", ".join(f"{_listed(one)} on {short(name)}" for name, one in told.items())
                notes.append(
                    f"Not the same evaluator: {short(evaluator)} has the {what} {sides}. A difference can come from "
                    "the evaluator; score all rows by one."
                )
    return notes


def shortened(found: Makers) -> list[str]:
    """A note for each evaluator that judged values of which it saw only the beginning and the end."""
    notes: list[str] = []
    for evaluator, by_experiment in found.items():
        told = [f"{one.shortened} on {short(name)}" for name, one in by_experiment.items() if one.shortened]
        if told:
            notes.append(f"{short(evaluator)} judged shortened values: {', '.join(told)}.")
    return notes


def described(found: Makers) -> list[str]:
    """A line for each evaluator with its versions and models."""
    lines: list[str] = []
    for evaluator, by_experiment in found.items():
        versions, models, _ = united(by_experiment.values())
        parts = [f"version {_listed(versions)}"] if versions else []
        parts += [f"model {_listed(models)}"] if models else []
        if parts:
            lines.append(f"{short(evaluator)}, {', '.join(parts)}")
    return lines


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return " and ".join(short(one) for one in names[:_TOLD]) + more

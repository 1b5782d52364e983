"""The parts of a comparison beside its findings: latency, tokens, cost, slices, classification and repetitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assaykit.analysis.compare import Variant
from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.pairing import figure, rows_of, sheet
from assaykit.analysis.repetition import Repeated, Tries, repeated
from assaykit.analysis.slices import WARNING, Column, Slicing, sliced
from assaykit.analysis.truth import Classification, Truth, classified
from assaykit.analysis.usage import Usage, usage
from assaykit.analysis.usage_changes import UsageChange
from assaykit.analysis.variance_split import RunNoise, run_noise


@dataclass(frozen=True, slots=True)
class Repetition:
    """One evaluator's repeated verdicts on one experiment.

    If the direction is not known (`is_directed`), the higher figure counts as a pass. Only the variation within an
    example is then meant, which is the same either way.
    """

    evaluator: str
    experiment: str
    repeated: Repeated
    is_directed: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"evaluator": self.evaluator, "experiment": self.experiment, **self.repeated.as_dict()}


@dataclass(frozen=True, slots=True)
class Details:
    """The parts beside the findings. A part is empty or None if nobody asked for it or nothing was found.

    `changes` are those of the comparison, which has them as JSON.
    """

    usage: tuple[Usage, ...] = ()
    changes: tuple[UsageChange, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
    noise: tuple[RunNoise, ...] = ()
    slicings: tuple[Slicing, ...] = ()
    classification: Classification | None = None

    @property
    def directed(self) -> list[Repetition]:
        """The repetitions whose passes are known."""
        return [one for one in self.repetitions if one.is_directed]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON. Repetitions, slices and classification have no key if there are none."""
        told: dict[str, Any] = {"usage": [one.as_dict() for one in self.usage]}
        if self.directed:
            told["repetitions"] = [one.as_dict() for one in self.directed]
        if self.noise:
            told["variance"] = [one.as_dict() for one in self.noise]
        if self.slicings:
            told["slices"] = {"warning": WARNING, "by": [one.as_dict() for one in self.slicings]}
        if self.classification is not None:
            told["classification"] = self.classification.as_dict()
        return told


def details(
    variants: Sequence[Variant], comparison: Comparison, columns: Sequence[Column] = (), truth: Truth | None = None
) -> Details:
    """Collect the parts beside the findings of a comparison. The first variant is the baseline.

    Raises:
        Invalid: truth and prediction are not classes.
    """
    return Details(
        usage=tuple(usage(one.name, one.outcomes) for one in variants),
        changes=comparison.usage,
        repetitions=tuple(_repetitions(variants, comparison.findings)),
        noise=tuple(_noise(variants, comparison.findings)),
        slicings=sliced(comparison.findings, columns),
        classification=None if truth is None else classified(variants, truth),
    )


def _repeating(variants: Sequence[Variant]) -> set[str]:
    """The names of the variants that have several runs of an example."""
    return {one.name for one in variants if len({row.example_id for row in one.outcomes}) < len(one.outcomes)}


def _repetitions(variants: Sequence[Variant], findings: Sequence[Finding]) -> Iterator[Repetition]:
    """One entry for each variant with repetitions and each evaluator whose figures are rates."""
    rates = {one.evaluator: one for one in findings if one.kind == "binary"}
    repeating = _repeating(variants)
    for name, finding in rates.items():
        for variant in variants:
            several = _repeated(finding, variant) if variant.name in repeating else None
            if several is not None:
                yield Repetition(name, variant.name, several, finding.direction != "NONE")


def _noise(variants: Sequence[Variant], findings: Sequence[Finding]) -> Iterator[RunNoise]:
    """The noise of runs for each finding with repetitions."""
    of, repeating = {one.name: one for one in variants}, _repeating(variants)
    for finding in findings:
        if (
            not finding.pairs
            or finding.question is not None
            or repeating.isdisjoint((finding.baseline, finding.challenger))
        ):
            continue
        sides = [_figures(finding, of[name]) for name in (finding.baseline, finding.challenger)]
        found = run_noise(finding, sides[0], sides[1])
        if found is not None:
            yield found


def _figures(finding: Finding, variant: Variant) -> dict[str, list[float]]:
    """The figures of the runs of each example; an example without one has an empty list."""
    verdicts = sheet(finding.evaluator, rows_of(variant.outcomes), finding.spellings).verdicts
    return {
        example_id: [number for verdict in given if (number := figure(verdict, finding.scale)) is not None]
        for example_id, given in verdicts.items()
    }


def _repeated(finding: Finding, variant: Variant) -> Repeated | None:
    good = float(finding.direction != "MINIMIZE")
    numbers = _figures(finding, variant)
    without = len(variant.outcomes) - sum(map(len, numbers.values()))
    return repeated({key: Tries(len(one), one.count(good)) for key, one in numbers.items() if one}, without)

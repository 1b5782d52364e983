"""The parts of a comparison beside its findings: latency, tokens, cost, slices, classification and repetitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assaykit.analysis.compare import Variant
from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.pairing import figure, sheet
from assaykit.analysis.repetition import Repeated, Tries, repeated
from assaykit.analysis.slices import WARNING, Column, Slicing, sliced
from assaykit.analysis.truth import Classification, Truth, classified
from assaykit.analysis.usage import Slower, Usage, slower, usage


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
    """The parts beside the findings. A part is empty or None if nobody asked for it or nothing was found."""

    usage: tuple[Usage, ...] = ()
    slower: tuple[Slower, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
    slicings: tuple[Slicing, ...] = ()
    classification: Classification | None = None

    @property
    def directed(self) -> list[Repetition]:
        """The repetitions whose passes are known."""
        return [one for one in self.repetitions if one.is_directed]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON. Repetitions, slices and classification have no key if there are none."""
        told: dict[str, Any] = {
            "usage": [one.as_dict() for one in self.usage],
            "latency_differences": [one.as_dict() for one in self.slower],
        }
        if self.directed:
            told["repetitions"] = [one.as_dict() for one in self.directed]
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
    baseline, *challengers = variants
    found = (slower((baseline.name, baseline.outcomes), (one.name, one.outcomes)) for one in challengers)
    return Details(
        usage=tuple(usage(one.name, one.outcomes) for one in variants),
        slower=tuple(one for one in found if one is not None),
        repetitions=tuple(_repetitions(variants, comparison.findings)),
        slicings=sliced(comparison.findings, columns),
        classification=None if truth is None else classified(variants, truth),
    )


def _repetitions(variants: Sequence[Variant], findings: Sequence[Finding]) -> list[Repetition]:
    """One entry for each variant with repetitions and each evaluator whose figures are rates."""
    rates = {one.evaluator: one for one in findings if one.kind == "binary"}
    repeating = [one for one in variants if len({row.example_id for row in one.outcomes}) < len(one.outcomes)]
    found = [(one, variant.name, _repeated(one, variant)) for one in rates.values() for variant in repeating]
    return [
        Repetition(one.evaluator, variant, several, one.direction != "NONE")
        for one, variant, several in found
        if several is not None
    ]


def _repeated(finding: Finding, variant: Variant) -> Repeated | None:
    by = finding.scale
    good = float(finding.direction != "MINIMIZE")
    tries: dict[str, Tries] = {}
    without = 0
    for example_id, verdicts in sheet(finding.evaluator, variant.outcomes, finding.spellings).verdicts.items():
        numbers = [number for verdict in verdicts if (number := figure(verdict, by)) is not None]
        without += len(verdicts) - len(numbers)
        if numbers:
            tries[example_id] = Tries(len(numbers), numbers.count(good))
    return repeated(tries, without)

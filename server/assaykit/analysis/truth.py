"""Predictions of experiments held against the truth: which cells are compared, and what comes of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from assaykit.analysis.classification import Agreement, agreement
from assaykit.analysis.compare import Variant
from assaykit.analysis.rows import Outcome, cell, listed, short
from assaykit.errors import Invalid
from assaykit.wire.spans import Evaluation

MOST_CLASSES = 50
"""More different labels than this are texts, not classes."""

OUTPUT = "output"


class Truth(NamedTuple):
    """What is true of each row, and which prediction is held against it.

    The truth is a column of the dataset, with its `values` by example; or, without values, the label that the evaluator
    `name` gave the row: what a person said of it, say. The prediction is the label of an evaluator, or, where that is
    None, the output. `positive` is the class whose figures lead.
    """

    name: str
    values: Mapping[str, str] | None
    predicted: str | None = None
    positive: str | None = None

    @property
    def prediction(self) -> str:
        """What the prediction is called."""
        return self.predicted or OUTPUT

    @property
    def evaluator(self) -> str:
        """The evaluator that a truth of the dataset makes: whether the prediction is it."""
        return f"{self.prediction} equals {self.name}"

    def of(self, row: Outcome) -> str | None:
        """The truth of a row."""
        return _label(row, self.name) if self.values is None else self.values.get(row.example_id)

    def said(self, row: Outcome) -> str | None:
        """The prediction of a row; a row that failed has none."""
        if self.predicted is not None:
            return _label(row, self.predicted)
        return None if row.error is not None or row.output is None else cell(row.output)


@dataclass(frozen=True, slots=True)
class Classified:
    """One experiment's rows against the truth. Rows without a prediction, or without a truth, are in no figure."""

    experiment: str
    without_prediction: int
    without_truth: int
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class Classification:
    """Every experiment against the same truth; `of_dataset` tells a column of the dataset from an evaluator."""

    truth: str
    of_dataset: bool
    predicted: str
    positive: str | None
    experiments: tuple[Classified, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        told = [
            {**asdict(one), "agreement": None if one.agreement is None else one.agreement.as_dict()}
            for one in self.experiments
        ]
        return {**asdict(self), "experiments": told}


def truth_of(
    name: str,
    predicted: str | None,
    positive: Mapping[str, str],
    examples: Mapping[str, Mapping[str, Any]],
    variants: Sequence[Variant],
) -> Truth:
    """The truth of this name: a column of the dataset, else an evaluator of the experiments.

    `positive` has the positive class by the name of the prediction.

    Raises:
        Invalid: there is neither; the prediction is no evaluator's; the truth is its own prediction; no row has both.
    """
    evaluators = list(dict.fromkeys(key for one in variants for row in one.outcomes for key in row.evaluations))
    if predicted is not None and predicted not in evaluators and predicted != OUTPUT:
        raise Invalid(
            f"No experiment has an evaluator {short(predicted)!r} to predict with; there are {listed(evaluators)}.",
            "Pass one of them, or leave it out to hold the output against the truth.",
        )
    label = predicted if predicted in evaluators else None
    values = {key: text for key, row in examples.items() if (text := cell(row.get(name)))}
    if not values and name not in evaluators:
        there = dict.fromkeys(key for row in examples.values() for key in row)
        raise Invalid(
            f"Neither the dataset has a column {short(name)!r} nor the experiments an evaluator: there are the columns "
            f"{listed(there)} and the evaluators {listed(evaluators)}.",
            "Pass one of these as the truth.",
        )
    if not values and name == label:
        raise Invalid(f"{short(name)!r} is held against itself.", "Pass another truth, or another prediction.")
    truth = Truth(name, values or None, label, positive.get(label or OUTPUT))
    if not any(truth.of(row) is not None and truth.said(row) is not None for one in variants for row in one.outcomes):
        raise Invalid(
            f"No row has both a prediction, {truth.prediction!r}, and a truth, {short(name)!r}.",
            "Pass another prediction or truth; an evaluator counts by its label, not its score.",
        )
    return truth


def judged(variant: Variant, truth: Truth) -> Variant:
    """The variant with the evaluator that tells whether each prediction is the truth, where both are there."""
    return variant._replace(outcomes=[_judged(row, truth) for row in variant.outcomes])


def _judged(row: Outcome, truth: Truth) -> Outcome:
    said, true = truth.said(row), truth.of(row)
    if said is None or true is None:
        return row
    verdict = Evaluation(name=truth.evaluator, score=float(said == true))
    return row._replace(evaluations={**row.evaluations, truth.evaluator: verdict})


def classified(variants: Iterable[Variant], truth: Truth) -> Classification:
    """Every variant against the truth.

    Raises:
        Invalid: there are more labels than classes, or the positive one is not among them.
    """
    found = tuple(_classified(variant, truth) for variant in variants)
    seen = {label for one in found if one.agreement for label in one.agreement.labels}
    if truth.positive is not None and truth.positive not in seen:
        raise Invalid(
            f"The positive class {short(truth.positive)!r} is neither true nor predicted; there are "
            f"{listed(sorted(seen))}.",
            "Give one of these, spelled the same.",
        )
    return Classification(truth.name, truth.values is not None, truth.prediction, truth.positive, found)


def _classified(variant: Variant, truth: Truth) -> Classified:
    pairs = [(truth.of(row), truth.said(row)) for row in variant.outcomes]
    whole = [(true, said) for true, said in pairs if true is not None and said is not None]
    independent = len({row.example_id for row in variant.outcomes}) == len(variant.outcomes)
    different = len({label for pair in whole for label in pair})
    if different > MOST_CLASSES:
        raise Invalid(
            f"{truth.prediction!r} and {short(truth.name)!r} of {short(variant.name)!r} have {different} different "
            f"values, more than the {MOST_CLASSES} that are classes.",
            "Pass `predicted`, an evaluator whose label is the class, or another truth.",
        )
    return Classified(
        experiment=variant.name,
        without_prediction=sum(said is None for _, said in pairs),
        without_truth=sum(true is None and said is not None for true, said in pairs),
        agreement=agreement([true for true, _ in whole], [said for _, said in whole], independent=independent),
    )


def _label(row: Outcome, evaluator: str) -> str | None:
    verdict = row.evaluations.get(evaluator)
    return None if verdict is None else cell(verdict.label)

"""Predictions of experiments compared with the truth, row by row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from assaykit.analysis.classification import Agreement, agreement
from assaykit.analysis.compare import Variant
from assaykit.analysis.rows import Judgement, Outcome, cell, listed, short
from assaykit.column_paths import resolve
from assaykit.errors import Invalid
from assaykit.spelling import common_spellings, unified, value_key

MOST_CLASSES = 50
"""Limit on the distinct labels. More labels than this are treated as texts, not classes."""

OUTPUT = "output"


class Truth(NamedTuple):
    """The source of each row's truth, and the source of the prediction compared with it.

    The truth is the dataset column `name`, with its `values` by example id. If `values` is None, it is the label of the
    evaluator `name`, such as a person's annotation. The prediction is the label of the evaluator `predicted`, the part
    of the output at such a path, or the output if that is None. `positive` is the class whose figures are reported
    first. `order` has the values of classes on an ordinal scale.
    """

    name: str
    values: Mapping[str, str] | None
    predicted: str | None = None
    positive: str | None = None
    order: Mapping[str, float] = MappingProxyType({})
    is_part: bool = False
    """Whether `predicted` is a path into the output, such as `output.answer`, and no evaluator."""

    @property
    def prediction(self) -> str:
        """The name of the prediction: its evaluator, or `output`."""
        return self.predicted or OUTPUT

    @property
    def evaluator(self) -> str:
        """The name of the derived evaluator that scores whether prediction and truth are equal."""
        return f"{self.prediction} equals {self.name}"

    def of(self, row: Outcome) -> str | None:
        """The truth of a row; None if it has none."""
        return _label(row, self.name) if self.values is None else self.values.get(row.example_id)

    def said(self, row: Outcome) -> str | None:
        """The prediction of a row; None if it has none. A failed row has no output to predict with."""
        if row.error is not None:
            return None
        if self.predicted is not None and not self.is_part:
            return _label(row, self.predicted)
        return None if row.output is None else cell(resolve({OUTPUT: row.output}, self.prediction))


@dataclass(frozen=True, slots=True)
class Classified:
    """One experiment's rows against the truth. The agreement has no rows without a prediction or without a truth.

    `failed` counts the rows with a truth whose run failed. They have no prediction, and count as wrong in `right` of
    `rows`, which has the rows with a truth that have a prediction or failed.
    """

    experiment: str
    right: int
    rows: int
    failed: int
    without_prediction: int
    without_truth: int
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class Classification:
    """Every experiment against the same truth. `of_dataset` is true for a dataset column, false for an evaluator."""

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
    positive: Mapping[str, Sequence[str]],
    examples: Mapping[str, Mapping[str, Any]],
    variants: Sequence[Variant],
) -> Truth:
    """Find the truth `name`: a column of the dataset, else an evaluator of the experiments.

    `positive` has the positive classes by the name of the prediction. The figures of a single class come first.

    Raises:
        Invalid: there is no such column or evaluator; `predicted` is not an evaluator; truth and prediction are the
            same; or no row has both.
    """
    evaluators = list(dict.fromkeys(key for one in variants for row in one.outcomes for key in row.evaluations))
    is_part = predicted is not None and predicted not in evaluators and predicted.startswith(f"{OUTPUT}.")
    if predicted is not None and not is_part and predicted not in evaluators and predicted != OUTPUT:
        raise Invalid(
            f"No experiment has an evaluator {short(predicted)!r} to predict with; there are {listed(evaluators)}.",
            "Pass one of them, or leave it out to compare the output with the truth.",
        )
    label = predicted if predicted in evaluators or is_part else None
    values = unified({key: text for key, row in examples.items() if (text := cell(resolve(row, name)))})
    if not values and name not in evaluators:
        there = dict.fromkeys(key for row in examples.values() for key in row)
        raise Invalid(
            f"Neither the dataset has a column {short(name)!r} nor the experiments an evaluator: there are the columns "
            f"{listed(there)} and the evaluators {listed(evaluators)}.",
            "Pass one of these as the truth.",
        )
    if not values and name == label:
        raise Invalid(f"{short(name)!r} is compared with itself.", "Pass another truth, or another prediction.")
    classes = positive.get(label or OUTPUT, ())
    truth = Truth(name, values or None, label, classes[0] if len(classes) == 1 else None, is_part=is_part)
    if not any(truth.of(row) is not None and truth.said(row) is not None for one in variants for row in one.outcomes):
        raise Invalid(
            f"No row has both a prediction, {truth.prediction!r}, and a truth, {short(name)!r}.",
            "Pass another prediction or truth; an evaluator counts by its label, not its score.",
        )
    return truth


def judged(variant: Variant, truth: Truth) -> Variant:
    """The variant with a derived evaluator that scores each row with both truth and prediction: 1 if equal, else 0."""
    return variant._replace(outcomes=[_judged(row, truth) for row in variant.outcomes])


def repeats(variants: Sequence[Variant], truth: Truth) -> str | None:
    """The evaluator whose scores say the same as the truth on every row of the variants that did not fail, if any."""
    rows = [row for variant in variants for row in variant.outcomes if row.error is None]
    for name in dict.fromkeys(key for row in rows for key in row.evaluations if key != truth.evaluator):
        scores = [verdict.score if (verdict := row.evaluations.get(name)) else None for row in rows]
        derived = [verdict.score if (verdict := row.evaluations.get(truth.evaluator)) else None for row in rows]
        if scores == derived:
            return name
    return None


def _judged(row: Outcome, truth: Truth) -> Outcome:
    said, true = truth.said(row), truth.of(row)
    if said is None or true is None:
        return row
    verdict = Judgement(name=truth.evaluator, score=float(value_key(said) == value_key(true)))
    return row._replace(evaluations={**row.evaluations, truth.evaluator: verdict})


def classified(variants: Iterable[Variant], truth: Truth) -> Classification:
    """Classify every variant against the truth.

    Raises:
        Invalid: there are more than `MOST_CLASSES` labels, or the positive label is not among them.
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
    pairs = _spelled_alike([(truth.of(row), truth.said(row)) for row in variant.outcomes])
    failed = sum(row.error is not None and truth.of(row) is not None for row in variant.outcomes)
    whole = [(true, said) for true, said in pairs if true is not None and said is not None]
    examples = [row.example_id for row, pair in zip(variant.outcomes, pairs, strict=True) if None not in pair]
    different = len({label for pair in whole for label in pair})
    if different > MOST_CLASSES:
        raise Invalid(
            f"{truth.prediction!r} and {short(truth.name)!r} of {short(variant.name)!r} have {different} different "
            f"values, more than the limit of {MOST_CLASSES} classes.",
            "Pass `predicted`, an evaluator whose label is the class, or another truth.",
        )
    return Classified(
        experiment=variant.name,
        right=sum(true == said for true, said in whole),
        rows=len(whole) + failed,
        failed=failed,
        without_prediction=sum(said is None for _, said in pairs) - failed,
        without_truth=sum(true is None and said is not None for true, said in pairs),
        agreement=agreement(
            [true for true, _ in whole], [said for _, said in whole], examples=examples, values=truth.order
        ),
    )


def _spelled_alike(pairs: Sequence[tuple[str | None, str | None]]) -> list[tuple[str | None, str | None]]:
    """The pairs with one spelling for each value, so that equal values are one class."""
    spelled = common_spellings(text for pair in pairs for text in pair if text is not None)
    return [(true and spelled.get(true, true), said and spelled.get(said, said)) for true, said in pairs]


def _label(row: Outcome, evaluator: str) -> str | None:
    verdict = row.evaluations.get(evaluator)
    return None if verdict is None else cell(verdict.label)

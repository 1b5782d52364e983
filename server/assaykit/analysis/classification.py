"""Agreement of predictions with the truth: confusion matrix, precision, recall, F1, accuracy and Cohen's kappa.

Sources: Cohen (1960) for kappa; Fleiss, Cohen and Everitt (1969) for its standard error; Wilson (1927) for shares, with
an effective number of rows by the delta method for F1 and for rows that repeat an example (`ratio_intervals.py`).
A figure whose denominator is zero is None. A macro average counts it as zero, as scikit-learn does with
`zero_division=0`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from assaykit.analysis.ratio_intervals import ClassCount, counted, ratio_interval
from assaykit.analysis.statistics import Interval
from assaykit.analysis.weighted_kappa import WeightedKappa, weighted_kappa

LEVEL = 0.95
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: its counts as truth (`support`) and as prediction, and its figures, 0 to 1."""

    label: str
    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    f1_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Predictions against the truth over `n` rows that have both; `matrix[i][j]` counts truth i predicted as j.

    The classes are all labels of either side, sorted; the rows and columns of the matrix have the same order. Kappa is
    None if chance alone would agree on every row. `kappa_interval` is the large-sample interval: the estimate plus and
    minus 1.96 standard errors. It is None if the standard error is zero, as with full agreement, because an interval
    of no width would claim certainty, or if rows repeat an example, because such rows are not independent. The other
    intervals are of examples then. `weighted` is kappa for classes that have an order.
    """

    n: int
    matrix: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]
    accuracy: float
    accuracy_interval: Interval | None
    macro_precision: float
    macro_recall: float
    macro_f1: float
    kappa: float | None
    kappa_interval: Interval | None
    weighted: WeightedKappa | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes by name."""
        return tuple(one.label for one in self.classes)

    def of(self, label: str) -> ClassFigures | None:
        """The figures of one class."""
        return next((one for one in self.classes if one.label == label), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"labels": list(self.labels), **asdict(self)}


def agreement(
    truth: Sequence[str],
    predicted: Sequence[str],
    *,
    examples: Sequence[str] | None = None,
    values: Mapping[str, float] = MappingProxyType({}),
) -> Agreement | None:
    """Return the agreement over the rows, or None without rows.

    `examples` has the example of each row; without it, all rows are independent. `values` has the value of each class
    on an ordinal scale.
    """
    n = len(truth)
    pairs = Counter(zip(truth, predicted, strict=True))
    if not n:
        return None
    labels = sorted({*truth, *predicted})
    matrix = tuple(tuple(pairs[one, other] for other in labels) for one in labels)
    independent = examples is None or len(set(examples)) == n
    counts = counted(truth, predicted, range(n) if examples is None else examples)
    classes = tuple(_figures(label, counts.of[label], independent=independent) for label in labels)
    hits = sum(matrix[i][i] for i in range(len(labels)))
    kappa = cohens_kappa(matrix)
    return Agreement(
        n=n,
        matrix=matrix,
        classes=classes,
        accuracy=hits / n,
        accuracy_interval=ratio_interval(counts.hits, independent=independent),
        macro_precision=_mean([one.precision or 0.0 for one in classes]),
        macro_recall=_mean([one.recall or 0.0 for one in classes]),
        macro_f1=_mean([one.f1 for one in classes]),
        kappa=kappa,
        kappa_interval=_kappa_interval(matrix, kappa) if kappa is not None and independent else None,
        weighted=weighted_kappa(labels, matrix, values, independent=independent),
    )


def _figures(label: str, counts: Sequence[ClassCount], *, independent: bool) -> ClassFigures:
    hits, support, predicted = (sum(column) for column in zip(*counts, strict=True))
    ratios = (
        [(one.hits, one.predicted) for one in counts],
        [(one.hits, one.support) for one in counts],
        [(2 * one.hits, one.support + one.predicted) for one in counts],
    )
    return ClassFigures(
        label,
        support,
        predicted,
        hits / predicted if predicted else None,
        hits / support if support else None,
        # Every class occurs at least once as truth or prediction, so the denominator is never zero.
        2 * hits / (support + predicted),
        *(ratio_interval(each, independent=independent) for each in ratios),
    )


def cohens_kappa(matrix: Sequence[Sequence[int]]) -> float | None:
    """Return Cohen's kappa of a square table of counts, at most 1; None if chance alone agrees on every row."""
    n, agreed, expected = _shares(matrix)
    # Whole numbers make the test for a zero denominator exact.
    return None if expected == n * n else (n * agreed - expected) / (n * n - expected)


def _shares(matrix: Sequence[Sequence[int]]) -> tuple[int, int, int]:
    """Return the number of rows n, the number of rows that agree, and n² times the agreement by chance."""
    rows, columns = [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)]
    agreed = sum(matrix[i][i] for i in range(len(rows)))
    return sum(rows), agreed, sum(row * column for row, column in zip(rows, columns, strict=True))


def _kappa_interval(matrix: Sequence[Sequence[int]], kappa: float) -> Interval | None:
    n, _, product = _shares(matrix)
    expected = product / (n * n)
    rows = [sum(row) / n for row in matrix]
    columns = [sum(column) / n for column in zip(*matrix, strict=True)]
    size = range(len(rows))
    same = math.fsum(matrix[i][i] / n * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in size)
    other = math.fsum(matrix[i][j] / n * (columns[i] + rows[j]) ** 2 for i in size for j in size if i != j)
    variance = same + (1 - kappa) ** 2 * other - (kappa - expected * (1 - kappa)) ** 2
    if variance <= _ROUNDING:
        return None
    error = math.sqrt(variance / n) / (1 - expected)
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
    return Interval(kappa - half, min(1.0, kappa + half), LEVEL)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)

"""The details of a comparison as lines of text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from assaykit.analysis.classification import Agreement
from assaykit.analysis.details import Details, Repetition
from assaykit.analysis.formats import p_value, passed_of, percent
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import figure, signed
from assaykit.analysis.slices import FEWEST, WARNING, Slice, Slicing
from assaykit.analysis.statistics import Interval
from assaykit.analysis.truth import Classification, Classified
from assaykit.analysis.usage import Amount, Usage
from assaykit.analysis.variance_split import advice
from assaykit.analysis.weighted_kappa import WeightedKappa
from assaykit.errors import quote
from assaykit.figures import digits
from assaykit.report.usage_words import UNIT_ASSUMED, change_words, milliseconds

NO_VALUE = "(no value)"
MATRIX_CLASSES = 8
"""Largest number of classes for which the text shows the matrix. The page and the data always have it."""

CLASS_WORDS = (
    "Macro-F1 is the mean F1 of all classes. Kappa is the agreement beyond that of chance: 0 is chance, and 1 is full "
    "agreement."
)
_CELL_LIMIT = 24


def usage_lines(found: Details) -> Iterator[str]:
    """Latency, tokens and cost of every experiment, one line for each of the three."""
    if not any(one.latency_ms or one.tokens or one.cost for one in found.usage):
        if found.usage:
            yield "Latency, tokens and cost: not known."
        return
    told = "; ".join(f"{short(one.name)} {latency(one)}" for one in found.usage)
    yield f"Latency, median and p95: {told}." if any(one.latency_ms for one in found.usage) else "Latency: not known."
    if any(one.unit_assumed for one in found.usage):
        yield UNIT_ASSUMED
    for name, unit in (("tokens", ""), ("cost", "$")):
        if not any(getattr(one, name) for one in found.usage):
            yield f"{name.capitalize()}: not known."
            continue
        told = "; ".join(f"{short(one.name)} {amount(getattr(one, name), one.rows, unit)}" for one in found.usage)
        yield f"{name.capitalize()}, total and mean: {told}."
    for one in found.changes:
        yield f"{change_words(one)}."


def latency(one: Usage) -> str:
    """`120 ms, 340 ms`: median and p95, with the number of known rows if some have no latency."""
    known = one.latency_ms
    if known is None:
        return "not known"
    return f"{milliseconds(known.median)}, {milliseconds(known.p95)}{_of(known, one.succeeded)}"


def amount(known: Amount | None, rows: int, unit: str) -> str:
    """`12,300, 410`: total and mean, with the number of known rows if some have no value."""
    if known is None:
        return "not known"
    return f"{unit}{_plain(known.total)}, {unit}{_plain(known.mean)}{_of(known, rows)}"


def _of(known: Amount, rows: int) -> str:
    return "" if known.known == rows else f" (known of {known.known} of {rows} rows)"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else digits(value, 4)  # noqa: PLR2004  (four digits)


def repetition_lines(found: Details) -> Iterator[str]:
    """One line for each evaluator and experiment with repetitions, then the advice on more of them."""
    for one in found.directed:
        yield f"{short(one.evaluator)}, {short(one.experiment)}: {repetition_words(one)}."
    for noise in found.noise:
        yield f"{advice(noise)}."


def repetition_words(one: Repetition) -> str:
    """pass@k, pass^k and the flake rate, at the largest k for which half of the repeated examples have enough tries."""
    several = one.repeated
    last = [at for at in several.at if 2 * at.examples >= several.examples][-1]
    without = f"; {several.without_verdict} run(s) without a verdict left out" if several.without_verdict else ""
    some = rate(last.pass_at_k, last.pass_at_k_interval, last.examples)
    every = rate(last.pass_hat_k, last.pass_hat_k_interval, last.examples)
    flaky = f"tries disagree on {several.flaky} of {several.examples} example(s)"
    return (
        f"pass@{last.k} {some} and pass^{last.k} {every} over {last.examples} example(s); flake rate "
        f"{percent(several.flake_rate, several.examples)} ({flaky}){without}"
    )


def rate(value: float, interval: Interval | None, n: int) -> str:
    """`84 % (71 % to 93 %)`."""
    return percent(value, n) + (f" ({percent(interval.low, n)} to {percent(interval.high, n)})" if interval else "")


def slice_lines(found: Details) -> Iterator[str]:
    """A small table for each finding and column, after the warning about slices."""
    if found.slicings:
        yield f"\n{WARNING}"
    for one in found.slicings:
        yield f"{short(one.finding.evaluator)} by {short(one.column)}, {short(one.finding.challenger)}:"
        yield from aligned([slice_cells(one, each) for each in one.slices])


def slice_cells(slicing: Slicing, one: Slice) -> tuple[str, ...]:
    """Value, pairs, both figures, difference with its interval, p and verdict."""
    # The slice's own number of pairs sets the decimals of its rates.
    whole = slicing.finding
    finding = replace(whole, n=one.n, parts=max(1, whole.parts * one.n // whole.n))
    interval = one.interval
    spread = f" ({signed(finding, interval.low)} to {signed(finding, interval.high)})" if interval else ""
    return (
        NO_VALUE if one.value is None else quote(one.value, _CELL_LIMIT),
        f"n = {one.n}" + (f", {one.missing} missing" if one.missing else ""),
        f"{figure(finding, one.challenger_value)} vs {figure(finding, one.baseline_value)}",
        signed(finding, one.difference) + spread,
        "" if one.p_adjusted is None else f"p {p_value(one.p_adjusted)}",
        f"too small to judge (under {FEWEST})" if one.verdict == "too small" else one.verdict,
    )


def classification_lines(found: Details) -> Iterator[str]:
    """One line of figures for each experiment, and its matrix if it is small."""
    told = found.classification
    if told is None:
        return
    for one in told.experiments:
        yield f"{short(told.predicted)} against the truth {short(told.truth)}, {short(one.experiment)}: " + (
            classified_words(told, one)
        )
        if one.agreement is not None and len(one.agreement.labels) <= MATRIX_CLASSES:
            yield from aligned(class_cells(one.agreement))
    yield CLASS_WORDS


def classified_words(told: Classification, one: Classified) -> str:
    """The positive class, accuracy, macro-F1 and kappa in a sentence."""
    left = [
        f"{count} without a {what}"
        for count, what in ((one.without_prediction, "prediction"), (one.without_truth, "truth"))
        if count
    ]
    out = f" Left out: rows {' and '.join(left)}." if left else ""
    agreed = one.agreement
    # A failed row is wrong, so the accuracy of the others would be a second rate of another meaning.
    right = f"right on {passed_of(one.right, one.rows, one.failed)}. Of the others: " if one.failed else ""
    if agreed is None:
        return f"{right}no row has both a prediction and a truth.{out}"
    accuracy = "" if right else f"accuracy {ratio(agreed.accuracy)}{spread_of(agreed.accuracy_interval)}, "
    leading = None if told.positive is None else agreed.of(told.positive)
    first = "" if leading is None else (
        f"{short(leading.label)!r} has precision {ratio(leading.precision)}{spread_of(leading.precision_interval)}, "
        f"recall {ratio(leading.recall)}{spread_of(leading.recall_interval)}, "
        f"F1 {ratio(leading.f1)}{spread_of(leading.f1_interval)}; "
    )  # fmt: skip
    return (
        f"{right}{first}{accuracy}macro-F1 "
        f"{ratio(agreed.macro_f1)}, kappa {ratio(agreed.kappa)}{spread_of(agreed.kappa_interval)}"
        f"{_ordinal(agreed.weighted)} over {agreed.n} rows."
        f"{out}"
    )


def _ordinal(weighted: WeightedKappa | None) -> str:
    """`, with quadratic weights 0.812 (0.712 to 0.912) and linear ones 0.700 (...)`, for classes that have an order."""
    if weighted is None:
        return ""
    quadratic = f"{ratio(weighted.quadratic)}{spread_of(weighted.quadratic_interval)}"
    return f", with quadratic weights {quadratic}, linear {ratio(weighted.linear)}{spread_of(weighted.linear_interval)}"


def class_cells(agreed: Agreement) -> list[tuple[str, ...]]:
    """A header, then a row for each true class: its figures, then its counts by predicted class, in the same order."""
    heads = ("true class", "rows", "precision", "recall", "F1", *(f"as {quote(one, 14)}" for one in agreed.labels))
    rows = [
        (
            quote(one.label, _CELL_LIMIT),
            str(one.support),
            ratio(one.precision),
            ratio(one.recall),
            ratio(one.f1),
            *map(str, counts),
        )
        for one, counts in zip(agreed.classes, agreed.matrix, strict=True)
    ]
    return [heads, *rows]


def ratio(value: float | None) -> str:
    """A figure with three decimals, or more if it is near 0 or 1 and neither; `undefined` for None."""
    if value is None:
        return "undefined"
    decimals = next((one for one in (3, 4, 5, 6) if value in {0, 1} or round(value, one) not in {0, 1}), 6)
    return f"{value:.{decimals}f}"


def spread_of(interval: Interval | None) -> str:
    """` (0.712 to 0.804)`."""
    return "" if interval is None else f" ({ratio(interval.low)} to {ratio(interval.high)})"


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield each row as a line with aligned columns, indented by two spaces."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()

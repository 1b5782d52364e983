"""The details of a comparison as sections of the HTML page. All foreign text is escaped."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from assaykit.analysis.classification import Agreement
from assaykit.analysis.details import Details, Repetition
from assaykit.analysis.slices import WARNING, Slicing
from assaykit.analysis.truth import Classification
from assaykit.analysis.variance_split import advice
from assaykit.report import passages
from assaykit.report.charts import IntervalBar, bars
from assaykit.report.usage_words import UNIT_ASSUMED, change_words


def sections(found: Details) -> Iterator[str]:
    """Yield the sections for usage, repetitions, classification and slices, without the empty ones."""
    if found.usage:
        yield _usage(found)
    if found.directed:
        yield _repetitions(found.directed)
    for noise in found.noise:
        yield f"<p>{escape(advice(noise))}.</p>"
    if found.classification is not None:
        yield from _classification(found.classification)
    if found.slicings:
        yield f'<h2>Slices</h2><p class="note">{escape(WARNING)}</p>'
        yield from (_slices(one) for one in found.slicings)


def _usage(found: Details) -> str:
    if not any(one.latency_ms or one.tokens or one.cost for one in found.usage):
        return '<p class="note">Latency, tokens and cost: not known.</p>'
    rows = [
        (
            one.name,
            passages.latency(one),
            passages.amount(one.tokens, one.rows, ""),
            passages.amount(one.cost, one.rows, "$"),
        )
        for one in found.usage
    ]
    heads = ("Experiment", "Latency: median, p95", "Tokens: total, mean", "Cost: total, mean")
    unit = f"<p>{escape(UNIT_ASSUMED)}</p>" if any(one.unit_assumed for one in found.usage) else ""
    told = unit + "".join(f"<p>{escape(change_words(one))}.</p>" for one in found.changes)
    return f"<h2>Latency, tokens and cost</h2>{_table(heads, rows)}{told}"


def _repetitions(found: Iterable[Repetition]) -> str:
    rows = [
        (
            one.evaluator,
            one.experiment,
            str(at.k),
            passages.rate(at.pass_at_k, at.pass_at_k_interval, at.examples),
            passages.rate(at.pass_hat_k, at.pass_hat_k_interval, at.examples),
            str(at.examples),
        )
        for one in found
        for at in one.repeated.at
    ]
    words = "".join(
        f"<p>{escape(one.evaluator)}, {escape(one.experiment)}: {escape(passages.repetition_words(one))}.</p>"
        for one in found
    )
    heads = ("Evaluator", "Experiment", "k", "pass@k", "pass^k", "Examples")
    return f"<h2>Repetitions</h2>{words}{_table(heads, rows)}"


def _classification(found: Classification) -> Iterator[str]:
    yield f"<h2>{escape(found.predicted)} against the truth {escape(found.truth)}</h2>"
    yield f'<p class="note">{escape(passages.CLASS_WORDS)}</p>'
    for one in found.experiments:
        yield f"<p><strong>{escape(one.experiment)}</strong>: {escape(passages.classified_words(found, one))}</p>"
        if one.agreement is not None:
            yield _matrix(one.agreement, one.experiment)


def _matrix(agreed: Agreement, experiment: str) -> str:
    """The confusion matrix with a marked diagonal, followed in each row by the figures of the class."""
    heads = "".join(f'<th scope="col">as {escape(label)}</th>' for label in agreed.labels)
    figures = "".join(f'<th scope="col">{one}</th>' for one in ("Rows", "Precision", "Recall", "F1"))
    rows = "\n".join(
        f'<tr><th scope="row">{escape(one.label)}</th>'
        + "".join(f'<td class="number{" agreed" if i == j else ""}">{count}</td>' for j, count in enumerate(counts))
        + f'<td class="number">{one.support}</td>'
        + "".join(f'<td class="number">{passages.ratio(each)}</td>' for each in (one.precision, one.recall, one.f1))
        + "</tr>"
        for i, (one, counts) in enumerate(zip(agreed.classes, agreed.matrix, strict=True))
    )
    caption = f"Rows of {experiment}: true class against predicted class"
    return (
        f'<table><caption>{escape(caption)}</caption><thead><tr><th scope="col">True class</th>{heads}{figures}</tr>'
        f"</thead><tbody>\n{rows}\n</tbody></table>"
    )


def _slices(one: Slicing) -> str:
    finding = one.finding
    rows = [passages.slice_cells(one, each) for each in one.slices]
    heads = (
        one.column,
        "Pairs",
        f"{finding.challenger} vs {finding.baseline}",
        "Difference",
        "p, corrected",
        "Verdict",
    )
    judged = [
        IntervalBar(cells[0], each.difference, each.interval, each.verdict, f"{cells[0]}: {cells[3]}, {cells[5]}.")
        for each, cells in zip(one.slices, rows, strict=True)
        if each.verdict != "too small"
    ]
    title = f"{finding.evaluator} by {one.column}: {finding.challenger} against {finding.baseline}"
    return f"<h3>{escape(title)}</h3>{bars(judged, finding) if judged else ''}{_table(heads, rows)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"

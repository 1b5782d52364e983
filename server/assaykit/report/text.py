"""A comparison as compact plain text: sentences, a small table, then the changed examples."""

from collections.abc import Iterator, Mapping, Sequence

from assaykit.analysis.details import Details
from assaykit.analysis.findings import Change, Comparison, Finding, Test
from assaykit.analysis.formats import p_value
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import detectable, figure, signed
from assaykit.errors import quote
from assaykit.figures import digits
from assaykit.report.excerpts import excerpts
from assaykit.report.passages import aligned, classification_lines, repetition_lines, slice_lines, usage_lines

LIMIT = 5900
"""Limit on the text in bytes of UTF-8."""

FULL = 3
"""Factor of all limits for the full text."""

METHODS: dict[Test, str] = {
    "mid-p McNemar": "rates by the mid-p McNemar test and Tango's score interval",
    "sign flips": "means by the sign-flip test and the t interval",
    "sign flips of clusters": "rows in clusters by signs of whole clusters and the cluster-robust t interval",
}

LEFT_OUT = " left out; "
"""A part of the line that tells how much does not fit."""

_SENTENCES_LIMIT = 2800
_TABLE_LIMIT = 4000
_BESIDE_LIMIT = 5200
_EXAMPLES_TOLD = 5
_OUTPUT_LIMIT = 120
_CELL_LIMIT = 24
_LEFT_OUT_ROOM = 90
_ABSENT_TOLD = 6
_URGENCY = (
    "worse",
    "better",
    "different",
    "undecided",
    "too close to call",
    "no difference shown",
    "too few to say",
    "not tested",
)
_HEADINGS = (
    "evaluator",
    "challenger",
    "value",
    "baseline",
    "difference",
    "interval",
    "p, corrected",
    "pairs",
    "missed under",
)


def comparison_text(
    comparison: Comparison,
    *,
    examples: Mapping[str, str] | None = None,
    details: Details | None = None,
    is_full: bool = False,
) -> str:
    """Return the comparison in at most `LIMIT` bytes; `examples` has the input of an example by its id.

    With `is_full` the limits are three times as high, and the changed examples are not limited to five of a kind.

    Missing rows come first and are never cut. Then come the verdicts, worse before better. If a part does not fit, a
    line gives the number of its left-out lines.
    Inputs and outputs are foreign text, clipped to one line each.
    """
    findings = sorted(comparison.findings, key=lambda finding: _URGENCY.index(finding.verdict))
    times = FULL if is_full else 1
    text = "".join(f"{line}\n" for line in (*_absent(findings), *comparison.notes))
    limit = len(text.encode()) + times * _SENTENCES_LIMIT
    text = _fitted(text, [*_told(findings), *_skipped(comparison), *_methods(findings)], limit, "sentences or notes")
    text = _fitted(text, _table(findings), max(limit, times * _TABLE_LIMIT), "lines of the table")
    if details is not None:
        beside = [*usage_lines(details), *repetition_lines(details)]
        asked = [*classification_lines(details), *slice_lines(details)]
        told = ["", *beside, *asked]
        text = _fitted(
            text, told, times * _BESIDE_LIMIT, "lines on slices and classes", "save_to='report.html' has them"
        )
    most = None if is_full else _EXAMPLES_TOLD
    changed = [block for finding in findings for block in _changed(finding, examples or {}, most)]
    return _fitted(text, changed, times * LIMIT, "changed examples")


def _fitted(text: str, blocks: Sequence[str], limit: int, what: str, advice: str = "compare fewer at a time") -> str:
    """Append as many blocks as fit within `limit` bytes, and a line with the number of left-out blocks."""
    room = limit - len(text.encode()) - _LEFT_OUT_ROOM
    for index, block in enumerate(blocks):
        room -= len(block.encode()) + 1
        if room < 0:
            return f"{text}({len(blocks) - index} more {what}{LEFT_OUT}{advice}.)\n"
        text += f"{block}\n"
    return text


def _absent(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield each distinct sentence on missing rows once, at most `_ABSENT_TOLD`, with its evaluators."""
    about: dict[str, list[str]] = {}
    for finding in findings:
        for line in finding.absent:
            about.setdefault(line, []).append(short(finding.evaluator))
    names = dict.fromkeys(short(finding.evaluator) for finding in findings)
    for line, whose in list(about.items())[:_ABSENT_TOLD]:
        yield f"Missing{_whose(whose, len(names))}: {line}"
    if len(about) > _ABSENT_TOLD:
        yield f"Missing: {len(about) - _ABSENT_TOLD} more counts stand in the sentences and the page."


def _whose(names: Sequence[str], of: int) -> str:
    """The evaluators that a note is about; empty if it is about all `of` them."""
    different = list(dict.fromkeys(names))
    return "" if len(different) == of else f" on {quote(', '.join(different), _OUTPUT_LIMIT)}"


def _told(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the sentences, then each distinct caution once with the evaluators that have it."""
    notes: dict[str, list[str]] = {}
    for finding in findings:
        yield finding.sentence
        for caution in finding.cautions:
            notes.setdefault(caution, []).append(short(finding.evaluator))
    names = dict.fromkeys(short(finding.evaluator) for finding in findings)
    for caution, whose in notes.items():
        yield f"Note{_whose(whose, len(names))}: {caution}"


def _methods(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield one line with the methods."""
    tests: dict[Test, None] = dict.fromkeys(finding.test for finding in findings if finding.test is not None)
    names = [METHODS[test] for test in tests]
    if names:
        yield f"Methods: {'; '.join(names)}."


def _skipped(comparison: Comparison) -> Iterator[str]:
    for skip in comparison.skipped:
        yield f"Not compared for {short(skip.challenger)}: {skip.reason}."


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = [_HEADINGS, *(_cells(finding) for finding in findings if finding.kind != "categorical")]
    if len(rows) == 1:
        return []
    return ["", *(line.removeprefix("  ") for line in aligned(rows))]


def _cells(finding: Finding) -> tuple[str, ...]:
    interval = finding.interval
    return (
        quote(finding.evaluator, _CELL_LIMIT),
        quote(finding.challenger, _CELL_LIMIT),
        figure(finding, finding.challenger_value or 0.0),
        figure(finding, finding.baseline_value or 0.0),
        signed(finding, finding.difference or 0.0),
        f"{signed(finding, interval.low)} to {signed(finding, interval.high)}" if interval else "none",
        "" if finding.p_adjusted is None else p_value(finding.p_adjusted).removeprefix("= "),
        str(finding.n),
        detectable(finding),
    )


def _changed(finding: Finding, inputs: Mapping[str, str], most: int | None) -> Iterator[str]:
    """Yield a block for each example shown, at most `most` of each kind of change: its id and input, both outputs."""
    for way, changes in finding.ways.items():
        told = changes[:most]
        which = f"{short(finding.evaluator)}, {way} in {short(finding.challenger)}"
        heading = f"\n{which} ({len(told)} of {len(changes)}):\n"
        for index, change in enumerate(told):
            yield ("" if index else heading) + _example(finding, change, inputs.get(change.example_id))


def _example(finding: Finding, change: Change, question: str | None) -> str:
    head = short(change.example_id) + (f": {quote(question, _OUTPUT_LIMIT)}" if question else "")
    names = [quote(name, _CELL_LIMIT) for name in (finding.baseline, finding.challenger)]
    width = max(map(len, names))
    values = (change.baseline_value, change.challenger_value)
    outputs = excerpts(change.baseline_output, change.challenger_output, _OUTPUT_LIMIT)
    lines = [
        f"    {name.ljust(width)}  {digits(value, 3):<5}  {output or '(no output)'}"
        for name, value, output in zip(names, values, outputs, strict=True)
    ]
    return "\n".join([f"  {head}", *lines])

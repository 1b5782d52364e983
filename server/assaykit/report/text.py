"""A comparison as compact plain text: sentences, a small table, then the changed examples."""

from collections.abc import Iterator, Mapping, Sequence

from assaykit.analysis.changes import Change
from assaykit.analysis.details import Details
from assaykit.analysis.findings import Comparison, Finding, Test
from assaykit.analysis.formats import p_value
from assaykit.analysis.notes import absent_of, cautions_of, sentences_of
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
_EXAMPLES_OF_ALL = 12
_OUTPUT_LIMIT = 120
_CELL_LIMIT = 24
_ORIGINS_TOLD = 4
_ORIGIN_LIMIT = 240
_LEFT_OUT_ROOM = 90
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
    "usually missed",
)


def comparison_text(
    comparison: Comparison,
    *,
    examples: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
    details: Details | None = None,
    is_full: bool = False,
) -> str:
    """Return the comparison in at most `LIMIT` bytes.

    `examples` has the input of an example by its id, and `keys` the user's own key.

    With `is_full` the limits are three times as high, and the changed examples are not limited to five of a kind.

    Missing rows come first and are never cut. Then come the verdicts, worse before better. If a part does not fit, a
    line gives the number of its left-out lines.
    Inputs and outputs are foreign text, clipped to one line each.
    """
    findings = sorted(comparison.findings, key=lambda finding: _URGENCY.index(finding.verdict))
    times = FULL if is_full else 1
    text = "".join(f"{line}\n" for line in (*absent_of(findings), *comparison.notes))
    limit = len(text.encode()) + times * _SENTENCES_LIMIT
    said = [*comparison.ranking, *_told(findings), *_skipped(comparison), *_methods(findings)]
    text = _fitted(text, said, limit, "sentences or notes")
    text += "".join(f"Compared: {quote(line, _ORIGIN_LIMIT)}.\n" for line in comparison.origins[:_ORIGINS_TOLD])
    text = _fitted(text, _table(findings), max(limit, times * _TABLE_LIMIT), "lines of the table")
    if details is not None:
        beside = [*usage_lines(details), *repetition_lines(details)]
        asked = [*classification_lines(details), *slice_lines(details)]
        told = ["", *beside, *asked]
        text = _fitted(
            text, told, times * _BESIDE_LIMIT, "lines on slices and classes", "save_to='report.html' has them"
        )
    ways = sum(bool(changes) for finding in findings for changes in finding.ways.values())
    most = None if is_full else max(1, min(_EXAMPLES_TOLD, _EXAMPLES_OF_ALL // max(1, ways)))
    heads = {key: f"{quote(told, _CELL_LIMIT)} ({short(key)})" for key, told in (keys or {}).items()}
    changed = [block for finding in findings for block in _changed(finding, examples or {}, heads, most)]
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


def _told(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the sentences, then the notes."""
    for _, sentence in sentences_of(findings):
        yield sentence
    yield from cautions_of(findings)


def _methods(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield one line with the methods."""
    tests: dict[Test, None] = dict.fromkeys(finding.test for finding in findings if finding.test is not None)
    names = [METHODS[test] for test in tests]
    if names:
        yield f"Methods: {'; '.join(names)}."


def _skipped(comparison: Comparison) -> Iterator[str]:
    for skip in comparison.skipped:
        yield f"Not compared for {short(skip.challenger)} with {short(skip.baseline)}: {skip.reason}."


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = [_HEADINGS, *(_cells(finding) for finding in findings if finding.kind != "categorical")]
    if len(rows) == 1:
        return []
    return ["", *(line.removeprefix("  ") for line in aligned(rows))]


def _cells(finding: Finding) -> tuple[str, ...]:
    is_open = finding.verdict == "too few to say"
    interval = None if is_open else finding.interval
    return (
        quote(finding.evaluator, _CELL_LIMIT),
        quote(finding.challenger, _CELL_LIMIT),
        figure(finding, finding.challenger_value or 0.0),
        figure(finding, finding.baseline_value or 0.0),
        signed(finding, finding.difference or 0.0),
        f"{signed(finding, interval.low)} to {signed(finding, interval.high)}" if interval else "none",
        "" if is_open or finding.p_adjusted is None else p_value(finding.p_adjusted).removeprefix("= "),
        str(finding.n),
        detectable(finding),
    )


def _changed(finding: Finding, inputs: Mapping[str, str], heads: Mapping[str, str], most: int | None) -> Iterator[str]:
    """Yield a block for each example shown, at most `most` of each kind of change: its key and input, both outputs."""
    for way, changes in finding.ways.items():
        told = changes[:most]
        which = f"{short(finding.evaluator)}, {way} in {short(finding.challenger)}"
        heading = f"\n{which} ({len(told)} of {len(changes)}):\n"
        for index, change in enumerate(told):
            yield ("" if index else heading) + _example(
                finding, change, heads.get(change.example_id) or short(change.example_id), inputs.get(change.example_id)
            )


def _example(finding: Finding, change: Change, name: str, question: str | None) -> str:
    head = name + (f": {quote(question, _OUTPUT_LIMIT)}" if question else "")
    names = [quote(name, _CELL_LIMIT) for name in (finding.baseline, finding.challenger)]
    width = max(map(len, names))
    values = (change.baseline_value, change.challenger_value)
    outputs = excerpts(change.baseline_output, change.challenger_output, _OUTPUT_LIMIT)
    lines = [
        f"    {name.ljust(width)}  {digits(value, 3):<5}  {output or '(no output)'}"
        for name, value, output in zip(names, values, outputs, strict=True)
    ]
    return "\n".join([f"  {head}", *lines])

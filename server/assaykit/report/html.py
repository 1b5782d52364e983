"""A comparison as one self-contained HTML page: it embeds styles and charts and makes no requests."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from assaykit.analysis.changes import Change
from assaykit.analysis.details import Details
from assaykit.analysis.findings import Comparison, ComparisonVerdict, Finding, Test
from assaykit.analysis.formats import p_value
from assaykit.analysis.notes import absent_of, cautions_of, sentences_of
from assaykit.analysis.sentences import detectable, figure, signed
from assaykit.figures import digits
from assaykit.report.charts import intervals
from assaykit.report.sections import sections

EXAMPLES_SHOWN = 50
"""Limit on the examples of one finding, for each kind of change."""

OUTPUT_LIMIT = 4_000
"""Characters of an output or a question."""

_OPEN = {"broken", "worse", "lower"}

_MARKS: dict[ComparisonVerdict, str] = {
    "better": "▲ better",
    "worse": "▼ worse",
    "different": "◆ different",
    "undecided": "◌ undecided",
    "no difference shown": "● no difference shown",
    "too close to call": "● too close to call",
    "too few to say": "○ too few to say",
    "not tested": "○ not tested",
}
_METHODS: dict[Test, str] = {
    "mid-p McNemar": "Rates: McNemar's test with the mid-p asks whether as many examples got better as got worse. "
    "Tango's score interval holds the true difference of the two rates in 95 of 100 such comparisons.",
    "sign flips": "Means: the sign-flip test asks how often chance alone would move the mean so far, if each example "
    "could as well have gone the other way. The t interval holds the true mean difference in 95 of 100 comparisons. "
    "It is widened where a few differences are far larger than the others (Hall's transformation).",
    "sign flips of clusters": "Rows in clusters: the sign-flip test turns whole clusters. The t interval rests on the "
    "variance between clusters, so rows of one source do not count as if they were independent.",
}
_CORRECTION = (
    "p is corrected by Holm for the number of tests. A verdict needs p of at most 0.05 and an interval without zero. "
    "“Usually missed” is the size below which a true difference would usually not be shown."
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --page: #fff; --line: #d0d7de; --panel: #f6f8fa;
        --better: #1a7f37; --worse: #cf222e; --other: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --page: #0d1117; --line: #3d444d; --panel: #151b23;
          --better: #3fb950; --worse: #f85149; --other: #4493f8; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
       max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } p.note, small.note { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top;
        border-bottom: 1px solid var(--line); } td.agreed { font-weight: 700; background: var(--panel); }
caption { text-align: left; color: var(--soft); padding: .4rem 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.better { color: var(--better); } .worse { color: var(--worse); } .different { color: var(--other); }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: 13px/1.45 ui-monospace, monospace; }
details { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .8rem; margin: .6rem 0;
          background: var(--panel); }
summary { cursor: pointer; font-weight: 600; }
"""


def comparison_html(
    comparison: Comparison,
    details: Details | None = None,
    questions: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
) -> str:
    """Return the page: the findings in words, charts, the table of figures, the details, and the examples.

    `questions` has the question of an example by its id, and `keys` the user's own key. Names, keys, ids, questions and
    outputs are foreign text and are always escaped.
    """
    title = comparison.title
    findings = comparison.findings
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="note">{escape(note)}</p>' for note in comparison.notes),
        *(f"<p><strong>{escape(line)}</strong></p>" for line in comparison.ranking),
        *_told(findings),
        *(
            f'<p class="note">Not compared: {escape(f"{one.challenger} with {one.baseline}: {one.reason}")}.</p>'
            for one in comparison.skipped
        ),
        *(f'<p class="note">Compared: {escape(line)}.</p>' for line in comparison.origins),
        *_charts(findings),
        _table([one for one in findings if one.kind != "categorical"]),
        _methods(findings),
        *(sections(details) if details is not None else ()),
        *(part for one in findings for part in _changed(one, questions or {}, keys or {})),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _told(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield missing rows first, then the sentences with their verdicts, then the other notes."""
    yield from (f"<p><strong>{escape(line)}</strong></p>" for line in absent_of(findings))
    yield from (f"<p>{_mark(one)} {escape(sentence)}</p>" for one, sentence in sentences_of(findings))
    yield from (f'<p class="note">{escape(line)}</p>' for line in cautions_of(findings))


def _mark(finding: Finding) -> str:
    return f'<strong class="{finding.verdict.split()[0]}">{_MARKS[finding.verdict]}</strong>'


def _charts(findings: Sequence[Finding]) -> Iterator[str]:
    """One chart for rates and one for scores, because their units differ."""
    for kind, unit in (("binary", "points"), ("numeric", "score")):
        some = [one for one in findings if one.kind == kind and one.difference is not None]
        if some:
            yield f"<h2>Difference in {unit}, with its 95 % interval</h2>{intervals(some)}"


def _table(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    heads = (
        "Evaluator",
        "Challenger",
        "Verdict",
        "Value",
        "Baseline",
        "Difference",
        "p, corrected",
        "Pairs",
        "Usually missed",
    )
    rows = "\n".join(_row(one) for one in findings)
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return f"<h2>Figures</h2><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _methods(findings: Sequence[Finding]) -> str:
    """One line on each method that the findings rest on."""
    tests: dict[Test, None] = dict.fromkeys(finding.test for finding in findings if finding.test is not None)
    return "".join(f'<p class="note">{escape(line)}</p>' for line in (*(_METHODS[one] for one in tests), _CORRECTION))


def _row(finding: Finding) -> str:
    is_open = finding.verdict == "too few to say"
    interval = None if is_open else finding.interval
    spread = f" ({signed(finding, interval.low)} to {signed(finding, interval.high)})" if interval else ""
    numbers = (
        figure(finding, finding.challenger_value or 0.0),
        figure(finding, finding.baseline_value or 0.0),
        signed(finding, finding.difference or 0.0) + spread,
        "" if is_open or finding.p_adjusted is None else p_value(finding.p_adjusted).removeprefix("= "),
        str(finding.n),
        detectable(finding),
    )
    cells = "".join(f'<td class="number">{escape(one)}</td>' for one in numbers)
    names = f"<td>{escape(finding.evaluator)}</td><td>{escape(finding.challenger)}</td>"
    return f"<tr>{names}<td>{_mark(finding)}</td>{cells}</tr>"


def _changed(finding: Finding, questions: Mapping[str, str], keys: Mapping[str, str]) -> Iterator[str]:
    """The changed examples by kind of change, and some unchanged ones."""
    ways = finding.ways
    if not any(ways.values()):
        return
    yield f"<h2>{escape(finding.evaluator)}: what changed in {escape(finding.challenger)}</h2>"
    heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in ("Example", finding.baseline, finding.challenger))
    counts = {**{way: len(changes) for way, changes in ways.items()}, "unchanged": finding.ties}
    for way, changes in {**ways, "unchanged": finding.same}.items():
        shown = changes[:EXAMPLES_SHOWN]
        left = f", {len(shown)} of them shown" if len(shown) < counts[way] else ""
        if not counts[way]:
            continue
        rows = "\n".join(_example(one, questions.get(one.example_id), keys.get(one.example_id)) for one in shown)
        yield (
            f"<details{' open' if way in _OPEN else ''}><summary>{counts[way]} {way}{left}</summary>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></details>"
        )


def _example(change: Change, question: str | None, key: str | None) -> str:
    sides = (
        (change.baseline_value, change.baseline_output),
        (change.challenger_value, change.challenger_output),
    )
    cells = "".join(f"<td>{digits(value, 3)}<pre>{escape(_cut(output))}</pre></td>" for value, output in sides)
    asked = f"{escape(_cut(question))}<br>" if question else ""
    asked = f"<strong>{escape(_cut(key))}</strong><br>{asked}" if key else asked
    return f'<tr><td>{asked}<small class="note">{escape(change.example_id)}</small></td>{cells}</tr>'


def _cut(output: str | None) -> str:
    if not output:
        return "(no output)"
    return output if len(output) <= OUTPUT_LIMIT else f"{output[:OUTPUT_LIMIT]} … ({len(output)} characters)"

"""Charts as SVG that stands in a page. Each says in words, for who does not see it, what it shows."""

from collections.abc import Callable, Sequence
from html import escape

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import signed

_WIDTH, _ROW, _LABELS, _EDGE = 760, 30, 300, 30
_APART = 50
"""Pixels between two figures of the axis."""
_CLASSES = {"better": "var(--better)", "worse": "var(--worse)", "different": "var(--other)"}


def intervals(findings: Sequence[Finding]) -> str:
    """Differences of one unit as dots with their intervals, beside the line where there is none."""
    ends = [end for one in findings for end in _ends(one)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return _LABELS + _EDGE + (value - low) / span * (_WIDTH - _LABELS - 2 * _EDGE)

    height = _ROW * (len(findings) + 1)
    words = " ".join(one.sentence for one in findings)
    rows = "".join(_row(one, number, x) for number, one in enumerate(findings))
    ends_at = f'x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height - _ROW}"'
    zero = f'<line {ends_at} stroke="var(--soft)" stroke-dasharray="3 3"/>'
    axis = "".join(
        f'<text x="{x(value):.1f}" y="{height - 8}" text-anchor="middle">{signed(findings[0], value)}</text>'
        for value in dict.fromkeys((low, 0.0, high))
        if value == 0 or abs(x(value) - x(0)) > _APART
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">'
        f"<title>{escape(words)}</title>{zero}{rows}{axis}</svg>"
    )


def _ends(finding: Finding) -> tuple[float, float]:
    middle = finding.difference or 0.0
    return (middle, middle) if finding.interval is None else (finding.interval.low, finding.interval.high)


def _row(finding: Finding, number: int, x: Callable[[float], float]) -> str:
    y = _ROW * number + _ROW / 2
    colour = _CLASSES.get(finding.verdict, "var(--soft)")
    low, high = _ends(finding)
    label = f"{short(finding.evaluator)}: {short(finding.challenger)}"
    return (
        f'<text x="0" y="{y + 4:.1f}">{escape(label[:46])}</text>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        f'<circle cx="{x(finding.difference or 0.0):.1f}" cy="{y}" r="5" fill="{colour}"/>'
    )

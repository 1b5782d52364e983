"""Charts as inline SVG. The title of each chart gives its content in words, for screen readers."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import signed
from assaykit.analysis.statistics import Interval

_WIDTH, _ROW, _LABELS, _EDGE = 760, 30, 300, 30
_APART = 50
"""Least distance in pixels between an end of the axis and zero for the end to get a label."""
_CLASSES = {"better": "var(--better)", "worse": "var(--worse)", "different": "var(--other)"}


class IntervalBar(NamedTuple):
    """A difference with its interval, its label and its description in words."""

    label: str
    difference: float
    interval: Interval | None
    verdict: str
    words: str

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; without one, the difference twice."""
        one = self.interval
        return (self.difference, self.difference) if one is None else (one.low, one.high)


def intervals(findings: Sequence[Finding]) -> str:
    """Draw the differences of at least one finding. All must have the same unit."""
    of = [
        IntervalBar(
            f"{short(one.evaluator)}: {short(one.challenger)}",
            one.difference or 0.0,
            one.interval,
            one.verdict,
            one.sentence,
        )
        for one in findings
    ]
    return bars(of, findings[0])


def bars(of: Sequence[IntervalBar], finding: Finding) -> str:
    """Draw differences as dots with their intervals and a line at zero, in the unit of `finding`."""
    ends = [end for one in of for end in one.ends]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return _LABELS + _EDGE + (value - low) / span * (_WIDTH - _LABELS - 2 * _EDGE)

    height = _ROW * (len(of) + 1)
    words = " ".join(one.words for one in of)
    rows = "".join(_row(one, number, x) for number, one in enumerate(of))
    ends_at = f'x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height - _ROW}"'
    zero = f'<line {ends_at} stroke="var(--soft)" stroke-dasharray="3 3"/>'
    axis = "".join(
        f'<text x="{x(value):.1f}" y="{height - 8}" text-anchor="middle">{signed(finding, value)}</text>'
        for value in dict.fromkeys((low, 0.0, high))
        if value == 0 or abs(x(value) - x(0)) > _APART
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">'
        f"<title>{escape(words)}</title>{zero}{rows}{axis}</svg>"
    )


def _row(one: IntervalBar, number: int, x: Callable[[float], float]) -> str:
    y = _ROW * number + _ROW / 2
    colour = _CLASSES.get(one.verdict, "var(--soft)")
    low, high = one.ends
    return (
        f'<text x="0" y="{y + 4:.1f}">{escape(one.label[:46])}</text>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        f'<circle cx="{x(one.difference):.1f}" cy="{y}" r="5" fill="{colour}"/>'
    )

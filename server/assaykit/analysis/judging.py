"""The verdicts of a comparison: one correction over all tests, and the bounds that missing verdicts leave."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from assaykit.analysis.findings import Bound, Finding
from assaykit.analysis.missing import absences, at_best, at_worst
from assaykit.analysis.sentences import cautions, sentence
from assaykit.analysis.settling import needed
from assaykit.analysis.statistics import holm
from assaykit.analysis.usage_changes import UsageChange, corrected_change
from assaykit.analysis.verdicts import detectable, shown, verdict


class _Family(NamedTuple):
    """The tests of one correction: the places of findings, and further p-values."""

    among: Sequence[int]
    beside: Sequence[float] = ()

    @property
    def tests(self) -> int:
        return len(self.among) + len(self.beside)


def judged(measured: Sequence[Finding], primary: str | None = None, beside: Sequence[float] = ()) -> Iterable[Finding]:
    """The findings with Holm's correction, the verdict, the cautions and the sentence.

    The correction covers all tests, and those `beside` the findings by their p-values. If an evaluator is `primary`,
    the correction of its tests covers them alone, and that of the others still covers all.
    """
    every = _Family([place for place, one in enumerate(measured) if one.p is not None], beside)
    first = _Family([place for place in every.among if measured[place].evaluator == primary])
    for place, one in enumerate(measured):
        family = first if place in first.among else every
        finding = one if one.p is None else _weighed(measured, family, place)
        told = sentence(finding, family.tests)
        yield replace(finding, absent=absences(finding), cautions=cautions(finding), sentence=told)


def judged_usage(changes: Sequence[UsageChange], measured: Sequence[Finding]) -> list[UsageChange]:
    """The changes of latency, tokens and cost with their verdicts, in one correction with the tests of the findings."""
    ps = [one.p for one in (*changes, *measured) if one.p is not None]
    adjusted = iter(holm(ps))
    return [corrected_change(one, None if one.p is None else next(adjusted), len(ps)) for one in changes]


def _weighed(measured: Sequence[Finding], family: _Family, place: int) -> Finding:
    """The finding with its verdict; "undecided" if the missing verdicts could turn it."""
    finding = _corrected(measured, family, place, measured[place])
    finding = replace(finding, smallest_detectable=detectable(finding, family.tests))
    finding = replace(finding, needed=needed(finding, family.tests))
    if not finding.gaps:
        return finding
    worst, best = (_corrected(measured, family, place, fill(finding)) for fill in (at_worst, at_best))
    could_turn = finding.verdict != "too few to say" and {shown(worst), shown(best)} != {shown(finding)}
    return replace(
        finding,
        worst=_bound(worst),
        best=_bound(best),
        verdict="undecided" if could_turn else finding.verdict,
    )


def _corrected(measured: Sequence[Finding], family: _Family, place: int, finding: Finding) -> Finding:
    """The finding with the p that Holm gives it among the others, and the verdict that follows."""
    ps = [(finding if one == place else measured[one]).p or 0.0 for one in family.among]
    corrected = replace(finding, p_adjusted=holm([*ps, *family.beside])[family.among.index(place)])
    return replace(corrected, verdict=verdict(corrected))


def _bound(filled: Finding) -> Bound:
    return Bound(filled.difference or 0.0, filled.interval, filled.verdict)

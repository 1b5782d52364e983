"""The verdicts of a comparison: one correction over all tests, and the bounds that missing verdicts leave."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from assaykit.analysis.findings import Bound, Finding
from assaykit.analysis.missing import absences, at_best, at_worst
from assaykit.analysis.sentences import cautions, sentence
from assaykit.analysis.settling import needed
from assaykit.analysis.statistics import holm
from assaykit.analysis.verdicts import detectable, shown, verdict


def judged(measured: Sequence[Finding], primary: str | None = None) -> Iterable[Finding]:
    """The findings with Holm's correction, the verdict, the cautions and the sentence.

    The correction covers all tests. If an evaluator is `primary`, the correction of its tests covers them alone, and
    that of the others still covers all.
    """
    tested = [place for place, one in enumerate(measured) if one.p is not None]
    family = [place for place in tested if measured[place].evaluator == primary]
    for place, one in enumerate(measured):
        among = family if place in family else tested
        finding = one if one.p is None else _weighed(measured, among, place)
        yield replace(
            finding, absent=absences(finding), cautions=cautions(finding), sentence=sentence(finding, len(among))
        )


def _weighed(measured: Sequence[Finding], among: Sequence[int], place: int) -> Finding:
    """The finding with its verdict; "undecided" if the missing verdicts could turn it."""
    finding = _corrected(measured, among, place, measured[place])
    finding = replace(finding, smallest_detectable=detectable(finding, len(among)))
    finding = replace(finding, needed=needed(finding, len(among)))
    if not finding.gaps:
        return finding
    worst, best = (_corrected(measured, among, place, fill(finding)) for fill in (at_worst, at_best))
    could_turn = finding.verdict != "too few to say" and {shown(worst), shown(best)} != {shown(finding)}
    return replace(
        finding,
        worst=_bound(worst),
        best=_bound(best),
        verdict="undecided" if could_turn else finding.verdict,
    )


def _corrected(measured: Sequence[Finding], among: Sequence[int], place: int, finding: Finding) -> Finding:
    """The finding with the p that Holm gives it among the others, and the verdict that follows."""
    ps = [(finding if one == place else measured[one]).p or 0.0 for one in among]
    corrected = replace(finding, p_adjusted=holm(ps)[among.index(place)])
    return replace(corrected, verdict=verdict(corrected))


def _bound(filled: Finding) -> Bound:
    return Bound(filled.difference or 0.0, filled.interval, filled.verdict)

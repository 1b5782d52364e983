"""Examples without a verdict, and findings recomputed with the missing verdicts at their worst or at their best."""

from collections.abc import Mapping
from dataclasses import replace

from assaykit.analysis.changes import NO_CHANGES
from assaykit.analysis.findings import Finding, Gap
from assaykit.analysis.paired_rates import mcnemar_mid_p
from assaykit.analysis.pairing import Figured, Sheet, are_of_one, figure, has_abstained
from assaykit.analysis.rows import short
from assaykit.analysis.scales import Scale
from assaykit.analysis.statistics import ALPHA
from assaykit.analysis.verdicts import tested
from assaykit.figures import digits

Expected = tuple[frozenset[str] | None, frozenset[str] | None]
"""The example ids of each side's dataset; None if they are not known."""

_MISSING: tuple[None] = (None,)


def gaps(sheets: tuple[Sheet, Sheet], read: tuple[Figured, Figured], by: Scale, datasets: Expected) -> dict[str, Gap]:
    """Return by id the examples that should have verdicts on both sides and lack at least one.

    An example should have verdicts if both datasets contain it, or if both sides ran it. If a dataset is not known,
    every example that either side ran should have them. An example for which the evaluator declined to judge on both
    sides is no gap. If it declined on one side alone, the example is a gap.
    """
    first, second = (one.verdicts.keys() for one in sheets)
    ours, theirs = datasets
    counts = [(len(one.values), len(each.verdicts)) for one, each in zip(read, sheets, strict=True)]
    is_whole = not any(one.incomplete for one in read) and all(scored == ran for scored, ran in counts)
    if is_whole and (are_of_one(*sheets) or first == second):
        both = None if ours is None or theirs is None else ours if ours is theirs else ours & theirs
        if both is None or both <= first:
            return {}
    expected = first | second if ours is None or theirs is None else (first & second) | (ours & theirs)
    whole = [one.values.keys() - one.incomplete for one in read]
    found: dict[str, Gap] = {}
    for one in expected - (whole[0] & whole[1]):
        baseline, challenger = (_figures(each, one, by) for each in sheets)
        if (baseline or challenger) and None in (*(baseline or _MISSING), *(challenger or _MISSING)):
            found[one] = Gap(baseline or _MISSING, challenger or _MISSING)
    return found


def _figures(one: Sheet, example_id: str, by: Scale) -> tuple[float | None, ...]:
    """The figures of an example's rows, without the rows in which the evaluator declined to judge."""
    verdicts = one.verdicts.get(example_id, [None])
    return tuple(figure(verdict, by) for verdict in verdicts if not has_abstained(verdict, by))


def missing_more_often(found: Mapping[str, Gap]) -> float | None:
    """The p of McNemar's test of "has a verdict": whether one side lacks verdicts more often; None without gaps."""
    if not found:
        return None
    whole = [(None not in gap.baseline, None not in gap.challenger) for gap in found.values()]
    return mcnemar_mid_p(whole.count((True, False)), whole.count((False, True)))


def reach(first: Sheet, second: Sheet, by: Scale, given: tuple[float, float] | None) -> tuple[float, float]:
    """Return the lowest and the highest figure that can stand in for a missing verdict.

    They are 0 and 1 for a rate. For a score they are the ends of the declared range, else the smallest and the largest
    score seen. If all scores seen are equal, the range is widened to include 0 and 1, because it tells no bounds.
    """
    if by.kind != "numeric":
        return (0.0, 1.0)
    seen = first.scores | second.scores
    if given is not None:
        return min((given[0], *seen)), max((given[1], *seen))
    return (min(seen), max(seen)) if len(seen) > 1 else (min(0.0, *seen), max(1.0, *seen))


def at_worst(finding: Finding) -> Finding:
    """The finding with each missing verdict at its worst for the challenger, without a verdict and a sentence."""
    low, high = finding.reach
    return _filled(finding, low, high) if finding.direction == "MINIMIZE" else _filled(finding, high, low)


def at_best(finding: Finding) -> Finding:
    """The finding with each missing verdict at its best for the challenger, without a verdict and a sentence."""
    low, high = finding.reach
    return _filled(finding, high, low) if finding.direction == "MINIMIZE" else _filled(finding, low, high)


def _filled(finding: Finding, baseline: float, challenger: float) -> Finding:
    filled = {
        example_id: (_mean(gap.baseline, baseline), _mean(gap.challenger, challenger))
        for example_id, gap in finding.gaps.items()
    }
    pairs = {**finding.pairs, **filled}
    return tested(
        replace(
            finding,
            n=len(pairs),
            pairs=pairs,
            rose=NO_CHANGES,
            fell=NO_CHANGES,
            same=NO_CHANGES,
            verdict="not tested",
            sentence="",
        )
    )


def _mean(figures: tuple[float | None, ...], instead: float) -> float:
    return sum(instead if one is None else one for one in figures) / len(figures)


def counted(finding: Finding) -> str:
    """Say in a clause how many examples lack a verdict and on which side: "36 of 100 examples have no verdict in new".

    Empty without gaps.
    """
    total = len(finding.pairs.keys() | finding.gaps.keys())
    out = [gap for example_id, gap in finding.gaps.items() if example_id not in finding.pairs]
    partial = len(finding.gaps) - len(out)
    told: list[str] = []
    if out:
        told.append(f"{_of(len(out), total)} no verdict {_where(finding, out)}")
    if partial:
        told.append(f"{_of(partial, total)} repetitions without a verdict")
    return " and ".join(told)


def _of(count: int, total: int) -> str:
    return f"{count} of {total} examples {'has' if count == 1 else 'have'}"


def _where(finding: Finding, out: list[Gap]) -> str:
    """Name the experiment that lacks the verdicts, or give the count of each."""
    baseline, challenger = short(finding.baseline), short(finding.challenger)
    # Each pair says whether the baseline has a verdict and whether the challenger has one.
    scored = [tuple(any(one is not None for one in side) for side in gap) for gap in out]
    counts = {
        challenger: scored.count((True, False)),
        baseline: scored.count((False, True)),
        "either experiment": scored.count((False, False)),
    }
    only = [place for place, count in counts.items() if count == len(out)]
    if only:
        return f"in {only[0]}"
    return "(" + ", ".join(f"{count} in {place}" for place, count in counts.items() if count) + ")"


def taken(finding: Finding) -> str:
    """The range of the scores that stand in for missing ones, as an addition to a sentence; empty for a rate."""
    if finding.kind != "numeric":
        return ""
    low, high = finding.reach
    are_alike = len({value for pair in finding.pairs.values() for value in pair}) == 1
    seen = "as all scores are alike" if are_alike else "the smallest and the largest score seen"
    which = "the declared range" if finding.reach_given else seen
    return f" (from {digits(low, 4)} to {digits(high, 4)}, {which})"


def absences(finding: Finding) -> tuple[str, ...]:
    """Say which rows do not count, or count as failures, and why; the most serious first."""
    told = [*_of_failed_runs(finding)]
    if finding.gaps:
        told.append(f"{counted(finding)}.")
        if finding.missing_p is not None and finding.missing_p <= ALPHA:
            told.append("Verdicts are missing on one side more often, so the pairs are no fair sample of the examples.")
    sides = ((finding.baseline, finding.baseline_side), (finding.challenger, finding.challenger_side))
    abstained = [f"{one.abstained} of {short(name)}" for name, one in sides if one.abstained]
    if abstained:
        told.append(f"Examples without a judgement because the evaluator abstained: {', '.join(abstained)}.")
    return tuple(told)


def _of_failed_runs(finding: Finding) -> list[str]:
    sides = ((finding.baseline, finding.baseline_side), (finding.challenger, finding.challenger_side))
    parts = [f"{one.failed_runs} of {one.rows} runs of {short(name)}" for name, one in sides if one.failed_runs]
    if not parts:
        return []
    known = "count as failures" if finding.direction != "NONE" else "count as 0"
    count = known if finding.scale.failure is not None else "have no verdict"
    return [f"{' and '.join(parts)} failed; they {count}."]

"""A finding in words: one sentence with its figures, and cautions for the reader."""

import json
from collections.abc import Iterable, Mapping, Sequence

from assaykit.analysis.cluster_words import about_clusters, pairs_told
from assaykit.analysis.findings import Bound, Finding
from assaykit.analysis.formats import decimals_of, p_value, percent
from assaykit.analysis.means import SKEWED_FROM
from assaykit.analysis.missing import counted, taken
from assaykit.analysis.rows import listed, short
from assaykit.analysis.statistics import FEWEST_PAIRS, Interval
from assaykit.analysis.verdicts import leaves_out_zero
from assaykit.figures import digits

FEW_PAIRS = 20
"""Below this number of pairs a finding carries a caution."""

_LABELS_TOLD = 5
_NAMES_TOLD = 3
_UNSETTLED = frozenset({"no difference shown", "too close to call", "undecided"})
_SPACE = "\N{OPEN BOX}"
_LEAST = 1e-9


def sentence(finding: Finding, tests: int) -> str:
    """Return the finding in one or two sentences; `tests` is the number of tests that the correction covers."""
    if finding.kind == "categorical":
        return _shares(finding)
    if finding.question is not None:
        return f"{short(finding.evaluator)}: {finding.question} Seen so far: {_figures(finding)}."
    parts = [f"{_lead(finding)}: {_figures(finding)}", change(finding), _test(finding, tests)]
    if finding.verdict == "too few to say":
        # An interval or a p would invite the verdict that the pairs do not allow.
        parts = [parts[0], _difference(finding, finding.difference or 0.0, None)]
    told = f"{', '.join(parts)}; {_counts(finding)}."
    return f"{told}{_what_would_settle(finding)}"


def figure(finding: Finding, value: float) -> str:
    """Format a rate or a mean of the finding."""
    return digits(value, 4) if finding.kind == "numeric" else percent(value, finding.parts)


def signed(finding: Finding, value: float) -> str:
    """Format a difference with its sign: in points for rates, else in the unit of the score."""
    # Adding 0.0 turns -0.0 into 0.0.
    if finding.kind == "numeric":
        return digits(value + 0.0, 3, "+")
    decimals = decimals_of(finding.parts)
    while decimals < 2 and abs(value) > _LEAST and not round(100 * value, decimals):  # noqa: PLR2004  (hundredths of a point)
        decimals += 1
    return f"{round(100 * value, decimals) + 0.0:+.{decimals}f}"


def detectable(finding: Finding) -> str:
    """The size below which a difference is usually missed; empty where one is shown, or where nothing tells it."""
    size = finding.smallest_detectable
    if size is None or finding.verdict not in _UNSETTLED:
        return ""
    return f"under {_size(finding, size)}"


def _size(finding: Finding, size: float) -> str:
    if finding.kind == "numeric":
        return digits(size, 3)
    decimals = decimals_of(finding.parts)
    while decimals < 2 and abs(round(100 * size, decimals) - 100 * size) > 10 * size:  # noqa: PLR2004  (hundredths)
        decimals += 1
    told = f"{100 * size:.{decimals}f}"
    return f"{told} point{'' if told == '1' else 's'}"


def _lead(finding: Finding) -> str:
    name, challenger, baseline = short(finding.evaluator), short(finding.challenger), short(finding.baseline)
    both = f"{challenger} and {baseline}"
    told = {
        "better": f"{challenger} is better than {baseline}",
        "worse": f"{challenger} is worse than {baseline}",
        "different": f"{challenger} differs from {baseline}, and it is not known which is better",
        "undecided": f"undecided between {both}, because {counted(finding)}",
        "no difference shown": f"no difference between {both} can be shown",
        "too close to call": f"too close to call between {both}",
        "too few to say": f"{_too_few(finding)} to say whether {challenger} differs from {baseline}",
        "not tested": f"{challenger} against {baseline} is not tested",
    }
    return f"{name}: {told[finding.verdict]}"


def _too_few(finding: Finding) -> str:
    pairs = f"{pairs_told(finding)} {'is' if finding.n == 1 else 'are'} too few"
    if finding.units < FEWEST_PAIRS:
        return pairs
    units = f"{finding.clusters.noun}s" if finding.clusters is not None and finding.is_clustered else "pairs"
    return f"differences that lie far to one side on few examples need {SKEWED_FROM} {units}, and {pairs}"


def _figures(finding: Finding) -> str:
    challenger, baseline = finding.challenger_value or 0.0, finding.baseline_value or 0.0
    both = f"{figure(finding, challenger)} vs {figure(finding, baseline)}"
    if finding.kind == "numeric":
        return f"mean {both} over {pairs_told(finding)}"
    rates = f"{both} of {pairs_told(finding)}"
    if finding.positives:
        bad = " (bad)" if finding.direction == "MINIMIZE" else ""
        return f"{labels(finding)}{bad} on {rates}"
    if finding.good_labels:
        side = {"MAXIMIZE": " (good)", "MINIMIZE": " (bad)", "NONE": ""}[finding.direction]
        return f"{' or '.join(repr(short(one)) for one in finding.good_labels)}{side} on {rates}"
    return rates


def labels(finding: Finding) -> str:
    """The labels that are counted, in quotes."""
    return " or ".join(repr(short(one)) for one in finding.positives)


def change(finding: Finding) -> str:
    """The difference with its unit, and with its interval if it has one."""
    return _difference(finding, finding.difference or 0.0, finding.interval)


def _difference(finding: Finding, difference: float, interval: Interval | None) -> str:
    unit = "" if finding.kind == "numeric" else " points"
    told = f"difference {signed(finding, difference)}{unit}"
    if interval is None:
        return told
    low, high = signed(finding, interval.low), signed(finding, interval.high)
    return f"{told} ({100 * interval.level:g} % interval {low} to {high})"


def _test(finding: Finding, tests: int) -> str:
    if finding.p is None or finding.p_adjusted is None:
        return "not tested"
    if tests < 2:  # noqa: PLR2004  (one test needs no correction)
        return f"p {p_value(finding.p_adjusted)}"
    return f"p {p_value(finding.p_adjusted)} after the correction for {tests} tests"


def _counts(finding: Finding) -> str:
    rose, fell = len(finding.rose), len(finding.fell)
    fixed, broken = finding.fixed, finding.broken
    unchanged = f"{finding.ties} unchanged"
    if fixed is None or broken is None:
        if finding.positives and finding.table is not None:
            return f"{rose} turned to {labels(finding)}, {fell} turned from it, {unchanged}"
        return f"{rose} higher, {fell} lower, {unchanged}"
    good, bad = ("fixed", "broken") if finding.table is not None else ("better", "worse")
    return f"{len(fixed)} {good}, {len(broken)} {bad}, {unchanged}"


def _what_would_settle(finding: Finding) -> str:
    """Further sentences: the bounds that missing verdicts leave, or the size of a difference that would be missed."""
    if finding.verdict == "undecided" and finding.worst is not None and finding.best is not None:
        return (
            f" With the missing verdicts{taken(finding)} at their worst for {short(finding.challenger)}: "
            f"{_bound(finding, finding.worst)}; at their best: {_bound(finding, finding.best)}."
        )
    if finding.verdict == "no difference shown":
        told = ""
        if leaves_out_zero(finding.interval):
            told = " The interval is that of one test alone; the correction takes the verdict back."
        return told + _missed(finding)
    if finding.verdict == "too close to call":
        side = "leaves out zero" if leaves_out_zero(finding.interval) else "holds zero"
        return f" The interval {side} and the test says otherwise; a few more examples decide it."
    if finding.verdict == "too few to say":
        if finding.n < FEWEST_PAIRS:
            return f" A verdict needs {FEWEST_PAIRS} pairs or more."
        return (
            f" A few examples with large differences decide the mean; with such differences a verdict needs "
            f"{SKEWED_FROM} pairs or more."
        )
    return ""


def _missed(finding: Finding) -> str:
    """The difference that is usually missed, and the examples for a smaller one."""
    if finding.smallest_detectable is None:
        return ""
    missed = f"A true difference {detectable(finding)} would usually be missed"
    if finding.needed is None:
        return f" {missed}."
    examples = f"about {finding.needed.examples:,} examples"
    if not finding.rose and not finding.fell:
        return f" To see a difference of {_size(finding, finding.needed.difference)} you need {examples}."
    return f" {missed}; for {_size(finding, finding.needed.difference)} you need {examples}."


def _bound(finding: Finding, bound: Bound) -> str:
    return f"{_difference(finding, bound.difference, bound.interval)}, {bound.verdict}"


def _shares(finding: Finding) -> str:
    widest = sorted(finding.shares, key=lambda share: -abs(share.difference))
    told = "; ".join(
        f"{short(share.label)!r} {percent(share.challenger, finding.parts)} vs "
        f"{percent(share.baseline, finding.parts)} ({signed(finding, share.difference)} points)"
        for share in widest[:_LABELS_TOLD]
    )
    more = f"; {len(widest) - _LABELS_TOLD} more labels" if len(widest) > _LABELS_TOLD else ""
    return (
        f"{short(finding.evaluator)}: {short(finding.challenger)} against {short(finding.baseline)} is not "
        f"tested, as these labels have no order; over {pairs_told(finding)} {told}{more}. "
        f"To have a difference tested, name the good labels, such as {_call_for_labels(finding)}."
    )


def _call_for_labels(finding: Finding) -> str:
    common = max(finding.shares, key=lambda share: (share.baseline + share.challenger, share.label))
    return call_of("positive", {finding.evaluator: common.label})


def cautions(finding: Finding) -> tuple[str, ...]:
    """The cautions of a finding, most serious first: about the meaning, then the figures, then the rows."""
    rows = (*about_clusters(finding), *_about_rows(finding))
    return (*_about_meaning(finding), *_about_figures(finding), *rows)


def _about_rows(finding: Finding) -> list[str]:
    told: list[str] = []
    one, other = finding.baseline_side, finding.challenger_side
    if finding.n < FEW_PAIRS:
        told.append(f"Only {pairs_told(finding)}: a few more examples can change every figure.")
    if one.only_here or other.only_here:
        told.append(
            f"Examples on one side only, not compared: {one.only_here} in {short(finding.baseline)}, "
            f"{other.only_here} in {short(finding.challenger)}."
        )
    return told


def _about_meaning(finding: Finding) -> list[str]:
    told: list[str] = []
    if finding.spellings:
        kinds = sorted({*finding.spellings.values()})
        told.append(
            f"Labels that are spellings of one value are one class: {_spelled(finding.spellings)} count "
            f"as {_spelled(kinds)}."
        )
    if finding.positives and finding.scale.positive_assumed:
        told.append(f"{labels(finding)} is taken as the positive label.")
    if lacks_direction(finding):
        told.append(call_for_directions([finding]))
    return told


def lacks_direction(finding: Finding) -> bool:
    """Whether figures can be compared, and only the direction is missing for a verdict of better or worse."""
    return finding.kind != "categorical" and finding.direction == "NONE" and finding.direction_assumed


def call_for_directions(findings: Sequence[Finding]) -> str:
    """The call that gives these findings a direction, in one note."""
    names = list(dict.fromkeys(one.evaluator for one in findings))
    call = call_of("directions", dict.fromkeys(names, "MAXIMIZE"))
    failed = any(
        one.positives
        and one.scale.failure is None
        and (one.baseline_side.failed_runs or one.challenger_side.failed_runs)
        for one in findings
    )
    count = " Failed runs then count as failures." if failed else ""
    against = ""
    if any(one.positives and not one.scale.positive_assumed for one in findings):
        against = f" The rows with the label {labels(findings[0])} have the lower scores."
    return (
        f"Nothing says whether higher is better, so no verdict says better or worse.{against} If higher "
        f'is better, compare with {call}; if lower is better, with "MINIMIZE".{count}'
    )


def call_of(argument: str, value: Mapping[str, str]) -> str:
    """An argument of the comparison as a caller writes it: the first `_NAMES_TOLD` evaluators, and the count of all."""
    told = json.dumps({short(name): short(one) for name, one in list(value.items())[:_NAMES_TOLD]}, ensure_ascii=False)
    return f"{argument}={told}" if len(value) <= _NAMES_TOLD else f"{argument}={told[:-1]}, ...}} ({len(value)} in all)"


def _spelled(names: Iterable[str]) -> str:
    """Labels in quotes, with outer spaces that a reader can see."""
    return listed(
        _SPACE * (len(one) - len(one.lstrip())) + one.strip() + _SPACE * (len(one) - len(one.rstrip())) for one in names
    )


def _about_figures(finding: Finding) -> list[str]:
    told: list[str] = []
    if finding.difference is None or finding.question is not None:
        return told
    if finding.interval is None and finding.n > 1:
        told.append("Every pair differs by the same amount, so these pairs give no interval.")
    if not finding.difference and not finding.rose and not finding.fell and finding.n > 1:
        told.append("No pair differs; that does not show that the two are equal.")
    if finding.difference * (len(finding.rose) - len(finding.fell)) < 0:
        told.append("Most changed examples moved against the mean: a few large changes decide it.")
    if not finding.difference and len(finding.rose) != len(finding.fell):
        told.append("The changes cancel out: many small ones on one side, fewer but larger ones on the other.")
    return told

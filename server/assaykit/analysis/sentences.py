"""A finding in words: one sentence with its figures, and cautions for the reader."""

from assaykit.analysis.findings import Finding, Side
from assaykit.analysis.rows import short
from assaykit.analysis.statistics import ALPHA, FEWEST_PAIRS
from assaykit.figures import digits

FEW_PAIRS = 20
"""Below this number of pairs a finding carries a caution."""

_FINE_FROM = (100, 1000)
_LABELS_TOLD = 5


def sentence(finding: Finding, tests: int) -> str:
    """Return the finding as one sentence; `tests` is the number of tests under Holm's correction."""
    if finding.kind == "categorical":
        return _shares(finding)
    parts = [f"{_lead(finding)}: {_figures(finding)}", change(finding), _test(finding, tests)]
    return f"{', '.join(parts)}; {_counts(finding)}."


def figure(finding: Finding, value: float) -> str:
    """Format a rate or a mean of the finding."""
    return digits(value, 4) if finding.kind == "numeric" else percent(value, finding.n)


def percent(rate: float, n: int) -> str:
    """Format a rate as "84 %", with as many decimals as `n` pairs justify."""
    return f"{100 * rate:.{_decimals(n)}f} %"


def signed(finding: Finding, value: float) -> str:
    """Format a difference with its sign: in points for rates, else in the unit of the score."""
    # Adding 0.0 turns -0.0 into 0.0.
    if finding.kind == "numeric":
        return digits(value + 0.0, 3, "+")
    decimals = _decimals(finding.n)
    return f"{round(100 * value, decimals) + 0.0:+.{decimals}f}"


def _decimals(n: int) -> int:
    """Decimals of a percentage: 0 below 100 pairs, 1 below 1000, else 2."""
    return sum(n >= size for size in _FINE_FROM)


def p_value(p: float) -> str:
    """A p-value as "= 0.012" or "< 0.0001": two digits, but four decimals near 0.05, so that no rounding crosses it."""
    if p < 0.0001:  # noqa: PLR2004  (below this the digits mean nothing)
        return "< 0.0001"
    near = 0.045 < p < 0.055  # noqa: PLR2004  (the neighbourhood of alpha)
    return f"= {p:.4f}" if near else f"= {p:.2g}"


def detectable(finding: Finding) -> str:
    """The smallest detectable difference, or the reason why there is none."""
    size = finding.smallest_detectable
    if size is None:
        return "too few pairs to show any" if finding.n < FEWEST_PAIRS else "unknown without spread"
    return digits(size, 3) if finding.kind == "numeric" else f"{100 * size:.{_decimals(finding.n)}f} points"


def _lead(finding: Finding) -> str:
    name, challenger, baseline = (
        short(finding.evaluator),
        short(finding.challenger),
        short(finding.baseline),
    )
    if finding.verdict == "no difference shown":
        return (
            f"{name}: no difference between {challenger} and {baseline} can be shown at n = {finding.n} "
            f"(smallest detectable: {detectable(finding)})"
        )
    relation = "differs from" if finding.verdict == "different" else f"is {finding.verdict} than"
    return f"{name}: {challenger} {relation} {baseline}"


def _figures(finding: Finding) -> str:
    challenger, baseline = finding.challenger_value or 0.0, finding.baseline_value or 0.0
    both = f"{figure(finding, challenger)} vs {figure(finding, baseline)}"
    if finding.kind == "numeric":
        return f"mean {both} over {_pairs(finding)}"
    rates = f"{both} of {_pairs(finding)}"
    return f"{short(finding.positive)!r} on {rates}" if finding.positive is not None else rates


def _pairs(finding: Finding) -> str:
    return "1 pair" if finding.n == 1 else f"{finding.n} pairs"


def change(finding: Finding) -> str:
    """The difference with its unit, and with its interval if it has one."""
    unit = "" if finding.kind == "numeric" else " points"
    told = f"difference {signed(finding, finding.difference or 0.0)}{unit}"
    if finding.interval is None:
        return told
    low, high = signed(finding, finding.interval.low), signed(finding, finding.interval.high)
    return f"{told} ({100 * finding.interval.level:g} % interval {low} to {high})"


def _test(finding: Finding, tests: int) -> str:
    if finding.p is None or finding.p_adjusted is None:
        return "not tested"
    told = f"{finding.test} p {p_value(finding.p)}"
    return f"{told} (Holm {p_value(finding.p_adjusted).removeprefix('= ')})" if tests > 1 else told


def _counts(finding: Finding) -> str:
    rose, fell = len(finding.rose), len(finding.fell)
    fixed, broken = finding.fixed, finding.broken
    if finding.kind == "binary":
        if fixed is None or broken is None:
            return f"{rose} gained it, {fell} lost it, {finding.ties} unchanged"
        return f"{len(fixed)} fixed, {len(broken)} broken, {finding.ties} unchanged"
    size = "" if finding.effect_size is None else f", effect size {finding.effect_size:+.2f}"
    if fixed is None or broken is None:
        return f"{rose} rose, {finding.ties} equal, {fell} fell{size}"
    return f"{len(fixed)} won, {finding.ties} tied, {len(broken)} lost{size}"


def _shares(finding: Finding) -> str:
    widest = sorted(finding.shares, key=lambda share: -abs(share.difference))
    told = "; ".join(
        f"{short(share.label)!r} {percent(share.challenger, finding.n)} vs "
        f"{percent(share.baseline, finding.n)} ({signed(finding, share.difference)} points)"
        for share in widest[:_LABELS_TOLD]
    )
    more = f"; {len(widest) - _LABELS_TOLD} more labels" if len(widest) > _LABELS_TOLD else ""
    return (
        f"{short(finding.evaluator)}: {short(finding.challenger)} against {short(finding.baseline)} is not "
        f"tested, as these labels have no order; over {_pairs(finding)} {told}{more}. "
        f"Name the positive label to have it tested."
    )


def cautions(finding: Finding) -> tuple[str, ...]:
    """The cautions of a finding, most serious first. The verdict must be set."""
    return (*_about_rows(finding), *_about_meaning(finding), *_about_figures(finding))


def _about_rows(finding: Finding) -> list[str]:
    told: list[str] = []
    one, other = finding.baseline_side, finding.challenger_side
    if finding.n < FEW_PAIRS:
        told.append(f"Only {_pairs(finding)}: a few more examples can change every figure.")
    if finding.dropped:
        told.append(
            f"{finding.dropped} of {finding.n + finding.dropped} shared examples are left out, without a "
            f"verdict on one side or both ({_missing(finding.baseline, one)}; "
            f"{_missing(finding.challenger, other)}): had they failed, the verdict could differ."
        )
    if one.only_here or other.only_here:
        told.append(
            f"Examples on one side only, not compared: {one.only_here} in {short(finding.baseline)}, "
            f"{other.only_here} in {short(finding.challenger)}."
        )
    if one.partial or other.partial:
        told.append(
            f"Some repetitions have no verdict and are left out of their example's mean: on {one.partial} "
            f"examples of {short(finding.baseline)}, {other.partial} of {short(finding.challenger)}."
        )
    return told


def _missing(name: str, side: Side) -> str:
    return f"{short(name)}: {side.unscored} unscored, {side.errored} errored"


def _about_meaning(finding: Finding) -> list[str]:
    told: list[str] = []
    if finding.positive is not None and finding.positive_assumed:
        told.append(f"{short(finding.positive)!r} is taken as the positive label.")
    if finding.direction_assumed and finding.kind != "categorical":
        told.append(
            {
                "MAXIMIZE": "Higher is assumed to be better; give the direction if it is not.",
                "MINIMIZE": "Lower is assumed to be better, as the rows with this label score lower; "
                "give the direction if it is not.",
                "NONE": "The direction is not known; give it to get a verdict of better or worse.",
            }[finding.direction]
        )
    return told


def _about_figures(finding: Finding) -> list[str]:
    told: list[str] = []
    if finding.difference is None:
        return told
    if finding.interval is None and finding.n > 1:
        told.append(
            "Every pair differs by the same amount, so these pairs give no interval."
            if finding.difference
            else "No pair differs, so these pairs give no interval; that does not show that the two are equal."
        )
    elif (
        finding.interval
        and finding.verdict == "no difference shown"
        and not finding.interval.low <= 0 <= finding.interval.high
    ):
        told.append(f"The interval on its own excludes zero; {_why_not_shown(finding)}.")
    if finding.difference * (len(finding.rose) - len(finding.fell)) < 0:
        told.append("Most changed examples moved against the mean: a few large changes decide it.")
    return told


def _why_not_shown(finding: Finding) -> str:
    if finding.p is not None and finding.p < ALPHA:
        return "the verdict follows the test, corrected by Holm"
    if finding.test == "sign test":
        return "the verdict follows the sign test, which counts the pairs that rose or fell, not the size of a change"
    return "the verdict follows the exact test, for which too few pairs changed"

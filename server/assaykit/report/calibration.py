"""A calibration as lines: agreement, failures caught, people's own agreement, corrected rates, and disagreements."""

from collections.abc import Iterator

from assaykit.analysis.calibration import Calibration
from assaykit.analysis.corrected_rates import FEWEST_OF_CLASS, JudgeAccuracy
from assaykit.analysis.formats import percent
from assaykit.analysis.judge_agreement import Disagreements, JudgeAgreement, RunRate
from assaykit.analysis.rows import listed, short
from assaykit.analysis.statistics import Interval
from assaykit.figures import dollars

SHOWN = 3
"""Rows of each kind of disagreement that are shown."""

ROWS_TO_ASK = 30
"""Rows to ask a judge about again: a share of equal labels of 90 % has an interval of 11 points to each side."""

_REASON = 160


def calibration_lines(found: Calibration, judge: str, truth: str) -> list[str]:
    """The lines of a calibration: whether the judge agrees with itself, then the weightiest first."""
    lines = [
        *_consistency(found, judge),
        *_agreement(found.agreement, judge, truth),
        *_comparison(found, judge),
        *_failures(found),
        *_people(found),
        *_rates(found),
        *_differences(found),
    ]
    lines += _counts(found, truth)
    lines += _cost(found)
    for name, one in found.agreement.slices.items():
        lines.append(f"Where {short(name)}: {_short(one)}.")
    lines += [line for one in found.agreement.disagreements for line in _disagreement(one)]
    return lines


def _consistency(found: Calibration, judge: str) -> Iterator[str]:
    asked = found.consistency
    if asked is not None:
        equal = f"{_share(asked.equal / asked.rows, asked.rows)}{_interval(asked.interval)}"
        yield (
            f"Asked the same question twice, {short(judge)} gave the same label to {equal} of {asked.rows} rows. It "
            f"can hardly agree with people more often than with itself."
        )
    elif found.asks_model and not found.keeps_label_before:
        yield (
            f"Arize AX keeps no label of a question that is asked again. Judge some rows with a copy of {short(judge)} "
            f"too, and hold one against the other."
        )
    elif found.asks_model:
        yield (
            f"No row was asked twice, so nothing tells whether {short(judge)} agrees with itself. trigger_backfill "
            f"with override_evaluations=true and max_rows={ROWS_TO_ASK} asks again; preview_backfill tells its cost."
        )


def _comparison(found: Calibration, judge: str) -> Iterator[str]:
    one = found.comparison
    if one is None:
        return
    other = short(one.other)
    yield f"{short(judge)} and {other} give the same label to {one.equal} of {one.rows} rows that both judged."
    if one.difference is not None and one.interval is not None and one.p is not None:
        right, others = (_share(number / one.labelled, one.labelled) for number in (one.right, one.other_right))
        ends = f"{_points(one.interval.low)} to {_points(one.interval.high)}"
        yield (
            f"Of these, people labelled {one.labelled}: {short(judge)} is right on {right}, {other} on {others}, "
            f"{_points(one.difference)} ({ends}), p = {one.p:.3f}. {one.only} row(s) have only {short(judge)} right, "
            f"and {one.only_other} only {other}."
        )


def _cost(found: Calibration) -> Iterator[str]:
    cost = found.cost
    if cost is not None:
        price = "price unknown" if cost.dollars is None else f"{dollars(cost.dollars)} by list prices"
        of = "" if cost.priced in {0, cost.rows} else f" (known of {cost.priced})"
        yield f"A judged row takes {cost.tokens:,.0f} tokens, {price}{of}, over {cost.rows} row(s) that were asked."


def _agreement(one: JudgeAgreement, judge: str, truth: str) -> Iterator[str]:
    figures = one.agreement
    equal = f"{_share(figures.accuracy, one.rows)}{_interval(figures.accuracy_interval)}"
    yield f"{short(judge)} gives the label of {short(truth)} to {equal} of {one.rows} rows. {_kappa(one)}."
    yield (
        f"A judge that always says {short(one.constant_label)!r} would be right on {_share(one.constant, one.rows)}."
    )
    if one.rows < one.labels_for_five_points:
        yield f"An interval of 5 points to each side needs about {one.labels_for_five_points} labels."
    if figures.weighted is not None:
        interval = _plain(figures.weighted.quadratic_interval)
        yield f"With squared distances on its scale, kappa is {figures.weighted.quadratic:.2f}{interval}."


def _kappa(one: JudgeAgreement) -> str:
    kappa = one.agreement.kappa
    if kappa is None:
        return "Kappa is undefined: chance alone would agree on every row"
    return f"Kappa {kappa:.2f}{_plain(one.agreement.kappa_interval)}"


def _failures(found: Calibration) -> Iterator[str]:
    accuracy = found.agreement.accuracy
    if accuracy is None:
        yield "Nothing says which labels are failures. Pass failures=[...] for the shares caught and corrected rates."
        return
    base = _share(found.agreement.base_rate or 0.0, found.agreement.rows)
    yield f"Failures are {listed(found.failures)}: {base} by people."
    caught, cleared = found.agreement.sensitivity_interval, found.agreement.specificity_interval
    yield (
        f"The judge catches {accuracy.caught} of {accuracy.failures} failures "
        f"({_of(accuracy.sensitivity, accuracy.failures)}{_between(caught)}) and clears {accuracy.cleared} of "
        f"{accuracy.passes} passes ({_of(accuracy.specificity, accuracy.passes)}{_between(cleared)})."
    )
    if too_few := _too_few(accuracy):
        yield too_few


def _too_few(accuracy: JudgeAccuracy) -> str | None:
    if min(accuracy.failures, accuracy.passes) >= FEWEST_OF_CLASS:
        return None
    more = accuracy.more_labels
    needed = f"about {more} more labels of the same kind" if more is not None else "labels of the other class"
    return f"Too few labels for a corrected interval: each class needs {FEWEST_OF_CLASS}, so {needed}."


def _people(found: Calibration) -> Iterator[str]:
    people = found.people
    if people is not None:
        alpha = "" if people.alpha is None else f", alpha {people.alpha:.2f}"
        yield (
            f"People agree with each other on {_share(people.share, people.items)} of {people.items} rows{alpha}. "
            f"A judge can hardly agree with them more."
        )


def _rates(found: Calibration) -> Iterator[str]:
    for one in found.rates:
        yield f"{short(one.run)}: {_rate(one)}."


def _differences(found: Calibration) -> Iterator[str]:
    for one in found.differences:
        sides = f"{short(one.run)} against {short(one.baseline)}"
        told = f"{sides}: {_points(one.by_judge)} failures by the judge on {one.pairs} pairs"
        if one.by_people is not None:
            told += f", {_points(one.by_people)} by people on {one.labelled}"
        if one.powered is not None:
            interval = one.powered.interval
            ends = "" if interval is None else f" ({_points(interval.low)} to {_points(interval.high)})"
            told += f". Both together: {_points(one.powered.mean)}{ends}"
        yield f"{told}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _rate(one: RunRate) -> str:
    told = f"the judge finds {_share(one.measured, one.rows)} failures in {one.rows} rows"
    if one.by_people is not None:
        told += f", people {_share(one.by_people, one.labelled)} in {one.labelled}"
    if one.powered is not None:
        powered = one.powered
        few = "" if powered.effective_n is None else f", as {powered.effective_n:.0f} labels would tell"
        told += f". Both together: {percent(powered.mean, one.rows)}{_interval(powered.interval)}{few}"
    elif one.corrected is not None and one.corrected.corrected is not None:
        told += f". Corrected: {percent(one.corrected.corrected, one.rows)}{_interval(one.corrected.interval)}"
    elif one.corrected is not None:
        told += ". It agrees with people no better than a coin, so no correction is possible"
    return told


def _counts(found: Calibration, truth: str) -> Iterator[str]:
    one = found.agreement
    if found.saw_verdict:
        yield (
            f"{found.saw_verdict} of {one.rows} labels were given with the judge's verdict in sight, so the agreement "
            "may be too high. label_queue shows items without verdicts."
        )
    if one.without_truth:
        yield f"{one.without_truth} judged row(s) have no {short(truth)}."
    if one.without_verdict:
        yield f"{one.without_verdict} labelled row(s) have no verdict of this version."
    if found.other_versions:
        yield f"{found.other_versions} row(s) have a verdict of another version of the judge, and are left out."
    if found.unversioned:
        yield f"{found.unversioned} row(s) have a verdict without a version (v?), and are left out."
    if found.looks > 1:
        yield f"This is look {found.looks} at the held-out labels: a judge changed after a look is fitted to them."


def _short(one: JudgeAgreement) -> str:
    kappa = "" if one.agreement.kappa is None else f", kappa {one.agreement.kappa:.2f}"
    equal = f"{_share(one.agreement.accuracy, one.rows)} of {one.rows} rows equal{kappa}"
    if one.accuracy is None:
        return equal
    return f"{equal}; {one.accuracy.caught} of {one.accuracy.failures} failures caught"


def _disagreement(one: Disagreements) -> Iterator[str]:
    yield f"People say {short(one.truth)!r}, the judge {short(one.said)!r}: {one.rows} row(s)"
    for row in one.examples[:SHOWN]:
        reasons = [(row["question"], "question"), (row["judge_says"], "judge"), (row["people_say"], "people")]
        told = "; ".join(f"{who}: {_reason(text)}" for text, who in reasons if text)
        yield f"  {row['key'] or row['item']} of {short(row['experiment'])}{': ' if told else ''}{told}"


def _reason(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[:_REASON]}…"


def _of(share: float | None, rows: int) -> str:
    return "none" if share is None else _share(share, rows)


def _share(share: float, rows: int) -> str:
    return percent(share, rows)


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" ({_ends(interval)})"


def _between(interval: Interval | None) -> str:
    return "" if interval is None else f", {_ends(interval)}"


def _ends(interval: Interval) -> str:
    return f"{100 * max(0.0, interval.low):.0f} to {100 * min(1.0, interval.high):.0f} %"


def _plain(interval: Interval | None) -> str:
    return "" if interval is None else f" ({interval.low:.2f} to {interval.high:.2f})"

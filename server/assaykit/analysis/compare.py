"""Compare experiments example by example, and give each challenger a verdict that the pairs support."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from assaykit.analysis.findings import Change, Comparison, Finding, LabelShare, Skipped
from assaykit.analysis.missing import gaps, reach
from assaykit.analysis.pairing import Incomparable, Scale, Sheet, figures, scale, sheet, side, slope
from assaykit.analysis.rows import Outcome, listed, short
from assaykit.analysis.sentences import cautions, sentence
from assaykit.analysis.statistics import holm
from assaykit.analysis.verdicts import difference, tested, verdict
from assaykit.errors import Invalid
from assaykit.wire.evaluators import Direction

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MOST_TOLD = 8

SAME_KEPT = 200
"""Limit on the unchanged examples that a finding keeps. The count covers all of them."""


class Variant(NamedTuple):
    """One experiment and the name that sentences use for it.

    `examples` has the ids of all examples of its dataset, or None if they are not known.
    """

    name: str
    outcomes: Sequence[Outcome]
    examples: frozenset[str] | None = None


class _Asked(NamedTuple):
    """One evaluator: its verdicts on every variant, by the variant's name, and how to read them."""

    evaluator: str
    sheets: Mapping[str, Sheet]
    direction: Direction | None
    positive: str | None


def compare(
    baseline: Variant,
    challengers: Sequence[Variant],
    *,
    directions: Mapping[str, Direction] = _NOTHING,
    positive: Mapping[str, str] = _NOTHING,
    evaluators: Sequence[str] | None = None,
) -> Comparison:
    """Compare every challenger with the baseline by every evaluator (or those named), paired on the example.

    `directions` gives by evaluator whether a higher score is better. Without a direction, higher scores count as
    better, and labels without scores have no better side. `positive` gives by evaluator the label to count. A verdict
    of better, worse or different needs p < 0.05 after Holm's correction over all tests of the comparison.

    Raises:
        Invalid: names are missing, repeated or unknown; a named evaluator cannot be compared; or a challenger
            shares no scored example with the baseline.
    """
    _check_variants(baseline, challengers)
    names = _evaluators((baseline, *challengers), evaluators, directions, positive)
    asked = [
        _Asked(
            name,
            {variant.name: sheet(name, variant.outcomes) for variant in (baseline, *challengers)},
            directions.get(name),
            positive.get(name),
        )
        for name in names
    ]
    results = [_measure(one, baseline, challenger) for one in asked for challenger in challengers]
    skipped = tuple(result for result in results if isinstance(result, Skipped))
    measured = [result for result in results if isinstance(result, Finding)]
    _check_pairs(baseline, challengers, measured, skipped, named=evaluators is not None)
    return Comparison(
        baseline=baseline.name,
        challengers=tuple(challenger.name for challenger in challengers),
        findings=tuple(_judged(measured)),
        skipped=skipped,
    )


def _check_variants(baseline: Variant, challengers: Sequence[Variant]) -> None:
    if not challengers:
        raise Invalid(f"there is nothing to compare {short(baseline.name)!r} with.", "Name at least one challenger.")
    names = [baseline.name, *(challenger.name for challenger in challengers)]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise Invalid(
            f"{short(double)!r} is named twice in the comparison.",
            "Name each experiment once, or rename one.",
        )


def _evaluators(
    variants: Iterable[Variant],
    wanted: Sequence[str] | None,
    directions: Mapping[str, Direction],
    positive: Mapping[str, str],
) -> list[str]:
    """The evaluators to compare: `wanted`, or all in order of appearance. Each occurs in at least one variant."""
    rows = itertools.chain.from_iterable(variant.outcomes for variant in variants)
    seen = list(dict.fromkeys(itertools.chain.from_iterable(row.evaluations for row in rows)))
    if not seen:
        raise Invalid(
            "the experiments share no scored example: neither has a verdict of any evaluator.",
            "Run an evaluator over both, or upload them with columns eval.<name>.score or eval.<name>.label.",
        )
    for name in (*(wanted or ()), *directions, *positive):
        if name not in seen:
            raise Invalid(
                f"no experiment has an evaluator {short(name)!r}; there are {listed(seen)}.",
                "Use one of these names.",
            )
    return seen if wanted is None else list(dict.fromkeys(wanted))


def _check_pairs(
    baseline: Variant,
    challengers: Sequence[Variant],
    measured: Sequence[Finding],
    skipped: Sequence[Skipped],
    *,
    named: bool,
) -> None:
    ids = {outcome.example_id for outcome in baseline.outcomes}
    for challenger in challengers:
        others = {outcome.example_id for outcome in challenger.outcomes}
        pair = f"{short(baseline.name)!r} and {short(challenger.name)!r}"
        if not ids & others:
            raise Invalid(
                f"{pair} share no scored example: none of their {len(ids)} and {len(others)} example ids is "
                f"on both sides (such as {listed(sorted(ids)[:1])} and {listed(sorted(others)[:1])}).",
                "Compare experiments of one dataset; check that example_id holds the dataset's example ids.",
            )
        reasons = [skip.reason for skip in skipped if skip.challenger == challenger.name]
        if reasons and (named or not any(finding.challenger == challenger.name for finding in measured)):
            raise Invalid(
                f"{pair} share {len(ids & others)} examples but no scored example: {'; '.join(reasons[:_MOST_TOLD])}.",
                "Check that the same evaluator, under one name, ran over both, and that its runs have ended.",
            )


def _measure(asked: _Asked, baseline: Variant, challenger: Variant) -> Finding | Skipped:
    """Return one finding with its figures, before Holm's correction and without a verdict."""
    evaluator, sheets = asked.evaluator, asked.sheets
    first, second = sheets[baseline.name], sheets[challenger.name]
    by = scale(evaluator, first, second, asked.positive, sheets.values())
    if isinstance(by, Incomparable):
        return Skipped(evaluator, challenger.name, by.reason)
    before, after = figures(first, by), figures(second, by)
    # Sorted by id, so that the seeded interval does not depend on the order of rows.
    paired = sorted(before.keys() & after.keys())
    if not paired:
        reason = f"{short(evaluator)!r} has no example with a verdict on both sides"
        return Skipped(evaluator, challenger.name, reason)
    finding = Finding(
        evaluator=evaluator,
        baseline=baseline.name,
        challenger=challenger.name,
        kind=by.kind,
        direction=_direction(asked.direction, by, sheets.values()),
        direction_assumed=asked.direction is None,
        positive=by.positive,
        positive_assumed=by.positive_assumed,
        n=len(paired),
        dropped=len(first.verdicts.keys() & second.verdicts.keys()) - len(paired),
        baseline_side=side(first, by, before, second),
        challenger_side=side(second, by, after, first),
        gaps=gaps(first, second, by, (baseline.examples, challenger.examples)),
        reach=reach(first, second, by),
    )
    if by.kind == "categorical":
        return replace(finding, shares=_shares(paired, first, second))
    pairs = {example_id: (before[example_id], after[example_id]) for example_id in paired}
    rose, fell, same = _changes(pairs, baseline, challenger, finding.direction)
    return tested(replace(finding, pairs=pairs, rose=rose, fell=fell, same=same))


def _direction(given: Direction | None, by: Scale, sheets: Iterable[Sheet]) -> Direction:
    """The direction of the figure shown. `slope` translates the direction of a score into that of a label."""
    if by.kind == "categorical":
        return "NONE"
    if by.positive is None:
        return given or "MAXIMIZE"
    rise = slope(by.positive, sheets)
    direction: Direction = given or ("MAXIMIZE" if rise else "NONE")
    if rise >= 0 or direction == "NONE":
        return direction
    return "MINIMIZE" if direction == "MAXIMIZE" else "MAXIMIZE"


def _changes(
    pairs: Mapping[str, tuple[float, float]], baseline: Variant, challenger: Variant, direction: Direction
) -> tuple[tuple[Change, ...], tuple[Change, ...], tuple[Change, ...]]:
    """Return the examples that rose, those that fell, and the worst unchanged ones; the largest change comes first."""
    old, new = _outputs(baseline), _outputs(challenger)
    moved = sorted(
        ((difference(pair), example_id) for example_id, pair in pairs.items()), key=lambda change: -abs(change[0])
    )

    def changes(some: Iterable[str]) -> tuple[Change, ...]:
        return tuple(Change(key, *pairs[key], old[key], new[key]) for key in some)

    worst = {"MAXIMIZE": 1, "MINIMIZE": -1, "NONE": 0}[direction]
    equal = sorted((key for change, key in moved if not change), key=lambda key: worst * pairs[key][1])
    return (
        changes(key for change, key in moved if change > 0),
        changes(key for change, key in moved if change < 0),
        changes(equal[:SAME_KEPT]),
    )


def _outputs(variant: Variant) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for outcome in variant.outcomes:
        shown = f"error: {outcome.error}" if outcome.error and not outcome.output else outcome.output
        found.setdefault(outcome.example_id, shown)
    return found


def _shares(paired: Sequence[str], first: Sheet, second: Sheet) -> tuple[LabelShare, ...]:
    labels = sorted(first.labels() | second.labels())
    before, after = _spread(paired, first), _spread(paired, second)
    return tuple(LabelShare(label, before.get(label, 0.0), after.get(label, 0.0)) for label in labels)


def _spread(paired: Sequence[str], one: Sheet) -> dict[str, float]:
    """The share of each label. Every example has the same weight, whatever its number of repetitions."""
    totals: dict[str, float] = {}
    for example_id in paired:
        given = [verdict.label for verdict in one.verdicts[example_id] if verdict and verdict.label is not None]
        for label in given:
            totals[label] = totals.get(label, 0.0) + 1 / len(given)
    return {label: total / len(paired) for label, total in totals.items()}


def _judged(measured: Sequence[Finding]) -> Iterable[Finding]:
    """The findings with Holm's correction over all tests, the verdict, the cautions and the sentence."""
    adjusted = iter(holm([finding.p for finding in measured if finding.p is not None]))
    tests = sum(finding.p is not None for finding in measured)
    for plain in measured:
        finding = plain
        if plain.p is not None:
            corrected = replace(plain, p_adjusted=next(adjusted))
            finding = replace(corrected, verdict=verdict(corrected))
        yield replace(finding, cautions=cautions(finding), sentence=sentence(finding, tests))

"""The comparison of experiments by example: one finding with a verdict for each challenger and evaluator."""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import le
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from assaykit.analysis.changes import Changes, Outputs
from assaykit.analysis.cluster_words import one_cluster
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.findings import Comparison, Finding, LabelShare, Skipped
from assaykit.analysis.judging import judged, judged_usage
from assaykit.analysis.missing import gaps, missing_more_often, reach
from assaykit.analysis.pairing import (
    FAILED,
    Figured,
    Incomparable,
    Rows,
    Sheet,
    are_of_one,
    figures,
    fitting,
    follows,
    has_abstained,
    other_scales,
    rows_of,
    scale,
    shared,
    sheet,
    side,
    slope,
    spellings,
)
from assaykit.analysis.pairs import NumberColumn, PairColumns, columns_of
from assaykit.analysis.ranking import ranking
from assaykit.analysis.rows import Outcome, listed, short
from assaykit.analysis.scales import ABSTENTIONS, PLAIN_SCORES, Scale
from assaykit.analysis.usage_changes import UsageChange, usage_changes
from assaykit.analysis.verdicts import tested
from assaykit.errors import Invalid
from assaykit.spelling import folded
from assaykit.wire.evaluators import Direction

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MOST_TOLD = 8
_TURNED: Mapping[Direction, Direction] = {"MAXIMIZE": "MINIMIZE", "MINIMIZE": "MAXIMIZE", "NONE": "NONE"}

SAME_KEPT = 200
"""Limit on the unchanged examples that a finding keeps. The count covers all of them."""

Failures = Literal["count", "exclude"]
"""The treatment of failed runs: as failures in rates, or as missing verdicts."""


class Variant(NamedTuple):
    """One experiment and the name that sentences use for it.

    `examples` has the ids of all examples of its dataset, or None if they are not known. `outputs` has the outputs of
    the examples if the outcomes have none. It may be filled after a comparison, before its changes are read.
    """

    name: str
    outcomes: Sequence[Outcome]
    examples: frozenset[str] | None = None
    outputs: Outputs | None = None


class VerdictReading(NamedTuple):
    """The reading of the verdicts, by evaluator.

    `directions` says whether a higher score is better. `positive` has the labels to count. `choices` has the scores of
    a judge's labels, and `ranges` the lowest and the highest score possible. `primary` names the evaluator that
    decides; its tests are corrected among themselves alone. `by_name` names the evaluators whose direction is that of a
    ready-made judge of the same name. It holds for the judge's labels, and not for scores alone.
    """

    directions: Mapping[str, Direction] = _NOTHING
    positive: Mapping[str, Sequence[str]] = _NOTHING
    choices: Mapping[str, Mapping[str, float]] = _NOTHING
    ranges: Mapping[str, tuple[float, float]] = _NOTHING
    failures: Failures = "count"
    primary: str | None = None
    by_name: frozenset[str] = frozenset()

    @property
    def named(self) -> list[str]:
        """The evaluators that the caller named."""
        primary = [] if self.primary is None else [self.primary]
        return [*self.directions, *self.positive, *self.ranges, *primary]


class _Asked(NamedTuple):
    """One evaluator: its verdicts on every variant, by the variant's name, and how to read them."""

    evaluator: str
    sheets: Mapping[str, Sheet]
    spelled: Mapping[str, str]
    reading: VerdictReading
    by_choice: bool
    clusters: Clusters | None

    @property
    def direction(self) -> Direction | None:
        return self.reading.directions.get(self.evaluator)

    @property
    def is_by_name(self) -> bool:
        """True if a ready-made judge shares nothing but its name with this evaluator."""
        return self.evaluator in self.reading.by_name and not self.by_choice

    @property
    def labels_of_one(self) -> tuple[str, ...]:
        """The labels of the verdicts whose score is 1."""
        choices = {folded(label): score for label, score in self.reading.choices.get(self.evaluator, {}).items()}
        seen = {label for one in self.sheets.values() for label in one.labels}
        return tuple(sorted(label for label in seen if choices.get(folded(label)) == 1))

    @property
    def ends(self) -> tuple[float, float] | None:
        """The range of a judge's scores."""
        scores = () if self.is_by_name else self.reading.choices.get(self.evaluator, {}).values()
        return (min(scores), max(scores)) if scores else None


def compare(
    baseline: Variant,
    challengers: Sequence[Variant],
    *,
    reading: VerdictReading = VerdictReading(),  # noqa: B008  (a named tuple does not change)
    evaluators: Sequence[str] | None = None,
    all_pairs: bool = False,
    clusters: Clusters | None = None,
    usage_counts: bool = True,
) -> Comparison:
    """Compare every challenger with the baseline by every evaluator (or those named), paired on the example.

    With `all_pairs` every two variants are compared, under one correction; the earlier one is the baseline of a pair.

    With `clusters`, intervals and tests are of whole clusters wherever two pairs are of one cluster. The tests of
    latency, tokens and cost are in the correction; if `usage_counts` is false, they have one of their own.

    Without a direction, two experiments only differ, unless the labels say themselves which one is better, as pass and
    fail do, or a positive label is given. A verdict of better, worse or different needs p <= 0.05 after
    Holm's correction, and an interval that leaves out zero; missing verdicts that could turn it make it undecided.

    Raises:
        Invalid: names are missing, repeated or unknown; a named evaluator cannot be compared; or a challenger
            shares no scored example with the baseline.
    """
    _check_variants(baseline, challengers)
    variants = (baseline, *challengers)
    seen = _evaluators_of(variants)
    # In one order, so that pairs are found without a search.
    variants = tuple(one._replace(outcomes=sorted(one.outcomes, key=_example_id)) for one in variants)
    names = _evaluators(seen, evaluators, reading)
    rows: dict[str, Rows] = {}
    for one in variants:
        rows[one.name] = rows_of(one.outcomes, rows.get(variants[0].name))
    # One evaluator after the other, because the sheets of all would be most of the memory.
    asked = (_asked(name, rows, reading, clusters) for name in names)
    pairs = list(itertools.combinations(variants, 2) if all_pairs else ((variants[0], one) for one in variants[1:]))
    outputs = {one.name: _FirstOutputs(rows[one.name]) if one.outputs is None else one.outputs for one in variants}
    results = [_measure(one, *pair, outputs) for one in asked for pair in pairs]
    skipped = tuple(result for result in results if isinstance(result, Skipped))
    measured = [result for result in results if isinstance(result, Finding)]
    _check_pairs(pairs, measured, skipped, named=evaluators is not None)
    changes = _usage(pairs, clusters)
    beside = [one.p for one in changes if one.p is not None] if usage_counts else []
    findings = tuple(judged(measured, reading.primary, beside))
    return Comparison(
        baseline=baseline.name,
        challengers=tuple(challenger.name for challenger in challengers),
        findings=findings,
        skipped=skipped,
        ranking=tuple(ranking(findings)) if all_pairs else (),
        all_pairs=all_pairs,
        usage=tuple(judged_usage(changes, measured if usage_counts else [])),
    )


def _asked(name: str, rows: Mapping[str, Rows], reading: VerdictReading, clusters: Clusters | None) -> _Asked:
    columns = {variant: of.verdicts(name) for variant, of in rows.items()}
    found = [verdict for column in columns.values() for verdict in column if verdict is not None]
    spelled, choices = spellings(found), fitting(found, reading.choices.get(name, {}))
    sheets = {variant: sheet(name, of, spelled, choices, columns[variant]) for variant, of in rows.items()}
    return _Asked(name, sheets, spelled, reading, bool(choices), clusters)


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


def _example_id(row: Outcome) -> str:
    return row.example_id


def _evaluators_of(variants: Iterable[Variant]) -> list[str]:
    """The evaluators of all variants, in order of appearance."""
    rows = itertools.chain.from_iterable(variant.outcomes for variant in variants)
    return list(dict.fromkeys(itertools.chain.from_iterable(row.evaluations for row in rows)))


def _evaluators(seen: list[str], wanted: Sequence[str] | None, reading: VerdictReading) -> list[str]:
    """The evaluators to compare: `wanted`, or all that were `seen`. Each must occur in at least one variant."""
    if not seen:
        raise Invalid(
            "the experiments share no scored example: neither has a verdict of any evaluator.",
            "Run an evaluator over both, or upload them with columns eval.<name>.score or eval.<name>.label.",
        )
    for name in (*(wanted or ()), *reading.named):
        if name not in seen:
            raise Invalid(
                f"no experiment has an evaluator {short(name)!r}; there are {listed(seen)}.",
                "Use one of these names.",
            )
    return seen if wanted is None else list(dict.fromkeys(wanted))


def _check_pairs(
    pairs: Sequence[tuple[Variant, Variant]],
    measured: Sequence[Finding],
    skipped: Sequence[Skipped],
    *,
    named: bool,
) -> None:
    for baseline, challenger in pairs:
        ids, others = ({outcome.example_id for outcome in one.outcomes} for one in (baseline, challenger))
        both = (baseline.name, challenger.name)
        pair = f"{short(baseline.name)!r} and {short(challenger.name)!r}"
        if not ids & others:
            raise Invalid(
                f"{pair} share no scored example: none of their {len(ids)} and {len(others)} example ids is "
                f"on both sides (such as {listed(sorted(ids)[:1])} and {listed(sorted(others)[:1])}).",
                "Compare experiments of one dataset; check that example_id holds the dataset's example ids.",
            )
        reasons = [skip.reason for skip in skipped if (skip.baseline, skip.challenger) == both]
        if reasons and (named or not any((one.baseline, one.challenger) == both for one in measured)):
            raise Invalid(
                f"{pair} share {len(ids & others)} examples but no scored example: {'; '.join(reasons[:_MOST_TOLD])}.",
                "Check that the same evaluator, under one name, ran over both, and that its runs have ended.",
            )


def _measure(
    asked: _Asked, baseline: Variant, challenger: Variant, outputs: Mapping[str, Outputs]
) -> Finding | Skipped:
    """Return one finding with its figures, before Holm's correction and without a verdict."""
    evaluator, sheets, reading = asked.evaluator, asked.sheets, asked.reading
    first, second = sheets[baseline.name], sheets[challenger.name]
    given = reading.ranges.get(evaluator) or asked.ends
    by = scale(evaluator, first, second, reading.positive.get(evaluator, ()), sheets.values(), given)
    if isinstance(by, Incomparable):
        return Skipped(evaluator, baseline.name, challenger.name, by.reason)
    direction, is_assumed = _direction(asked, by)
    by = _with_failure(by, direction) if reading.failures == "count" else by
    before, after = figures(first, by), figures(second, by)
    pairs = _paired((before, after), (first, second))
    if not pairs:
        reason = f"{short(evaluator)!r} has no example with a verdict on both sides"
        return Skipped(evaluator, baseline.name, challenger.name, reason)
    common = shared(first, second)
    missing = gaps((first, second), (before, after), by, (baseline.examples, challenger.examples))
    tries = max(_tries(one) for one in (first, second))
    finding = Finding(
        evaluator=evaluator,
        baseline=baseline.name,
        challenger=challenger.name,
        scale=by,
        direction=direction,
        direction_assumed=is_assumed,
        n=len(pairs),
        dropped=common - len(pairs),
        baseline_side=side(first, by, before, common),
        challenger_side=side(second, by, after, common),
        gaps=missing,
        missing_p=missing_more_often(missing),
        reach=reach(first, second, by, given),
        reach_given=given is not None,
        parts=len(pairs) * tries,
        spellings=asked.spelled,
        clusters=asked.clusters,
    )
    if by.kind == "binary" and asked.by_choice and not by.positives:
        finding = replace(finding, good_labels=asked.labels_of_one)
    if by.kind == "categorical":
        return replace(finding, shares=_shares(list(pairs), by, first, second))
    rose, fell, same = _changes(
        pairs, pairs.moves, (outputs[baseline.name], outputs[challenger.name]), finding.direction
    )
    finding = tested(replace(finding, pairs=pairs, rose=rose, fell=fell, same=same))
    pairs.forget()
    return _questioned(finding, other_scales(first, second, given) if by.kind == "numeric" else None)


def _paired(read: tuple[Figured, Figured], sheets: tuple[Sheet, Sheet]) -> PairColumns:
    """The examples with a figure on both sides, by id, so that the order of rows changes nothing; and their figures."""
    before, after = (one.values for one in read)
    # The rows are in the order of their ids, so that two whole columns are paired as they are.
    if isinstance(before, NumberColumn) and isinstance(after, NumberColumn) and are_of_one(*sheets):
        return PairColumns(before.places, before.column, after.column)
    ids = list(before)
    if ids == list(after) and all(map(le, ids, itertools.islice(ids, 1, None))):
        return PairColumns(_places(ids), list(before.values()), list(after.values()))
    ids = sorted(one for one in ids if one in after)
    return PairColumns(_places(ids), [before[one] for one in ids], [after[one] for one in ids])


def _places(ids: Sequence[str]) -> dict[str, int]:
    return {one: place for place, one in enumerate(ids)}


def _with_failure(by: Scale, direction: Direction) -> Scale:
    """The scale of a rate with the figure of a failed run.

    A failed run has not scored 1. Whether it has a label is not known as long as no label is the good one.
    """
    if by.kind != "binary" or (direction == "NONE" and by.positives):
        return by
    return by._replace(failure=1.0 if direction == "MINIMIZE" else 0.0)


def _tries(one: Sheet) -> int:
    """The largest number of rows of one example."""
    return 1 if one.rows == len(one.verdicts) else max(map(len, one.verdicts.values()))


def _usage(pairs: Sequence[tuple[Variant, Variant]], clusters: Clusters | None) -> list[UsageChange]:
    """The changes of latency, tokens and cost of each pair."""
    return [change for first, second in pairs for change in usage_changes(first[:2], [second[:2]], clusters)]


def _questioned(finding: Finding, doubt: str | None) -> Finding:
    """The finding with a question in place of its test if its scales are in doubt, or all rows are of one cluster."""
    if doubt is None:
        return replace(finding, question=one_cluster(finding))
    name, both = short(finding.evaluator), f"{short(finding.challenger)} and {short(finding.baseline)}"
    question = (
        f"are the scores of {both} on one scale? No verdict is given, because {doubt}. If they are, pass "
        f'range={{"{name}": [lowest, highest]}}; else score one of them anew.'
    )
    return replace(finding, question=question, p=None, interval=None, test=None)


def _direction(asked: _Asked, by: Scale) -> tuple[Direction, bool]:
    """The direction of the figure shown, and whether nobody gave it; it is then NONE.

    `slope` translates the direction of a score into that of a label. A positive label that the user gave is the better
    one, unless its rows score lower.
    """
    given = None if asked.is_by_name else asked.direction
    if by.kind == "categorical":
        return "NONE", given is None
    if not by.positives:
        found = given or _direction_by_labels(asked)
        return found or "NONE", found is None
    rise = slope(by.positives, asked.sheets.values())
    if given is None:
        is_known = rise >= 0 and (by.has_plain_direction or not by.positive_assumed)
        return ("MAXIMIZE", False) if is_known else ("NONE", True)
    return (given if rise >= 0 else _TURNED[given]), False


def _direction_by_labels(asked: _Asked) -> Direction | None:
    """The direction of scores whose labels have a known order: pass and fail, or those of the ready-made judge."""
    seen = {label for one in asked.sheets.values() for label in one.labels if folded(label) not in ABSTENTIONS}
    orders: list[tuple[Mapping[str, float], Direction]] = [(PLAIN_SCORES, "MAXIMIZE")]
    if asked.is_by_name and asked.direction is not None:
        choices = asked.reading.choices.get(asked.evaluator, {})
        orders.append(({folded(label): score for label, score in choices.items()}, asked.direction))
    for order, direction in orders:
        if seen and {folded(label) for label in seen} <= order.keys():
            highest = max(order[folded(label)] for label in seen)
            top = frozenset(label for label in seen if order[folded(label)] == highest)
            rise = slope(top, asked.sheets.values()) or follows(order, asked.sheets.values())
            if rise:
                return direction if rise > 0 else _TURNED[direction]
    return None


def _changes(
    pairs: Mapping[str, tuple[float, float]],
    moves: Sequence[float],
    outputs: tuple[Outputs, Outputs],
    direction: Direction,
) -> tuple[Changes, Changes, Changes]:
    """Return the examples that rose, those that fell, and the worst unchanged ones; the largest change comes first."""
    ids, (_, afters) = list(pairs), columns_of(pairs)
    up = [place for place, one in enumerate(moves) if one > 0]
    down = [place for place, one in enumerate(moves) if one < 0]
    up.sort(key=moves.__getitem__, reverse=True)
    down.sort(key=moves.__getitem__)
    equal = [place for place, one in enumerate(moves) if not one]
    if direction != "NONE":
        worst = heapq.nsmallest if direction == "MAXIMIZE" else heapq.nlargest
        equal = worst(SAME_KEPT, equal, key=afters.__getitem__)
    rose, fell, same = (
        Changes([ids[place] for place in places], pairs, outputs) for places in (up, down, equal[:SAME_KEPT])
    )
    return rose, fell, same


class _FirstOutputs(Mapping[str, str | None]):
    """The output of the first run of each example; the error if it has none. Each is found when it is shown."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._firsts: Mapping[str, int] | None = rows.places if rows.is_single else None

    def __getitem__(self, example_id: str) -> str | None:
        if self._firsts is None:
            places = range(len(self._rows.ids) - 1, -1, -1)
            self._firsts = {self._rows.ids[place]: place for place in places}
        row = self._rows.outcomes[self._firsts[example_id]]
        return f"error: {row.error}" if row.error and not row.output else row.output

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows.places)

    def __len__(self) -> int:
        return len(self._rows.places)


def _shares(paired: Sequence[str], by: Scale, first: Sheet, second: Sheet) -> tuple[LabelShare, ...]:
    before, after = _spread(paired, by, first), _spread(paired, by, second)
    labels = sorted(before.keys() | after.keys())
    return tuple(LabelShare(label, before.get(label, 0.0), after.get(label, 0.0)) for label in labels)


def _spread(paired: Sequence[str], by: Scale, one: Sheet) -> dict[str, float]:
    """The share of each label. Every example has the same weight, whatever its number of repetitions."""
    totals: dict[str, float] = {}
    for example_id in paired:
        verdicts = [verdict for verdict in one.verdicts[example_id] if verdict and verdict is not FAILED]
        given = [one.label for one in verdicts if one.label is not None and not has_abstained(one, by)]
        for label in given:
            totals[label] = totals.get(label, 0.0) + 1 / len(given)
    return {label: total / len(paired) for label, total in totals.items()}

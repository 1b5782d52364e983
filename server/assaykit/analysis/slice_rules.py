"""A rule of a release policy over every value of a dataset column."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assaykit.analysis.findings import Finding
from assaykit.analysis.margins import decide_difference, refuse_unfit
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.release import RuleOutcome
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS
from assaykit.analysis.slices import Column, part_of

_NO_VALUE = "no value"

Parts = Sequence[tuple[str, RuleOutcome, int]]
"""The outcome in each slice with its name and the number of its examples, those without a verdict among them."""


def decide_slices(rule: PolicyRule, finding: Finding, column: Column, rules: int = 1) -> RuleOutcome:
    """Decide a rule about a difference in every slice of the finding. The examples without a value are a slice too.

    Raises:
        Invalid: the rule cannot be decided on the finding.
    """
    refuse_unfit(rule, finding)
    slices: dict[str | None, set[str]] = {}
    for example_id in sorted(finding.pairs.keys() | finding.gaps.keys()):
        slices.setdefault(column.values.get(example_id), set()).add(example_id)
    found: list[tuple[str, RuleOutcome, int]] = []
    for value, ids in sorted(slices.items(), key=lambda one: (one[0] is None, one[0] or "")):
        paired = ids & finding.pairs.keys()
        name = _NO_VALUE if value is None else short(value)
        outcome = (
            decide_difference(rule, _read(part_of(finding, paired, column, value)), rules * len(slices))
            if paired
            else RuleOutcome(rule.text, "undecided", "No example has a verdict on both sides.")
        )
        found.append((name, outcome, len(ids)))
    return joined(rule, column.name, found)


def _read(part: Finding) -> Finding:
    """The part of a finding without counts of rows, which are those of the whole."""
    sides = (replace(side, failed_runs=0, abstained=0) for side in (part.baseline_side, part.challenger_side))
    baseline, challenger = sides
    return replace(part, baseline_side=baseline, challenger_side=challenger)


def joined(rule: PolicyRule, column: str, parts: Parts) -> RuleOutcome:
    """The outcome of all slices: a hold in one holds, and each slice of `FEW_PAIRS` examples or more has to ship.

    Smaller slices are listed, and block only if the rule says so; so do slices of which none is large enough. The p of
    a hold is the smallest times the number of slices.
    """
    small = [(name, n) for name, _, n in parts if n < FEW_PAIRS]
    large = [part for part in parts if part[2] >= FEW_PAIRS]
    held = [part for part in large if part[1].outcome == "hold"]
    unclear = [part for part in large if part[1].outcome == "undecided"]
    told = [f"{short(column)} = {name}: {one.outcome}. {one.why}" for name, one, _ in held or unclear]
    if large and not told:
        told.append(f"Every slice of {short(column)} ships: {_listed(large)}.")
    if small:
        blocks = "the rule lets them block" if rule.small_slices_block else "they do not block"
        told.append(f"Undecided, with under {FEW_PAIRS} examples, and {blocks}: {_listed(small)}.")
    if held:
        ps = [one.p for _, one, _ in held]
        p = None if None in ps else min(1.0, len(large) * min(one for one in ps if one is not None))
        return RuleOutcome(rule.text, "hold", " ".join(told), p)
    is_undecided = unclear or not large or (small and rule.small_slices_block)
    needed = [one.examples_needed for _, one, _ in unclear]
    most = max((one for one in needed if one is not None), default=None)
    return RuleOutcome(rule.text, "undecided" if is_undecided else "ship", " ".join(told), None, most)


def _listed(slices: Sequence[tuple[object, ...]]) -> str:
    return ", ".join(f"{one[0]} ({one[-1]})" for one in slices)


def by_value(ids: Sequence[str], column: Column) -> Mapping[str, list[str]]:
    """The examples by the name of their slice."""
    found: dict[str, list[str]] = {}
    for one in ids:
        value = column.values.get(one)
        found.setdefault(_NO_VALUE if value is None else short(value), []).append(one)
    return found

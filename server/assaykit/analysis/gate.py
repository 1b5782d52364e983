"""A release policy decided on experiments: one outcome for each rule, and one for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from assaykit.analysis.calibration import UNKNOWN, Standing
from assaykit.analysis.candidates import Figures, OwnScale, expected, failures, own_figures, tally
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, VerdictReading
from assaykit.analysis.findings import Finding
from assaykit.analysis.margins import decide_difference
from assaykit.analysis.mean_rules import Amounts, decide_amount, decide_amount_change, decide_mean
from assaykit.analysis.policy import Policy
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.release import (
    RELEASE_CODES,
    ReleaseOutcome,
    RuleOutcome,
    combined,
    corrected,
    reviewed,
)
from assaykit.analysis.rows import Outcome, short
from assaykit.analysis.scales import Scale
from assaykit.analysis.slice_rules import by_value, decide_slices, joined
from assaykit.analysis.slices import Column
from assaykit.analysis.thresholds import decide_examples, decide_must_pass, decide_pass_hat_k, decide_share
from assaykit.errors import Invalid
from assaykit.foreign import EXACT_LIMIT, clipped


class GateEvidence(NamedTuple):
    """The experiments as a policy reads them.

    `candidate` is whole. `baseline` and `paired` are the two sides without the examples whose content differs.
    `findings` has their comparison by evaluator. `own` has by evaluator the scale that reads the candidate alone, and
    `matches` by column that of an exact match, with the rows that have a truth. `columns` are those to slice by.
    `models` names the evaluators that are LLM judges, and `standings` tells how each is calibrated. `clusters` has the
    cluster of each example.
    """

    candidate: Variant
    baseline: Variant | None
    paired: Variant
    reading: VerdictReading
    findings: Mapping[str, Finding]
    own: Mapping[str, OwnScale]
    matches: Mapping[str, tuple[OwnScale, Variant]] = MappingProxyType({})
    columns: Mapping[str, Column] = MappingProxyType({})
    models: frozenset[str] = frozenset()
    clusters: Clusters | None = None
    standings: Mapping[str, Standing] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Release:
    """The decision on a candidate, with the outcome of each rule and the notes on repeated looks."""

    candidate: str
    baseline: str | None
    rules: tuple[RuleOutcome, ...]
    notes: tuple[str, ...] = ()
    outcome: ReleaseOutcome = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", combined([one.outcome for one in self.rules]))

    @property
    def exit_code(self) -> int:
        """The exit code of `assaykit gate`."""
        return RELEASE_CODES[self.outcome]

    @property
    def title(self) -> str:
        """The experiments in words, on one line: a name with line breaks must not look like a line of the decision."""
        candidate = clipped(self.candidate, EXACT_LIMIT)
        return candidate if self.baseline is None else f"{candidate} against {clipped(self.baseline, EXACT_LIMIT)}"

    @property
    def reason(self) -> str:
        """The decision in one sentence: the rules that made it."""
        every = len(self.rules)
        if self.outcome == "ship":
            return "The rule allows it." if every == 1 else f"All {every} rules allow it."
        held = [one for one in self.rules if one.outcome == self.outcome]
        told = "; ".join(short(one.rule) for one in held)
        of = f"{len(held)} of {every} rules" if every > 1 else "The rule"
        verb = {
            "hold": "forbids it" if len(held) == 1 else "forbid it",
            "undecided": "is undecided" if len(held) == 1 else "are undecided",
            "needs review": "needs review" if len(held) == 1 else "need review",
        }.get(self.outcome, "failed")
        return f"{of} {verb}: {told}."

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "decision": self.outcome,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "candidate": self.candidate,
            "baseline": self.baseline,
            "rules": [
                {
                    "rule": one.rule,
                    "outcome": one.outcome,
                    "why": one.why,
                    "p": one.p,
                    "examples_needed": one.examples_needed,
                }
                for one in self.rules
            ],
            "notes": list(self.notes),
        }


def released(policy: Policy, evidence: GateEvidence, notes: Sequence[str] = ()) -> Release:
    """Decide every rule of the policy.

    Raises:
        Invalid: a rule cannot be decided on these experiments. The message names its number.
    """
    outcomes: list[RuleOutcome] = []
    for number, rule in enumerate(policy.rules, 1):
        try:
            outcomes.append(_decided(rule, evidence, len(policy.rules)))
        except Invalid as error:
            raise Invalid(f"Rule {number}, {short(rule.text)!r}: {error.message}", error.next) from error
    told = [_reviewed(one, rule, policy, evidence) for one, rule in zip(corrected(outcomes), policy.rules, strict=True)]
    baseline = None if evidence.baseline is None else evidence.baseline.name
    return Release(evidence.candidate.name, baseline, tuple(told), tuple(notes))


def _reviewed(outcome: RuleOutcome, rule: PolicyRule, policy: Policy, evidence: GateEvidence) -> RuleOutcome:
    name = rule.evaluator or ""
    required = policy.require_calibration if rule.require_calibration is None else rule.require_calibration
    standing = evidence.standings.get(name, UNKNOWN)
    by_judge = name in evidence.models and not rule.kind.startswith("usage")
    return reviewed(outcome, by_judge=by_judge, standing=standing, required=required)


def _decided(rule: PolicyRule, evidence: GateEvidence, rules: int) -> RuleOutcome:
    match rule.kind:
        case "within" | "better" | "not shown worse" | "same":
            finding = evidence.findings[rule.evaluator or ""]
            if rule.slice_by is None:
                outcome = decide_difference(rule, finding, rules)
            else:
                outcome = decide_slices(rule, finding, evidence.columns[rule.slice_by], rules)
        case "share" | "exact match":
            outcome = _share(rule, evidence)
        case "pass^k" | "must pass":
            outcome = _of_runs(rule, evidence)
        case "failed rows":
            outcome = _failed_rows(rule, evidence.candidate, evidence.clusters)
        case "examples":
            outcome = decide_examples(rule, _fewest(evidence))
        case "usage change" | "usage limit":
            outcome = _of_usage(rule, evidence)
    return outcome


def _failed_rows(rule: PolicyRule, variant: Variant, clusters: Clusters | None) -> RuleOutcome:
    outcome = decide_share(rule, tally(failures(variant), clusters), "Failed: ")
    if len({row.example_id for row in variant.outcomes}) == len(variant.outcomes):
        return outcome
    return _noted(outcome, ["Runs of one example are averaged first, because they can fail together."])


def _of_usage(rule: PolicyRule, evidence: GateEvidence) -> RuleOutcome:
    name, baseline = rule.evaluator or "", evidence.baseline
    if rule.kind == "usage limit" or baseline is None:
        return decide_amount(rule, amounts(name, evidence.candidate), evidence.clusters)
    return decide_amount_change(rule, amounts(name, baseline), amounts(name, evidence.paired), evidence.clusters)


def _share(rule: PolicyRule, evidence: GateEvidence) -> RuleOutcome:
    """A limit on a rate or on a mean score of the candidate, in every slice if the rule has a column."""
    if rule.column is None:
        own, variant = evidence.own[rule.evaluator or ""], evidence.candidate
    else:
        own, variant = evidence.matches[rule.column]
    # The side of the limit says which figure a failed run counts as.
    counts = own.kind == "binary" and evidence.reading.failures == "count"
    by = own.scale._replace(failure=float(not rule.at_least) if counts else None)
    figures, abstained = own_figures(own, by, variant, evidence.reading)
    notes = _notes(variant, by, abstained)

    def decide(some: Figures) -> RuleOutcome:
        if own.kind == "numeric":
            return decide_mean(rule, some, own.reach, evidence.clusters)
        return decide_share(rule, tally(some, evidence.clusters), f"{short(own.evaluator)}: ")

    if rule.slice_by is None:
        return _noted(decide(figures), notes)
    groups = by_value(list(figures), evidence.columns[rule.slice_by])
    parts = [(value, decide({one: figures[one] for one in ids}), len(ids)) for value, ids in groups.items()]
    return _noted(joined(rule, rule.slice_by, parts), notes)


def _of_runs(rule: PolicyRule, evidence: GateEvidence) -> RuleOutcome:
    own = evidence.own[rule.evaluator or ""]
    if not own.is_directed:
        name = short(rule.evaluator or "")
        raise Invalid(
            f"the direction of {name!r} is not known, and a gate does not assume one.",
            f"Pass --direction '{name}=MAXIMIZE' or MINIMIZE, or --positive '{name}=LABEL' if labels are counted. A "
            "policy file has the tables [directions] and [positive] for it.",
        )
    figures, abstained = own_figures(own, own.scale, evidence.candidate, evidence.reading)
    good = float(own.direction == "MAXIMIZE")
    if rule.kind == "pass^k":
        outcome = decide_pass_hat_k(rule, figures, good, evidence.clusters)
    else:
        outcome = decide_must_pass(rule, figures, good)
    return _noted(outcome, _notes(evidence.candidate, own.scale, abstained))


def _fewest(evidence: GateEvidence) -> int:
    """The pairs of the evaluator that has the fewest; without a comparison, the examples that the candidate ran."""
    pairs = [finding.n for finding in evidence.findings.values()]
    return min(pairs) if pairs else len({row.example_id for row in evidence.candidate.outcomes})


def amounts(name: str, variant: Variant) -> Amounts:
    """The latency (ms), cost ($) or tokens of each run by example; None where it is not known.

    The time of a run that failed says nothing about the others, so its latency is not known.
    """
    found: dict[str, list[float | None]] = {}
    for row in variant.outcomes:
        found.setdefault(row.example_id, []).append(_amount(name, row))
    return {example_id: found.get(example_id, [None]) for example_id in expected(variant)}


def _amount(name: str, row: Outcome) -> float | None:
    if name == "latency":
        return None if row.error is not None else row.latency_ms
    return row.cost if name == "cost" else row.tokens


def _notes(variant: Variant, by: Scale, abstained: int) -> list[str]:
    failed, told = sum(row.error is not None for row in variant.outcomes), list[str]()
    if failed:
        count = "count as failures" if by.failure is not None else "have no verdict"
        told.append(f"{failed} of {len(variant.outcomes)} runs of {short(variant.name)} failed; they {count}.")
    if abstained:
        told.append(f"The evaluator abstained in {abstained} more example{'' if abstained == 1 else 's'}.")
    return told


def _noted(outcome: RuleOutcome, notes: Sequence[str]) -> RuleOutcome:
    return RuleOutcome(
        outcome.rule, outcome.outcome, " ".join([outcome.why, *notes]), outcome.p, outcome.examples_needed
    )

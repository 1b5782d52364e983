"""The decision on a release: read the experiments that a policy names, and decide its rules on them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import anyio.to_thread

from assaykit.analysis.calibration import CalibrationRecord
from assaykit.analysis.candidates import OwnScale, own_scale
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.gate import GateEvidence, Release, released
from assaykit.analysis.margins import DIFFERENCES
from assaykit.analysis.policy import (
    MOST_BYTES,
    Policy,
    check_names,
    check_policy,
    policy_of,
    policy_of_rules,
    text_of_policy,
)
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.rows import cell, listed, short
from assaykit.analysis.scales import Scale
from assaykit.analysis.slices import Column, column
from assaykit.analysis.truth import Truth, judged
from assaykit.column_paths import resolve
from assaykit.errors import Invalid
from assaykit.experiments.calibration_records import known_calibrations
from assaykit.experiments.comparing import (
    ComparisonRequest,
    ReadExperiments,
    clusters_in,
    needs_examples,
    own_columns,
    ranges_of,
    read_experiments,
    reading_of,
)
from assaykit.experiments.judge_standings import judging_models, standings
from assaykit.experiments.looks import look_notes
from assaykit.files.folders import Folders, open_inside
from assaykit.names import Named
from assaykit.session import Session

_PAIRED = DIFFERENCES | {"usage change"}
_OWN = frozenset({"share", "pass^k", "must pass"})
_ITSELF = "itself"
_NONE: Mapping[str, CalibrationRecord] = MappingProxyType({})


def policy_in(path: str | None, rules: Sequence[str], folders: Folders) -> Policy:
    """The policy of a file in the allowed folders, with further rules; of the rules alone without a file.

    Raises:
        Invalid: the path is not allowed, or the file or a rule is wrong.
        NotFound: there is no such file.
    """
    if path is None:
        return policy_of_rules(rules)
    with open_inside(path, folders) as file:
        content = file.read(MOST_BYTES + 1)
    return policy_of(text_of_policy(content, short(path)), short(path), rules)


async def decide_release(here: Session, within: Named, policy: Policy) -> Release:
    """Decide the policy on its candidate, against its baseline if a rule needs one.

    Raises:
        Invalid: no candidate or baseline is named, both are the same, or a rule cannot be decided on them.
        NotFound, Ambiguous: a name does not resolve to one experiment.
    """
    asked = request_of(policy)
    must = needs_examples(asked) or any(rule.kind == "exact match" for rule in policy.rules)
    fewest = 1 if policy.baseline is None else 2
    read = await read_experiments(here, within, asked, must=must, fewest=fewest)
    records = await anyio.to_thread.run_sync(known_calibrations, here.settings, within.id)
    release, comparison = await anyio.to_thread.run_sync(decided_on, policy, read, records, abandon_on_cancel=True)
    if comparison is None:
        return release
    # A new run of a name on the same dataset is a further look, so experiments are known by name here.
    lineages = {
        variant.name: f"{one.dataset_id}\n{variant.name}"
        for variant, one in zip(read.variants, read.experiments, strict=True)
    }
    looks = await anyio.to_thread.run_sync(look_notes, here.settings, comparison, lineages, policy.looks)
    return replace(release, notes=(*release.notes, *looks))


def request_of(policy: Policy) -> ComparisonRequest:
    """The comparison that a policy needs.

    Raises:
        Invalid: no candidate or baseline is named, or both are the same.
    """
    if policy.candidate is None:
        raise Invalid("No candidate is named.", "Pass the candidate's experiment, or write candidate in the file.")
    if policy.baseline == policy.candidate:
        raise Invalid(f"The candidate {short(policy.candidate)!r} is the baseline.", "Name two experiments.")
    for number, rule in enumerate(policy.rules, 1):
        if rule.kind in _PAIRED and policy.baseline is None:
            raise Invalid(
                f"Rule {number}, {short(rule.text)!r}, needs a baseline, and none is named.",
                "Pass the baseline's experiment, or write baseline in the file.",
            )
    return ComparisonRequest(
        [policy.candidate], policy.baseline, policy.dataset,
        directions=policy.directions,
        positive=policy.positive,
        slice_by=tuple(dict.fromkeys(rule.slice_by for rule in policy.rules if rule.slice_by is not None)),
        failures=policy.failures,
        ranges=ranges_of(policy.ranges),
        cluster_by=policy.cluster_by,
    )  # fmt: skip


def decided_on(
    policy: Policy, read: ReadExperiments, records: Mapping[str, CalibrationRecord] = _NONE
) -> tuple[Release, Comparison | None]:
    """The decision on experiments that were read, and the comparison that it rests on, if a rule needs one.

    `records` has the last calibration of each judge by its name.

    Raises:
        Invalid: a rule cannot be decided on them.
    """
    asked, candidate = request_of(policy), read.whole[-1]
    reading = reading_of(asked, read.judges)
    seen = list(dict.fromkeys(name for one in read.variants for row in one.outcomes for name in row.evaluations))
    check_names(policy, seen)
    _check_named(reading.named, seen)
    clusters = clusters_in(asked, read)
    comparison = _compared(policy, read, reading, clusters)
    findings = {} if comparison is None else {one.evaluator: one for one in comparison.findings}
    own = {
        name: own_scale(findings.get(name) or _alone(name, read, reading))
        for name in dict.fromkeys(rule.evaluator or "" for rule in policy.rules if rule.kind in _OWN)
    }
    check_policy(policy, {name: one.kind for name, one in {**own, **findings}.items()}, _repetitions(candidate))
    columns: dict[str, Column] = {name: column(name, own_columns(read)) for name in asked.slice_by}
    matches: dict[str, tuple[OwnScale, Variant]] = {}
    for number, rule in enumerate(policy.rules, 1):
        if rule.kind == "exact match":
            matches[rule.column or ""] = _match(
                rule, f"Rule {number}, {short(rule.text)!r}", candidate, own_columns(read)
            )
    sources = read.sources[-1]
    named = replace(
        policy,
        rules=tuple(
            replace(rule, examples=tuple(sources.get(one, one) for one in rule.examples)) for rule in policy.rules
        ),
    )
    baseline = read.variants[0] if len(read.variants) > 1 else None
    evidence = GateEvidence(
        candidate, baseline, read.variants[-1], reading, findings, own, matches, columns,
        judging_models(read.whole, read.judges), clusters, standings(read.whole, records),
    )  # fmt: skip
    return released(named, evidence, read.origins.notes), comparison


def _check_named(named: Sequence[str], seen: Sequence[str]) -> None:
    """Refuse directions, labels and ranges of evaluators that no experiment has."""
    for name in named:
        if name not in seen:
            raise Invalid(
                f"No experiment has an evaluator {short(name)!r}; there are {listed(seen)}.", "Use one of these names."
            )


def _compared(
    policy: Policy, read: ReadExperiments, reading: VerdictReading, clusters: Clusters | None
) -> Comparison | None:
    names = list(dict.fromkeys(rule.evaluator or "" for rule in policy.rules if rule.kind in DIFFERENCES))
    if not names:
        return None
    return compare(
        read.variants[0], read.variants[1:], reading=reading, evaluators=names, clusters=clusters, usage_counts=False
    )


def _alone(name: str, read: ReadExperiments, reading: VerdictReading) -> Finding:
    """The finding whose scale reads the candidate: with the baseline if it has the evaluator, else with itself."""
    candidate = read.whole[-1]
    others = [one for one in read.whole[:-1] if any(name in row.evaluations for row in one.outcomes)]
    first = others[0] if others else candidate._replace(name=f"{candidate.name} {_ITSELF}")
    own = {name}
    of_name = reading._replace(
        directions={key: one for key, one in reading.directions.items() if key in own},
        positive={key: one for key, one in reading.positive.items() if key in own},
        ranges={key: one for key, one in reading.ranges.items() if key in own},
    )
    return compare(first, [candidate], reading=of_name, evaluators=[name]).findings[0]


def _match(
    rule: PolicyRule, told: str, candidate: Variant, examples: Mapping[str, Mapping[str, Any]]
) -> tuple[OwnScale, Variant]:
    """The derived evaluator of an exact match, and the candidate's rows of examples that have a truth, judged by it."""
    name = rule.column or ""
    values = {key: text for key, row in examples.items() if (text := cell(resolve(row, name)))}
    if not values:
        there = dict.fromkeys(key for row in examples.values() for key in row)
        raise Invalid(
            f"{told}: the dataset has no column {short(name)!r}; it has {listed(there)}.", "Name one of these."
        )
    truth = Truth(name, values)
    ids = None if candidate.examples is None else candidate.examples & values.keys()
    kept = [row for row in candidate.outcomes if row.example_id in values]
    if not kept:
        raise Invalid(f"{told}: no row of the candidate has a truth.", "Name a column that these examples have.")
    scale = Scale("binary", has_scores=True)
    return OwnScale(truth.evaluator, scale, "MAXIMIZE"), judged(Variant(candidate.name, kept, ids), truth)


def _repetitions(candidate: Variant) -> int:
    """The most runs of an example."""
    counts: dict[str, int] = {}
    for row in candidate.outcomes:
        counts[row.example_id] = counts.get(row.example_id, 0) + 1
    return max(counts.values(), default=0)

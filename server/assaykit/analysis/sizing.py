"""The size of an experiment for a goal, from a pilot or from guesses, and the sentences that tell it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from assaykit.analysis.cluster_words import independent_rows
from assaykit.analysis.details import Repetition
from assaykit.analysis.findings import Finding
from assaykit.analysis.goals import SHARES, SizeGoal
from assaykit.analysis.power import Design, Noise, for_difference, for_equivalence, for_margin, for_share, missed_below
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import digits
from assaykit.analysis.statistics import standard_deviation, wilson
from assaykit.errors import Invalid, either

GUESSES = ("discordant", "sd", "within", "expected", "change", "cluster", "icc")
"""Names of guesses. Shares are from 0 to 1."""

TYPICAL = (0.1, 0.2, 0.4)
"""Shares of differing pairs that a plan goes through if neither a pilot nor a guess gives one."""

FEW_PILOT_PAIRS = 20
_RUNS = (1, 3, 5)
_SPREAD_95 = 1.96


class Pilot(NamedTuple):
    """Figures of a comparison that was run: pairs, variation, and the candidate's value.

    `runs_averaged` is above 1 if the scores are averages of runs whose own variation is not known. `cluster` is the
    mean number of rows of one source, and `icc` the correlation among them.
    """

    n: int
    noise: Noise
    value: float
    runs_averaged: float = 1.0
    cluster: float = 1.0
    icc: float = 0.0


@dataclass(frozen=True, slots=True)
class Sizing:
    """The answer: examples for each case by its name, and the notes. `examples` is None if several cases are given.

    `least` and `most` are the sizes at the ends of the 95 % interval of the pilot's variation. `missed_below` is the
    true difference that the pilot's number of examples would usually miss.
    """

    goal: SizeGoal
    design: Design
    examples: int | None
    cases: Mapping[str, int] = field(default_factory=dict[str, int])
    pilot: int | None = None
    least: int | None = None
    most: int | None = None
    missed_below: float | None = None
    with_runs: Mapping[int, int] = field(default_factory=dict[int, int])

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "goal": self.goal.text,
            "kind": self.goal.kind,
            "size": self.goal.size,
            "in_points": self.goal.in_points,
            "examples": self.examples,
            "cases": dict(self.cases),
            "repetitions": self.design.repetitions,
            "criteria": self.design.criteria,
            "pilot_pairs": self.pilot,
            "least": self.least,
            "most": self.most,
            "missed_below": self.missed_below,
            "examples_by_repetitions": {str(runs): n for runs, n in self.with_runs.items()},
        }


def pilot_of(finding: Finding, repetitions: tuple[Repetition, ...] = ()) -> Pilot:
    """The pilot's figures from a finding, reduced to single runs where its repetitions tell their own variation.

    The chance that two runs of an example disagree is pass@2 less pass^2, which is twice the variance within it.

    Raises:
        Invalid: the labels have no order, or there are fewer than two pairs.
    """
    name = short(finding.evaluator)
    if finding.kind == "categorical":
        raise Invalid(f"The labels of {name!r} have no order.", "Name the positive label with `positive`.")
    if finding.n < 2:  # noqa: PLR2004  (a spread needs two values)
        raise Invalid(f"One pair of {name!r} tells nothing about the variation.", "Run a pilot of 20 examples or more.")
    moves = [after - before for before, after in finding.pairs.values()]
    runs = [side.rows / max(1, side.examples) for side in (finding.baseline_side, finding.challenger_side)]
    within = _within(finding.evaluator, repetitions)
    variance = standard_deviation(moves) ** 2
    if within is not None:
        variance += within**2 * (2 - sum(1 / one for one in runs))
    value = finding.challenger_value or 0.0
    averaged = max(runs) if within is None else 1.0
    size, icc = _clustering(finding)
    if finding.kind == "numeric":
        return Pilot(finding.n, Noise(sd=math.sqrt(variance), within=within), value, averaged, size, icc)
    whole = all(one in {0.0, 1.0} for pair in finding.pairs.values() for one in pair)
    mean = math.fsum(moves) / len(moves)
    share = sum(map(abs, moves)) / len(moves) if whole else min(1.0, variance + mean**2)
    return Pilot(finding.n, Noise(discordant=share, within=within), value, averaged, size, icc)


def _clustering(finding: Finding) -> tuple[float, float]:
    """The mean size of the finding's clusters, and their ICC by the design effect 1 + (size - 1) ICC."""
    rows = independent_rows(finding)
    if rows is None:
        return 1.0, 0.0
    size = finding.n / finding.units
    return size, min(1.0, max(0.0, (finding.n / rows - 1) / (size - 1)))


def _within(evaluator: str, repetitions: tuple[Repetition, ...]) -> float | None:
    pairs = [
        at.pass_at_k - at.pass_hat_k
        for one in repetitions
        if one.evaluator == evaluator
        for at in one.repeated.at
        if at.k == 2  # noqa: PLR2004  (two runs)
    ]
    return math.sqrt(sum(pairs) / len(pairs) / 2) if pairs else None


def guessed(guesses: Mapping[str, float]) -> None:
    """Check the names and the values of guesses.

    Raises:
        Invalid: a name is unknown, or a value is not a number.
    """
    for name, value in guesses.items():
        if name not in GUESSES:
            raise Invalid(f"{short(name)!r} is not a guess that a plan takes.", f"Give {either(GUESSES)}.")
        if not math.isfinite(value):
            raise Invalid(f"The guess {name} is not a number.", f"Give for example {name}=0.2.")


def sized(
    goal: SizeGoal, guesses: Mapping[str, float], pilot: Pilot | None, *, repetitions: int, criteria: int
) -> Sizing:
    """Compute the size for a goal. A guess overrides the pilot's figure.

    Without pilot and guess, the plan of a rate goes through `TYPICAL` shares of differing pairs.

    Raises:
        Invalid: a guess is unknown or out of range, the unit does not fit, or nothing tells the variation of a score.
    """
    guessed(guesses)
    size, icc = (1.0, 0.0) if pilot is None else (pilot.cluster, pilot.icc)
    design = Design(repetitions, criteria, guesses.get("cluster", size), guesses.get("icc", icc))
    if goal.kind in SHARES:
        return Sizing(goal, design, for_share(goal.size, _expected(goal, guesses, pilot), design))
    noise = _noise(goal, guesses, pilot)
    if noise is None:
        cases = {f"{share:.0%}".replace("%", " %"): Noise(share, None, guesses.get("within")) for share in TYPICAL}
        return Sizing(goal, design, None, {name: _needed(goal, one, design, guesses) for name, one in cases.items()})
    found = Sizing(
        goal, design, _needed(goal, noise, design, guesses), with_runs=_by_runs(goal, noise, design, guesses)
    )
    if pilot is None:
        return found
    low, high = _reach(noise, pilot.n)
    return replace(
        found,
        pilot=pilot.n,
        least=_needed(goal, low, design, guesses),
        most=_needed(goal, high, design, guesses),
        missed_below=missed_below(pilot.n, noise, design),
    )


def _expected(goal: SizeGoal, guesses: Mapping[str, float], pilot: Pilot | None) -> float:
    expected = guesses.get("expected", None if pilot is None else pilot.value)
    if expected is None:
        raise Invalid(
            f"The size for '{short(goal.text)}' depends on the true share.",
            "Give the guess `expected`, such as 0.85, or a pilot.",
        )
    if pilot is not None and pilot.noise.discordant is None:
        raise Invalid("The evaluator gives a score, not a rate, so it has no share.", "Plan for a difference.")
    if (expected > goal.size) != (goal.kind == "at least") and expected != goal.size:
        raise Invalid(
            f"An expected share of {100 * expected:g} % does not meet '{short(goal.text)}', so no size shows it.",
            "Give another limit or another `expected`.",
        )
    return expected


def _noise(goal: SizeGoal, guesses: Mapping[str, float], pilot: Pilot | None) -> Noise | None:
    own = pilot.noise if pilot is not None else Noise()
    if goal.in_points and (own.sd is not None or "sd" in guesses):
        raise Invalid(
            "A score has no points: `sd` and points do not go together.", "Leave out 'points', or give `discordant`."
        )
    if not goal.in_points and (own.discordant is not None or "discordant" in guesses):
        raise Invalid("A rate is planned in points.", f"Write '{short(goal.text)} points'.")
    within = guesses.get("within", own.within)
    if goal.in_points:
        share = guesses.get("discordant", own.discordant)
        return None if share is None else Noise(discordant=share, within=within)
    sd = guesses.get("sd", own.sd)
    if not sd:
        raise Invalid(
            "The size for a score depends on the spread of its differences, which is not known.",
            "Give the guess `sd`, the standard deviation of the differences, or a pilot of two experiments.",
        )
    return Noise(sd=sd, within=within)


def _needed(goal: SizeGoal, noise: Noise, design: Design, guesses: Mapping[str, float]) -> int:
    change = guesses.get("change", 0.0)
    if goal.kind == "difference":
        return for_difference(goal.size, noise, design)
    find = for_margin if goal.kind == "margin" else for_equivalence
    return find(goal.size, noise, design, change=change)


def _by_runs(goal: SizeGoal, noise: Noise, design: Design, guesses: Mapping[str, float]) -> dict[int, int]:
    """The examples for a few numbers of runs, if the variation within an example is known."""
    if noise.within is None:
        return {}
    runs = sorted({*_RUNS, design.repetitions})
    return {each: _needed(goal, noise, design._replace(repetitions=each), guesses) for each in runs}


def _reach(noise: Noise, n: int) -> tuple[Noise, Noise]:
    """The ends of the 95 % interval of the variation: Wilson's for a share, Wilson and Hilferty's for a deviation."""
    if noise.discordant is not None:
        ends = wilson(round(noise.discordant * n), n)
        return noise._replace(discordant=ends.low), noise._replace(discordant=ends.high)
    df = n - 1

    def chi_square(z: float) -> float:
        return df * max(0.01, 1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3

    sd = noise.sd or 0.0
    low, high = (sd * math.sqrt(df / chi_square(z)) for z in (_SPREAD_95, -_SPREAD_95))
    return noise._replace(sd=low), noise._replace(sd=high)


def sentences(sizing: Sizing, pilot: Pilot | None = None) -> list[str]:
    """The answer in sentences, the number of examples first."""
    return [
        *_lead(sizing, pilot),
        *_range(sizing),
        *_missed(sizing),
        *_repetitions(sizing, pilot),
        *_correction(sizing),
    ]


def _lead(sizing: Sizing, pilot: Pilot | None) -> list[str]:
    goal = sizing.goal
    if sizing.examples is None:
        cases = either([f"{n:,} examples if {share}" for share, n in sizing.cases.items()])
        return [
            f"For '{short(goal.text)}' at 80 % power you need about {cases} of the pairs differ.",
            "Compare two experiments of 20 examples or more as a pilot, or give the guess `discordant`.",
        ]
    runs = "" if sizing.design.repetitions == 1 else f" with {sizing.design.repetitions} runs each"
    source = "the guesses given" if pilot is None else f"a pilot of {pilot.n} pairs"
    needed = f"{sizing.examples:,} examples{runs}"
    return [f"For '{short(goal.text)}' at 80 % power you need about {needed}, by {source}."]


def _range(sizing: Sizing) -> list[str]:
    if sizing.least is None or sizing.most is None or sizing.pilot is None:
        return []
    rough = "is a rough guide" if sizing.pilot >= FEW_PILOT_PAIRS else "is hardly a guide"
    fits = f"{sizing.least:,} to {sizing.most:,} examples"
    return [f"A pilot of {sizing.pilot} pairs {rough}: its figures fit anything from {fits}."]


def _missed(sizing: Sizing) -> list[str]:
    if sizing.pilot is None:
        return []
    if sizing.missed_below is None:
        return [f"With {sizing.pilot} examples hardly any difference would be shown."]
    size = f"{100 * sizing.missed_below:.1f} points" if sizing.goal.in_points else digits(sizing.missed_below, 3)
    return [f"With {sizing.pilot} examples a true difference under {size} would usually be missed."]


def _repetitions(sizing: Sizing, pilot: Pilot | None) -> list[str]:
    if pilot is not None and pilot.runs_averaged > 1:
        return [f"The pilot averages {pilot.runs_averaged:g} runs of an example; the plan is for as many."]
    if not sizing.with_runs:
        return []
    told = ", ".join(
        f"{n:,} examples with {runs} run{'s' if runs > 1 else ''} ({n * runs:,} runs)"
        for runs, n in sizing.with_runs.items()
    )
    return [f"Each variant needs {told}. Repetitions pay only where more examples are not to be had."]


def _correction(sizing: Sizing) -> list[str]:
    design, told = sizing.design, list[str]()
    if design.criteria > 1 and sizing.goal.kind == "difference":
        told.append(f"This is corrected for {design.criteria} criteria.")
    if design.size > 1 and design.icc > 0:
        effect = 1 + (design.size - 1) * design.icc
        told.append(f"Rows of one source count less: {digits(effect, 3)} times as many rows are needed.")
    return told

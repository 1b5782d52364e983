"""Thirty policies with the outcome that a statistician would give, derived in each case from first principles.

A case has the text of a policy file, the verdicts of both experiments, and the outcome by formulas of its own: the
constrained likelihood for differences of rates, exact binomial tails, the t distribution, and the size formulas of the
textbooks. None of them calls the code that decides.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from tests.oracles import Oracle

from assaykit.analysis.compare import Variant
from assaykit.analysis.policy import policy_of
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.experiments.comparing import ReadExperiments
from assaykit.experiments.known_judges import KnownJudge
from assaykit.experiments.origins import Origins
from assaykit.experiments.releases import decided_on

stats = Oracle("scipy.stats")
optimize = Oracle("scipy.optimize")

Runs = Sequence[float | str | None]
"""The verdicts of one example: a score, None for a missing one, "crash" for a run that failed."""

TOP = 'baseline = "old"\ncandidate = "new"\ndirections = {q = "MAXIMIZE"}\n'
Z, Z_POWER = 1.959963984540054, 0.8416212335729143


class Given(NamedTuple):
    """Both experiments: for each example its runs. `tiers` are the values of a column, `cost` is by example."""

    old: Sequence[Runs]
    new: Sequence[Runs]
    tiers: Sequence[str] = ()
    cost: tuple[Sequence[float], Sequence[float]] | None = None
    latency: tuple[Sequence[float], Sequence[float]] | None = None
    by_model: bool = False


class Case(NamedTuple):
    """A policy, the data and the outcome by formula."""

    name: str
    policy: str
    given: Given
    outcome: Callable[[Given], str]


def variant(name: str, runs: Sequence[Runs], given: Given, side: int) -> Variant:
    rows: list[Outcome] = []
    for place, some in enumerate(runs):
        cost = None if given.cost is None else given.cost[side][place]
        latency = None if given.latency is None else given.latency[side][place]
        for number, score in enumerate(some):
            told = {} if score is None or isinstance(score, str) else {"q": Judgement(name="q", score=score)}
            error = "crash" if score == "crash" else None
            rows.append(Outcome(f"e{place:04}", "x", error, told, str(number), latency, None, cost))
    return Variant(name, rows, frozenset(f"e{place:04}" for place in range(len(runs))))


def decided(case: Case) -> Any:
    given = case.given
    variants = [variant("old", given.old, given, 0), variant("new", given.new, given, 1)]
    examples: dict[str, Any] = {f"e{place:04}": {"tier": tier, "answer": "x"} for place, tier in enumerate(given.tiers)}
    judges = {"q": KnownJudge("MAXIMIZE", is_model=True)} if given.by_model else {}
    read = ReadExperiments(variants, variants, [], [{}, {}], judges, examples, Origins())
    return decided_on(policy_of(case.policy), read)[0]


def singles(*counts: tuple[int, float | str | None]) -> list[Runs]:
    return [[score] for number, score in counts for _ in range(number)]


def pairs(broken: int, fixed: int, both: int, neither: int = 0) -> Given:
    old = singles((broken, 1.0), (fixed, 0.0), (both, 1.0), (neither, 0.0))
    new = singles((broken, 0.0), (fixed, 1.0), (both, 1.0), (neither, 0.0))
    return Given(old, new)


def flat(runs: Sequence[Runs]) -> list[float]:
    """The mean of each example, with a run that crashed as 0."""
    return [sum(0.0 if isinstance(one, str) else float(one or 0.0) for one in some) / len(some) for some in runs]


def z_beyond(given: Given, difference: float) -> float:
    """The score statistic of "the rates differ by `difference`", by the likelihood maximised under it."""
    moved = [after - before for before, after in zip(flat(given.old), flat(given.new), strict=True)]
    n, up, down = len(moved), moved.count(1.0), moved.count(-1.0)

    def unlikely(q: float) -> float:
        cells = ((up, q + difference), (down, q), (n - up - down, 1 - 2 * q - difference))
        return -sum(count * math.log(max(rate, 1e-300)) for count, rate in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    q = optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    spread = math.sqrt(n * (2 * q + difference - difference**2))
    return (up - down - n * difference) / spread


def by_margin(margin: float) -> Callable[[Given], str]:
    """Not worse by more than the margin: the score test at the margin, 2.5 % on either side."""

    def outcome(given: Given) -> str:
        z = z_beyond(given, -margin)
        return "ship" if z > Z else "hold" if z < -Z else "undecided"

    return outcome


def by_sameness(margin: float, level: float) -> Callable[[Given], str]:
    def outcome(given: Given) -> str:
        limit = stats.norm.ppf((1 + level) / 2)
        low, high = z_beyond(given, -margin), z_beyond(given, margin)
        if low > limit and high < -limit:
            return "ship"
        return "hold" if low < -limit or high > limit else "undecided"

    return outcome


def mid_p(given: Given) -> float:
    moved = [after - before for before, after in zip(flat(given.old), flat(given.new), strict=True)]
    up, down = moved.count(1.0), moved.count(-1.0)
    lower = stats.binom.cdf(min(up, down), up + down, 0.5) - stats.binom.pmf(min(up, down), up + down, 0.5) / 2
    return min(1.0, 2 * lower)


def by_verdict(given: Given) -> str:
    """Better: the mid-p McNemar test and the score test at no difference."""
    z = z_beyond(given, 0.0)
    shown = mid_p(given) <= 0.05 and abs(z) > Z
    return "undecided" if not shown else "ship" if z > 0 else "hold"


def by_seen_loss(loss: float, rules: int = 1) -> Callable[[Given], str]:
    """Not shown worse: Connor's size for the loss, or the loss ruled out by the score test."""

    def outcome(given: Given) -> str:
        if 0.5 ** len(given.new) > 0.025:
            return "undecided"  # even if all changed alike, no exact test of so few pairs reaches 5 %
        if mid_p(given) <= 0.05 and abs(z_beyond(given, 0.0)) > Z:
            return "hold" if z_beyond(given, 0.0) < 0 else "ship"
        moved = [after - before for before, after in zip(flat(given.old), flat(given.new), strict=True)]
        n = len(moved)
        r = max(loss, sum(one != 0 for one in moved) / n)
        z = stats.norm.ppf(1 - 0.05 / rules / 2)
        needed = ((z * math.sqrt(r) + Z_POWER * math.sqrt(r - loss**2)) / loss) ** 2
        seen = n >= max(needed, math.log2(20 * rules) / loss)
        return "ship" if seen or (n >= 20 and z_beyond(given, -loss) > Z) else "undecided"

    return outcome


def by_share(limit: float, *, least: bool = True) -> Callable[[Given], str]:
    """The exact binomial test against the limit, 2.5 % on either side."""

    def outcome(given: Given) -> str:
        means = flat(given.new)
        return of_share(sum(means), len(means), limit, least=least)

    return outcome


def of_share(total: float, n: int, limit: float, *, least: bool) -> str:
    above = stats.binom.sf(math.floor(total + 1e-9) - 1, n, limit) <= 0.025
    below = stats.binom.cdf(math.ceil(total - 1e-9), n, limit) <= 0.025
    right, wrong = (above, below) if least else (below, above)
    return "ship" if right else "hold" if wrong else "undecided"


def by_failed_rows(limit: float) -> Callable[[Given], str]:
    def outcome(given: Given) -> str:
        crashed = sum(some.count("crash") / len(some) for some in given.new)
        return of_share(crashed, len(given.new), limit, least=False)

    return outcome


def by_bounds(one: Callable[[Given], str]) -> Callable[[Given], str]:
    """The outcome if it is the same with missing verdicts at 0 and at 1 for the candidate."""

    def outcome(given: Given) -> str:
        ends = {
            one(given._replace(new=[[instead if each is None else each for each in some] for some in given.new]))
            for instead in (0.0, 1.0)
        }
        return ends.pop() if len(ends) == 1 else "undecided"

    return outcome


def by_mean(margin: float) -> Callable[[Given], str]:
    """Not worse by more than a margin of a score: the t test at the margin, 2.5 % on either side."""

    def outcome(given: Given) -> str:
        moved = [after - before for before, after in zip(flat(given.old), flat(given.new), strict=True)]
        t = stats.ttest_1samp(moved, -margin)
        if t.pvalue > 0.05:
            return "undecided"
        return "ship" if t.statistic > 0 else "hold"

    return outcome


def by_own_mean(limit: float) -> Callable[[Given], str]:
    def outcome(given: Given) -> str:
        t = stats.ttest_1samp(flat(given.new), limit)
        return "undecided" if t.pvalue > 0.05 else "ship" if t.statistic > 0 else "hold"

    return outcome


def by_growth(which: str, margin: float) -> Callable[[Given], str]:
    """Latency on a log scale; cost by the contrast new - (1 + margin) old."""

    def outcome(given: Given) -> str:
        old, new = (given.latency if which == "latency" else given.cost) or ((), ())
        if which == "latency":
            excess = [math.log(b / a) - math.log(1 + margin) for a, b in zip(old, new, strict=True)]
        else:
            excess = [b - (1 + margin) * a for a, b in zip(old, new, strict=True)]
        t = stats.ttest_1samp(excess, 0)
        return "undecided" if t.pvalue > 0.05 else "ship" if t.statistic < 0 else "hold"

    return outcome


def by_pass_hat(k: int, limit: float) -> Callable[[Given], str]:
    """The chance that k of the runs drawn without replacement all pass, as a share of examples."""

    def outcome(given: Given) -> str:
        chances = [math.comb(some.count(1.0), k) / math.comb(len(some), k) for some in given.new]
        return of_share(sum(chances), len(chances), limit, least=True)

    return outcome


def always(outcome: str) -> Callable[[Given], str]:
    return lambda _: outcome


def spread(n: int, shift: float, step: float = 0.1) -> list[Runs]:
    """Scores that go round five values, moved by `shift`."""
    return [[3 + (place % 5 - 2) * step + shift] for place in range(n)]


def waves(n: int, factor: float, period: int = 7) -> list[float]:
    return [factor * (100 + 5 * (place % period)) for place in range(n)]


BASE = spread(60, 0.0)
HALF_MOVED = [[3 + (place % 5 - 2) * 0.1 + (0.1 if place % 2 else -0.16)] for place in range(60)]
TIERED = ["free"] * 100 + ["paid"] * 100 + ["gold"] * 10


def tiered(broken_free: int, broken_gold: int) -> Given:
    new = singles((broken_free, 0.0), (100 - broken_free, 1.0), (100, 1.0), (broken_gold, 0.0), (10 - broken_gold, 1.0))
    return Given(singles((210, 1.0)), new, TIERED)


def every_large_slice(margin: float) -> Callable[[Given], str]:
    def outcome(given: Given) -> str:
        found = set[str]()
        for tier in set(given.tiers):
            chosen = [place for place, one in enumerate(given.tiers) if one == tier]
            part = Given([given.old[place] for place in chosen], [given.new[place] for place in chosen])
            if len(chosen) >= 20:
                found.add(by_margin(margin)(part))
        return "hold" if "hold" in found else "undecided" if "undecided" in found else "ship"

    return outcome


def by_number(wanted: int) -> Callable[[Given], str]:
    return lambda given: "ship" if len(given.new) >= wanted else "undecided"


def corrected(given: Given) -> str:
    """Three rules, of which one holds with a mid-p between 1.7 and 5 %: Holm takes it back."""
    assert 0.05 / 3 < mid_p(given) <= 0.05
    assert by_share(0.5)(given) == "ship"
    return "undecided"


WITHIN = 'rules = ["q: not worse by more than {} points"]'
CASES = [
    Case("no change, 73 pairs, 5 points", TOP + WITHIN.format(5), pairs(0, 0, 73), by_margin(0.05)),
    Case("no change, 72 pairs, 5 points", TOP + WITHIN.format(5), pairs(0, 0, 72), by_margin(0.05)),
    Case("no change, 189 pairs, 2 points", TOP + WITHIN.format(2), pairs(0, 0, 189), by_margin(0.02)),
    Case("a loss of the margin", TOP + WITHIN.format(5), pairs(10, 0, 190), by_margin(0.05)),
    Case("a loss of three margins", TOP + WITHIN.format(5), pairs(35, 5, 160), by_margin(0.05)),
    Case("a gain is within a margin", TOP + WITHIN.format(1), pairs(3, 25, 172), by_margin(0.01)),
    Case("better", TOP + 'rules = ["q: better"]', pairs(4, 16, 80), by_verdict),
    Case("better by too little", TOP + 'rules = ["q: better"]', pairs(4, 10, 86), by_verdict),
    Case("better, and worse is shown", TOP + 'rules = ["q: better"]', pairs(16, 4, 80), by_verdict),
    Case("not shown worse, enough pairs", TOP + 'rules = ["q: not shown worse by 10 points"]', pairs(6, 6, 108),
         by_seen_loss(0.1)),
    Case("not shown worse, too few pairs", TOP + 'rules = ["q: not shown worse by 5 points"]', pairs(6, 6, 108),
         by_seen_loss(0.05)),
    Case("not shown worse, worse", TOP + 'rules = ["q: not shown worse by 10 points"]', pairs(18, 4, 98),
         by_seen_loss(0.1)),
    Case("not shown worse, five of five broken", TOP + 'rules = ["q: not shown worse"]', pairs(5, 0, 0),
         by_seen_loss(0.1)),
    Case("the same within 5 points", TOP + 'rules = ["q: the same within 5 points"]', pairs(4, 5, 291),
         by_sameness(0.05, 0.95)),
    Case("the same within 5 points, TOST at 5 %",
         TOP + '[[rule]]\nrule = "q: the same within 5 points"\nlevel = 0.9', pairs(8, 8, 104),
         by_sameness(0.05, 0.9)),
    Case("the same, much better", TOP + 'rules = ["q: the same within 5 points"]', pairs(2, 40, 158),
         by_sameness(0.05, 0.95)),
    Case("at least 80 %, 80 of 90", 'candidate = "new"\nrules = ["q: at least 80 %"]', pairs(0, 0, 80, 10),
         by_share(0.8)),
    Case("at least 80 %, 79 of 90", 'candidate = "new"\nrules = ["q: at least 80 %"]', pairs(0, 0, 79, 11),
         by_share(0.8)),
    Case("at most 10 % of a bad label", 'candidate = "new"\nrules = ["q: at most 10 %"]', pairs(0, 0, 30, 70),
         by_share(0.1, least=False)),
    Case("crashed runs count against the share", 'candidate = "new"\nrules = ["q: at least 80 %"]',
         Given(singles((100, 1.0)), singles((64, 1.0), (36, "crash"))), by_share(0.8)),
    Case("missing verdicts could turn the share", 'candidate = "new"\nrules = ["q: at least 80 %"]',
         Given(singles((100, 1.0)), singles((64, 1.0), (36, None))), by_bounds(by_share(0.8))),
    Case("at most 2 % fail: none of 183", 'candidate = "new"\nrules = ["failed rows: at most 2 %"]',
         pairs(0, 0, 183), by_failed_rows(0.02)),
    Case("at most 2 % fail: none of 182", 'candidate = "new"\nrules = ["failed rows: at most 2 %"]',
         pairs(0, 0, 182), by_failed_rows(0.02)),
    Case("at most 2 % fail: 36 of 100", 'candidate = "new"\nrules = ["failed rows: at most 2 %"]',
         Given(singles((100, 1.0)), singles((64, 1.0), (36, "crash"))), by_failed_rows(0.02)),
    Case("pass^3 of five runs", TOP + 'rules = ["q: pass^3 at least 50 %"]',
         Given([[1.0] * 5] * 60, [[1.0] * 5] * 45 + [[1.0] * 4 + [0.0]] * 15), by_pass_hat(3, 0.5)),
    Case("a score within its margin", TOP + 'rules = ["q: not worse by more than 0.1"]', Given(BASE, HALF_MOVED),
         by_mean(0.1)),
    Case("a score beyond its margin", TOP + 'rules = ["q: not worse by more than 0.1"]',
         Given(BASE, [[float(str(one[0])) - 0.3] for one in HALF_MOVED]), by_mean(0.1)),
    Case("a mean of at least 2.9", 'candidate = "new"\nrules = ["q: at least 2.9"]', Given(BASE, BASE),
         by_own_mean(2.9)),
    Case("latency up by a tenth, margin a fifth", TOP + 'rules = ["latency: not worse by more than 20 %"]',
         Given(BASE, BASE, latency=(waves(60, 1.0), waves(60, 1.1, 5))), by_growth("latency", 0.2)),
    Case("cost up by a half, margin a fifth", TOP + 'rules = ["cost: not worse by more than 20 %"]',
         Given(BASE, BASE, cost=(waves(60, 1e-4), waves(60, 1.5e-4, 5))), by_growth("cost", 0.2)),
    Case("every tier within 10 points, a small one broken",
         TOP + '[[rule]]\nrule = "q: not worse by more than 10 points"\nslice_by = "tier"', tiered(1, 10),
         every_large_slice(0.1)),
    Case("one tier beyond 10 points", TOP + '[[rule]]\nrule = "q: not worse by more than 10 points"\nslice_by = "tier"',
         tiered(30, 0), every_large_slice(0.1)),
    Case("an example that must pass fails", TOP + '[[rule]]\nrule = "q: must pass"\nexamples = ["e0000"]',
         pairs(1, 0, 99), always("hold")),
    Case("of three rules one holds at 3 %",
         TOP + 'rules = ["q: not shown worse by 20 points", "q: at least 50 %", "failed rows: at most 20 %"]',
         pairs(11, 3, 136), corrected),
    Case("fewer examples than wanted", TOP + 'rules = ["at least 200 examples"]', pairs(0, 0, 199),
         by_number(200)),
    Case("a judge without a calibration that is required",
         TOP + 'require_calibration = true\nrules = ["q: at least 50 %"]',
         pairs(0, 0, 100)._replace(by_model=True), always("needs review")),
    Case("a judge without a calibration that is not required", TOP + 'rules = ["q: at least 50 %"]',
         pairs(0, 0, 100)._replace(by_model=True), by_share(0.5)),
    Case("review stands above doubt",
         TOP + 'rules = ["q: not worse by more than 1 points"]\n[[rule]]\nrule = "q: at least 50 %"\n'
         "require_calibration = true", pairs(0, 0, 50)._replace(by_model=True), always("needs review")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_policy_has_the_outcome_that_a_statistician_would_give(case: Case) -> None:
    found = decided(case)
    assert found.outcome == case.outcome(case.given), [one.why for one in found.rules]


def test_the_policies_meet_every_outcome_and_every_kind_of_rule() -> None:
    kinds = {rule.kind for case in CASES for rule in policy_of(case.policy).rules}
    assert kinds >= {"within", "better", "not shown worse", "same", "share", "pass^k", "must pass", "failed rows"}
    assert {case.outcome(case.given) for case in CASES} == {"ship", "hold", "undecided", "needs review"}
    assert len(CASES) >= 30

"""Error rates, coverage and power of the verdicts and of the gate, measured through the functions that decide them.

    PYTHONPATH=. python benchmarks/verdicts.py            100 runs of each row, or as many as `--runs` says
    PYTHONPATH=. python benchmarks/verdicts.py --short    the size of the test: rows of at most 100 examples
    PYTHONPATH=. python benchmarks/verdicts.py --long     2,000 runs of each row, for RESULTS.md
    PYTHONPATH=. python benchmarks/verdicts.py --only gate --runs 500
    PYTHONPATH=. python benchmarks/verdicts.py --long --kept lines.txt    the rows that the file lacks, into the file

Each row draws experiments with a known truth, and compares them as `compare_experiments` and `assaykit gate` do.
A figure holds if it is no further beyond its bound than three standard errors of the simulation.
"""

import argparse
import math
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks import samples
from benchmarks.kept_lines import KeptLines
from benchmarks.samples import QUALITY, Draw, Pairs, Rng, old_and_new, variant

from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.looks import mean_evidence, rate_evidence, scale_of
from assaykit.analysis.margins import decide_difference
from assaykit.analysis.policy_rules import policy_rule
from assaykit.analysis.release import RuleOutcome
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.statistics import ALPHA
from assaykit.report.text import comparison_text

LONG = 2000
SHORT_ROWS = 100
"""Limit on the size of a row in the short size."""

LARGE_TOO = frozenset({"clusters", "missing"})
"""The groups whose large rows are in the short size too."""

ERRORS = 3
SHOWN = frozenset({"better", "worse", "different"})
SIZES = (6, 10, 20, 50, 100, 200, 500)

Counts = tuple[float, ...]
"""What a run adds up: hits and tries of a share, or our verdicts and those of each rival of a power."""


class Row(NamedTuple):
    """A figure: its bounds (None is no bound), one run of the simulation, and the size of a run for its cost."""

    group: str
    name: str
    low: float | None
    high: float | None
    trial: Callable[[Rng], Counts]
    n: int


class Figure(NamedTuple):
    """A figure with its standard error. `holds` is None without a bound."""

    value: float
    error: float
    holds: bool | None


def compared(old: Variant, *new: Variant, clusters: Clusters | None = None) -> Comparison:
    reading = VerdictReading(directions=dict.fromkeys(old.outcomes[0].evaluations, "MAXIMIZE"))
    return compare(old, new, reading=reading, clusters=clusters)


def found(pairs: Pairs, clusters: Clusters | None = None) -> Finding:
    old, new = old_and_new(pairs)
    return compared(old, new, clusters=clusters).findings[0]


def ruling(rule: str, old: Variant, new: Variant) -> RuleOutcome:
    return decide_difference(policy_rule(f"{QUALITY}: {rule}"), compared(old, new).findings[0])


def share(hit: object) -> Counts:
    return float(bool(hit)), 1.0


def any_verdict(draw: Draw, n: int) -> Callable[[Rng], Counts]:
    return lambda rng: share(found(draw(rng, n)).verdict in SHOWN)


def kept_row(name: str, draw: Draw, n: int, high: float = 0.06) -> Row:
    return Row("type I", f"{name}, n = {n}", None, high, any_verdict(draw, n), n)


def type_one() -> Iterator[Row]:
    """False verdicts where nothing differs."""
    draws: dict[str, Draw] = {
        "binary, 6 % discordant": samples.rates(0.03, 0.03),
        "binary, 30 % discordant": samples.rates(0.15, 0.15, 0.5),
        "ordinal 1-5": samples.ordinal(samples.EVEN),
        "top-heavy 1-5": samples.ordinal(samples.TOP_HEAVY),
        "normal": samples.normal(),
        "0-1 scores": samples.unit(),
        "t with 2 degrees": samples.heavy(),
        "lognormal": samples.lognormal(),
    }
    for name, draw in draws.items():
        yield from (kept_row(name, draw, n) for n in SIZES)
    yield from (kept_row("skewed", samples.skewed, n) for n in (6, 10, 20, 30, 34, 50, 70, 100, 150, 200))
    for n in (20, 30, 50, 100):
        yield Row("type I", f"skewed: verdict beside an interval that holds 0, n = {n}", None, 0.0, contradicting(n), n)


def contradicting(n: int) -> Callable[[Rng], Counts]:
    def trial(rng: Rng) -> Counts:
        one = found(samples.skewed(rng, n))
        return share(one.verdict in SHOWN and one.interval is not None and one.interval.low <= 0 <= one.interval.high)

    return trial


def repeated() -> Iterator[Row]:
    """Two identical systems with unequal numbers of repetitions."""
    for first, second, n, spread in (
        (1, 3, 100, False), (1, 5, 100, False), (1, 10, 100, False), (1, 5, 100, True),
        (3, 5, 200, False), (3, 3, 100, True), (1, 3, 200, False),
    ):  # fmt: skip

        def trial(rng: Rng, first: int = first, second: int = second, n: int = n, *, spread: bool = spread) -> Counts:
            old, new = (samples.tries(rng, n, each, spread=spread) for each in (first, second))
            one = compared(variant("old", {QUALITY: old}), variant("new", {QUALITY: new})).findings[0]
            return share(one.verdict in SHOWN)

        hard = ", unequally hard" if spread else ""
        yield Row("repetitions", f"{first} against {second} runs, n = {n}{hard}", None, 0.06, trial, n)


def coverage() -> Iterator[Row]:
    """How often the 95 % interval holds the true difference, and how often there is none."""
    cases: list[tuple[str, Draw, float, Sequence[int]]] = [
        ("normal scores", samples.normal(0.3), 0.3, (6, 10, 20, 50, 100, 200)),
        ("1-5 scores", samples.ordinal(samples.EVEN), 0.0, (6, 10, 20, 100)),
        ("skewed scores", samples.skewed, 0.0, (34, 50, 100, 200)),
        ("rates near 1", samples.rates(0.03, 0.01, 0.9), 0.02, (10, 20, 50, 100, 200)),
        ("rates near 0", samples.rates(0.03, 0.01, 0.02), 0.02, (10, 50)),
        ("rates, 30 % discordant", samples.rates(0.2, 0.1, 0.4), 0.1, (10, 20, 50, 100)),
    ]
    for name, draw, truth, sizes in cases:
        for n in sizes:

            def trial(rng: Rng, draw: Draw = draw, truth: float = truth, n: int = n) -> Counts:
                interval = found(draw(rng, n)).interval
                return (0.0, 0.0) if interval is None else share(interval.low <= truth <= interval.high)

            yield Row("coverage", f"{name}, n = {n}", 0.93, None, trial, n)
    for n in (10, 50):
        draw = samples.rates(0.03, 0.01, 0.9)
        yield Row("coverage", f"rates near 1, no interval, n = {n}", None, 0.0, without_interval(draw, n), n)
        yield Row("coverage", f"rates near 1, width, n = {n}", None, None, width(draw, n), n)


def without_interval(draw: Draw, n: int) -> Callable[[Rng], Counts]:
    return lambda rng: share(found(draw(rng, n)).interval is None)


def width(draw: Draw, n: int) -> Callable[[Rng], Counts]:
    def trial(rng: Rng) -> Counts:
        interval = found(draw(rng, n)).interval
        return (0.0, 0.0) if interval is None else (interval.high - interval.low, 1.0)

    return trial


def power() -> Iterator[Row]:
    """Differences shown, as a share of those that the best of the usual tests of the mean shows."""
    scores = (samples.t_test, samples.sign_flips)
    cases: list[tuple[str, Draw, int, tuple[Callable[..., bool], ...]]] = [
        ("normal, 0.3 sd", samples.normal(0.3), 100, scores),
        ("normal, 0.4 sd", samples.normal(0.4), 50, scores),
        ("0-1 scores", samples.unit(0.06), 100, scores),
        ("ordinal 1-5", samples.ordinal(samples.EVEN, 0.45), 100, scores),
        ("top-heavy 1-5", samples.ordinal(samples.TOP_HEAVY, 0.7), 100, scores),
        ("lognormal", samples.lognormal(0.75), 100, scores),
        ("rates, 5 % broken", samples.rates(0.14, 0.05, 0.6), 100, (samples.mid_p,)),
        ("rates, none broken", samples.rates(0.07, 0.0, 0.8), 100, (samples.mid_p,)),
    ]
    for name, draw, n, rivals in cases:

        def trial(rng: Rng, draw: Draw = draw, n: int = n, rivals: tuple[Callable[..., bool], ...] = rivals) -> Counts:
            pairs = draw(rng, n)
            return float(found(pairs).verdict in SHOWN), *(float(rival(*pairs)) for rival in rivals)

        yield Row("power", f"{name}, n = {n}, against the best test", 0.9, None, trial, n)


def gate() -> Iterator[Row]:
    """Rules that pass although they should not; and, without a bound, how often a good candidate passes."""
    at_margin = "not worse by more than 2 points"
    for n in (20, 30, 50, 100, 200, 500):
        for loss, draw in ((2, samples.rates(0.02, 0.04)), (4, samples.rates(0.01, 0.05))):
            yield Row(
                "gate", f"margin 2 points, true loss {loss}, n = {n}", None, 0.025, passing(at_margin, draw, n), n
            )
    for n in (100, 300, 500):
        good = passing(at_margin, samples.rates(0.03, 0.03), n)
        yield Row("gate", f"margin 2 points, no loss: passes, n = {n}", None, None, good, n)
    for n in (20, 50, 100, 200, 500):
        yield Row("gate", f"normal scores, margin 0.2, true loss 0.2, n = {n}", None, 0.025,
            passing("not worse by more than 0.2", samples.normal(-0.2), n), n)  # fmt: skip
        # The rarer tail has 5 expected rows from n = 167 on.
        high = 0.025 if n * samples.RARE_SHARE >= 5 else None  # noqa: PLR2004
        yield Row("gate", f"3 % of the scores lose 0.8, margin half the loss, n = {n}", None, high,
            passing("not worse by more than 0.012", samples.disasters, n), n)  # fmt: skip
    broken = [1.0] * 5, [0.0] * 5
    yield Row(
        "gate", "'not shown worse', 5 of 5 broken", None, 0.0, lambda _: share(passes("not shown worse", broken)), 5
    )


def passes(rule: str, pairs: Pairs) -> bool:
    return ruling(rule, *old_and_new(pairs)).outcome == "ship"


def passing(rule: str, draw: Draw, n: int) -> Callable[[Rng], Counts]:
    return lambda rng: share(passes(rule, draw(rng, n)))


def missing() -> Iterator[Row]:
    """Candidates whose rows failed, were not scored, or are not in the upload."""
    for points in (2, 5, 10):
        for cause in ("36 of 100 rows crash", "a quarter of the verdicts failed", "rows absent from the upload"):

            def trial(rng: Rng, points: int = points, cause: str = cause) -> Counts:
                one = ruling(f"not worse by more than {points} points", *crashed(rng, cause))
                told = re.search(r"\b(36|25) of 100\b", one.why) is not None
                return share(one.outcome == "ship" or not told)

            yield Row("missing", f"{cause}, margin {points} points: passed, or not told", None, 0.0, trial, 100)
    for lost in (0.2, 0.4):
        yield Row(
            "missing", f"the {100 * lost:.0f} % hardest rows fail, n = 250: 'better'", None, 0.025, hard(lost), 250
        )
    yield Row("missing", "12 criteria, 25 of 60 rows failed: told in the text", 1.0, None, told_first, 60)


def crashed(rng: Rng, cause: str) -> tuple[Variant, Variant]:
    """A candidate that is right wherever it has a verdict."""
    old, _ = samples.rates(0.0, 0.0, 0.9)(rng, 100)
    absent = 25 if "quarter" in cause else 36
    new: list[float | None] = [None] * absent + list(old)[absent:]
    one, other = variant("old", {QUALITY: old}), variant("new", {QUALITY: new})
    if "crash" in cause:
        return one, other
    if "quarter" in cause:
        return one, other._replace(outcomes=[row._replace(error=None) for row in other.outcomes])
    return one, other._replace(outcomes=[row for row in other.outcomes if row.evaluations])


def hard(lost: float) -> Callable[[Rng], Counts]:
    """A candidate that is better where it answers, and crashes where rows are hard. 'Better' counts.

    With failures counted as wrong, it loses 3 points at a fifth of the rows, and 20 at two fifths.
    """
    return lambda rng: hardest_lost(rng, lost)


def hardest_lost(rng: Rng, lost: float) -> Counts:
    chance = np.sort(rng.beta(4, 1, 250))
    raised = chance + 0.75 * (1 - chance)
    old, new = ((rng.random(250) < each).astype(float).tolist() for each in (chance, raised))
    failed = int(lost * 250)
    kept: list[float | None] = [None] * failed + new[failed:]
    one = compared(variant("old", {QUALITY: old}), variant("new", {QUALITY: kept})).findings[0]
    return share(one.verdict == "better")


def told_first(rng: Rng) -> Counts:
    """Whether the text says of 25 failed rows, before any other note."""
    names = [f"criterion {number}" for number in range(12)]
    old = variant("old", {name: samples.rates(0.1, 0.1)(rng, 60)[0] for name in names})
    new = variant("new", {name: [None] * 25 + list(samples.rates(0.1, 0.1)(rng, 35)[1]) for name in names})
    text = comparison_text(compared(old, new))
    notes = [line for line in text.splitlines() if "25" in line and ("fail" in line or "error" in line)]
    return share(notes)


def together() -> Iterator[Row]:
    """Any false verdict among several evaluators, and the verdicts of clusters and of labels that differ in case."""
    for number in (1, 3, 5, 10):
        for rho in (0.0, 0.7):

            def trial(rng: Rng, number: int = number, rho: float = rho) -> Counts:
                one, *own = (rng.normal(0, 1, 100) for _ in range(number + 1))
                old = {f"e{place}": rng.normal(0, 1, 100).tolist() for place in range(number)}
                new = {
                    name: np.add(old[name], math.sqrt(rho) * one + math.sqrt(1 - rho) * noise).tolist()
                    for name, noise in zip(old, own, strict=True)
                }
                findings = compared(variant("old", old), variant("new", new)).findings
                return share(any(each.verdict in SHOWN for each in findings))

            yield Row("family-wise", f"{number} evaluators, rho {rho:g}, n = 100", None, 0.05, trial, 100 * number)
    for size in (2, 5, 10):
        yield Row("clusters", f"{size} rows of one source, ICC 0.6, n = 300", None, 0.05,
            clustered(samples.clusters(size), size, 300), 300)  # fmt: skip
    for size, n in ((2, 300), (5, 300), (10, 300), (5, 50)):
        yield Row("clusters", f"rates, {size} rows of one source, ICC 0.6, n = {n}", None, 0.05,
            clustered(samples.clustered_rates(size), size, n), n)  # fmt: skip
    yield Row("clusters", "sources of 1 to 20 rows, ICC 0.6, n = 200", None, 0.05, of_unequal_sources, 200)
    yield Row("clusters", "5 rows of one source, ICC 0.6, n = 100: coverage", 0.93, None, covered, 100)
    yield Row("labels", "'Pass' and 'pass ' beside 'pass'", None, 0.0, spelled, 100)


def clustered(draw: Draw, size: int, n: int) -> Callable[[Rng], Counts]:
    sources = samples.of_sources([size] * (n // size))
    return lambda rng: share(found(draw(rng, n), sources).verdict in SHOWN)


def of_unequal_sources(rng: Rng) -> Counts:
    sizes = samples.unequal_sizes(rng, 200)
    return share(found(samples.clusters_of_sizes(rng, sizes), samples.of_sources(sizes)).verdict in SHOWN)


def covered(rng: Rng) -> Counts:
    interval = found(samples.clusters(5)(rng, 100), samples.of_sources([5] * 20)).interval
    return (0.0, 0.0) if interval is None else share(interval.low <= 0 <= interval.high)


def spelled(_: Rng) -> Counts:
    """Equal experiments, but for the case and the spaces of a label."""
    labels = ["pass"] * 80 + ["fail"] * 20, ["Pass"] * 20 + ["pass "] * 20 + ["pass"] * 40 + ["fail"] * 20
    old, new = (
        Variant(name, [
            Outcome(f"e{place}", "text", None, {QUALITY: Judgement(name=QUALITY, label=label)})
            for place, label in enumerate(given)
        ])
        for name, given in zip(("old", "new"), labels, strict=True)
    )  # fmt: skip
    return share(compare(old, [new], reading=VerdictReading(positive={QUALITY: ["pass"]})).findings[0].verdict in SHOWN)


def latency() -> Iterator[Row]:
    """Latency, tokens or cost said to differ where they do not: one candidate, and any of four."""
    for challengers in (1, 4):
        for n in (6, 10, 20, 50, 100):

            def trial(rng: Rng, n: int = n, challengers: int = challengers) -> Counts:
                old, *new = (
                    variant(str(name), {QUALITY: [1.0] * n}, latency_ms=(1000 * rng.lognormal(0, 1, n)).tolist())
                    for name in range(challengers + 1)
                )
                return share(uses_differ(compared(old, *new)))

            yield Row("latency", f"no difference, {challengers} candidate(s), n = {n}", None, 0.05, trial, n)
    for n in (20, 50, 100):

        def cost(rng: Rng, n: int = n) -> Counts:
            old, new = (
                variant(str(name), {QUALITY: [1.0] * n}, cost=rng.gamma(1, 0.01, n).tolist()) for name in range(2)
            )
            return share(uses_differ(compared(old, new)))

        yield Row("latency", f"skewed cost, no difference, n = {n}", None, 0.05, cost, n)

        def runs(rng: Rng, n: int = n) -> Counts:
            old, new = (samples.timed(name, rng, n, tries) for name, tries in (("old", 1), ("new", 5)))
            return share(uses_differ(compared(old, new)))

        yield Row("latency", f"no difference, 1 against 5 runs, n = {n}", None, 0.05, runs, n)

        def anything(rng: Rng, n: int = n) -> Counts:
            old, new = (samples.recorded(name, rng, n) for name in ("old", "new"))
            found = compared(old, new)
            return share(uses_differ(found) or found.findings[0].verdict in SHOWN)

        yield Row("latency", f"a score, latency, tokens and cost: any verdict, n = {n}", None, 0.05, anything, n)


def uses_differ(comparison: Comparison) -> bool:
    return any(one.verdict in {"higher", "lower"} for one in comparison.usage)


def looks() -> Iterator[Row]:
    """A verdict at any look, one after every 20 rows."""
    for name, draw in (("binary", samples.rates(0.1, 0.1, 0.6)), ("normal", samples.normal())):
        for most in (100, 200):

            def trial(rng: Rng, draw: Draw = draw, most: int = most) -> Counts:
                old, new = draw(rng, most)
                return share(any(found((old[:n], new[:n])).verdict in SHOWN for n in looked(most)))

            yield Row("looks", f"{name}, e at any of {most // 20} looks", None, 0.05, reached(draw, most), most // 5)
            yield Row("looks", f"{name}, p at any of {most // 20} looks", None, None, trial, most * most // 40)


def reached(draw: Draw, most: int) -> Callable[[Rng], Counts]:
    """Whether the e-value of `analysis/looks.py` reaches 20 at any look."""

    def trial(rng: Rng) -> Counts:
        differences = np.subtract(*reversed(draw(rng, most)))
        scale = scale_of(differences[:20].tolist())
        if set(differences.tolist()) <= {-1.0, 0.0, 1.0}:
            found = [rate_evidence(*(int((differences[:n] == one).sum()) for one in (1, -1))) for n in looked(most)]
        else:
            found = [mean_evidence(differences[:n].tolist(), scale) for n in looked(most)]
        return share(max(found) >= 1 / ALPHA)

    return trial


def looked(most: int) -> range:
    return range(20, most + 1, 20)


def rows() -> list[Row]:
    """Every row, in the order of the table."""
    groups = (type_one, repeated, coverage, power, gate, missing, together, latency, looks)
    return [row for group in groups for row in group()]


def measured(row: Row, runs: int) -> Figure:
    """The figure of a row. The same run of the same row draws the same experiments."""
    seed = zlib.crc32(f"{row.group} {row.name}".encode())
    counts = np.array([row.trial(np.random.default_rng([seed, run])) for run in range(runs)])
    rival = counts[:, 1:].sum(axis=0).argmax() + 1
    hits, tries = counts[:, 0], counts[:, rival]
    if not tries.sum():
        return Figure(math.nan, math.nan, None)
    value = float(hits.sum() / tries.sum())
    error = float(np.std(hits - value * tries) / (tries.mean() * math.sqrt(runs)))
    return Figure(value, error, within(row, value, error, int(tries.sum())))


def within(row: Row, value: float, error: float, tries: int) -> bool | None:
    """Whether the figure is within its bound, give or take the error of the simulation there; 0 and 1 are exact."""
    bound = row.high if row.high is not None else row.low
    if bound is None:
        return None
    room = ERRORS * (error if row.group == "power" else math.sqrt(bound * (1 - bound) / tries))
    return value <= bound + room if row.high is not None else value >= bound - room


def told(row: Row, figure: Figure) -> str:
    """A line of the table of RESULTS.md."""
    highest = None if row.high is None else f"at most {row.high:.1%}"
    lowest = "reported" if row.low is None else f"at least {row.low:.1%}"
    verdict = {True: "holds", False: "**missed**", None: ""}[figure.holds]
    return f"| {row.group} | {row.name} | {highest or lowest} | {figure.value:.1%} | {figure.error:.1%} | {verdict} |"


def short_runs(row: Row) -> int:
    """Runs of a row in the short size: fewer, the larger the row; 0 for a large row of a group not in `LARGE_TOO`."""
    return 0 if row.n > SHORT_ROWS and row.group not in LARGE_TOO else max(20, min(100, 2000 // row.n))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--short", action="store_true", help="as the test does")
    parser.add_argument("--only", default="", help="a part of a group or name")
    parser.add_argument("--kept", type=Path, help="file of the lines of earlier rows; new ones are appended")
    parser.add_argument("--most", type=int, default=10**9, help="leave out rows of a larger size")
    given = parser.parse_args()
    whole = LONG if given.long else given.runs
    print("| Group | Case | Wanted | Seen | Standard error | |\n|---|---|---|---|---|---|")
    started, kept = time.process_time(), KeptLines(given.kept)
    for row in rows():
        runs = short_runs(row) if given.short else whole
        if runs and given.only in f"{row.group} {row.name}" and row.n <= given.most:
            line = kept.line(
                f"{runs} | {row.group} | {row.name} |", lambda row=row, runs=runs: told(row, measured(row, runs))
            )
            print(line, flush=True)
    of_each = "short size" if given.short else f"{whole} runs of each row"
    print(f"\n{of_each}, {time.process_time() - started:.0f} s of CPU.", file=sys.stderr)


if __name__ == "__main__":
    main()

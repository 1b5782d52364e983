"""Examples without a verdict, and findings recomputed with the missing verdicts at their worst or at their best."""

from dataclasses import replace

from assaykit.analysis.findings import Change, Finding, Gap
from assaykit.analysis.pairing import Scale, Sheet, figure
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import digits
from assaykit.analysis.verdicts import difference, tested


def gaps(
    first: Sheet, second: Sheet, by: Scale, datasets: tuple[frozenset[str] | None, frozenset[str] | None]
) -> dict[str, Gap]:
    """Return by id the examples that should have verdicts on both sides and lack at least one.

    `datasets` has the example ids of each side's dataset. An example should have verdicts if both datasets contain it,
    or if both sides ran it. If a dataset is not known (None), every example that either side ran should have them.
    """
    ours, theirs = datasets
    ran, either = first.verdicts.keys() & second.verdicts.keys(), first.verdicts.keys() | second.verdicts.keys()
    expected = either if ours is None or theirs is None else ran | (ours & theirs)
    found = {one: Gap(_figures(first, one, by), _figures(second, one, by)) for one in expected}
    return {one: gap for one, gap in found.items() if None in (*gap.baseline, *gap.challenger)}


def _figures(one: Sheet, example_id: str, by: Scale) -> tuple[float | None, ...]:
    return tuple(figure(verdict, by) for verdict in one.verdicts.get(example_id, [None]))


def reach(first: Sheet, second: Sheet, by: Scale) -> tuple[float, float]:
    """Return the lowest and the highest figure that can stand in for a missing verdict.

    They are 0 and 1 for a rate. For a score they are the ends of the range of all scores seen, widened to include 0 and
    1: the bounds of a score are not known, and a missing score can be lower than every score seen.
    """
    seen = () if by.kind != "numeric" else (*first.scores(), *second.scores())
    return min((0.0, *seen)), max((1.0, *seen))


def at_worst(finding: Finding) -> Finding:
    """The finding with each missing verdict at its worst for the challenger, without a verdict and a sentence."""
    low, high = finding.reach
    return _filled(finding, high, low) if finding.direction == "MAXIMIZE" else _filled(finding, low, high)


def at_best(finding: Finding) -> Finding:
    """The finding with each missing verdict at its best for the challenger, without a verdict and a sentence."""
    low, high = finding.reach
    return _filled(finding, low, high) if finding.direction == "MAXIMIZE" else _filled(finding, high, low)


def _filled(finding: Finding, baseline: float, challenger: float) -> Finding:
    filled = {
        example_id: (_mean(gap.baseline, baseline), _mean(gap.challenger, challenger))
        for example_id, gap in finding.gaps.items()
    }
    # Sorted by id, as in a comparison, so that the seeded interval does not depend on the order of rows.
    pairs = dict(sorted({**finding.pairs, **filled}.items()))
    changes = [Change(example_id, *pair, None, None) for example_id, pair in pairs.items()]
    moves = [difference(pair) for pair in pairs.values()]
    return tested(
        replace(
            finding,
            n=len(pairs),
            pairs=pairs,
            rose=tuple(change for change, move in zip(changes, moves, strict=True) if move > 0),
            fell=tuple(change for change, move in zip(changes, moves, strict=True) if move < 0),
            same=(),
            verdict="not tested",
            sentence="",
        )
    )


def _mean(figures: tuple[float | None, ...], instead: float) -> float:
    return sum(instead if one is None else one for one in figures) / len(figures)


def counted(finding: Finding) -> str:
    """Say in one or two sentences how many examples lack a verdict, and on which side."""
    total, name = len(finding.pairs.keys() | finding.gaps.keys()), short(finding.evaluator)
    out = [gap for example_id, gap in finding.gaps.items() if example_id not in finding.pairs]
    partial = len(finding.gaps) - len(out)
    told: list[str] = []
    if out:
        told.append(f"{_of(len(out), total)} no verdict of {name} {_where(finding, out)}.")
    if partial:
        told.append(f"{_of(partial, total)} repetitions without a verdict of {name}.")
    return " ".join(told)


def _of(count: int, total: int) -> str:
    return f"{count} of {total} examples {'has' if count == 1 else 'have'}"


def _where(finding: Finding, out: list[Gap]) -> str:
    """Name the experiment that lacks the verdicts, or give the count of each."""
    baseline, challenger = short(finding.baseline), short(finding.challenger)
    # Each pair says whether the baseline has a verdict and whether the challenger has one.
    scored = [tuple(any(one is not None for one in side) for side in gap) for gap in out]
    counts = {
        challenger: scored.count((True, False)),
        baseline: scored.count((False, True)),
        "either experiment": scored.count((False, False)),
    }
    only = [place for place, count in counts.items() if count == len(out)]
    if only:
        return f"in {only[0]}"
    return "(" + ", ".join(f"{count} in {place}" for place, count in counts.items() if count) + ")"


def taken(finding: Finding) -> str:
    """The range of the scores that stand in for missing ones, as an addition to a sentence; empty for a rate."""
    low, high = finding.reach
    return f" in the range from {digits(low, 4)} to {digits(high, 4)}" if finding.kind == "numeric" else ""

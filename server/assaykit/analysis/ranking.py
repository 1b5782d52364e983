"""The best of several experiments that were compared each with each."""

from collections.abc import Iterator, Sequence

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short

_NAMES_TOLD = 12
_FEWEST = 3


def ranking(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a sentence for each evaluator with a direction: the best experiment, or those that may be the best."""
    for evaluator in dict.fromkeys(one.evaluator for one in findings if one.direction != "NONE"):
        some = [one for one in findings if one.evaluator == evaluator]
        names = list(dict.fromkeys(name for one in some for name in (one.baseline, one.challenger)))
        if len(names) < _FEWEST:
            continue
        beaten: dict[str, set[str]] = {name: set() for name in names}
        for one in some:
            if one.verdict == "better":
                beaten[one.challenger].add(one.baseline)
            elif one.verdict == "worse":
                beaten[one.baseline].add(one.challenger)
        yield f"{short(evaluator)}: {_best(names, beaten, len(some))}"


def _best(names: Sequence[str], beaten: dict[str, set[str]], pairs: int) -> str:
    winner = next((name for name in names if len(beaten[name]) == len(names) - 1), None)
    if winner is not None:
        return f"{short(winner)} is the best: better than each of the {len(names) - 1} others."
    if not any(beaten.values()):
        return f"no best of {len(names)} can be shown: none of {pairs} pairs shows which one is better."
    lost = {name for losers in beaten.values() for name in losers}
    open_ = [name for name in names if name not in lost]
    told = ", ".join(short(name) for name in open_[:_NAMES_TOLD])
    more = f" and {len(open_) - _NAMES_TOLD} more" if len(open_) > _NAMES_TOLD else ""
    if not open_:
        return f"no single best of {len(names)} can be shown: each is worse than another one."
    are = "is" if len(open_) == 1 else "are"
    return (
        f"no single best of {len(names)} can be shown. {told}{more} {are} not shown worse than any other; "
        f"{_others(len(names) - len(open_))} worse than at least one."
    )


def _others(count: int) -> str:
    return "the other one is" if count == 1 else f"the other {count} are each"

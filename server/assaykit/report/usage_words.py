"""Changes of latency, tokens and cost in words."""

from assaykit.analysis.formats import p_value
from assaykit.analysis.rows import short
from assaykit.analysis.statistics import Interval
from assaykit.analysis.usage_changes import FEWEST_TESTED, UsageChange
from assaykit.figures import digits

UNIT_ASSUMED = "The column `latency` is read as milliseconds; name it latency_s if it holds seconds."

_DIGITS = 3
_VERBS = {"latency": "took", "tokens": "used", "cost": "cost"}


def change_words(one: UsageChange) -> str:
    """`Latency: new took 1.3 times as long as old (95 % interval 1.1 to 1.5 times; 1.3 s vs 1 s ...)`.

    If the pairs show no difference, or are too few for a test, the text says that.
    """
    new, old = short(one.challenger), short(one.baseline)
    lead = {
        "higher": "",
        "lower": "",
        "no difference shown": f"no difference between {new} and {old} can be shown: ",
        "too close to call": f"too close to call between {new} and {old}: ",
        "too few to say": f"too few {_units(one)} for a verdict: ",
        "not tested": f"no verdict, {one.question}: " if one.question else "",
    }[one.verdict]
    return f"{one.measure.capitalize()}: {lead}{new} {_size(one, old)} ({'; '.join(_facts(one))})"


def _units(one: UsageChange) -> str:
    return "clusters" if one.units < one.n else "pairs"


def _size(one: UsageChange, old: str) -> str:
    if one.is_ratio:
        return f"took {digits(one.change, _DIGITS)} times as long as {old}"
    verb = _VERBS[one.measure]
    if not one.change:
        return f"{verb} as {'long' if one.measure == 'latency' else 'much'} as {old}"
    size = _amount(one, abs(one.change))
    if one.measure == "latency":
        return f"took {size} {'longer' if one.change > 0 else 'less'} than {old}"
    return f"{verb} {size} {'more' if one.change > 0 else 'less'} per example than {old}"


def _facts(one: UsageChange) -> list[str]:
    """The interval, the averages, p, and the number of pairs and of examples that are in none."""
    kind = "geometric means" if one.is_ratio else "means"
    told = [] if one.interval is None else [f"95 % interval {_interval(one, one.interval)}"]
    told.append(f"{kind} {_amount(one, one.challenger_value)} vs {_amount(one, one.baseline_value)}")
    if one.p_adjusted is not None:
        corrected = f" after the correction for {one.tests} tests" if one.tests > 1 else ""
        told.append(f"p {p_value(one.p_adjusted)}{corrected}")
    pairs = f"{one.n} pair{'' if one.n == 1 else 's'}"
    if one.units < one.n:
        pairs = f"{one.n} rows in {one.units} cluster{'' if one.units == 1 else 's'}"
    few = f", {FEWEST_TESTED} are needed for a test" if one.units < FEWEST_TESTED else ""
    told.append(f"{pairs}{few}")
    if one.unpaired:
        without = f"{one.unpaired} example{'' if one.unpaired == 1 else 's'}"
        told.append(f"{without} without {one.measure} on both sides left out")
    return told


def _interval(one: UsageChange, interval: Interval) -> str:
    if one.is_ratio:
        return f"{digits(interval.low, _DIGITS)} to {digits(interval.high, _DIGITS)} times"
    return f"{_signed(one, interval.low)} to {_signed(one, interval.high)}"


def _signed(one: UsageChange, value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_amount(one, abs(value))}"


def _amount(one: UsageChange, value: float) -> str:
    if one.measure == "latency":
        return milliseconds(value)
    return f"{'$' if one.measure == 'cost' else ''}{digits(value, _DIGITS)}"


def milliseconds(value: float) -> str:
    """`340 ms`, or `1.25 s` from one second up."""
    return f"{digits(value / 1000, 3)} s" if abs(value) >= 1000 else f"{digits(value, 3)} ms"  # noqa: PLR2004  (a second)

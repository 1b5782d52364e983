"""Findings split by the values of a dataset column."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from assaykit.analysis.findings import ComparisonVerdict, Finding
from assaykit.analysis.missing import at_best, at_worst
from assaykit.analysis.rows import cell, listed, short
from assaykit.analysis.statistics import FEWEST_PAIRS, Interval, holm
from assaykit.analysis.verdicts import shown, tested, verdict
from assaykit.column_paths import resolve
from assaykit.errors import Invalid
from assaykit.spelling import unified, value_key

FEWEST = FEWEST_PAIRS
"""A slice of fewer pairs is shown without a test: it could not reach significance, and its test would raise the
corrected p of the other slices.
"""

MOST_VALUES = 20
"""Limit on the distinct values of a column. Slices by more values would be little more than single examples."""

WARNING = (
    "Slices test the same data many times: p is corrected by Holm over all of them. Confirm a difference that a slice "
    "shows on new examples."
)

ExamplesById = Mapping[str, Mapping[str, Any]]


class Column(NamedTuple):
    """A column of the dataset: its values as text by example id, without the examples that have none."""

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Slice:
    """The pairs of one value; `value` is None for the examples without a value. `missing` counts those without a pair.

    A slice of fewer than `FEWEST` pairs, or of fewer clusters, has the verdict "too small", and neither interval nor
    test.
    """

    value: str | None
    n: int
    missing: int
    baseline_value: float
    challenger_value: float
    difference: float
    interval: Interval | None
    p: float | None
    p_adjusted: float | None
    verdict: ComparisonVerdict | Literal["too small"]
    rose: int
    fell: int


@dataclass(frozen=True, slots=True)
class Slicing:
    """One finding by one column: its slices by number of pairs, largest first; the slice without a value is last."""

    column: str
    finding: Finding
    slices: tuple[Slice, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        of = {name: getattr(self.finding, name) for name in ("evaluator", "challenger", "kind", "direction")}
        return {"column": self.column, **of, "slices": [asdict(one) for one in self.slices]}


def column(name: str, examples: ExamplesById) -> Column:
    """Return a column of a dataset's examples to slice by.

    Raises:
        Invalid: no example has a value in the column, or it has more than `MOST_VALUES` distinct values.
    """
    values = unified({key: text for key, row in examples.items() if (text := cell(resolve(row, name)))})
    if not values:
        there = dict.fromkeys(each for row in examples.values() for each in row)
        raise Invalid(f"The dataset has no column {short(name)!r}; it has {listed(there)}.", "Slice by one of these.")
    different = len(set(values.values()))
    if different > MOST_VALUES:
        few = [
            each for each in dict.fromkeys(each for row in examples.values() for each in row) if _few(each, examples)
        ]
        raise Invalid(
            f"Column {short(name)!r} has {different} different values, and slices are made of at most {MOST_VALUES}.",
            f"Slice by a column of few values, such as {listed(few)}." if few else "Add a column of few values.",
        )
    return Column(name, values)


def _few(name: str, examples: ExamplesById) -> bool:
    values = {value_key(text) for row in examples.values() if (text := cell(row.get(name)))}
    return 1 < len(values) <= MOST_VALUES


def sliced(findings: Iterable[Finding], columns: Sequence[Column]) -> tuple[Slicing, ...]:
    """Slice every finding that has pairs by every column; Holm's correction covers all tested slices."""
    parts = [
        (column, finding, [(value, part_of(finding, ids, column, value)) for value, ids in _groups(finding, column)])
        for finding in findings
        if finding.pairs and finding.question is None
        for column in columns
    ]
    ps = [part.p for _, _, groups in parts for _, part in groups if part.p is not None]
    adjusted = iter(holm(ps))
    return tuple(
        Slicing(
            column.name,
            finding,
            tuple(_slice(value, part, None if part.p is None else next(adjusted)) for value, part in groups),
        )
        for column, finding, groups in parts
    )


def _groups(finding: Finding, column: Column) -> list[tuple[str | None, set[str]]]:
    found: dict[str | None, set[str]] = {}
    for example_id in finding.pairs:
        found.setdefault(column.values.get(example_id), set()).add(example_id)
    return sorted(found.items(), key=lambda group: (group[0] is None, -len(group[1]), group[0] or ""))


def part_of(finding: Finding, ids: AbstractSet[str], column: Column, value: str | None) -> Finding:
    """The finding on these examples alone, with figures on the scale of the whole finding."""
    gaps = {key: gap for key, gap in finding.gaps.items() if column.values.get(key) == value}
    part = tested(
        replace(
            finding,
            n=len(ids),
            parts=max(1, finding.parts * len(ids) // finding.n),
            pairs={key: pair for key, pair in finding.pairs.items() if key in ids},
            gaps=gaps,
            rose=finding.rose.among(ids),
            fell=finding.fell.among(ids),
        )
    )
    return part if part.units >= FEWEST else replace(part, p=None, interval=None)


def _slice(value: str | None, part: Finding, adjusted: float | None) -> Slice:
    return Slice(
        value=value,
        n=part.n,
        missing=len(part.gaps),
        baseline_value=part.baseline_value or 0.0,
        challenger_value=part.challenger_value or 0.0,
        difference=part.difference or 0.0,
        interval=part.interval,
        p=part.p,
        p_adjusted=adjusted,
        verdict="too small" if part.units < FEWEST else _verdict(part, adjusted),
        rose=len(part.rose),
        fell=len(part.fell),
    )


def _verdict(part: Finding, adjusted: float | None) -> ComparisonVerdict:
    """The verdict of a slice; "undecided" if its missing verdicts could turn it."""
    told = verdict(replace(part, p_adjusted=adjusted))
    if not part.gaps or not part.p or adjusted is None or told == "too few to say":
        return told
    times = adjusted / part.p
    filled = [at_worst(part), at_best(part)]
    turned = [replace(one, p_adjusted=min(1.0, times * (one.p or 0.0))) for one in filled]
    every = {shown(replace(one, verdict=verdict(one))) for one in (*turned, replace(part, p_adjusted=adjusted))}
    return told if len(every) == 1 else "undecided"

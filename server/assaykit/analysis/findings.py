"""The findings of a comparison: one per evaluator and challenger, as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

from assaykit.analysis.changes import NO_CHANGES, Changes
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.scales import FigureKind, Scale
from assaykit.analysis.statistics import Interval
from assaykit.analysis.usage_changes import UsageChange
from assaykit.wire.evaluators import Direction

SHOWN = 5
"""Limit on the examples of each kind of change that `Finding.as_dict` gives with their outputs."""

SAME_TOLD = 100
"""Limit on the ids of unchanged examples in `Finding.as_dict`."""

_UNTOLD = frozenset(
    {
        "sentence",
        "rose",
        "fell",
        "same",
        "pairs",
        "gaps",
        "reach",
        "reach_given",
        "scale",
        "parts",
        "spellings",
        "clusters",
        "units",
    }
)
"""Fields that `Finding.as_dict` leaves out or shows in another form."""

Test = Literal["mid-p McNemar", "sign flips", "sign flips of clusters"]
ComparisonVerdict = Literal[
    "better",
    "worse",
    "different",
    "undecided",
    "no difference shown",
    "too close to call",
    "too few to say",
    "not tested",
]
"""`undecided`: missing verdicts could turn the verdict. `too close to call`: test and interval disagree."""


@dataclass(frozen=True, slots=True)
class Side:
    """The verdicts of one evaluator on one variant, counted by example; only `rows` counts rows.

    `examples` = `scored` + `unscored` + `errored` + `abstained`; an errored example has no verdict and an error in a
    row. In an abstained example the evaluator declined to judge. `failed_runs` counts the rows whose run failed.
    `partial` counts scored examples with a repetition that has no verdict. `only_here` counts examples that the
    other side does not have.
    """

    rows: int
    examples: int
    scored: int
    unscored: int
    errored: int
    abstained: int
    failed_runs: int
    partial: int
    only_here: int

    def as_dict(self) -> dict[str, int]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Table:
    """The 2x2 table of pairs by which side has the positive verdict (score 1, or the positive label)."""

    both: int
    baseline_only: int
    challenger_only: int
    neither: int

    def as_dict(self) -> dict[str, int]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LabelShare:
    """The share of one label on each side, 0 to 1, over the paired examples."""

    label: str
    baseline: float
    challenger: float

    @property
    def difference(self) -> float:
        """Challenger less baseline."""
        return self.challenger - self.baseline

    def as_dict(self) -> dict[str, str | float]:
        """Plain JSON."""
        return {
            "label": self.label,
            "baseline": self.baseline,
            "challenger": self.challenger,
            "difference": self.difference,
        }


class Gap(NamedTuple):
    """One example that lacks a verdict: for each side one figure per repetition, None if it has no verdict."""

    baseline: tuple[float | None, ...]
    challenger: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """The finding with its missing verdicts at one extreme: the difference, its interval, and the verdict."""

    difference: float
    interval: Interval | None
    verdict: ComparisonVerdict

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Needed:
    """The number of examples that would show a true difference of this size four times of five."""

    difference: float
    examples: int

    def as_dict(self) -> dict[str, float]:
        """Plain JSON."""
        return {"difference": self.difference, "examples": self.examples}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One challenger against the baseline, by one evaluator.

    The example is the unit: repetitions of one example are averaged first. `n` counts the examples with a
    verdict on both sides; `dropped` counts the shared examples without one. Values are rates (binary, 0 to 1) or means
    (numeric); `difference` is challenger less baseline. `direction` is the direction of the figure shown, which is the
    rate of the positive labels when labels are counted; `direction_assumed` marks a direction that nobody gave.
    `interval` and `p` are about the mean difference. `skewness` and `spread`, the standard deviation, are those of the
    paired differences of scores and of rates over repetitions, and of all differences in clusters.
    `clusters` has the cluster of each example. `units` counts what varies independently: the clusters, or the pairs if
    no two are of one cluster; it is 0 for labels without an order. `standard_error` is that of the mean difference over
    clusters.
    `smallest_detectable` is in the unit of the difference, for one of all tests of the comparison, and `needed` has the
    examples for a smaller one. `good_labels` are the labels whose rate is meant where a judge's choices are the scores.
    `rose` and `fell`
    hold the examples whose figure went up or down, the largest change first. `same` holds up to `SAME_KEPT` unchanged
    examples, the worst first. `pairs` has the figures of every paired example by id: (baseline, challenger). `gaps` has
    by id the examples that lack a verdict. `reach` is the lowest and the highest figure that can stand in for a missing
    verdict; `reach_given` marks a declared range. `worst` and `best` are the finding with the missing verdicts at their
    worst and at their best for the challenger; None if none is missing. `missing_p` is the p of a test of whether
    verdicts are missing on one side more often. `question` says why there is no verdict until the user
    answers it. `absent` says which rows do not count or count as failures.
    """

    evaluator: str
    baseline: str
    challenger: str
    scale: Scale
    direction: Direction
    direction_assumed: bool
    n: int
    dropped: int
    baseline_side: Side
    challenger_side: Side
    baseline_value: float | None = None
    challenger_value: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    test: Test | None = None
    p: float | None = None
    skewness: float | None = None
    spread: float | None = None
    clusters: Clusters | None = None
    units: int = 0
    standard_error: float | None = None
    smallest_detectable: float | None = None
    needed: Needed | None = None
    table: Table | None = None
    effect_size: float | None = None
    shares: tuple[LabelShare, ...] = ()
    rose: Changes = NO_CHANGES
    fell: Changes = NO_CHANGES
    same: Changes = NO_CHANGES
    pairs: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    gaps: Mapping[str, Gap] = field(default_factory=dict[str, Gap])
    reach: tuple[float, float] = (0.0, 1.0)
    reach_given: bool = False
    parts: int = 1
    p_adjusted: float | None = None
    verdict: ComparisonVerdict = "not tested"
    worst: Bound | None = None
    best: Bound | None = None
    missing_p: float | None = None
    spellings: Mapping[str, str] = field(default_factory=dict[str, str])
    good_labels: tuple[str, ...] = ()
    question: str | None = None
    absent: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def kind(self) -> FigureKind:
        """The kind of the figures."""
        return self.scale.kind

    @property
    def positives(self) -> tuple[str, ...]:
        """The labels that are counted; empty if scores are compared."""
        return tuple(sorted(self.scale.positives))

    @property
    def fixed(self) -> Changes | None:
        """The examples that became better; None if the direction is NONE."""
        return {"MAXIMIZE": self.rose, "MINIMIZE": self.fell, "NONE": None}[self.direction]

    @property
    def broken(self) -> Changes | None:
        """The examples that became worse; None if the direction is NONE."""
        return {"MAXIMIZE": self.fell, "MINIMIZE": self.rose, "NONE": None}[self.direction]

    @property
    def is_clustered(self) -> bool:
        """Whether two pairs or more are of one cluster, so that the test is of whole clusters."""
        return 0 < self.units < self.n

    @property
    def ties(self) -> int:
        """The pairs without a difference."""
        return self.n - len(self.rose) - len(self.fell)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, the sentence first.

        The ids of changed examples are under `fixed` and `broken`, or under `rose` and `fell` if the direction is
        NONE; the other two keys are null. `unchanged` has the ids of at most `SAME_TOLD` unchanged examples.
        `examples` has the first `SHOWN` examples of each kind of change, with the outputs of both sides. The counts
        of left-out examples are under `unchanged_left_out` and `examples_left_out`.
        """
        known = self.direction != "NONE"
        changes = {
            "fixed": _ids(self.fixed),
            "broken": _ids(self.broken),
            "rose": None if known else _ids(self.rose),
            "fell": None if known else _ids(self.fell),
            "unchanged": _ids(self.same[:SAME_TOLD]),
            "unchanged_left_out": max(0, self.ties - SAME_TOLD) if self.kind != "categorical" else None,
            "ties": self.ties if self.kind != "categorical" else None,
            **self._shown(),
        }
        plain = {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.name not in _UNTOLD}
        labels = self.positives
        named = self.clusters if self.is_clustered else None
        clusters = None if named is None else {"by": named.column, "count": self.units}
        counted = {
            "kind": self.kind,
            "positive": (labels[0] if len(labels) == 1 else list(labels)) if labels else None,
            "positive_assumed": self.scale.positive_assumed,
            "missing": len(self.gaps),
            "clusters": clusters,
        }
        return {"sentence": self.sentence, **plain, **counted, **changes}

    @property
    def ways(self) -> dict[str, Changes]:
        """The changed examples by the word for their change, those that became worse first."""
        if self.fixed is None or self.broken is None:
            return {"lower": self.fell, "higher": self.rose}
        worse, better = ("broken", "fixed") if self.table is not None else ("worse", "better")
        return {worse: self.broken, better: self.fixed}

    def _shown(self) -> dict[str, Any]:
        """The first examples of each kind of change with their outputs, and the counts of the rest."""
        if self.kind == "categorical":
            return {"examples": {}, "examples_left_out": {}}
        ways = {**self.ways, "unchanged": self.same}
        left_out = {way: len(changes) - len(changes[:SHOWN]) for way, changes in ways.items()}
        left_out["unchanged"] = self.ties - len(self.same[:SHOWN])
        told = {way: [change.as_dict() for change in changes[:SHOWN]] for way, changes in ways.items()}
        return {"examples": told, "examples_left_out": left_out}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An evaluator that could not be compared for one challenger, and the reason."""

    evaluator: str
    baseline: str
    challenger: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every finding, by evaluator and then by challenger, and the comparisons that were not possible.

    With `all_pairs` every two experiments were compared, and `ranking` has a sentence on the best for each evaluator.
    `origins` has a line for each dataset with its experiments, and one for each evaluator whose version is known.
    `usage` has the changes of latency, tokens and cost, by challenger.
    """

    baseline: str
    challengers: tuple[str, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    ranking: tuple[str, ...] = ()
    all_pairs: bool = False
    usage: tuple[UsageChange, ...] = ()

    @property
    def title(self) -> str:
        """The experiments that are compared."""
        if self.all_pairs:
            return f"{', '.join((self.baseline, *self.challengers))}, each with each"
        return f"{', '.join(self.challengers)} against {self.baseline}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: never NaN, never infinite."""
        return {
            "baseline": self.baseline,
            "challengers": list(self.challengers),
            "findings": [finding.as_dict() for finding in self.findings],
            "skipped": [skipped.as_dict() for skipped in self.skipped],
            "notes": list(self.notes),
            "origins": list(self.origins),
            **({"ranking": list(self.ranking)} if self.all_pairs else {}),
            "usage_changes": [one.as_dict() for one in self.usage],
        }


def _ids(changes: Changes | None) -> list[str] | None:
    return None if changes is None else list(changes.ids)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  (any tuple of ours)
    shape: Callable[[], Any] | None = getattr(value, "as_dict", None)
    return shape() if shape else value

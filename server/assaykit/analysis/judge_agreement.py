"""A judge's verdicts held against people's labels, row by row."""

import hashlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from assaykit.analysis.classification import Agreement, agreement
from assaykit.analysis.corrected_rates import CorrectedRate, JudgeAccuracy, corrected_rate
from assaykit.analysis.prediction_powered import PoweredMean, powered_mean
from assaykit.analysis.reliability import krippendorffs_alpha
from assaykit.analysis.rows import listed, short
from assaykit.analysis.statistics import Interval, wilson
from assaykit.errors import Invalid
from assaykit.spelling import folded

Part = Literal["develop", "held out"]
"""The part of the labels that a judge is written on, and the part that it is tested on once."""

FAILURE, PASS = "failure", "pass"
_HALF = 128
_FIVE_POINTS = 0.05
_MOST_LABELS = 500
"""More labels than an interval of 5 points to each side ever needs."""
_EXCERPT = 200


class LabelledRow(NamedTuple):
    """A row with the labels of people and of the judge, each None if it is missing, and both explanations.

    `item` is the id of the example or span, which several rows may share. `run` is the experiment. `values` has the
    columns to slice by, `people` the label of each single person, `key` the user's own key and `question` its text.
    `saw` is set if people had the judge's verdict in sight.
    `other` is the label of a judge that is compared with the first.
    """

    item: str
    truth: str | None
    said: str | None
    note: str | None = None
    explanation: str | None = None
    run: str = ""
    values: Mapping[str, str] = MappingProxyType({})
    people: Mapping[str, str] = MappingProxyType({})
    key: str | None = None
    question: str | None = None
    saw: bool = False
    other: str | None = None


class Vocabulary(NamedTuple):
    """The classes of people and judge: one spelling of each, by its folded form, and those that are failures.

    `order` has the value of each class on a scale, if there is one.
    """

    spelling: Mapping[str, str]
    failures: frozenset[str] = frozenset()
    order: Mapping[str, float] = MappingProxyType({})

    def label(self, said: str | None) -> str | None:
        """The class of a label."""
        return None if said is None else self.spelling.get(folded(said), said.strip())


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The rows where people say `truth` and the judge says `said`: their number, and the first with both reasons."""

    truth: str
    said: str
    rows: int
    examples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """A judge against people over the rows that have both labels.

    `binary` has the figures of failures against passes, whose classes are `failure` and `pass`; None if no class is
    known to be a failure. `base_rate` is the share of failures by people, and `constant` the accuracy of a judge that
    always gives people's most frequent label, each 0 to 1.
    """

    rows: int
    without_truth: int
    without_verdict: int
    agreement: Agreement
    binary: Agreement | None
    accuracy: JudgeAccuracy | None
    base_rate: float | None
    constant_label: str
    constant: float
    slices: Mapping[str, "JudgeAgreement"]
    disagreements: tuple[Disagreements, ...]

    @property
    def sensitivity_interval(self) -> Interval | None:
        """The 95 % interval of the share of people's failures that the judge catches."""
        figures = None if self.binary is None else self.binary.of(FAILURE)
        return None if figures is None else figures.recall_interval

    @property
    def specificity_interval(self) -> Interval | None:
        """The 95 % interval of the share of people's passes that the judge clears."""
        figures = None if self.binary is None else self.binary.of(PASS)
        return None if figures is None else figures.recall_interval

    @property
    def labels_for_five_points(self) -> int:
        """The number of labels at which the 95 % interval of this agreement reaches at most 5 points to each side."""
        share = self.agreement.accuracy
        return bisect_left(
            range(_MOST_LABELS), x=True, key=lambda n: n > 0 and _width(wilson(share * n, n)) <= 2 * _FIVE_POINTS
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        accuracy = None
        if self.accuracy is not None:
            accuracy = {
                **asdict(self.accuracy),
                "sensitivity": self.accuracy.sensitivity,
                "sensitivity_interval": _told(self.sensitivity_interval),
                "specificity": self.accuracy.specificity,
                "specificity_interval": _told(self.specificity_interval),
                "more_labels": self.accuracy.more_labels,
            }
        return {
            "rows": self.rows,
            "without_truth": self.without_truth,
            "without_verdict": self.without_verdict,
            "labels_for_5_points": self.labels_for_five_points,
            "agreement": self.agreement.as_dict(),
            "failures": accuracy,
            "base_rate": self.base_rate,
            "constant_judge": {"label": self.constant_label, "accuracy": self.constant},
            "slices": {name: one.as_dict() for name, one in self.slices.items()},
            "disagreements": [asdict(one) for one in self.disagreements],
        }


@dataclass(frozen=True, slots=True)
class PeoplesAgreement:
    """The agreement of people with each other over the `items` that at least two labelled: the ceiling for a judge.

    `share` is the share of pairs of people with the same label, 0 to 1; `alpha` is Krippendorff's.
    """

    people: tuple[str, ...]
    items: int
    share: float
    alpha: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunRate:
    """The failure rate of one experiment: by the judge on all rows, by people on the labelled, and corrected.

    `powered` rests on the labels of this experiment, `corrected` on the judge's accuracy; None if there is no ground.
    """

    run: str
    measured: float
    rows: int
    by_people: float | None
    labelled: int
    corrected: CorrectedRate | None
    powered: PoweredMean | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def part_of(judge: str, item: str) -> Part:
    """The part that an item belongs to for a judge, always the same one."""
    return "develop" if hashlib.sha256(f"{judge}\n{item}".encode()).digest()[0] < _HALF else "held out"


def vocabulary(
    rows: Sequence[LabelledRow],
    renamed: Mapping[str, str],
    failures: Iterable[str],
    choices: Mapping[str, float] = MappingProxyType({}),
) -> Vocabulary:
    """Bring the labels of people and judge together.

    `renamed` maps labels of either side. `choices` has the judge's own labels with their scores.

    Raises:
        Invalid: people and judge share no label, people use a label that is not among the judge's choices, or a
            failure is no label of either.
    """
    names = {folded(one): other.strip() for one, other in renamed.items()}
    spelling = {folded(one): one.strip() for one in (*choices, *names.values())}
    people = Counter(_renamed(row.truth, names) for row in rows if row.truth is not None)
    judge = Counter(_renamed(row.said, names) for row in rows if row.said is not None)
    for label in (*people, *judge):
        spelling.setdefault(folded(label), label)
    classes = {side: {folded(one) for one in counts} for side, counts in (("people", people), ("judge", judge))}
    if classes["people"].isdisjoint(classes["judge"]) and people and judge:
        raise Invalid(
            f"People's labels are {listed(people)}, and the judge's {listed(judge)}: they share none.",
            f"Map one to the other, such as labels={{{next(iter(judge))!r}: {next(iter(people))!r}}}.",
        )
    known = {folded(one) for one in choices}
    if known and (strange := [one for one in people if folded(one) not in known]):
        raise Invalid(
            f"People gave {short(strange[0])!r} to {people[strange[0]]} row(s), and the judge's choices are "
            f"{listed(choices)}.",
            f"Map the label to a choice, such as labels={{{strange[0]!r}: {next(iter(choices))!r}}}.",
        )
    whole = {**spelling, **{one: spelling[folded(other)] for one, other in names.items()}}
    found = frozenset(folded(whole.get(folded(one), one)) for one in failures)
    if unknown := [one for one in found if one not in classes["people"] | classes["judge"] | known]:
        raise Invalid(
            f"No row has the failure label {short(unknown[0])!r}; there are {listed(dict.fromkeys(whole.values()))}.",
            "Give one of these, spelled the same.",
        )
    order = {spelling[folded(one)]: score for one, score in choices.items()}
    return Vocabulary(whole, frozenset(spelling[one] for one in found), order)


def judge_agreement(rows: Sequence[LabelledRow], words: Vocabulary, slices: Sequence[str] = ()) -> JudgeAgreement:
    """Hold the judge's labels against people's, for all rows and for each value of the columns in `slices`.

    Raises:
        Invalid: no row has both labels, or people gave all rows the same one.
    """
    pairs = [(row, words.label(row.truth), words.label(row.said)) for row in rows]
    both = [(row, true, said) for row, true, said in pairs if true is not None and said is not None]
    truth = [true for _, true, _ in both]
    if not both:
        raise Invalid(
            "No row has both a person's label and a verdict of the judge.",
            "Label rows that the judge has scored: `annotate`, or a column of the dataset.",
        )
    if len(set(truth)) == 1:
        raise Invalid(
            f"People gave all {len(both)} rows the label {short(truth[0])!r}, so nothing shows how the judge treats "
            f"the others.",
            "Label rows of another class, such as those that the judge calls otherwise.",
        )
    return _figures(rows, both, words, slices)


_Pair = tuple[LabelledRow, str, str]


def _figures(
    rows: Sequence[LabelledRow], both: Sequence[_Pair], words: Vocabulary, slices: Sequence[str]
) -> JudgeAgreement:
    truth, said = [true for _, true, _ in both], [other for _, _, other in both]
    items = [f"{row.run}\n{row.item}" for row, _, _ in both]
    common, times = Counter(truth).most_common(1)[0]
    whole = _agreement(truth, said, items, words.order)
    fails, failed = [_binary(one, words) for one in truth], [_binary(one, words) for one in said]
    binary = _agreement(fails, failed, items) if words.failures else None
    accuracy = None if binary is None else accuracy_of(fails, failed)
    return JudgeAgreement(
        rows=len(both),
        without_truth=sum(row.truth is None and row.said is not None for row in rows),
        without_verdict=sum(row.truth is not None and row.said is None for row in rows),
        agreement=whole,
        binary=binary,
        accuracy=accuracy,
        base_rate=fails.count(FAILURE) / len(fails) if words.failures else None,
        constant_label=common,
        constant=times / len(both),
        slices=_sliced(both, words, slices),
        disagreements=_disagreements(both),
    )


def _agreement(
    truth: Sequence[str], said: Sequence[str], items: Sequence[str], values: Mapping[str, float] = MappingProxyType({})
) -> Agreement:
    found = agreement(truth, said, examples=items, values=values)
    if found is None:
        raise Invalid("There is no row to hold the judge against.", "Label rows that the judge has scored.")
    return found


def accuracy_of(truth: Sequence[str], said: Sequence[str]) -> JudgeAccuracy:
    """The counts of failures caught and passes cleared; each label is `failure` or `pass`."""
    cells = Counter(zip(truth, said, strict=True))
    caught, cleared = cells[FAILURE, FAILURE], cells[PASS, PASS]
    return JudgeAccuracy(caught + cells[FAILURE, PASS], caught, cleared + cells[PASS, FAILURE], cleared)


def accuracies(rows: Sequence[LabelledRow], words: Vocabulary) -> dict[str, JudgeAccuracy]:
    """The counts of `accuracy_of` for each experiment in `rows`."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        true, said = words.label(row.truth), words.label(row.said)
        if true is not None and said is not None:
            pairs[row.run].append((_binary(true, words), _binary(said, words)))
    return {run: accuracy_of(*zip(*some, strict=True)) for run, some in pairs.items()}


def _sliced(both: Sequence[_Pair], words: Vocabulary, slices: Sequence[str]) -> dict[str, JudgeAgreement]:
    parts: dict[str, list[_Pair]] = defaultdict(list)
    for column in slices:
        for pair in both:
            parts[f"{column} = {pair[0].values.get(column, 'none')}"].append(pair)
    return {name: _figures([row for row, _, _ in some], some, words, ()) for name, some in sorted(parts.items())}


def _disagreements(both: Sequence[_Pair]) -> tuple[Disagreements, ...]:
    """The kinds of disagreement, the most frequent first."""
    kinds: dict[tuple[str, str], list[LabelledRow]] = defaultdict(list)
    for row, true, said in both:
        if true != said:
            kinds[true, said].append(row)
    return tuple(
        Disagreements(true, said, len(some), tuple(_shown(row) for row in some))
        for (true, said), some in sorted(kinds.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def _shown(row: LabelledRow) -> dict[str, Any]:
    return {
        "item": row.item,
        "key": row.key,
        "question": None if row.question is None else row.question[:_EXCERPT],
        "experiment": row.run,
        "judge_says": row.explanation,
        "people_say": row.note,
    }


def peoples_agreement(rows: Sequence[LabelledRow], words: Vocabulary) -> PeoplesAgreement | None:
    """The agreement of single people with each other; None if no row has the labels of two."""
    items = [[words.label(one) or "" for one in row.people.values()] for row in rows]
    items = [labels for labels in items if len(labels) > 1]
    if not items:
        return None
    pairs = [one == other for labels in items for one, other in combinations(labels, 2)]
    names = tuple(dict.fromkeys(name for row in rows for name in row.people))
    return PeoplesAgreement(names, len(items), sum(pairs) / len(pairs), krippendorffs_alpha(items, words.order))


def run_rates(rows: Sequence[LabelledRow], words: Vocabulary, accuracy: JudgeAccuracy) -> list[RunRate]:
    """The failure rate of each experiment in `rows`. Rows without a verdict do not count."""
    by_run: dict[str, list[LabelledRow]] = defaultdict(list)
    for row in rows:
        if row.said is not None:
            by_run[row.run].append(row)
    return [_run_rate(run, some, words, accuracy) for run, some in by_run.items()]


def _run_rate(run: str, rows: Sequence[LabelledRow], words: Vocabulary, accuracy: JudgeAccuracy) -> RunRate:
    judged = [float(words.label(row.said) in words.failures) for row in rows]
    places = [place for place, row in enumerate(rows) if row.truth is not None]
    labels = [float(words.label(rows[place].truth) in words.failures) for place in places]
    others = [figure for figure, row in zip(judged, rows, strict=True) if row.truth is None]
    powered = None
    if others and len(labels) > 1:
        powered = powered_mean(labels, [judged[place] for place in places], others)
    return RunRate(
        run=run,
        measured=sum(judged) / len(judged),
        rows=len(judged),
        by_people=sum(labels) / len(labels) if labels else None,
        labelled=len(labels),
        corrected=corrected_rate(int(sum(judged)), len(judged), accuracy) if others else None,
        powered=powered,
    )


def _renamed(label: str | None, names: Mapping[str, str]) -> str:
    said = label or ""
    return names.get(folded(said), said.strip())


def _binary(label: str, words: Vocabulary) -> str:
    return FAILURE if label in words.failures else PASS


def _width(interval: Interval) -> float:
    return interval.high - interval.low


def _told(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else interval.as_dict()

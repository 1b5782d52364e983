"""The difference of two experiments' failure rates by a judge, by people, and by both together, paired by item."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.judge_agreement import LabelledRow, Vocabulary
from assaykit.analysis.prediction_powered import PoweredMean, powered_mean

_FEWEST = 2


@dataclass(frozen=True, slots=True)
class CorrectedDifference:
    """The failure rate of `run` minus that of `baseline`, -1 to 1, over the items that the judge scored on both sides.

    `by_people` is that of the `labelled` items, which have both labels. `powered` uses all items; it is None if all or
    fewer than two are labelled.
    """

    baseline: str
    run: str
    pairs: int
    by_judge: float
    labelled: int
    by_people: float | None
    powered: PoweredMean | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def corrected_differences(rows: Sequence[LabelledRow], words: Vocabulary) -> list[CorrectedDifference]:
    """The difference of each further experiment in `rows` from the first one.

    Several rows of an item in one experiment are averaged. An item counts as labelled if all its judged rows are.
    """
    by_run: dict[str, dict[str, list[LabelledRow]]] = {}
    for row in rows:
        if row.said is not None:
            by_run.setdefault(row.run, {}).setdefault(row.item, []).append(row)
    if len(by_run) < _FEWEST:
        return []
    (baseline, before), *others = by_run.items()
    found = [_difference(baseline, before, run, after, words) for run, after in others]
    return [one for one in found if one is not None]


def _difference(
    baseline: str,
    before: Mapping[str, Sequence[LabelledRow]],
    run: str,
    after: Mapping[str, Sequence[LabelledRow]],
    words: Vocabulary,
) -> CorrectedDifference | None:
    judged: list[float] = []
    labels: list[float | None] = []
    for item in before.keys() & after.keys():
        judged.append(_share(after[item], words) - _share(before[item], words))
        every = [*before[item], *after[item]]
        whole = all(row.truth is not None for row in every)
        labels.append(_true(after[item], words) - _true(before[item], words) if whole else None)
    if not judged:
        return None
    known = [(label, verdict) for label, verdict in zip(labels, judged, strict=True) if label is not None]
    others = [verdict for label, verdict in zip(labels, judged, strict=True) if label is None]
    powered = None
    if others and len(known) >= _FEWEST:
        powered = powered_mean([label for label, _ in known], [verdict for _, verdict in known], others)
    by_people = sum(label for label, _ in known) / len(known) if known else None
    return CorrectedDifference(baseline, run, len(judged), sum(judged) / len(judged), len(known), by_people, powered)


def _share(rows: Sequence[LabelledRow], words: Vocabulary) -> float:
    return sum(words.label(row.said) in words.failures for row in rows) / len(rows)


def _true(rows: Sequence[LabelledRow], words: Vocabulary) -> float:
    return sum(words.label(row.truth) in words.failures for row in rows) / len(rows)

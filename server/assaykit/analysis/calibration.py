"""The calibration of a judge: its result, its record, and the standing that verdicts have by a record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from assaykit.analysis.asked_questions import Consistency, RowCost
from assaykit.analysis.corrected_differences import CorrectedDifference
from assaykit.analysis.corrected_rates import FEWEST_OF_CLASS, JudgeAccuracy
from assaykit.analysis.judge_agreement import JudgeAgreement, Part, PeoplesAgreement, RunRate
from assaykit.analysis.judge_comparison import JudgeComparison
from assaykit.analysis.makers import Maker
from assaykit.analysis.rows import short


class CalibrationRecord(NamedTuple):
    """The result of holding a judge's verdicts against those of people.

    `versions` and `models` are those of the verdicts, sorted, and empty if the rows tell none. `numbers` are those of
    the versions. `failures` and `passes` count people's labels, and `caught` and `cleared` those that the judge labels
    alike, None in a record of before. `failing` are the labels that count as failures. `sides` has the same four counts
    for each experiment. `date` is ISO 8601, UTC. `consistency` and `cost` are None if the verdicts tell none.
    `saw_verdict` counts the labels given with the judge's verdict in sight, None in a record of before.
    """

    judge: str
    versions: tuple[str, ...]
    models: tuple[str, ...]
    rows: int
    failures: int
    passes: int
    kappa: float | None
    truth: str
    date: str
    caught: int | None = None
    cleared: int | None = None
    failing: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    sides: Mapping[str, JudgeAccuracy] = MappingProxyType({})
    consistency: Consistency | None = None
    cost: RowCost | None = None
    saw_verdict: int | None = None

    @property
    def accuracy(self) -> JudgeAccuracy | None:
        """The judge against people's labels; None in a record of an older version."""
        if self.caught is None or self.cleared is None:
            return None
        return JudgeAccuracy(self.failures, self.caught, self.passes, self.cleared)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        sides = {name: asdict(one) for name, one in self.sides.items()}
        return {**self._asdict(), "sides": sides, **_questions(self.consistency, self.cost)}

    @property
    def told_versions(self) -> str:
        """The versions by number, such as "v3", else by id; empty if the verdicts told none."""
        return " and ".join(f"v{one}" for one in self.numbers) or " and ".join(
            f"version {short(one)}" for one in self.versions
        )

    @property
    def cited(self) -> str:
        """The record in a few words, such as "kappa 0.71, n = 250, v3, 2026-11-20"."""
        kappa = "kappa undefined" if self.kappa is None else f"kappa {self.kappa:.2f}"
        seen = f"{self.saw_verdict} labels with the verdict in sight" if self.saw_verdict else ""
        return ", ".join(filter(None, [kappa, f"n = {self.rows}", seen, self.told_versions, self.date]))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of a calibration.

    `failures` has the labels that count as failures; none if nobody said which. `looks` counts the looks at the
    held-out labels, this one included. `other_versions` counts rows whose verdict another version of the judge gave.
    `unversioned` counts rows whose verdict tells no version, if others tell one. `asks_model` is set for an LLM judge.
    `keeps_label_before` says whether the backend keeps the label of a question that is asked again.
    `saw_verdict` counts labels given with the judge's verdict in sight.
    """

    record: CalibrationRecord | None
    agreement: JudgeAgreement
    people: PeoplesAgreement | None
    rates: Sequence[RunRate]
    differences: Sequence[CorrectedDifference]
    failures: Sequence[str]
    part: Part | None
    looks: int
    other_versions: int
    unversioned: int
    made_by: Maker
    consistency: Consistency | None = None
    cost: RowCost | None = None
    comparison: JudgeComparison | None = None
    asks_model: bool = False
    keeps_label_before: bool = True
    saw_verdict: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "record": None if self.record is None else self.record.as_dict(),
            **_questions(self.consistency, self.cost),
            **self.agreement.as_dict(),
            "people": None if self.people is None else self.people.as_dict(),
            "rates": [one.as_dict() for one in self.rates],
            "differences": [one.as_dict() for one in self.differences],
            "failure_labels": list(self.failures),
            "part": self.part,
            "held_out_looks": self.looks,
            "comparison": None if self.comparison is None else self.comparison.as_dict(),
            "rows_of_other_versions": self.other_versions,
            "rows_without_version": self.unversioned,
            "saw_verdict": self.saw_verdict,
        }


def _questions(asked_twice: Consistency | None, cost: RowCost | None) -> dict[str, Any]:
    return {
        "consistency": None if asked_twice is None else asked_twice.as_dict(),
        "cost": None if cost is None else cost.as_dict(),
    }


class Standing(NamedTuple):
    """Whether a judge's verdicts are calibrated, and why, in a sentence."""

    is_calibrated: bool
    sentence: str


UNKNOWN = Standing(is_calibrated=False, sentence="The judge is not calibrated.")
"""The standing of a judge without a record."""


def standing(
    judge: str,
    records: Mapping[str, CalibrationRecord],
    made_by: Maker,
    numbers: Mapping[str, int] = MappingProxyType({}),
) -> Standing:
    """The standing of a judge whose verdicts were made by these versions and models.

    `numbers` are those of the versions, by id, as far as they are known.
    """
    found = records.get(judge)
    if found is None:
        return UNKNOWN
    for what, calibrated, seen in (
        ("version", found.versions, made_by.versions),
        ("model", found.models, made_by.models),
    ):
        if set(seen) - set(calibrated) or (calibrated and not seen):
            known_numbers = dict(zip(found.versions, found.numbers, strict=False)) | dict(numbers)
            these, known = (
                " and ".join(f"v{known_numbers[one]}" if one in known_numbers else short(one) for one in some)
                for some in (seen, calibrated)
            )
            these, known = these or "not told", known or "none that is told"
            return Standing(
                is_calibrated=False,
                sentence=f"The judge's calibration is stale: its {what} was {known}, and that of these verdicts is "
                f"{these}.",
            )
    if min(found.failures, found.passes) < FEWEST_OF_CLASS:
        return Standing(
            is_calibrated=False,
            sentence=f"The judge's calibration rests on {found.failures} failures and {found.passes} passes, and needs "
            f"{FEWEST_OF_CLASS} of each.",
        )
    return Standing(is_calibrated=True, sentence=f"Judge calibrated: {found.cited}.")

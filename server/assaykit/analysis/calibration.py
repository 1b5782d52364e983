"""The calibration of a judge: its result, its record, and the standing that verdicts have by a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from assaykit.analysis.corrected_differences import CorrectedDifference
from assaykit.analysis.corrected_rates import FEWEST_OF_CLASS
from assaykit.analysis.judge_agreement import JudgeAgreement, Part, PeoplesAgreement, RunRate
from assaykit.analysis.makers import Maker
from assaykit.analysis.rows import short


class CalibrationRecord(NamedTuple):
    """The result of holding a judge's verdicts against those of people.

    `versions` and `models` are those of the verdicts, sorted, and empty if the rows tell none. `failures` and `passes`
    count people's labels. `date` is ISO 8601, UTC.
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

    @property
    def cited(self) -> str:
        """The record in a few words, such as "kappa 0.71, n = 250, v3, 2026-11-20"."""
        kappa = "kappa undefined" if self.kappa is None else f"kappa {self.kappa:.2f}"
        version = "".join(f", version {short(one)}" for one in self.versions)
        return f"{kappa}, n = {self.rows}{version}, {self.date}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of a calibration.

    `failures` has the labels that count as failures; none if nobody said which. `looks` counts the looks at the
    held-out labels, this one included. `other_versions` counts rows whose verdict another version of the judge gave.
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
    made_by: Maker

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "record": None if self.record is None else self.record._asdict(),
            **self.agreement.as_dict(),
            "people": None if self.people is None else self.people.as_dict(),
            "rates": [one.as_dict() for one in self.rates],
            "differences": [one.as_dict() for one in self.differences],
            "failure_labels": list(self.failures),
            "part": self.part,
            "held_out_looks": self.looks,
            "rows_of_other_versions": self.other_versions,
        }


class Standing(NamedTuple):
    """Whether a judge's verdicts are calibrated, and why, in a sentence."""

    is_calibrated: bool
    sentence: str


UNKNOWN = Standing(is_calibrated=False, sentence="The judge is not calibrated.")
"""The standing of a judge without a record."""


def standing(judge: str, records: Mapping[str, CalibrationRecord], made_by: Maker) -> Standing:
    """The standing of a judge whose verdicts were made by these versions and models."""
    found = records.get(judge)
    if found is None:
        return UNKNOWN
    for what, calibrated, seen in (
        ("version", found.versions, made_by.versions),
        ("model", found.models, made_by.models),
    ):
        if set(seen) - set(calibrated) or (calibrated and not seen):
            these = " and ".join(short(one) for one in seen) or "not told"
            known = " and ".join(short(one) for one in calibrated) or "none that is told"
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

"""Calibration of LLM judges: whether a record says that a judge agrees with people."""

from collections.abc import Mapping
from typing import NamedTuple


class CalibrationRecord(NamedTuple):
    """The result of holding a judge's verdicts against those of people."""

    judge: str
    is_valid: bool


def calibration(judge: str, records: Mapping[str, CalibrationRecord]) -> CalibrationRecord | None:
    """The valid record of the judge by its evaluator's name; None if there is none. Nothing writes records yet."""
    found = records.get(judge)
    return found if found is not None and found.is_valid else None

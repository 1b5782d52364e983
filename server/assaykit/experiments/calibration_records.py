"""The records of calibrations in the data folder: the last of each judge, and the looks at its held-out labels.

The records are best effort, as those of looks are.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assaykit.analysis.asked_questions import RowCost, consistency_of
from assaykit.analysis.calibration import CalibrationRecord
from assaykit.analysis.corrected_rates import JudgeAccuracy
from assaykit.experiments.data_files import DataFile
from assaykit.settings import Settings

FILE = "calibrations.json"
MOST_JUDGES = 1_000
MOST_LOOKS = 1_000

MOST_LETTERS = 500

MOST_SIDES = 20
"""Experiments whose own counts a record keeps."""

_Text = Annotated[str, Field(max_length=MOST_LETTERS)]
_Count = Annotated[int, Field(ge=0)]
_Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Result(BaseModel):
    """The last calibration of a judge."""

    model_config = ConfigDict(extra="forbid", strict=True)

    versions: list[_Text] = Field(max_length=MOST_LOOKS)
    models: list[_Text] = Field(max_length=MOST_LOOKS)
    rows: _Count
    failures: _Count
    passes: _Count
    kappa: float | None = Field(allow_inf_nan=False)
    truth: _Text
    date: _Text
    caught: _Count | None = None
    cleared: _Count | None = None
    failing: list[_Text] = Field(default=[], max_length=MOST_LOOKS)
    numbers: list[_Count] = Field(default=[], max_length=MOST_LOOKS)
    asked_twice: _Count = 0
    equal: _Count = 0
    cost: tuple[_Count, _Figure, _Count, _Figure | None] | None = None
    sides: dict[_Text, tuple[_Count, _Count, _Count, _Count]] = Field(default={}, max_length=MOST_SIDES)
    saw_verdict: _Count | None = None


class _Entry(BaseModel):
    """A judge's last calibration, if it has one, and for each look at its held-out labels the version looked at."""

    model_config = ConfigDict(extra="forbid", strict=True)

    judge: _Text
    last: _Result | None = None
    held_out_looks: list[_Text] = Field(default=[], max_length=MOST_LOOKS)


_RECORD = TypeAdapter(dict[str, _Entry])


def keep_calibration(settings: Settings, space_id: str, found: CalibrationRecord) -> None:
    """Keep a calibration as the last of its judge. A server that is read-only keeps nothing."""
    last = _Result(
        versions=list(found.versions),
        models=list(found.models),
        rows=found.rows,
        failures=found.failures,
        passes=found.passes,
        kappa=found.kappa,
        truth=found.truth[:MOST_LETTERS],
        date=found.date,
        caught=found.caught,
        cleared=found.cleared,
        failing=[one[:MOST_LETTERS] for one in found.failing[:MOST_LOOKS]],
        numbers=list(found.numbers),
        asked_twice=0 if found.consistency is None else found.consistency.rows,
        equal=0 if found.consistency is None else found.consistency.equal,
        cost=None if found.cost is None else astuple(found.cost),
        sides={name[:MOST_LETTERS]: astuple(one) for name, one in list(found.sides.items())[:MOST_SIDES]},
        saw_verdict=found.saw_verdict,
    )
    _change(settings, space_id, found.judge, lambda entry: entry.model_copy(update={"last": last}))


def note_look(settings: Settings, space_id: str, judge: str, versions: Sequence[str]) -> int:
    """Note a look at the held-out labels of a judge; return the number of looks, this included."""
    look = " ".join(versions)[:MOST_LETTERS]

    def noted(entry: _Entry) -> _Entry:
        return entry.model_copy(update={"held_out_looks": [*entry.held_out_looks, look][-MOST_LOOKS:]})

    return len(_change(settings, space_id, judge, noted).held_out_looks)


def known_calibrations(settings: Settings, space_id: str) -> dict[str, CalibrationRecord]:
    """The last calibration of each judge of a space that has one, by its name."""
    return {
        one.judge: CalibrationRecord(
            one.judge, tuple(last.versions), tuple(last.models), last.rows, last.failures, last.passes, last.kappa,
            last.truth, last.date, last.caught, last.cleared, tuple(last.failing), tuple(last.numbers),
            {name: JudgeAccuracy(*counts) for name, counts in last.sides.items()},
            consistency_of(last.equal, last.asked_twice), None if last.cost is None else RowCost(*last.cost),
            last.saw_verdict,
        )
        for key, one in _file(settings).read().items()
        if (last := one.last) is not None and key == _key(settings, space_id, one.judge)
    }  # fmt: skip


def _change(settings: Settings, space_id: str, judge: str, by: Callable[[_Entry], _Entry]) -> _Entry:
    key = _key(settings, space_id, judge)

    def changed(record: dict[str, _Entry]) -> _Entry:
        record[key] = by(record.pop(key, None) or _Entry(judge=judge[:MOST_LETTERS]))
        return record[key]

    return _file(settings).change(changed, is_kept=not settings.read_only)


def _file(settings: Settings) -> DataFile[_Entry]:
    return DataFile(settings.home / FILE, _RECORD, MOST_JUDGES)


def _key(settings: Settings, space_id: str, judge: str) -> str:
    place = settings.ax_url if settings.backend == "ax" else "local"
    return hashlib.sha256(json.dumps([place, space_id, judge]).encode()).hexdigest()[:32]

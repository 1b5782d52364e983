"""The records of calibrations in the data folder: the last of each judge, and the looks at its held-out labels.

The records are best effort, as those of looks are.
"""

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assaykit.analysis.calibration import CalibrationRecord
from assaykit.experiments.data_files import DataFile
from assaykit.settings import Settings

FILE = "calibrations.json"
MOST_JUDGES = 1_000
MOST_LOOKS = 1_000

_Text = Annotated[str, Field(max_length=500)]
_Count = Annotated[int, Field(ge=0)]


class _Entry(BaseModel):
    """The last calibration of a judge, and for each look at its held-out labels the versions that were looked at."""

    model_config = ConfigDict(extra="forbid", strict=True)

    judge: _Text
    versions: list[_Text] = Field(max_length=MOST_LOOKS)
    models: list[_Text] = Field(max_length=MOST_LOOKS)
    rows: _Count
    failures: _Count
    passes: _Count
    kappa: float | None = Field(allow_inf_nan=False)
    truth: _Text
    date: _Text
    held_out_looks: list[_Text] = Field(max_length=MOST_LOOKS)


_RECORD = TypeAdapter(dict[str, _Entry])


def keep_calibration(settings: Settings, space_id: str, found: CalibrationRecord, *, is_held_out: bool) -> int:
    """Keep a calibration as the last of its judge; return the number of looks at its held-out labels, this included.

    A server that is read-only keeps nothing.
    """
    key = _key(settings, space_id, found.judge)

    def kept(record: dict[str, _Entry]) -> int:
        before = record.pop(key, None)
        looks = [] if before is None else before.held_out_looks
        looks = [*looks, " ".join(found.versions)[:500]][-MOST_LOOKS:] if is_held_out else looks
        record[key] = _Entry(
            judge=found.judge,
            versions=list(found.versions),
            models=list(found.models),
            rows=found.rows,
            failures=found.failures,
            passes=found.passes,
            kappa=found.kappa,
            truth=found.truth[:500],
            date=found.date,
            held_out_looks=looks,
        )
        return len(looks)

    return _file(settings).change(kept, is_kept=not settings.read_only)


def known_calibrations(settings: Settings, space_id: str) -> dict[str, CalibrationRecord]:
    """The last calibration of each judge of a space that has one, by its name."""
    return {
        one.judge: CalibrationRecord(
            one.judge, tuple(one.versions), tuple(one.models), one.rows, one.failures, one.passes, one.kappa, one.truth,
            one.date,
        )
        for key, one in _file(settings).read().items()
        if key == _key(settings, space_id, one.judge)
    }  # fmt: skip


def _file(settings: Settings) -> DataFile[_Entry]:
    return DataFile(settings.home / FILE, _RECORD, MOST_JUDGES)


def _key(settings: Settings, space_id: str, judge: str) -> str:
    place = settings.ax_url if settings.backend == "ax" else "local"
    return hashlib.sha256(json.dumps([place, space_id, judge]).encode()).hexdigest()[:32]

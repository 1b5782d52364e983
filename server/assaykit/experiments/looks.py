"""The record of looks in the data folder: which rows of two experiments were compared before.

The record is best effort. A file that cannot be read, holds anything unexpected or is held by another process counts as
empty, and is then not written or is written anew. No comparison fails because of it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.looks import Look, digest, look_sentence, moves, scale_of
from assaykit.filelock import FileLock
from assaykit.settings import Settings

FILE, LOCK = "looks.json", "looks.lock"
MOST_BYTES = 2_000_000
"""A larger file is not ours."""

MOST_PAIRS = 2_000
"""Pairs of lineages that are kept, those compared last."""

MOST_LOOKS = 1_000
_WAIT_S = 0.5

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Entry(BaseModel):
    """The digests of the rows of a pair, the oldest first, and the scale of the first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    digests: list[_Hex] = Field(max_length=MOST_LOOKS)
    scale: float = Field(ge=0, allow_inf_nan=False)


_RECORD = TypeAdapter(dict[_Hex, _Entry])


def look_notes(settings: Settings, comparison: Comparison, lineages: Mapping[str, str], stated: int = 1) -> list[str]:
    """Record the comparison as a look, unless the server is read-only, and return a note for each repeated look.

    `lineages` has the lineage of each experiment by its name in the comparison: its id, or dataset and name in a
    policy. Rows that were compared before are no new look, whatever the slices. `stated` is the number of the look
    where the record is not there, as in a fresh checkout; the scale of the first look is then not known.
    """
    tested = [one for one in comparison.findings if one.p is not None]
    looks = _looked(settings, {_key(settings, one, lineages): one for one in tested}, lineages)
    looks = [Look(stated, None) if look.number < stated else look for look in looks]
    notes = [look_sentence(one, look, len(tested)) for one, look in zip(tested, looks, strict=True)]
    return [note for note in notes if note is not None]


def _key(settings: Settings, finding: Finding, lineages: Mapping[str, str]) -> str:
    """The pair and the reading of its verdicts. Either experiment can be the baseline."""
    pair = sorted(lineages[name] for name in (finding.baseline, finding.challenger))
    place = settings.ax_url if settings.backend == "ax" else "local"
    told = json.dumps([place, pair, finding.evaluator, list(finding.positives)])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _looked(settings: Settings, findings: Mapping[str, Finding], lineages: Mapping[str, str]) -> list[Look]:
    lock = FileLock(settings.home / LOCK)
    held = not settings.read_only and _taken(settings.home, lock)
    try:
        record = _read(settings.home / FILE)
        looks = [_noted(record, key, finding, lineages) for key, finding in findings.items()]
        if held:
            _write(settings.home / FILE, record)
    finally:
        lock.release()
    return looks


def _noted(record: dict[str, _Entry], key: str, finding: Finding, lineages: Mapping[str, str]) -> Look:
    """Add the finding's rows to the record, as the last entry, and return the look."""
    turned = lineages[finding.challenger] < lineages[finding.baseline]
    rows = digest(finding.pairs, turned=turned)
    scale = scale_of(moves(finding))
    entry = record.pop(key, None) or _Entry(digests=[], scale=scale)
    if rows not in entry.digests:
        entry = _Entry(digests=[*entry.digests, rows][-MOST_LOOKS:], scale=entry.scale or scale)
    record[key] = entry
    return Look(len(entry.digests), entry.scale)


def _taken(home: Path, lock: FileLock) -> bool:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return lock.take_within(_WAIT_S)
    except OSError:
        return False


def _read(file: Path) -> dict[str, _Entry]:
    if not file.is_file():
        return {}
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        return _RECORD.validate_json(text) if len(text) <= MOST_BYTES else {}
    except (OSError, ValidationError, RecursionError):
        return {}


def _write(file: Path, record: dict[str, _Entry]) -> None:
    """Replace the file in one step. An error of the system leaves the old file."""
    kept = dict(list(record.items())[-MOST_PAIRS:])
    text = _RECORD.dump_json(kept)
    while len(text) > MOST_BYTES and kept:
        kept = dict(list(kept.items())[len(kept) // 2 + 1 :])
        text = _RECORD.dump_json(kept)
    # The lock is held, so nobody else writes a file of this name.
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(text)
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)

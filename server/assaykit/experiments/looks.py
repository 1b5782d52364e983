"""The record of looks in the data folder: which rows of two experiments were compared before.

The record is best effort, so that no comparison fails because of it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assaykit.analysis.findings import Comparison, Finding
from assaykit.analysis.looks import Look, digest, look_sentence, moves, scale_of
from assaykit.experiments.data_files import DataFile
from assaykit.settings import Settings

FILE = "looks.json"
MOST_PAIRS = 2_000
"""Pairs of lineages that are kept, those compared last."""

MOST_LOOKS = 1_000

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
    file = DataFile(settings.home / FILE, _RECORD, MOST_PAIRS)
    return file.change(
        lambda record: [_noted(record, key, finding, lineages) for key, finding in findings.items()],
        is_kept=not settings.read_only,
    )


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

"""The content that the rows of an experiment were made from, and the parts of it that have changed since."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from assaykit.errors import quote
from assaykit.runner.worker_pool import PendingCall

SHOWN = 3

Digests = Mapping[str, str]


class Content(NamedTuple):
    """Digests of the user's files by path, versions of installed packages by name, and digests of examples by id."""

    files: dict[str, str] = {}
    packages: dict[str, str] = {}
    examples: dict[str, str] = {}


CONTENT = TypeAdapter(Content)


def examples_of_calls(calls: Sequence[PendingCall]) -> dict[str, str]:
    """A digest of the content of each example."""
    return {one.call.example_id: _digest(one.columns) for one in calls}


def changes(before: Content, now: Content) -> list[str]:
    """Sentences about files, packages and examples that are not as they were for earlier rows.

    A part that one of the two does not know counts as unchanged.
    """
    told: list[str] = []
    if files := _changed(before.files, now.files, gone=True):
        told.append(f"Earlier rows were made with other content of {_listed([Path(one).name for one in files])}")
    if packages := _changed(before.packages, now.packages, gone=bool(now.packages)):
        versions = [f"{one} {before.packages[one]} (now {now.packages.get(one, 'absent')})" for one in packages]
        told.append(f"Earlier rows were made with {_listed(versions)}")
    if examples := _changed(before.examples, now.examples, gone=False):
        number = f"{len(examples)} example{'s' * (len(examples) != 1)}"
        told.append(f"The content of {number} has changed since earlier rows were made")
    return told


def _changed(before: Digests, now: Digests, *, gone: bool) -> list[str]:
    return [key for key, value in before.items() if (gone or key in now) and now.get(key) != value]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(quote(one, 80) for one in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _digest(columns: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(dict(columns), sort_keys=True, default=str).encode()).hexdigest()[:16]

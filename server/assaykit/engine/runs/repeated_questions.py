"""Questions that a judge is asked again: a verdict keeps the label that the same question had before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.store.traces import verdicts
from assaykit.wire.run_columns import LABEL_BEFORE_KEY

QUESTION = "question"
"""The key in `made_by` of the digest of a verdict's question: model, template, choices and values."""

_SAME = (QUESTION, "evaluator_version_id", "model")


def note_labels(connection: sa.Connection, level: verdicts.VerdictLevel, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to new verdicts, given as rows of the table, the label that the same question had before.

    A stored verdict counts if it has the same question, version and model. A score stands for a label that is missing.
    """
    of_scope: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if QUESTION in row["metadata"]:
            of_scope[row["scope_id"]].append(row)
    for scope_id, some in of_scope.items():
        stored = verdicts.of(connection, scope_id, level, list(dict.fromkeys(row["target_id"] for row in some)))
        for row in some:
            before = next((one for one in stored.get(row["target_id"], ()) if one.name == row["name"]), None)
            told = (before.metadata if before is not None else None) or {}
            if before is not None and all(told.get(key) == row["metadata"].get(key) for key in _SAME):
                label = before.label if before.label is not None else before.score
                row["metadata"][LABEL_BEFORE_KEY] = str(label)

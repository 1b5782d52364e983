"""Clusters: the rows of one source, one session or one trace, which are not independent of each other."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from assaykit.analysis.rows import cell, listed, short
from assaykit.column_paths import resolve
from assaykit.errors import Invalid
from assaykit.spelling import value_key

UNCLUSTERED = frozenset({"id", "example_id"})
"""Names that stand for the example itself: every row is a cluster of its own."""

_KNOWN = {
    "source_example_id": "source",
    "attributes.session.id": "session",
    "session.id": "session",
    "session_id": "session",
    "source_trace_id": "trace",
}
"""Columns whose equal values make rows a cluster without being asked for, with the word for such a cluster."""

Groups = list[list[int]]
"""The positions of the rows of each cluster."""


class Clusters(NamedTuple):
    """The cluster of each example by its id, from the dataset's `column`; `noun` is the word for one cluster.

    An example without an entry is a cluster of its own. `is_named` tells that the user named the column.
    """

    column: str
    of: Mapping[str, str]
    noun: str = "source"
    is_named: bool = True


def clusters_of(name: str, examples: Mapping[str, Mapping[str, Any]]) -> Clusters | None:
    """The clusters by a column of the dataset, by example id; None if the name stands for the example itself.

    Raises:
        Invalid: no example has a value in the column.
    """
    found = _of(name, examples)
    if not found and name in UNCLUSTERED:
        return None
    if not found:
        there = dict.fromkeys(each for row in examples.values() for each in row)
        raise Invalid(
            f"cluster_by: the dataset has no column {short(name)!r}; it has {listed(there)}.",
            "Name the column whose equal values mark rows of one source, or 'id' if all rows are independent.",
        )
    return Clusters(name, found, _KNOWN.get(name, "source"))


def known_clusters(examples: Mapping[str, Mapping[str, Any]]) -> Clusters | None:
    """The clusters that the examples' provenance shows: one source example, session or trace of several rows.

    Of several such columns, the one with the fewest clusters counts. None if no two examples share a value.
    """
    there = set[str]().union(*examples.values())
    found = [
        Clusters(name, _of(name, examples), noun, is_named=False) for name, noun in _KNOWN.items() if name in there
    ]
    if not found:
        return None
    # Examples without a value are clusters of their own.
    counts = [(len(examples) - len(one.of) + len(set(one.of.values())), one) for one in found]
    fewest, best = min(counts, key=lambda each: each[0])
    return best if fewest < len(examples) else None


def _of(name: str, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {key: value_key(text) for key, row in examples.items() if (text := cell(resolve(row, name)))}


def grouped(ids: Iterable[str], clusters: Clusters | None) -> Groups | None:
    """The positions of the ids of each cluster, in order of appearance; None if no two ids share a cluster."""
    if clusters is None:
        return None
    found: dict[tuple[str, bool], list[int]] = {}
    count = 0
    for place, one in enumerate(ids):
        cluster = clusters.of.get(one)
        # The own id of an example may equal the name of a cluster.
        found.setdefault((one, False) if cluster is None else (cluster, True), []).append(place)
        count += 1
    return list(found.values()) if len(found) < count else None

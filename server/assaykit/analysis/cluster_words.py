"""Clusters in words: counts of rows and clusters, and notes on the independence of the rows."""

from collections import Counter

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.statistics import FEWEST_PAIRS
from assaykit.figures import digits

FEW_CLUSTERS = 20
"""Below this number of clusters a finding carries a caution."""

_LARGE = 1 / 3
"""Share of the rows above which one cluster is told."""

_TOLD_FROM = 1.1
"""Design effect from which the number of independent rows is told."""


def pairs_told(finding: Finding) -> str:
    """`40 pairs`, or `300 rows from 30 sources` if rows are of one cluster."""
    if finding.clusters is not None and finding.is_clustered:
        return f"{finding.n} rows from {_count(finding.units, finding.clusters.noun)}"
    return _count(finding.n, "pair")


def one_cluster(finding: Finding) -> str | None:
    """The reason for no verdict and the next step, if all rows are of one cluster; else None."""
    if finding.clusters is None or not finding.is_clustered or finding.units > 1:
        return None
    noun, column = finding.clusters.noun, short(finding.clusters.column)
    return (
        f"no verdict, because all {finding.n} rows are of one {noun} ({column!r}), and one {noun} does not show how "
        f"others turn out. Add rows of at least {FEWEST_PAIRS} {noun}s, or pass cluster_by='id' if the rows are "
        f"independent."
    )


def about_clusters(finding: Finding) -> list[str]:
    """The cautions about clusters: their number, their sizes, and the independence of the rows."""
    clusters = finding.clusters
    if clusters is None or finding.question is not None or finding.difference is None:
        return []
    noun, column = clusters.noun, short(clusters.column)
    if not finding.is_clustered:
        return [f"No two pairs have the same {column!r}, so each counts by itself."] if clusters.is_named else []
    why = f"Rows with the same {column!r} are one cluster, as they are not independent"
    told = [f"{why}: interval and test are of {finding.units} clusters.{_independent(finding)}"]
    if finding.units < FEW_CLUSTERS:
        fewest = "no verdict is given below 6" if finding.units < FEWEST_PAIRS else "intervals of so few are rough"
        told.append(f"Only {_count(finding.units, noun)}: {fewest}. More {noun}s help, more rows of the same do not.")
    sizes = Counter(clusters.of.get(one) for one in finding.pairs if one in clusters.of)
    (largest, size) = sizes.most_common(1)[0]
    if size > _LARGE * finding.n:
        told.append(f"One {noun} has {size} of the {finding.n} rows ({short(str(largest))!r}), and decides most.")
    return told


def independent_rows(finding: Finding) -> float | None:
    """The number of independent rows that would give the same standard error; None if unknown."""
    error, sd = finding.standard_error, finding.spread
    if not finding.is_clustered or not error or not sd:
        return None
    return sd * sd / (error * error)


def _independent(finding: Finding) -> str:
    rows = independent_rows(finding)
    if rows is None or rows * _TOLD_FROM > finding.n:
        return ""
    return f" They tell as much as about {digits(max(1.0, rows), 2)} independent rows."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

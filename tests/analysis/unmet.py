"""Rows of `benchmarks/verdicts.py` whose wanted figure the analysis does not reach yet."""

UNMET = frozenset(
    {
        "10 rows of one source, ICC 0.6, n = 300",
        "no difference, 1 candidate(s), n = 6",
        "no difference, 4 candidate(s), n = 6",
        "no difference, 4 candidate(s), n = 10",
        "no difference, 4 candidate(s), n = 20",
    }
)

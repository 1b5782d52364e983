"""Rows of `benchmarks/verdicts.py` whose wanted figure the analysis does not reach yet."""

UNMET = frozenset(
    {
        "no difference, 1 candidate(s), n = 6",
        "no difference, 4 candidate(s), n = 6",
        "no difference, 4 candidate(s), n = 10",
        "no difference, 4 candidate(s), n = 20",
    }
)

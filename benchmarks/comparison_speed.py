"""CPU time of a comparison, from rows in memory to its findings and details."""

import argparse
import time

import numpy as np
from benchmarks.verdicts import compared

from assaykit.analysis.compare import Variant
from assaykit.analysis.details import details
from assaykit.analysis.rows import Judgement, Outcome


def speed(pairs: int) -> str:
    """Compare so many pairs by five evaluators, and tell the CPU seconds of the comparison and of its details."""
    rng = np.random.default_rng(1)

    def made(name: str, rate: float) -> Variant:
        rates = (rng.random((3, pairs)) < rate).astype(float)
        scores = [*rates, rng.integers(1, 6, pairs).astype(float), rng.random(pairs)]
        outcomes = [
            Outcome(
                f"e{place:07}",
                "output",
                None,
                {f"c{n}": Judgement(name=f"c{n}", score=float(score)) for n, score in enumerate(row)},
                latency_ms=100.0 * row[-1],
            )
            for place, row in enumerate(zip(*scores, strict=True))
        ]
        return Variant(name, outcomes)

    old, new = made("old", 0.7), made("new", 0.71)
    started = time.process_time()
    comparison = compared(old, new)
    compared_at = time.process_time()
    details([old, new], comparison)
    ended = time.process_time()
    return (
        f"{pairs:,} pairs by 5 evaluators: compare {compared_at - started:.1f} s, details {ended - compared_at:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=50_000)
    print(speed(parser.parse_args().pairs))


if __name__ == "__main__":
    main()

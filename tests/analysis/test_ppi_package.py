"""The mean from few labels and many verdicts, beside the package of the method's authors."""

import json
import subprocess

import numpy as np
import pytest
from tests.environments import PPI, python_with

from assaykit.analysis.prediction_powered import powered_mean

SCRIPT = """
import json, sys
import numpy as np
from ppi_py import ppi_mean_pointestimate
cases = [[np.array(part, dtype=float) for part in case] for case in json.load(sys.stdin)]
print(json.dumps([float(np.ravel(ppi_mean_pointestimate(*case))[0]) for case in cases]))
"""


def cases() -> list[list[list[float]]]:
    """Labels, verdicts on the same rows, and verdicts on other rows: passes and failures, scores, and differences."""
    rng = np.random.default_rng(11)
    drawn: list[list[list[float]]] = []
    for n, others in ((20, 200), (125, 125), (50, 10), (30, 300)):
        for noise in (0.0, 0.3, 3.0):
            truth = rng.normal(size=n + others)
            judged = truth + noise * rng.normal(size=n + others)
            failed = rng.random(n + others) < 0.2
            caught = np.where(rng.random(n + others) < 0.1 + noise / 10, ~failed, failed)
            apart = failed.astype(float) - (rng.random(n + others) < 0.2)
            for people, judge in ((truth, judged), (failed, caught), (apart, caught), (truth, -judged)):
                values = [people[:n], judge[:n], judge[n:]]
                drawn.append([part.astype(float).tolist() for part in values])
    return drawn


@pytest.mark.slow
def test_the_mean_is_that_of_the_package_of_the_method() -> None:
    drawn = cases()
    done = subprocess.run(
        [python_with(*PPI), "-c", SCRIPT], input=json.dumps(drawn), capture_output=True, text=True, check=True
    )
    assert [powered_mean(*case).mean for case in drawn] == pytest.approx(json.loads(done.stdout), rel=1e-9, abs=1e-9)

"""Evaluators of other people's libraries judge in `run_experiment` as the libraries' own calls do."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.caller import Caller
from tests.environments import EVALUATORS, python_with
from tests.tools.test_run_experiment import Write, run, write

__all__ = ["write"]

pytestmark = pytest.mark.slow

OUTPUT, EXPECTED = "the cat sat on the mat", "a cat sat on a mat"

CHECKS = """
    import sacrebleu
    from autoevals import ExactMatch, Levenshtein
    from rouge_score.rouge_scorer import RougeScorer

    def answer(input):
        return input

    similar = Levenshtein()
    same = ExactMatch()

    def bleu(output, expected):
        return sacrebleu.sentence_bleu(output, [expected]).score

    def rouge(output, expected):
        return RougeScorer(["rougeL"]).score(expected, output)["rougeL"].fmeasure
"""
OWN_CALLS = {
    "similar": "checks.similar(output=o, expected=e).score",
    "same": "checks.same(output=o, expected=e).score",
    "bleu": "checks.sacrebleu.sentence_bleu(o, [e]).score",
    "rouge": "checks.RougeScorer(['rougeL']).score(e, o)['rougeL'].fmeasure",
}
"""The call of the library for each evaluator."""


async def test_evaluators_of_libraries_score_as_their_own_calls_do(ax: Caller, write: Write, files: Path) -> None:
    write("checks.py", CHECKS)
    await ax.ask("create_dataset", name="questions", rows=[{"input": OUTPUT, "expected": EXPECTED}])
    python = python_with(*EVALUATORS)
    judges = [f"checks.py:{name}" for name in OWN_CALLS]
    data = await run(ax, python, "checks.py:answer", evaluators=judges, concurrency=1)
    found = [one["mean"] for one in data["evaluators"].values()]
    assert found == pytest.approx(own_scores(python, files), abs=1e-3), data["evaluators"]


def own_scores(python: Path, folder: Path) -> list[float]:
    calls = ", ".join(OWN_CALLS.values())
    code = f"import json, checks; o, e = {OUTPUT!r}, {EXPECTED!r}; print(json.dumps([{calls}]))"
    own = subprocess.run([str(python), "-c", code], cwd=folder, capture_output=True, check=True)
    return json.loads(own.stdout)

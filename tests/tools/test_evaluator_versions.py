"""Experiments whose evaluators are not the same: a comparison says so with both versions."""

from pathlib import Path

import pytest
from tests.caller import Caller
from tests.tools.test_run_experiment import Write, bare_python, questions, run, write

__all__ = ["bare_python", "questions", "write"]

pytestmark = pytest.mark.usefixtures("questions")

TASK = """
    def answer(input):
        return input

    def short(output):
        return len(output) < {limit}
"""
BOTH = {"experiments": ["first", "second"]}


@pytest.mark.parametrize(("limit", "is_told"), [(6, False), (99, True)])
async def test_other_code_of_an_evaluator_is_told(
    ax: Caller, write: Write, bare_python: Path, *, limit: int, is_told: bool
) -> None:
    for name, most in (("first", 6), ("second", limit)):
        write("task.py", TASK.format(limit=most) + f"\n    LATER = '{name}'\n")
        await run(ax, bare_python, "task.py:answer", name=name, evaluators=["task.py:short"])
    notes = (await ax.ask("compare_experiments", **BOTH))["comparison"]["notes"]
    assert any(one.startswith("Not the same evaluator: short has the version ") for one in notes) == is_told
    assert len(notes) == is_told


async def test_another_version_of_a_judge_is_told_with_its_number_and_date(
    ax: Caller, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", TASK.format(limit=6))
    for name, word in (("first", "Where"), ("second", "When")):
        await ax.ask(
            "create_judge", name="asks", code="CONTAINS_ANY_KEYWORD", keywords=[word], new_version=name == "second"
        )
        await run(ax, bare_python, "task.py:answer", name=name, evaluators=["asks"])
    text = await ax.read("compare_experiments", **BOTH, save_to="page.html")
    (note,) = [line for line in text.splitlines() if line.startswith("Not the same evaluator: ")]
    assert note.startswith("Not the same evaluator: asks has the version 1 of 20")
    assert " UTC on first, 2 of 20" in note
    assert note in (files / "page.html").read_text(encoding="utf-8")
    (dataset, judge) = [line for line in text.splitlines() if line.startswith("Compared: ")]
    assert dataset.startswith("Compared: dataset questions, version ")
    assert ": first of 20" in dataset
    assert judge.startswith("Compared: asks, version 1 of 20")

"""Five jobs of published cookbooks, each within eight calls: text to SQL, RAG, tool calls, repetitions, assertions."""

import json
import sys
import textwrap
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.e2e import cookbooks
from tests.scripted_model import Answer, ScriptedModel

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

MOST_CALLS = 8


class Counted:
    """A caller that counts its calls."""

    def __init__(self, ax: Caller) -> None:
        self._ax = ax
        self.calls = 0

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        return await self._ax.ask(tool, **arguments)

    async def run(self, task: str, *evaluators: str, **more: Any) -> dict[str, Any]:
        """Run a function over the only dataset; the evaluators of the experiment."""
        return await self.ask("run_experiment", task=task, evaluators=[*evaluators], python=sys.executable, **more)

    async def compared(self, *experiments: str, **more: Any) -> list[dict[str, Any]]:
        """The findings of a comparison."""
        told = await self.ask("compare_experiments", experiments=[*experiments], **more)
        return told["comparison"]["findings"]


Job = Callable[[Answer, str], Any]


@pytest.fixture
def job(settings: Settings, files: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A server for the job of a program, with the model that the program asks. At its end the calls are counted."""

    @asynccontextmanager
    async def started(answer: Answer, program: str) -> AsyncGenerator[Counted]:
        for name, text in (("model.py", cookbooks.MODEL), ("app.py", program)):
            (files / name).write_text(textwrap.dedent(text), encoding="utf-8")
        with ScriptedModel(answer) as model:
            monkeypatch.setenv("OPENAI_BASE_URL", model.url)
            async with serving(settings, model.url) as ax:
                counted = Counted(ax)
                yield counted
        assert counted.calls <= MOST_CALLS

    return started


def means(data: dict[str, Any]) -> dict[str, Any]:
    return {name: one["mean"] for name, one in data["evaluators"].items()}


def labels(data: dict[str, Any]) -> dict[str, Any]:
    return {name: one["labels"] for name, one in data["evaluators"].items()}


def values(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Both values of each evaluator, to two digits."""
    return {one["evaluator"]: (round(one["baseline_value"], 2), round(one["challenger_value"], 2)) for one in findings}


def verdict(run: dict[str, Any], evaluator: str) -> str:
    """The label of an evaluator on a run."""
    return next(one["label"] for one in run["evaluations"] if one["name"] == evaluator)


async def test_text_to_sql_gets_better_prompt_by_prompt(job: Job) -> None:
    async with job(cookbooks.sql, cookbooks.TEXT_TO_SQL) as ax:
        await ax.ask("create_dataset", name="shop", rows=cookbooks.SQL_ROWS)
        checks = ("app.py:no_error", "app.py:has_results", "app.py:right")
        first = await ax.run("app.py:bare", *checks)
        assert means(first) == pytest.approx({"no_error": 5 / 12, "has_results": 5 / 12, "right": 2 / 12})
        second = await ax.run("app.py:with_schema", *checks)
        assert means(second) == pytest.approx({"no_error": 1, "has_results": 1, "right": 9 / 12})
        third = await ax.run("app.py:with_dates", *checks)
        assert means(third) == {"no_error": 1, "has_results": 1, "right": 1}
        names = ["bare", "with_schema", "with_dates"]
        told = await ax.ask(
            "compare_experiments", experiments=names, all_pairs=True, directions={"right": "MAXIMIZE"}, primary="right"
        )
        found = {
            (one["baseline"], one["challenger"]): (one["verdict"], len(one["fixed"]), len(one["broken"]))
            for one in told["comparison"]["findings"]
            if one["evaluator"] == "right"
        }
        assert found == {
            ("bare", "with_schema"): ("better", 7, 0),
            ("bare", "with_dates"): ("better", 10, 0),
            ("with_schema", "with_dates"): ("no difference shown", 3, 0),
        }
        outputs = [json.loads(one["output"]) for one in (await ax.ask("get_experiment", experiment="bare"))["runs"]]
        assert {one["error"] for one in outputs} == {None, "no such table: sales"}


async def test_rag_is_judged_by_its_pages_and_by_its_contexts(job: Job) -> None:
    async with job(cookbooks.rag, cookbooks.RAG) as ax:
        await ax.ask("create_dataset", name="help", rows=cookbooks.RAG_ROWS)
        await ax.ask(
            "create_judge", name="grounded", template="Claim: {claim}\nPassages: {passages}", model="m",
            choices={"grounded": 1, "ungrounded": 0}, direction="MAXIMIZE",
        )  # fmt: skip
        mapped = {"claim": "output.answer", "passages": "output.contexts"}
        checks = ("app.py:recall", "app.py:precision", "grounded")
        wide = await ax.run("app.py:answered", *checks, column_mappings=mapped)
        assert means(wide) == pytest.approx({"recall": 1, "precision": 2 / 3})
        narrow = await ax.run("app.py:narrow", *checks, column_mappings=mapped)
        assert means(narrow) == pytest.approx({"recall": 5 / 6, "precision": 1})
        assert values(await ax.compared("narrow", "answered")) == {
            "recall": (0.83, 1),
            "precision": (1, 0.67),
            "grounded": (0.67, 1),
        }
        runs = (await ax.ask("get_experiment", experiment="narrow"))["runs"]
        told = [json.loads(one["output"])["answer"] for one in runs if verdict(one, "grounded") == "ungrounded"]
        assert told == ["They never expire; within 30 days."]


async def test_tool_calls_of_an_agent_have_a_score_of_tools_and_one_of_arguments(job: Job) -> None:
    async with job(cookbooks.routes, cookbooks.AGENT) as ax:
        await ax.ask("create_dataset", name="travel", rows=cookbooks.AGENT_ROWS)
        assert means(await ax.run("app.py:first", "app.py:tools")) == pytest.approx(
            {"selection": 2 / 3, "invocation": 0.5}
        )
        assert means(await ax.run("app.py:second", "app.py:tools")) == {"selection": 1, "invocation": 1}
        upwards = {"selection": "MAXIMIZE", "invocation": "MAXIMIZE"}
        found = await ax.compared("first", "second", directions=upwards)
        assert values(found) == {"selection": (0.67, 1), "invocation": (0.5, 1)}
        assert [len(one["fixed"]) for one in found if one["evaluator"] == "selection"] == [1]
        runs = (await ax.ask("get_experiment", experiment="first"))["runs"]
        wrong = [json.loads(one["output"]) for one in runs if verdict(one, "selection") == "wrong"]
        assert [len(one["tool_calls"]) for one in wrong] == [1]


async def test_repetitions_show_an_unstable_answer(job: Job) -> None:
    async with job(cookbooks.Moods(), cookbooks.REVIEWS) as ax:
        await ax.ask("create_dataset", name="reviews", rows=cookbooks.REVIEW_ROWS)
        first = await ax.run("app.py:mood", "app.py:right", repetitions=4)
        second = await ax.run("app.py:mood_with_examples", "app.py:right", repetitions=4)
        assert [(one["rows"], means(one)) for one in (first, second)] == [(12, {"right": 0.75}), (12, {"right": 1})]
        names = ["mood", "mood_with_examples"]
        told = await ax.ask(
            "compare_experiments", experiments=names, directions={"right": "MAXIMIZE"}, save_to="page.html"
        )
        assert values(told["comparison"]["findings"]) == {"right": (0.75, 1)}
        repeated = {one["experiment"]: one for one in told["comparison"]["repetitions"]}
        assert [(repeated[name]["flaky"], repeated[name]["examples"]) for name in names] == [(1, 3), (0, 3)]
        last = [repeated[name]["at"][-1] for name in names]
        found = [(one["k"], round(one["pass_at_k"], 2), round(one["pass_hat_k"], 2)) for one in last]
        assert found == [(4, 1, 0.67), (4, 1, 1)]


async def test_each_example_has_its_own_assertions(job: Job) -> None:
    async with job(cookbooks.replies, cookbooks.ASSERTIONS) as ax:
        await ax.ask("create_dataset", name="customers", rows=cookbooks.ASSERTION_ROWS)
        checks = ("app.py:checked", "app.py:is_civil")
        first = await ax.run("app.py:reply", *checks)
        assert labels(first) == {
            "contains": {"pass": 1, "fail": 1},
            "words": {"fail": 2},
            "excludes": {"fail": 1},
            "matches": {"pass": 1},
            "is_civil": {"pass": 3},
        }
        second = await ax.run("app.py:short_reply", *checks)
        assert labels(second) == {
            "contains": {"pass": 2},
            "words": {"pass": 2},
            "excludes": {"pass": 1},
            "matches": {"pass": 1},
            "is_civil": {"pass": 2, "fail": 1},
        }
        assert values(await ax.compared("reply", "short_reply")) == {
            "contains": (0.5, 1),
            "words": (0, 1),
            "excludes": (0, 1),
            "matches": (1, 1),
            "is_civil": (1, 0.67),
        }
        runs = (await ax.ask("get_experiment", experiment="short_reply"))["runs"]
        failed = [one for run in runs for one in run["evaluations"] if one["label"] == "fail"]
        assert [(one["name"], one["explanation"]) for one in failed] == [("is_civil", "no full stop")]

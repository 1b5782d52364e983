"""One spending contract: what each paid call discloses, who is asked, and that nothing happens before the answer.

A row of `SPENDERS` is one tool that calls models. Each row goes through every way of asking.
"""

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, ErrorData
from tests import stores
from tests.caller import Caller, text_of
from tests.engines import reached
from tests.scripted_model import ScriptedModel
from tests.tools.test_deletes import CANCEL, DECLINE, ERAS, UNTICKED, YES, Era, Person
from tests.tools.test_run_experiment import bare_python
from tests.traces import Span, send, span

from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

__all__ = ["bare_python"]

JUDGE: dict[str, Any] = {"name": "tone", "template": "Rate {output}", "choices": {"good": 1, "bad": 0}}
MODEL = "gpt-4o-mini"
UNKNOWN = "mine-7b"
PRICES = {MODEL: {"input": 1_000.0, "output": 1_000.0}}
"""So that four calls cost about a dollar and more."""

TASK = "def answer(question):\n    return question\n"


class World(NamedTuple):
    """A caller, the model behind it, and the folder of the files."""

    ax: Caller
    model: ScriptedModel
    files: Path
    python: Path

    async def made(self) -> dict[str, list[str]]:
        """The names of everything that a paid call may make, and the ids of runs."""
        tasks = (await self.ax.ask("list_tasks"))["tasks"]
        runs = [run["id"] for task in tasks for run in task["last_runs"]]
        judges = [one["name"] for one in (await self.ax.ask("list_judges"))["judges"]]
        experiments = [one["name"] for one in (await self.ax.ask("list_experiments"))["experiments"]]
        facts = [f"{task['name']} {task['is_continuous']} {task['query_filter']}" for task in tasks]
        return {"tasks": facts, "runs": runs, "judges": judges, "experiments": experiments}


class Spender(NamedTuple):
    """One paid call: its preparation, its arguments, and the number of calls that its plan has."""

    tool: str
    calls: int
    arguments: dict[str, Any]
    asked: str
    prepare: Callable[[World], Awaitable[object]] | None = None
    continuous: bool = False
    python: bool = False


async def task(world: World) -> None:
    await world.ax.ask("create_task", name="policy", project="bot", evaluators=["tone"])


async def dataset(world: World) -> None:
    await world.ax.ask("create_dataset", name="questions", rows=[{"question": f"q{at}"} for at in range(4)])


async def experiment_task(world: World) -> None:
    await dataset(world)
    prompt = {"messages": [{"role": "USER", "content": "Q: {question}"}], "model_name": model_of(world)}
    await world.ax.ask("create_task", name="answers", dataset="questions", run_configuration=prompt)


async def followed(world: World) -> None:
    await experiment_task(world)
    (world.files / "old.csv").write_text("question,output\nq1,a\n", encoding="utf-8")
    await world.ax.ask("upload_experiment", name="old", file="old.csv", dataset="questions", key="question")
    await world.ax.ask("create_task", name="after", dataset="questions", experiments=["old"], evaluators=["tone"])


async def code(world: World) -> None:
    await dataset(world)
    (world.files / "task.py").write_text(TASK, encoding="utf-8")


async def failed(world: World) -> None:
    await dataset(world)
    (world.files / "task.py").write_text("def answer(question):\n    raise OSError(question)\n", encoding="utf-8")
    given = {"task": "task.py:answer", "dataset": "questions", "python": str(world.python), "evaluators": ["tone"]}
    await world.ax.ask("run_experiment", **given, confirm_cost=4)
    (world.files / "task.py").write_text(TASK, encoding="utf-8")


def model_of(world: World) -> str:
    return str(world.ax.settings.environment["MODEL_UNDER_TEST"])


CODE = {"task": "task.py:answer", "dataset": "questions", "evaluators": ["tone"]}
WEEK = {"project": "bot", "evaluators": ["tone"]}

POLICY = {"task": "policy"}
MAKES = {"task": "answers", "experiment_name": "v1"}
ON = {"is_continuous": True}
ARRIVING = "Score rows of project 'bot' as they arrive"
CHANGE = "Change the continuous task 'policy'"
JUDGED = "Let judges score experiment 'answer'"

SPENDERS = {
    "backfill": Spender("trigger_backfill", 4, WEEK, "Score project 'bot'"),
    "backfill of a task": Spender(
        "trigger_backfill", 4, {**POLICY, "window": "last 2 days"}, "Score task 'policy'", task
    ),
    "run": Spender("trigger_run", 4, POLICY, "Run task 'policy'", task),
    "run of an experiment": Spender("trigger_run", 4, MAKES, "Run task 'answers'", experiment_task),
    "run with evaluations": Spender(
        "trigger_run", 8, {**MAKES, "evaluation_tasks": ["after"]}, "Run task 'answers'", followed
    ),
    "new continuous task": Spender("create_task", 4, {"name": "watch", **WEEK, **ON}, ARRIVING, continuous=True),
    "task made continuous": Spender("update_task", 4, {**POLICY, **ON}, CHANGE, task, continuous=True),
    "preview": Spender("preview_judge", 3, {"judge": "tone", "project": "bot"}, "Try judge 'tone'"),
    "experiment": Spender("run_experiment", 4, CODE, JUDGED, code, python=True),
    "retry": Spender("retry_experiment", 4, {"experiment": "answer"}, JUDGED, failed),
}
QUICK = ["backfill", "run", "new continuous task", "preview"]
"""The rows of the default run. The others are slow, or differ only in the plan."""

EVERY = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SPENDERS]
)


def answers() -> list[Span]:
    return [span(f"a{at}", f"Answer {at}.", minutes_ago=at + 1) for at in range(4)]


@asynccontextmanager
async def world_of(
    settings: Settings,
    files: Path,
    python: Path,
    person: Person | None,
    *,
    era: Era = "legacy",
    model: str = UNKNOWN,
    **changes: Any,
) -> AsyncGenerator[World]:
    """A world with project "bot", four answers and the judge "tone". Four calls are above the threshold."""
    await send(settings.home, answers())
    (settings.home / "prices.json").write_text(json.dumps(PRICES), encoding="utf-8")
    with ScriptedModel(lambda _: "good") as scripted:
        keys = {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": scripted.url,
            "MODEL_UNDER_TEST": model,
        }
        given = {"ask_above_calls": 2, "ask_above_dollars": 1e9, **changes}
        stores.begin(settings.home)
        with reached(replace(settings, structured=True, environment=keys, **given)) as there:
            async with Client(create_server(there), mode=era, elicitation_callback=person) as client:
                ax = Caller(client, there)
                await ax.ask("create_judge", **JUDGE, model=model)
                yield World(ax, scripted, files, python)


@asynccontextmanager
async def prepared(
    name: str, settings: Settings, files: Path, python: Path, person: Person | None, **options: Any
) -> AsyncGenerator[tuple[World, Spender, dict[str, Any]]]:
    """A world in which only the paid call is left to do; with its row and its arguments."""
    spender = SPENDERS[name]
    async with world_of(settings, files, python, person, **options) as world:
        if spender.prepare is not None:
            if person is not None:
                kept = [*person.answers]
                person.answers[:] = [YES]
                await spender.prepare(world)
                person.answers[:] = kept
                person.asked.clear()
            else:
                await spender.prepare(world)
        given = {**spender.arguments, **({"python": str(python)} if spender.python else {})}
        world.model.requests.clear()
        yield world, spender, given


async def finished(world: World, result: CallToolResult) -> None:
    """Wait for the runs of a successful call."""
    data = data_of(result)
    runs = [run["id"] for run in data.get("runs") or ([data["run"]] if "run" in data else [])]
    if runs:
        await world.ax.call("wait_for_run", run=",".join(runs), timeout=30)


@EVERY
async def test_below_the_threshold_nobody_is_asked(
    settings: Settings, files: Path, bare_python: Path, name: str
) -> None:
    person = Person(DECLINE)
    async with prepared(name, settings, files, bare_python, person, ask_above_calls=200) as (world, spender, given):
        result = await world.ax.call(spender.tool, **given)
        assert not result.is_error, text_of(result)
        assert "agreed" not in text_of(result)
        assert data_of(result)["spending"]["calls"] == spender.calls
        assert_discloses(text_of(result), world, spender)
        await finished(world, result)
    assert person.asked == []


def assert_discloses(text: str, world: World, spender: Spender) -> None:
    """Rows, calls, tokens, the price, and each host with the text that it gets, stand in a text."""
    at = world.model.url.removeprefix("http://").removesuffix("/v1")
    assert f"{spender.calls} calls to models for " in text
    assert "tokens, price unknown" in text
    assert f"Sent to {at} for {UNKNOWN}: the prompt, " in text
    if spender.continuous:
        assert f"About {spender.calls / 7:.1f} calls a day at last week's rate" in text


@ERAS
@EVERY
async def test_above_the_threshold_one_yes_starts_it(
    settings: Settings, files: Path, bare_python: Path, name: str, era: Era
) -> None:
    person = Person(YES)
    async with prepared(name, settings, files, bare_python, person, era=era) as (world, spender, given):
        before = await world.made()
        seen: list[object] = []

        async def look() -> None:
            seen.extend([await world.made(), world.model.count])

        person.meanwhile = look if era == "auto" else None
        result = await world.ax.call(spender.tool, **given)
        assert not result.is_error, text_of(result)
        assert f"The user agreed to {spender.calls} calls." in text_of(result)
        if era == "auto":
            assert seen == [before, 0]
        await finished(world, result)
        assert spender.continuous or world.model.count >= min(spender.calls, 4)
        assert spender.tool == "preview_judge" or await world.made() != before
        (question,) = person.asked
        assert re.match(f"{spender.asked}\\? ", question), question
        assert_discloses(question, world, spender)


NO = {"declined": DECLINE, "cancelled": CANCEL, "unticked": UNTICKED}
SAID = {
    "declined": "the user declined",
    "cancelled": "the user closed the question",
    "unticked": "the user did not tick the box",
}


@pytest.mark.parametrize("answer", NO)
@EVERY
async def test_anything_but_a_yes_starts_nothing(
    settings: Settings, files: Path, bare_python: Path, name: str, answer: str
) -> None:
    era: Era = "auto" if answer == "cancelled" else "legacy"
    person = Person(NO[answer])
    async with prepared(name, settings, files, bare_python, person, era=era) as (world, spender, given):
        before = await world.made()
        # A number from the model does not stand in for the person.
        result = await world.ax.call(spender.tool, **given, confirm_cost=spender.calls)
        assert not result.is_error, text_of(result)
        told = text_of(result).partition("\n")[0]
        assert told.endswith(f": {SAID[answer]}.")
        assert told.startswith(("Nothing was ", "No model was called"))
        assert (await world.made(), world.model.count) == (before, 0)
    assert len(person.asked) == 1


class Silent(Person):
    """A person who looks at the question and does not answer."""

    def __init__(self) -> None:
        super().__init__(YES)
        self.silent = True
        self.late_s = 1.0

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        answer = await super().__call__(context, params)
        if self.answers == [YES] and self.silent and " to models for " in params.message:
            await anyio.sleep(self.late_s)
        return answer


@ERAS
@EVERY
async def test_a_question_that_nobody_answers_ends_and_starts_nothing(
    settings: Settings, files: Path, bare_python: Path, name: str, era: Era
) -> None:
    """In the newer era the client holds the question, so the answer comes and is too late."""
    person = Silent()
    person.silent = False
    # What is retried was made by a call with a question of its own, which the person answers in time.
    answer_s = 5.0 if name == "retry" else 0.25
    person.late_s = answer_s + 0.75
    async with prepared(name, settings, files, bare_python, person, era=era, answer_s=answer_s) as made_ready:
        world, spender, given = made_ready
        before = await world.made()
        person.silent = True
        told = await world.ax.told(spender.tool, **given)
        assert f"nobody answered the question within {answer_s:g} s." in told
        await anyio.sleep(0.1)
        assert (await world.made(), world.model.count) == (before, 0)


@EVERY
async def test_where_nobody_can_be_asked_the_number_of_calls_has_to_be_given(
    settings: Settings, files: Path, bare_python: Path, name: str
) -> None:
    async with prepared_alone(name, settings, files, bare_python) as (world, spender, given):
        before = await world.made()
        for wrong in (None, spender.calls - 1, spender.calls + 1, 0, -1):
            refusal = await world.ax.refused(spender.tool, **given, confirm_cost=wrong)
            assert refusal["code"] == "invalid"
            assert f"confirm_cost has to be {spender.calls}" in refusal["message"]
            assert_discloses(refusal["message"], world, spender)
            assert refusal["next"].startswith(f"Ask the user; then call again with confirm_cost={spender.calls}")
            assert (await world.made(), world.model.count) == (before, 0)
        result = await world.ax.call(spender.tool, **given, confirm_cost=spender.calls)
        assert not result.is_error, text_of(result)
        assert f"No person agreed to the {spender.calls} calls" in text_of(result)
        await finished(world, result)
        assert spender.continuous or world.model.count >= min(spender.calls, 4)


@asynccontextmanager
async def prepared_alone(
    name: str, settings: Settings, files: Path, python: Path, **options: Any
) -> AsyncGenerator[tuple[World, Spender, dict[str, Any]]]:
    async with prepared(name, settings, files, python, None, **options) as found:
        yield found


@EVERY
async def test_a_price_decides_where_it_is_known(settings: Settings, files: Path, bare_python: Path, name: str) -> None:
    """Few calls, and more than a dollar."""
    person = Person(DECLINE)
    dear = {"model": MODEL, "ask_above_calls": 200, "ask_above_dollars": 0.5}
    async with prepared(name, settings, files, bare_python, person, **dear) as (world, spender, given):
        told = await world.ax.told(spender.tool, **given)
        assert ": the user declined." in told
    (question,) = person.asked
    assert " by list prices" in question
    assert "price unknown" not in question

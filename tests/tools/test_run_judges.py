"""A function's outputs judged by name, beside functions of the user's own; and runs that are ended halfway."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.tools.test_experiments import runs_of
from tests.tools.test_run_experiment import Write, bare_python, questions, run, write

from assaykit import redaction
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

__all__ = ["bare_python", "questions", "write"]

pytestmark = pytest.mark.usefixtures("questions")

TASK = """
    import pathlib

    def answer(input):
        if input == "When?" and not pathlib.Path("mended").exists():
            raise RuntimeError("no clock")
        return input + " here"

    def short(output):
        return len(output) < 11
"""


async def test_judges_by_name_score_what_has_an_output_and_later_what_was_run_again(
    settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", TASK)
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="another", rows=[{"input": "?"}])
            await ax.ask("create_judge", name="where", code="CONTAINS_ANY_KEYWORD", keywords=["Where"])
            await judge(ax, "tone", "Of {question}: {output}")
            data = await run(ax, bare_python, "task.py:answer", evaluators=["tone", "task.py:short", "where"])
            assert (data["rows"], data["failed"], data["evaluators"]["short"]["scored"]) == (3, 1, 2)
            assert [one["run"]["num_successes"] for one in data["judge_runs"]] == [2, 2]
            assert len(model.prompts) == 2
            assert ax.progress == sorted(ax.progress)
            assert {total for _, total in ax.progress} == {9}
            (files / "mended").touch()
            again = await ax.ask("retry_experiment", experiment="answer")
            assert (again["retried"], again["failed"]) == (1, 0)
            assert [one["run"]["num_successes"] for one in again["judge_runs"]] == [1, 1]
            assert len(model.prompts) == 3
    runs = await runs_of(settings, data["experiment"]["id"])
    told = {(one["output"], one.get("eval.tone.label"), one.get("eval.where.label")) for one in runs}
    assert told == {
        ("", None, None),
        ("Where? here", "polite", "contains"),
        ("Why? here", "polite", "missing"),
        ("When? here", "polite", "missing"),
    }


async def test_judges_by_name_take_column_mappings(settings: Settings, write: Write, bare_python: Path) -> None:
    write("task.py", "def answer(input): return input + ' here'\n")
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await judge(ax, "asked", "Of {query}: {reply}")
            mapped = {"query": "question", "reply": "output"}
            given: dict[str, Any] = {"evaluators": ["asked"], "column_mappings": mapped}
            call = {"task": "task.py:answer", "dataset": "questions", "python": str(bare_python)}
            refusal = await ax.refused("run_experiment", **call, **{**given, "column_mappings": {"qery": "question"}})
            assert "column_mappings names 'qery', which no evaluator has" in refusal["message"]
            refusal = await ax.refused("run_experiment", **call, column_mappings=mapped)
            assert refusal["message"] == "column_mappings is for judges by name, and there is none."
            data = await run(ax, bare_python, "task.py:answer", **given)
            assert [one["run"]["num_successes"] for one in data["judge_runs"]] == [3]
            assert any("Where?" in prompt and "Where? here" in prompt for prompt in model.prompts)


OBJECTS = """
    def answer(input):
        with open("calls.txt", "a") as file:
            file.write("x")
        return {"answer": input + " here", "pages": [{"text": "about " + input}]}
"""


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("output.answer", "Where? here"),
        ("output.pages.0.text", "about Where?"),
        ("output.pages", '[{"text":"about Where?"}]'),
    ],
)
async def test_judges_by_name_read_what_is_inside_an_output(
    settings: Settings, write: Write, bare_python: Path, path: str, shown: str
) -> None:
    write("task.py", OBJECTS)
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await judge(ax, "asked", "Asked {query}: {reply}")
            mapped = {"query": "question", "reply": path}
            data = await run(ax, bare_python, "task.py:answer", evaluators=["asked"], column_mappings=mapped)
            assert [one["run"]["num_successes"] for one in data["judge_runs"]] == [3]
            assert [shown in prompt for prompt in model.prompts].count(True) == 1


async def test_a_path_that_no_output_has_is_refused_before_anything_is_recorded(
    settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", OBJECTS)
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await judge(ax, "asked", "{reply}")
            call: dict[str, Any] = {"task": "task.py:answer", "dataset": "questions", "python": str(bare_python)}
            call |= {"evaluators": ["asked"], "column_mappings": {"reply": "output.anwser"}}
            for dry_run in (True, False):
                refusal = await ax.refused("run_experiment", **call, dry_run=dry_run)
                assert "(tried output.anwser)" in refusal["message"]
            assert (await ax.ask("list_experiments", dataset="questions"))["experiments"] == []
            call["column_mappings"] = {"reply": "output.answer"}
            data = await ax.ask("run_experiment", **call)
            assert data["resumed"] == 3
            assert (files / "calls.txt").read_text(encoding="utf-8") == "x" * 6
            assert len(model.prompts) == 3


async def test_a_retry_keeps_the_mappings_of_the_run(
    settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", TASK.replace('return input + " here"', 'return {"answer": input + " here"}'))
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await judge(ax, "asked", "{reply}")
            mapped = {"reply": "output.answer"}
            await run(ax, bare_python, "task.py:answer", evaluators=["asked"], column_mappings=mapped)
            (files / "mended").touch()
            again = await ax.ask("retry_experiment", experiment="answer")
            assert [one["run"]["num_successes"] for one in again["judge_runs"]] == [1]
            assert "When? here" in model.prompts[-1]


async def judge(ax: Caller, name: str, template: str) -> None:
    await ax.ask(
        "create_judge", name=name, template=template, choices={"polite": 1, "rude": 0}, model="m"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("evaluators", "said"),
    [
        (["tonne"], "'tonne'"),
        (["where", "where"], "named twice"),
        (["broken"], "'nowhere'"),
        (["where", "task.py:where"], "an evaluator and a judge are both named 'where'"),
        (["task.py"], "does not name a function of a file"),
    ],
)
async def test_judges_that_cannot_be_asked_are_found_before_a_row_is_run(
    settings: Settings, files: Path, write: Write, bare_python: Path, evaluators: list[str], said: str
) -> None:
    write("task.py", "def answer(input): open('called', 'w')\n\ndef where(output): return 1\n")
    with ScriptedModel(lambda _: "polite") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="where", code="CONTAINS_ANY_KEYWORD", keywords=["Where"])
            await judge(ax, "broken", "{nowhere}: {output}")
            found = await ax.refused(
                "run_experiment",
                task="task.py:answer",
                dataset="questions",
                python=str(bare_python),
                evaluators=evaluators,
            )
    assert said in found["message"]
    assert not (files / "called").exists()


async def test_a_call_that_is_cancelled_is_gone_on_with(
    ax: Caller, files: Path, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import pathlib, time

        def answer(input):
            with open("calls.txt", "a") as file:
                file.write(input + "\\n")
            while input == "Why?" and not pathlib.Path("go").exists():
                time.sleep(0.01)
            return input
        """,
    )
    arguments: dict[str, Any] = {"task": "task.py:answer", "dataset": "questions", "python": str(bare_python)}
    reported: list[str | None] = []
    async with anyio.create_task_group() as group:

        async def noted(progress: float, total: float | None, message: str | None) -> None:
            reported.append(message)
            if progress == 2:
                group.cancel_scope.cancel()

        group.start_soon(
            lambda: ax.client.call_tool("run_experiment", {**arguments, "concurrency": 1}, progress_callback=noted)
        )
    assert (reported[-1] or "").startswith("2 of 3 rows done, ")
    assert "a second, about " in (reported[-1] or "")
    (files / "go").touch()
    # The cancelled call lets go of its journal a moment after the client has let go of it.
    with anyio.fail_after(120):
        while (result := await ax.call("run_experiment", **arguments)).is_error:  # noqa: ASYNC110  (nobody tells)
            await anyio.sleep(0.05)
    assert (data_of(result)["resumed"], data_of(result)["rows"]) == (2, 3)
    calls = (files / "calls.txt").read_text(encoding="utf-8").split()
    assert (calls.count("Where?"), calls.count("When?")) == (1, 1)


@pytest.mark.over_http("retry_experiment")
async def test_a_retry_that_was_cut_short_is_no_hindrance_once_the_file_is_mended(
    ax: Caller, settings: Settings, write: Write, bare_python: Path
) -> None:
    failing = "def answer(input):\n    if input == 'When?': raise ValueError('1')\n    return input\n"
    write("task.py", failing)
    data = await run(ax, bare_python, "task.py:answer")
    broken = settings.home / "experiments"
    write("task.py", "def other(input): return input\n")
    # The journal is begun before it is found that nothing can be run.
    assert "has no function" in (await ax.refused("retry_experiment"))["message"]
    assert list(broken.glob("*.jsonl"))
    write("task.py", failing.replace("raise ValueError('1')", "return 'Now'"))
    assert (await ax.ask("retry_experiment"))["failed"] == 0
    assert not list(broken.glob("*.jsonl"))
    runs = await runs_of(settings, data["experiment"]["id"])
    assert sorted(one["output"] for one in runs) == ["", "Now", "Where?", "Why?"]


@pytest.mark.parametrize("rest", ["", '{"functions": [["', "[]", "{}"])
async def test_a_plan_that_was_cut_short_is_asked_for_again(
    ax: Caller, settings: Settings, write: Write, bare_python: Path, rest: str
) -> None:
    write("task.py", "def answer(input):\n    return 1 / 0\n")
    await run(ax, bare_python, "task.py:answer")
    (plan,) = (settings.home / "experiments").glob("*.json")
    plan.write_text(rest, encoding="utf-8")
    refused = await ax.refused("retry_experiment", experiment="answer")
    assert refused["message"] == "This data folder has no plan of 'answer'."
    assert refused["next"].startswith("Pass task='task.py:answer'")
    assert list(plan.parent.glob("*.part")) == []


async def test_words_of_a_function_lose_a_key_that_is_in_the_keyring_of_this_process(
    settings: Settings, write: Write, bare_python: Path
) -> None:
    key = "sesame-plain-9157"

    async def slow() -> None:
        redaction.learn([key])

    write("task.py", f"def answer(input):\n    return input + ' {key}'\n")
    async with serving(settings) as ax:
        with redaction.asking(list, slow):
            data = await run(ax, bare_python, "task.py:answer")
    assert {one["output"][-8:] for one in await runs_of(settings, data["experiment"]["id"])} == {"[secret]"}

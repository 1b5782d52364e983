"""Rows of the user's code: what a run that goes on and a retry make of each change in the table."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.caller import Caller, connected, text_of
from tests.identity.table import Cell, cells
from tests.tools.test_run_experiment import Write, bare_python, write
from tests.tools.test_run_identity import begun

from assaykit.api.experiments import examples_of
from assaykit.wire.datasets import DatasetVersionWithExampleIds, UpdateDatasetExamplesRequest

__all__ = ["bare_python", "begun", "write"]

pytestmark = [
    pytest.mark.embedded("a call is made to fail inside the server, and its journal is read"),
    pytest.mark.slow,
]


class Place(NamedTuple):
    """The folder of the user's files, the tools and the interpreter of an experiment on the dataset `d`."""

    files: Path
    ax: Caller
    python: Path
    monkeypatch: pytest.MonkeyPatch


Arguments = dict[str, Any]


async def patched(ax: Caller, *, version: str | None, columns: dict[str, Any]) -> None:
    """Give the examples of the dataset `d` these columns, in place or in a new version."""
    (dataset,) = (await ax.ask("list_datasets"))["datasets"]
    async with connected(ax.settings) as api:
        every = [one async for one in examples_of(api, dataset["id"])]
        changed = [{"id": one.id, **(one.model_extra or {}), **columns} for one in every]
        body = UpdateDatasetExamplesRequest.model_validate({"examples": changed, "new_version": version})
        await api.patch(f"/v2/datasets/{dataset['id']}/examples", DatasetVersionWithExampleIds, body)


def appended(name: str, text: str) -> Callable[[Place], Awaitable[Arguments]]:
    async def change(place: Place) -> Arguments:
        file = place.files / name
        file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
        return {}

    return change


def arguments(**given: Any) -> Callable[[Place], Awaitable[Arguments]]:
    async def change(_: Place) -> Arguments:
        return given

    return change


def examples(version: str | None, **columns: Any) -> Callable[[Place], Awaitable[Arguments]]:
    async def change(place: Place) -> Arguments:
        await patched(place.ax, version=version, columns=columns)
        return {}

    return change


async def touched(place: Place) -> Arguments:
    os.utime(place.files / "task.py", (1, 1))
    return {}


async def moved(place: Place) -> Arguments:
    (place.files / "task.py").rename(place.files / "moved.py")
    return {}


async def renamed(place: Place) -> Arguments:
    file = place.files / "task.py"
    file.write_text(file.read_text(encoding="utf-8").replace("def answer", "def other"), encoding="utf-8")
    return {}


async def another_interpreter(place: Place) -> Arguments:
    return {"python": str(place.python.with_name("python3"))}


async def another_package(place: Place) -> Arguments:
    (place.files / "scorer-1.0.dist-info").rename(place.files / "scorer-1.1.dist-info")
    return {}


async def another_variable(place: Place) -> Arguments:
    place.monkeypatch.setenv("SOME_SETTING", "other")
    return {}


async def example_added(place: Place) -> Arguments:
    await place.ax.ask("append_examples", dataset="d", rows=[{"input": "q9"}])
    return {}


CHANGES: dict[str, Callable[[Place], Awaitable[Arguments]]] = {
    "nothing": arguments(),
    "code of the function": appended("task.py", "\nMORE = 1\n"),
    "helper module": appended("helper.py", "\nMORE = 1\n"),
    "module imported in a row": appended("lazily.py", "\nMORE = 1\n"),
    "comment in the code": appended("helper.py", "\n# a word\n"),
    "file touched": touched,
    "file moved": moved,
    "function renamed": renamed,
    "evaluator function": appended("check.py", "\nMORE = 1\n"),
    "interpreter": another_interpreter,
    "package version": another_package,
    "environment variable": another_variable,
    "repetitions": arguments(repetitions=2),
    "metadata": arguments(metadata={"model": "m"}),
    "concurrency and timeout": arguments(concurrency=3, timeout=60),
    "example changed in place": examples(None, input="other"),
    "example changed in a new version": examples("v2", input="other"),
    "new version without change": examples("v2"),
    "example added": example_added,
    "column added to examples": examples(None, more=1),
}

TOLD = ("Earlier rows were made with", "has changed since earlier rows were made")


def judged(cell: Cell, text: str, *, is_error: bool, begins: str) -> None:
    """Check a reply against a cell."""
    assert is_error == (cell == "refuse"), text
    if not is_error:
        assert begins in text
        assert any(words in text for words in TOLD) == (cell == "tell"), text


@pytest.fixture
def more(files: Path) -> None:
    """An evaluator in a file of its own, and a package that is installed beside it."""
    (files / "check.py").write_text("def fits(output):\n    return output.startswith('about')\n", encoding="utf-8")
    (files / "scorer-1.0.dist-info").mkdir()


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(("change", "cell"), cells("resume"))
async def test_a_run_that_goes_on(
    begun: Callable[..., Any],
    ax: Caller,
    files: Path,
    bare_python: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    cell: Cell,
) -> None:
    given = await CHANGES[change](Place(files, ax, bare_python, monkeypatch))
    reply = await begun(**given)
    judged(cell, text_of(reply), is_error=reply.is_error, begins="2 rows were done before.")
    if cell == "refuse" and change not in {"file moved", "function renamed"}:
        assert "was begun with other" in text_of(reply)


TASK = """
    import pathlib

    import helper

    def answer(input):
        import lazily
        if input == "q1" and not pathlib.Path(__file__).with_name("ready").exists():
            raise ValueError("not ready")
        return helper.about(input) + lazily.END
"""


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(("change", "cell"), cells("retry"))
async def test_a_retry(
    ax: Caller,
    write: Write,
    files: Path,
    bare_python: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    cell: Cell,
) -> None:
    await ax.ask("create_dataset", name="d", rows=[{"input": f"q{number}"} for number in range(3)])
    write("task.py", TASK)
    write("helper.py", "def about(text):\n    return 'about ' + text\n")
    write("lazily.py", "END = ''\n")
    asked = {"task": "task.py:answer", "evaluators": ["check.py:fits"], "dataset": "d", "name": "e"}
    first = await ax.ask("run_experiment", python=str(bare_python), **asked)
    assert (first["rows"], first["failed"]) == (3, 1)
    (files / "ready").touch()
    given = await CHANGES[change](Place(files, ax, bare_python, monkeypatch))
    reply = await ax.call("retry_experiment", experiment="e", **given)
    judged(cell, text_of(reply), is_error=reply.is_error, begins="Ran 1 failed row(s)")
    if change == "example changed in a new version":
        rows = (await ax.ask("get_experiment", experiment="e"))["rows"]
        assert "other" not in json.dumps(rows)

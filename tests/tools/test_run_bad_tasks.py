"""Files and functions that cannot be run, or not to the end: one row or one call fails, and says why."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.tools.test_run_experiment import Write, bare_python, questions, run, write

from assaykit.settings import Settings

__all__ = ["bare_python", "questions", "write"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("questions")]


async def refusal(ax: Caller, python: Path, task: str, **more: Any) -> str:
    found = await ax.refused("run_experiment", task=task, dataset="questions", python=str(python), **more)
    assert "Traceback" not in found["message"]
    return found["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import not_there\ndef answer(input): return input\n", ["No module named 'not_there'", "task.py:1"]),
        ("def answer(input)\n    return input\n", ["SyntaxError", "task.py:1"]),
        ("raise SystemExit(3)\n", ["SystemExit: 3"]),
        ("import os\nos._exit(3)\n", ["the process ended with code 3"]),
        ("import os, sys\nprint('last words', flush=True)\nos.kill(os.getpid(), 9)\n", ["SIGKILL", "last words"]),
        ("def other(input): return input\n", ["has no function 'answer'; it has other"]),
        ("answer = 3\n", ["answer is a int, which cannot be called"]),
        ("def answer(): return 1\n", ["answer: it takes no parameter"]),
        ("def answer(input, surprise): return 1\n", ["'surprise' is unknown", "dataset_row, input"]),
    ],
)
async def test_a_file_that_cannot_be_used_says_why_in_its_own_words(
    ax: Caller, write: Write, bare_python: Path, text: str, said: list[str]
) -> None:
    write("task.py", text)
    message = await refusal(ax, bare_python, "task.py:answer")
    assert all(words in message for words in said), message
    write("task.py", "def answer(input): return input\n")
    assert (await run(ax, bare_python, "task.py:answer"))["failed"] == 0, "corrected, the same call works"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {'a': [1, lambda: 2]}", "output['a'][1] is a function, which JSON cannot hold"),
        ("return float('nan')", "output is nan, which JSON cannot hold"),
        ("return {1: 2, '1': 3}", "output has two keys that are '1' as text"),
        ("x = []; x.append(x); return x", "is nested deeper than 100 levels"),
        ("return 'x' * 1_000_001", "output has more than 1000000 characters"),
        ("return (x for x in 'abc')", "output is a generator"),
        (r"return ['a\ud800']", r"output[0] has half a character at 1: '\ud800'"),
        (r"raise ValueError('\ud800')", "ValueError: ?"),
        ("raise SystemExit('enough')", "SystemExit: the function ended the process (enough)"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import os; os._exit(7)", "the process ended with code 7"),
        ("while True: pass", "took longer than 1 s"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_one_bad_row_costs_that_row(
    ax: Caller, write: Write, bare_python: Path, kind: str, body: str, said: str
) -> None:
    lines = "\n        ".join(body.split("; "))
    write("task.py", f"{kind} answer(input):\n    if input == 'When?':\n        {lines}\n    return input\n")
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, timeout=1 if "while" in body else 60)
    outputs = {one["output"] for one in data["outputs"] if one["error"] is None}
    assert (data["failed"], outputs) == (1, {"Where?", "Why?"})
    assert said in data["errors"][0]["error"]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_outputs_that_cannot_be_recorded_stop_the_run_before_it_is_paid_for(
    ax: Caller, write: Write, bare_python: Path, files: Path, kind: str
) -> None:
    await ax.ask("create_dataset", name="many", rows=[{"input": n} for n in range(40)])
    write(
        "task.py",
        f"""
        {kind} answer(input):
            with open("calls.txt", "a") as file:
                file.write("x")
            return object()
        """,
    )
    arguments = {"task": "task.py:answer", "dataset": "many", "python": str(bare_python), "concurrency": 2}
    refusal = await ax.refused("run_experiment", **arguments)
    assert "output is a object, which JSON cannot hold" in refusal["message"]
    assert "(it was <object object at" in refusal["message"]
    assert refusal["next"] == "Nothing was recorded. Correct the function."
    assert len((files / "calls.txt").read_text(encoding="utf-8")) < 40
    assert (await ax.ask("list_experiments"))["experiments"] == []
    write("task.py", f"{kind} answer(input):\n    return {{input}}\n")
    assert (await ax.ask("run_experiment", **arguments))["failed"] == 0


async def test_fifty_megabytes_that_are_printed_do_no_harm(ax: Caller, write: Write, bare_python: Path) -> None:
    write(
        "task.py",
        """
        import os, sys

        def answer(input):
            for _ in range(50):
                print("x" * 1_000_000)
            os.write(1, b"{\\"row\\": 1}\\n")
            return input
        """,
    )
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, concurrency=1)
    assert (data["rows"], data["failed"]) == (3, 0)


async def test_what_a_late_row_has_started_is_gone_with_it(
    ax: Caller, files: Path, write: Write, bare_python: Path
) -> None:
    write(
        "task.py",
        """
        import pathlib, subprocess, sys, time

        def answer(input):
            if input == "When?":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                pathlib.Path("child.pid").write_text(str(child.pid))
                time.sleep(600)
            return input
        """,
    )
    data = await run(ax, bare_python, "task.py:answer", dry_run=True, timeout=2)
    assert data["failed"] == 1
    child = int((files / "child.pid").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 120
    while is_running(child) and time.monotonic() < deadline:  # noqa: ASYNC110  (nobody tells)
        await anyio.sleep(0.01)
    assert not is_running(child)


def is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_evaluators_that_fail_leave_the_row_unscored(ax: Caller, write: Write, bare_python: Path) -> None:
    write(
        "task.py",
        """
        def answer(input):
            return input

        def broken(output):
            raise KeyError("gone")

        def speechless(output):
            return None

        def endless(output):
            return float("inf")
        """,
    )
    judges = ["task.py:broken", "task.py:speechless", "task.py:endless"]
    data = await run(ax, bare_python, "task.py:answer", evaluators=judges)
    assert data["failed"] == 0
    told = {name: (one["scored"], one["failed"], one["first_error"]) for name, one in data["evaluators"].items()}
    assert told["broken"][:2] == told["endless"][:2] == (0, 3)
    assert told["speechless"][:2] == (0, 0)
    assert "KeyError: 'gone'" in told["broken"][2]
    assert told["speechless"][2] is None
    assert "the score is inf" in told["endless"][2]


async def test_only_files_of_the_folders_are_run(ax: Caller, files: Path, tmp_path: Path, bare_python: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("def answer(input): return input\n", encoding="utf-8")
    (files / "link.py").symlink_to(outside)
    assert "lies outside" in await refusal(ax, bare_python, f"{outside}:answer")
    assert "link" in await refusal(ax, bare_python, "link.py:answer")
    assert "no file 'gone.py'" in await refusal(ax, bare_python, "gone.py:answer")
    assert "no module 'task.txt'" in await refusal(ax, bare_python, "task.txt:answer")
    assert "does not name a function of a file" in await refusal(ax, bare_python, "answer")


async def test_only_a_python_is_an_interpreter(ax: Caller, files: Path, write: Write) -> None:
    write("task.py", "def answer(input): return input\n")
    for wanted in ("/bin/sh", "python-of-nobody", str(files / "python3")):
        assert "is not an existing Python interpreter" in await refusal(ax, Path(wanted), "task.py:answer")


async def test_the_environment_is_the_users_without_our_secrets(
    settings: Settings, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", "import os\ndef answer(input): return dict(os.environ)\n")
    users = {"OPENAI_API_KEY": "sk-1", "ARIZE_API_KEY": "ak-1", "PATH": "/bin"}
    ours = {"ASSAYKIT_ENGINE_KEY": "secret", "ASSAYKIT_HOME": "/x", "ASSAYKIT_LOG": "error"}
    async with serving(replace(settings, environment={**users, **ours})) as ax:
        data = await run(ax, bare_python, "task.py:answer", dry_run=True)
    seen = data["outputs"][0]["output"]
    assert users.items() <= seen.items()
    assert not [name for name, value in seen.items() if "ASSAYKIT" in name or "secret" in value]


async def test_evaluators_of_one_name_are_refused_before_a_row_is_run(
    ax: Caller, files: Path, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(input):\n    open('called', 'w')\n\ndef good(output): return 1\n")
    write("other.py", "def good(output): return 0\n")
    said = await refusal(ax, bare_python, "task.py:answer", evaluators=["task.py:good", "other.py:good"])
    assert "two evaluators are named 'good'" in said
    assert not (files / "called").exists()

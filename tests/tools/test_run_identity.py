"""A run that goes on where it stopped: results belong to the code, the examples and the options that made them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, text_of
from tests.tools.test_experiments import runs_of
from tests.tools.test_run_experiment import Write, bare_python, write

from assaykit.experiments import executing, kept_plans
from assaykit.settings import Settings

__all__ = ["bare_python", "write"]

pytestmark = pytest.mark.embedded("a call is made to fail inside the server, and its journal is read")

TASK = """
    import helper

    def answer(input):
        import lazily
        return helper.about(input) + lazily.END

    def fits(output):
        return output.startswith("about")
"""
HELPER = "import deeper\n\ndef about(text):\n    return deeper.WORD + ' ' + text\n"


@pytest.fixture
async def begun(
    ax: Caller, write: Write, bare_python: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """A run of five rows that ended before it was recorded, with two results in its journal; returns how to go on."""
    rows = [{"input": f"q{number}"} for number in range(5)]
    await ax.ask("create_dataset", name="d", rows=rows)
    write("task.py", TASK)
    write("check.py", "def right(output):\n    return output.startswith('about')\n")
    write("helper.py", HELPER)
    write("deeper.py", "WORD = 'about'\n")
    write("lazily.py", "END = ''\n")
    usual = {"task": "task.py:answer", "evaluators": ["task.py:fits", "check.py:right"], "dataset": "d", "name": "e"}

    async def end(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process was killed here")

    with monkeypatch.context() as patched:
        patched.setattr(executing, "write", end)
        await ax.call("run_experiment", python=str(bare_python), **usual)
    lines = journal(settings).read_bytes().split(b"\n")
    results = [line for line in lines[1:] if b'"example_id"' in line]
    files = [line for line in lines[1:] if line.startswith((b'{"files"', b'{"packages"'))]
    journal(settings).write_bytes(b"\n".join([lines[0], *files, *results[:2], b""]))

    async def go_on(**changes: Any) -> Any:
        return await ax.call("run_experiment", **{"python": str(bare_python), **usual, **changes})

    return go_on


def journal(settings: Settings) -> Path:
    (found,) = (settings.home / "experiments").glob("*.jsonl")
    return found


async def test_unchanged_it_goes_on(begun: Callable[..., Any], ax: Caller, settings: Settings) -> None:
    reply = await begun(timeout=60, concurrency=3)
    assert "2 rows were done before." in text_of(reply)
    found = (await ax.ask("list_experiments", dataset="d"))["experiments"]
    runs = await runs_of(settings, found[0]["id"])
    assert sorted(run["output"] for run in runs) == [f"about q{number}" for number in range(5)]


@pytest.mark.parametrize("name", ["helper.py", "deeper.py", "lazily.py"])
@pytest.mark.parametrize("content", ["WORD, END = 'NEW', '!'\ndef about(text):\n    return 'NEW ' + text\n", None])
async def test_a_module_that_changed_is_named_and_nothing_is_mixed(
    begun: Callable[..., Any], files: Path, name: str, content: str | None
) -> None:
    if content is None:
        (files / name).unlink()
    else:
        (files / name).write_text(content, encoding="utf-8")
    refusal = json.loads(text_of(await begun()))
    assert refusal["message"] == f"The experiment 'e' was begun with other content of {name}; 2 of its rows are done."
    assert refusal["next"] == "Pass restart=true to do them again, or another name."
    if content is not None:
        assert "5 rows: 5 with an output" in text_of(await begun(restart=True))


async def test_what_else_makes_a_result_is_named(
    begun: Callable[..., Any], ax: Caller, files: Path, tmp_path: Path
) -> None:
    for changes, named in (
        ({"evaluators": None}, "functions"),
        ({"repetitions": 2}, "repetitions"),
        ({"metadata": {"model": "m"}}, "metadata"),
        ({"binding": "ax"}, "binding"),
    ):
        refusal = json.loads(text_of(await begun(**changes)))
        assert f"was begun with other {named}" in refusal["message"], changes
    (files / "task.py").write_text((files / "task.py").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "was begun with other functions" in json.loads(text_of(await begun()))["message"]


async def test_an_example_that_was_changed_or_added_is_named(begun: Callable[..., Any], ax: Caller) -> None:
    await ax.ask("append_examples", dataset="d", rows=[{"input": "q5"}])
    assert "was begun with other examples" in json.loads(text_of(await begun()))["message"]


@pytest.mark.parametrize(
    "damaged",
    [b'{"example_id": "RXhh', b"\x00" * 512, b"[1, 2]", b'{"example_id": 7, "repetition": "x"}', b"[" * 100_000],
    ids=["cut", "zeros", "a list", "mistyped", "deep"],
)
async def test_a_damaged_line_costs_its_row_and_no_more(
    begun: Callable[..., Any], settings: Settings, damaged: bytes
) -> None:
    file = journal(settings)
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([*lines[:-2], damaged, b""]))
    text = text_of(await begun())
    assert (
        "1 row was done before. Its journal had 1 damaged line; each row without a readable result was run again."
        in text
    )
    assert "5 rows: 5 with an output" in text


async def test_a_damaged_line_about_the_files_runs_every_row_again(
    begun: Callable[..., Any], settings: Settings, files: Path
) -> None:
    file = journal(settings)
    lines = file.read_bytes().split(b"\n")
    (place,) = [place for place, line in enumerate(lines) if line.startswith(b'{"files"')]
    lines[place] = lines[place][:20]
    file.write_bytes(b"\n".join(lines))
    (files / "helper.py").write_text("def f(x):\n    return 'NEW ' + x\n", encoding="utf-8")
    text = text_of(await begun())
    assert "done before" not in text
    assert "Its journal had 1 damaged line; each row without a readable result was run again." in text


async def test_a_journal_that_cannot_be_read_holds_no_lock(begun: Callable[..., Any], settings: Settings) -> None:
    file = journal(settings)
    content = file.read_bytes()
    file.unlink()
    file.mkdir()
    refusal = json.loads(text_of(await begun()))
    assert (refusal["code"], refusal["message"]) == (
        "unavailable", "The journal of the run could not be read: Is a directory.",
    )  # fmt: skip
    file.rmdir()
    file.write_bytes(b"{torn" + content)
    assert "5 rows: 5 with an output" in text_of(await begun())


@pytest.mark.parametrize("name", ['prompt "v2"', "back\\slash", "  ", "n" * 300])
async def test_a_name_that_no_experiment_can_have_is_refused_before_a_row_is_run(
    ax: Caller, write: Write, bare_python: Path, files: Path, name: str
) -> None:
    await ax.ask("create_dataset", name="d", rows=[{"input": "q"}])
    write("task.py", "def answer(input):\n    open('ran.txt', 'w').close()\n    return input\n")
    for dry_run in (False, True):
        refusal = await ax.refused(
            "run_experiment", task="task.py:answer", dataset="d", name=name, dry_run=dry_run, python=str(bare_python)
        )
        assert refusal["message"].startswith("An experiment cannot be named ")
    assert not (files / "ran.txt").exists()


async def test_the_first_error_of_a_later_call_throws_no_earlier_result_away(
    begun: Callable[..., Any], files: Path, settings: Settings
) -> None:
    reply = json.loads(text_of(await begun(exit_on_error=True, timeout=0.000001)))
    assert (
        "Nothing was recorded. The 2 rows that succeeded, some of them in an earlier call, are kept." in reply["next"]
    )
    assert "2 rows were done before." in text_of(await begun())


async def test_a_retry_looks_at_the_file_again(
    ax: Caller, write: Write, bare_python: Path, files: Path, tmp_path: Path
) -> None:
    await ax.ask("create_dataset", name="d", rows=[{"input": "q"}])
    write("task.py", "def answer(input):\n    raise ValueError('no')\n")
    await ax.ask("run_experiment", task="task.py:answer", dataset="d", name="e", python=str(bare_python))
    (files / "task.py").rename(files / "moved.py")
    refusal = await ax.refused("retry_experiment", experiment="e")
    assert "task.py" in refusal["message"]
    (tmp_path / "outside.py").write_text("def answer(input):\n    return input\n", encoding="utf-8")
    (files / "task.py").symlink_to(tmp_path / "outside.py")
    refusal = await ax.refused("retry_experiment", experiment="e")
    assert refusal["code"] == "invalid"


@pytest.mark.parametrize("repetition", ["first", "1.0", "", "-1", "99999999999999999999", None])
async def test_a_retry_of_an_upload_takes_any_repetition(
    ax: Caller, write: Write, bare_python: Path, files: Path, repetition: str | None
) -> None:
    made = await ax.ask("create_dataset", name="d", rows=[{"input": "q"}])
    (example,) = (await ax.ask("get_dataset", dataset=made["dataset"]["id"]))["examples"]
    row = {"example_id": example["id"], "output": "x", "error": "boom", "repetition": repetition}
    (files / "u.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="u.jsonl", dataset="d")
    write("task.py", "def answer(input):\n    return input\n")
    again = await ax.ask("retry_experiment", experiment="u", task="task.py:answer", python=str(bare_python))
    assert again["retried"] == 1


async def test_plans_of_old_experiments_are_dropped(
    ax: Caller, write: Write, bare_python: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_plans, "MOST_PLANS", 2)
    await ax.ask("create_dataset", name="d", rows=[{"input": "q"}])
    write("task.py", "def answer(input):\n    raise ValueError('no')\n")
    for name in ("one", "two", "three"):
        await ax.ask("run_experiment", task="task.py:answer", dataset="d", name=name, python=str(bare_python))
    assert len(list((settings.home / "experiments").glob("*.json"))) == 2
    assert "has no plan of 'one'" in (await ax.refused("retry_experiment", experiment="one"))["message"]
    assert (await ax.ask("retry_experiment", experiment="three"))["retried"] == 1

"""Tests of the checks: each check passes on a copy of the tree and fails after one breach.

The linters check only one module here, under the project's settings; `.ci/run` runs them on the whole tree.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.shape.tree import ROOT, files

from assaykit import __version__

pytestmark = pytest.mark.slow

PYTHON = sys.executable
SHAPE = [PYTHON, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/shape", "tests/test_snapshots.py"]
# A limit for commands that hang. Under load, the slowest known machine needed over a minute.
DEADLINE_S = 300


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the working tree as a repository without commits."""
    root = tmp_path / "tree"
    for path in files():
        to = root / path.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
    assert run(root, "git", "init", "--quiet").returncode == 0
    return root


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # What the first command compiles, the command after the breach need not. Git ignores it, and so do the checks.
    environment = {**os.environ, "PYTHONPATH": str(root / "server")}
    return subprocess.run(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )


def red_after(root: Path, breach: Callable[[], object], *command: str) -> str:
    """Run the command before and after the breach: it must pass, then fail. Return its output of the failure."""
    before = run(root, *command)
    assert before.returncode == 0, before.stdout + before.stderr
    breach()
    after = run(root, *command)
    assert after.returncode != 0, "the breach was not seen"
    return after.stdout + after.stderr


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_the_linter_sees_an_unused_import(copy: Path) -> None:
    module = copy / "server" / "assaykit" / "planning" / "periods.py"
    command = [PYTHON, "-m", "ruff", "check", "--no-cache", str(module)]
    said = red_after(copy, lambda: append(module, "\nimport os\n"), *command)
    assert "F401" in said


def test_the_formatter_sees_a_crooked_line(copy: Path) -> None:
    module = copy / "server" / "assaykit" / "planning" / "periods.py"
    command = [PYTHON, "-m", "ruff", "format", "--check", "--no-cache", str(module)]
    said = red_after(copy, lambda: append(module, "\nX  =  1\n"), *command)
    assert "periods.py" in said


def test_the_type_checker_sees_a_wrong_type(copy: Path) -> None:
    module = copy / "server" / "assaykit" / "wire" / "ids.py"
    settings = copy / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    include = 'include = ["server", "tests", "manifests"]'
    assert include in text
    settings.write_text(text.replace(include, 'include = ["server/assaykit/wire/ids.py"]'), encoding="utf-8")
    command = [PYTHON, "-m", "pyright", "--pythonpath", PYTHON]
    said = red_after(copy, lambda: append(module, '\nWRONG: int = "text"\n'), *command)
    assert "reportAssignmentType" in said


BREACHES = {
    "tools/admin.py": ("import assaykit.engine", "Only the backend and the engine's own command import the engine"),
    "engine/clock.py": ("import assaykit.logs", "The engine imports nothing of ours but"),
    "judge/fences.py": ("import assaykit.filters.parse", "Imports point down"),
    "filters/values.py": ("import assaykit.wire.ids", "Filters import nothing of ours but the errors"),
    "files/rows.py": ("import assaykit.wire.spans", "Files import nothing of ours but the errors"),
    "api/pages.py": ("import assaykit.logs", "The client imports nothing of ours but"),
    "judge/columns.py": ("import assaykit.sample", "Judges import nothing of ours but"),
    "analysis/rows.py": ("import mcp", "Only the server, the tools and the command line know MCP"),
    "names.py": ("import sqlalchemy", "Only the engine knows SQLAlchemy"),
    "planning/spans.py": ("import click", "Only the command line imports what draws on a terminal"),
    "logs.py": ("import pyarrow", "Only Parquet files and Flight know Arrow"),
    "guard.py": ("import grpc", "Only the gRPC door knows gRPC"),
    "settings.py": ("import aiohttp", "Judge calls go through one transport"),
    "planning/periods.py": ("import asyncio", "All concurrency is anyio's"),
    "stray.py": ("import assaykit.errors", "Imports point down"),
    "runner/assaykit_worker/plain.py": (
        "import assaykit.errors",
        "What runs in a user's interpreter imports nothing of ours.",
    ),
}
"""For each module, a forbidden import and the sentence of the contract that it breaks."""


def test_the_import_contracts_see_every_wrong_import(copy: Path) -> None:
    def breach() -> None:
        for name, (line, _) in BREACHES.items():
            module = copy / "server" / "assaykit" / name
            module.touch()
            append(module, f"\n{line}\n")

    command = [PYTHON, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    said = " ".join(red_after(copy, breach, *command).split())
    for line, sentence in BREACHES.values():
        assert sentence in said, line
    assert "0 kept" in said
    assert "stray" in said


def test_the_shape_tests_see_every_crooked_shape(copy: Path) -> None:
    server = copy / "server" / "assaykit"

    def breach() -> None:
        append(server / "planning" / "spans.py", "\n" * 500)
        append(server / "names.py", "\n\ndef long() -> None:\n" + "    int()\n" * 46)
        (server / "utils.py").write_text('"""Anything."""\n', encoding="utf-8")
        append(server / "planning" / "periods.py", CROOKED)
        (server / "planning" / "places.py").write_text('"""Where a row lies."""\n', encoding="utf-8")
        append(server / "errors.py", '\n\nclass Unheard(AssayError):\n    """Nobody raises it."""\n')
        append(copy / "README.md", "word " * 900)
        append(copy / "README.md", f"\nSee /roo{'t'}/notes, version {__version__}, from registr{'y'}.npmjs.org.\n")
        append(server / "session.py", '\n\nclass Span:\n    """Another span."""\n')
        append(server / "tools" / "admin.py", UNTESTED_TOOL)
        append(copy / "tests" / "caller.py", "\n\nclass TestNothing:\n    pass\n")
        append(copy / "docs" / "design" / "store.md", "\nSee `engine/gone.py` and `test_nobody_wrote_this`.\n" * 150)
        append(copy / "tests" / "traces.py", WAITING)
        settings = copy / "pyproject.toml"
        settings.write_text(
            settings.read_text(encoding="utf-8").replace('"mcp>=2.3,<3"', '"mcp>=2.3"'), encoding="utf-8"
        )

    said = red_after(copy, breach, *SHAPE)
    red = {line.split("::")[1].split()[0] for line in said.splitlines() if line.startswith("FAILED")}
    assert SHAPES - red == set()


CROOKED = f"""

def crooked() -> None:
    import asyncio
    print(open("file").read())  # TOD{"O"}: name the encoding
"""

WAITING = """

import sqlite3


def wait() -> None:
    with Popen([]):
        pass
"""

UNTESTED_TOOL = '''

@tool("read")
async def gauge(here: Here) -> Reply:
    """Do nothing at all."""
    return Reply(f"Next: `get_gauge` in {here.name}.", {})
'''

SHAPES = {
    "test_every_file_is_short_enough_to_read",
    "test_every_function_fits_on_a_screen",
    "test_every_module_is_named_after_what_it_is_about",
    "test_every_class_name_means_one_thing",
    "test_only_commands_print",
    "test_only_anyio_runs_anything_at_once",
    "test_every_text_file_is_opened_with_an_encoding",
    "test_every_error_is_raised_somewhere",
    "test_tests_are_plain_functions",
    "test_every_page_of_the_design_is_short_enough_to_read",
    "test_every_file_that_a_document_names_is_there",
    "test_every_test_that_a_document_names_is_there",
    "test_the_picture_of_the_package_has_every_part_of_it",
    "test_tests_reach_the_store_through_the_store",
    "test_a_test_that_fails_waits_for_no_process",
    "test_every_requirement_has_an_upper_bound",
    "test_a_module_docstring_names_its_subject",
    "test_nothing_is_left_to_do",
    "test_no_file_knows_the_machine_it_was_written_on",
    "test_no_file_chooses_the_registry",
    "test_no_sentence_of_a_tool_shows_a_name_of_others_as_it_is",
    "test_the_version_stands_in_one_place",
    "test_the_readme_is_short",
    "test_every_tool_and_every_error_is_met_over_http",
    "test_the_shipped_list_is_what_the_code_defines",
    "test_every_tool_that_a_sentence_names_exists",
    "test_the_readme_lists_every_tool_under_its_toolset",
    "test_the_page_on_settings_has_the_table_of_effects",
}

"""`assaykit run`: the tool run_experiment at a terminal, with a progress bar."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import click
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from assaykit.errors import AssayError, Invalid, quote
from assaykit.experiments.executing import is_function, is_of_module
from assaykit.files.formats import format_of
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

TENTHS = 10
ROWS_FAILED, EVALUATORS_FAILED = 1, 3
"""Exit codes. 2 says that nothing was run."""

DONE = "COMPLETED"
"""The status of a judge's run that reached every row. Another one counts as a failure in each row."""


class ProgressBar:
    """Progress of the rows on stderr: a bar on a terminal, otherwise a line for each tenth."""

    def __init__(self) -> None:
        self._done = 0.0
        self._bar: Any = None
        self._is_watched = sys.stderr.isatty()

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        """Show one progress report."""
        whole = int(total or 0)
        if self._is_watched and self._bar is None:
            self._bar = click.progressbar(length=whole, label="rows", show_pos=True, file=sys.stderr)
            self._bar.__enter__()
        if self._bar is not None:
            self._bar.update(int(progress - self._done))
        elif (progress - self._done) * TENTHS < whole:
            return
        else:
            click.echo(message, err=True)
        self._done = progress

    def close(self) -> None:
        """End the bar in its current state."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


def run(settings: Settings, arguments: dict[str, Any], tolerated: float = 0.0) -> int:
    """Run an experiment and print the reply. Returns the exit code, by `exit_code`.

    Raises:
        AssayError: the tool refused.
    """
    if settings.read_only:
        raise Invalid("ASSAYKIT_READ_ONLY is set, and a read-only server runs no code.", "Unset it for this command.")
    # A path that the user typed is allowed, even outside the configured folders.
    named = [arguments["task"], *(arguments["evaluators"] or ())]
    folders = [Path.cwd() if is_of_module(one) else _file(one).parent for one in named if is_function(one)]
    settings = replace(
        settings, folders=tuple(dict.fromkeys([*settings.folders, *folders])),
        toolsets=("all",), tools=(), structured=True,
    )  # fmt: skip
    file = dataset_file(arguments["dataset"])
    if file is not None:
        settings = replace(settings, folders=tuple(dict.fromkeys([*settings.folders, file.parent])))
    for at, one in enumerate(named):
        if is_function(one) and not is_of_module(one):
            named[at] = f"{_file(one)}:{one.rpartition(':')[2]}"
    arguments = {**arguments, "task": named[0], "evaluators": named[1:] or None}
    asked = {key: value for key, value in arguments.items() if value is not None}
    told = anyio.run(_called, settings, asked, file)
    text = text_of(told)
    if told.is_error:
        raise refused(text)
    click.echo(text)
    data = data_of(told)
    return exit_code(data, tolerated)


def exit_code(data: dict[str, Any], tolerated: float) -> int:
    """0 if all went well, 1 if rows failed or nothing was started, 3 if only evaluators failed.

    A share of failures up to `tolerated`, from 0 to 1, is none: of the rows, and of the rows of each evaluator.
    """
    if not data.get("started", True):
        return ROWS_FAILED
    if data.get("experiments") and not data.get("dry_run"):
        codes = {exit_code(one, tolerated) for one in data["experiments"]}
        return next((code for code in (ROWS_FAILED, EVALUATORS_FAILED) if code in codes), 0)
    rows = data["rows"]
    if data["failed"] > tolerated * rows:
        return ROWS_FAILED
    failed = [one["failed"] for one in data["evaluators"].values()]
    runs = [one["run"] for one in data["judge_runs"]]
    failed += [rows if run.get("status", DONE) != DONE else run.get("num_errors") or 0 for run in runs]
    return EVALUATORS_FAILED if any(number > tolerated * rows for number in failed) else 0


def _file(function: str) -> Path:
    """The file of `FILE.PY:NAME`, without `..` and links: a check of its folder must see where it really lies."""
    return Path(function.rpartition(":")[0]).resolve()


def dataset_file(dataset: str) -> Path | None:
    """The file of a dataset that is named by a path; None if it is the name or the id of one."""
    file = Path(dataset).resolve()
    return file if format_of(dataset) is not None and file.is_file() else None


def content_name(file: Path) -> str:
    """The name of the dataset of a file: its stem, and a digest of its content."""
    return f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"


async def _made_of(client: Client, file: Path, arguments: dict[str, Any]) -> str:
    """The name of the dataset with the rows of a file. An earlier command may have made it.

    Raises:
        AssayError: the file cannot be read.
    """
    name = content_name(file)
    space = {"space": arguments["space"]} if "space" in arguments else {}
    told = await client.call_tool("create_dataset", {"name": name, "file": str(file), **space})
    if told.is_error:
        if json.loads(text_of(told))["code"] != "conflict":
            raise refused(text_of(told))
        click.echo(f"Dataset {name!r} has the rows of {file.name}.", err=True)
    else:
        click.echo(f"Made dataset {name!r} of {file.name}.", err=True)
    return name


async def _called(settings: Settings, arguments: dict[str, Any], file: Path | None = None) -> CallToolResult:
    bar = ProgressBar()
    person = _answered if sys.stdin.isatty() and sys.stderr.isatty() else None
    try:
        async with Client(create_server(settings), elicitation_callback=person) as client:
            if file is not None:
                arguments = {**arguments, "dataset": await _made_of(client, file, arguments)}
            return await client.call_tool("run_experiment", arguments, progress_callback=bar.report)
    finally:
        bar.close()


async def _answered(
    context: ClientRequestContext,  # noqa: ARG001  (the client passes it by name)
    params: ElicitRequestParams,
) -> ElicitResult:
    """Put a question of the server to the person at the terminal."""
    yes = await anyio.to_thread.run_sync(lambda: click.confirm(params.message, err=True), abandon_on_cancel=True)
    return ElicitResult(action="accept", content={"yes": True}) if yes else ElicitResult(action="decline")


def refused(text: str) -> AssayError:
    """The error behind a tool's refusal."""
    said = json.loads(text)
    return AssayError(said["message"], said["next"])


def params_of(given: Sequence[str]) -> dict[str, Any] | None:
    """The parameters of `--param NAME=VALUE`. A name that comes several times has several values.

    A value is JSON if it reads as a number, true, false, null, a list or an object, else text.

    Raises:
        Invalid: there is no equals sign, or no name before it.
    """
    found: dict[str, list[Any]] = {}
    for name, value in map(partial(_pair, "--param"), given):
        found.setdefault(name, []).append(_value(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()} or None


def pairs_of(option: str, given: Sequence[str]) -> dict[str, str] | None:
    """The texts of an option `NAME=VALUE` by their names.

    Raises:
        Invalid: there is no equals sign, or a name comes twice.
    """
    found: dict[str, str] = {}
    for name, value in map(partial(_pair, option), given):
        if name in found:
            raise Invalid(f"{option} gives {quote(name, 60)!r} twice.", "Give each name once.")
        found[name] = value
    return found or None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Invalid(f"{option} {quote(text, 60)!r} is no NAME=VALUE.", f"Write it as {option} model=a.")
    return name.strip(), value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

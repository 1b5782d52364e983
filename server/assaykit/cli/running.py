"""`assaykit run`: the tool run_experiment at a terminal, with a progress bar."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import click
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from assaykit.errors import AssayError, Invalid
from assaykit.experiments.executing import is_function, is_of_module
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
    for at, one in enumerate(named):
        if is_function(one) and not is_of_module(one):
            named[at] = f"{_file(one)}:{one.rpartition(':')[2]}"
    arguments = {**arguments, "task": named[0], "evaluators": named[1:] or None}
    told = anyio.run(_called, settings, {key: value for key, value in arguments.items() if value is not None})
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


async def _called(settings: Settings, arguments: dict[str, Any]) -> CallToolResult:
    bar = ProgressBar()
    person = _answered if sys.stdin.isatty() and sys.stderr.isatty() else None
    try:
        async with Client(create_server(settings), elicitation_callback=person) as client:
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

"""The flags of `ax`, as a page had them and as they are: a flag that went is refused, one that came is taken.

The commands name things that are not there: a command that is understood ends in "not found", not in usage.
"""

import shlex
from collections.abc import Callable

from ax.cli import app
from ledger import Given, Ledger, play
from typer.testing import CliRunner

EVALUATORS = '[{"evaluator_id": "RXZhbHVhdG9yOjk5OnR0dHQ="}]'
REST = {
    "tasks create": f"--name x --task-type CODE_EVALUATION --evaluators {shlex.quote(EVALUATORS)} --space default",
    "tasks get": "T25saW5lVGFzazo5OTp0dHR0",
    "tasks trigger-run": "T25saW5lVGFzazo5OTp0dHR0",
    "tasks list-runs": "T25saW5lVGFzazo5OTp0dHR0",
    "tasks get-run": "VGFza1J1bjo5OTp0dHR0",
    "tasks cancel-run": "VGFza1J1bjo5OTp0dHR0 --force",
    "tasks wait-for-run": "VGFza1J1bjo5OTp0dHR0",
}
"""What a command needs besides the flag."""

TARGETS = ("--project", "--dataset")
"""A new task wants one of them, and not both."""

USAGE = 2
UNDERSTOOD = {0, 4}


class Exit(Exception):
    """A command that was not understood."""


def ax(command: str, flag: str) -> Callable[[], None]:
    """The command with the flag, which must be understood."""
    words = shlex.split(f"{command} {REST.get(command, '')} {flag}")
    if command == "tasks create" and not flag.startswith(TARGETS):
        words += ["--project", "absent"]

    def run() -> None:
        ended = CliRunner().invoke(app, words, input="n\n")
        if ended.exit_code not in UNDERSTOOD:
            raise Exit(f"exit {ended.exit_code}: {shlex.join(words)}: {ended.output}")

    run.__qualname__ = f"ax {command} {flag}"
    return run


def rows(calls: Ledger, given: Given) -> None:
    for command, before, now in given["rows"]:
        if before != now:
            calls.refused(Exit, f"exit {USAGE}", ax(command, before))
        calls.call(ax(command, now))


play(rows)

"""Commands of `assaykit` as processes that start in milliseconds: forks of one that has imported the package.

What is tested is what a command does. That it starts at all from nothing is tested with `python -m assaykit`.
"""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mcp.client.stdio import StdioServerParameters
from tests.e2e.processes import environment
from tests.forks import PACKAGE, Forks, Program

_MAIN = Program("from assaykit.cli import main\nmain()", "assaykit")
_JOINED = 'cat "$1" & exec cat >"$0"'
_MODULES = (*PACKAGE, "assaykit.cli.gating", "assaykit.cli.running")


class Commands:
    """Runs commands of `assaykit`."""

    def __init__(self, forks: Forks) -> None:
        self._forks = forks

    def run(self, folder: Path, variables: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        """What a command told that ran in this folder with these variables (see `environment`)."""
        return self._forks.run(Path(sys.executable), _MAIN, words, variables=variables, folder=folder)

    @contextmanager
    def talking(self, folder: Path, variables: Mapping[str, str], *words: str) -> Generator[StdioServerParameters]:
        """A command that speaks over its stdin and stdout, for a client of the SDK; it must end with status 0.

        The client starts a shell, which joins its own pipes to those of the command.
        """
        with TemporaryDirectory() as place, ThreadPoolExecutor(1) as started:
            pipes = {name: Path(place, name) for name in ("stdin", "stdout")}
            for pipe in pipes.values():
                os.mkfifo(pipe)
            streams = {**pipes, "stderr": Path(place, "stderr")}
            ended = started.submit(
                self._forks.status_of, Path(sys.executable), _MAIN, words, streams, variables=variables, folder=folder
            )
            try:
                yield StdioServerParameters(command="/bin/sh", args=["-c", _JOINED, *map(str, pipes.values())])
            finally:
                # A client that never came has opened neither pipe, and the command waits for both.
                for pipe in pipes.values():
                    os.close(os.open(pipe, os.O_RDWR))
            assert ended.result() == 0, streams["stderr"].read_text(encoding="utf-8")


@contextmanager
def ready_commands(home: Path) -> Generator[Commands]:
    """Commands, and nothing is imported before the first one."""
    with Forks(*_MODULES, variables=environment(home)) as forks:
        yield Commands(forks)

"""Commands of `assaykit` as processes that start in milliseconds: forks of one that has imported the package.

What is tested is what a command does. That it starts at all from nothing is tested with `python -m assaykit`.
"""

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.processes import environment
from tests.forks import PACKAGE, Forks, Program

_MAIN = Program("from assaykit.cli import main\nmain()", "assaykit")
_MODULES = (*PACKAGE, "assaykit.cli.gating", "assaykit.cli.running")


class Commands:
    """Runs commands of `assaykit`."""

    def __init__(self, forks: Forks) -> None:
        self._forks = forks

    def run(self, folder: Path, variables: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        """What a command told that ran in this folder with these variables (see `environment`)."""
        return self._forks.run(Path(sys.executable), _MAIN, words, variables=variables, folder=folder)


@contextmanager
def ready_commands(home: Path) -> Generator[Commands]:
    """Commands, and nothing is imported before the first one."""
    with Forks(*_MODULES, variables=environment(home)) as forks:
        yield Commands(forks)

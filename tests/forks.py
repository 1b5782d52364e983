"""Python programs as processes that start in milliseconds: forks of interpreters that have imported the packages."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.children import ended
from tests.engine_starter import LATER

PACKAGE = (*LATER, "assaykit.server", "assaykit.engine.engine")
"""Modules that most programs import which use our package."""

_STARTER = Path(__file__).with_name("fork_starter.py")


class Program(NamedTuple):
    """Python code; the file that it comes from, which is its first argument too; folders to import from first."""

    code: str
    file: str = "-c"
    path: Sequence[Path] = ()

    @classmethod
    def of(cls, script: Path, *path: Path) -> Self:
        """A script. As with `python script`, it imports from its own folder first."""
        return cls(script.read_text(encoding="utf-8"), str(script), (script.parent, *path))


class Forks:
    """Runs programs in forks. An interpreter is started for the first program that wants it, and imports `modules`.

    `variables` are the environment of the start. A program has an environment of its own, but what a module reads
    while it is imported is what stands here.
    """

    def __init__(self, *modules: str, variables: Mapping[str, str]) -> None:
        self._modules = modules
        self._variables = dict(variables)
        self._started: dict[Path, subprocess.Popen[str]] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._ends.enter_context(TemporaryDirectory()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for starter in self._started.values():
            ended(starter)
        self._ends.close()

    def run(
        self,
        interpreter: Path,
        program: Program,
        arguments: Sequence[str],
        *,
        variables: Mapping[str, str],
        folder: Path,
        typed: str = "",
        deadline_s: int = 300,
    ) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` would tell. A program that misses its deadline ends with -SIGALRM."""
        streams = {name: self._folder / name for name in ("stdin", "stdout", "stderr")}
        streams["stdin"].write_text(typed, encoding="utf-8")
        status = self.status_of(
            interpreter, program, arguments, streams, variables=variables, folder=folder, deadline_s=deadline_s
        )
        out, errors = (streams[name].read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess([program.file, *arguments], status, out, errors)

    def status_of(
        self,
        interpreter: Path,
        program: Program,
        arguments: Sequence[str],
        streams: Mapping[str, Path],
        *,
        variables: Mapping[str, str],
        folder: Path,
        deadline_s: int = 300,
    ) -> int:
        """The exit status of a program with these files, or named pipes, as its stdin, stdout and stderr."""
        return self._ask(
            interpreter,
            code=program.code,
            file=program.file,
            path=[str(one) for one in program.path],
            arguments=list(arguments),
            environment=dict(variables),
            folder=str(folder),
            deadline_s=deadline_s,
            **{name: str(file) for name, file in streams.items()},
        )

    def _ask(self, interpreter: Path, **question: Any) -> int:
        if (starter := self._started.get(interpreter)) is None:
            # `-P` keeps our own folders off the import path.
            command = [str(interpreter), "-P", str(_STARTER), *self._modules]
            starter = self._started[interpreter] = subprocess.Popen(
                command, env=self._variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
        assert starter.stdin is not None
        assert starter.stdout is not None
        starter.stdin.write(json.dumps(question) + "\n")
        starter.stdin.flush()
        return json.loads(starter.stdout.readline())["status"]

"""Runs programs quickly: the packages are imported once, and the interpreter is forked for each program.

The arguments are the modules to import; one that is not there is left out. Each line on stdin is a JSON object
`{code, file, path, arguments, environment, folder, stdin, stdout, stderr, deadline_s}`. The answer is `{status}`.

The script runs in the environments of other packages too, so it knows nothing but the standard library.
"""

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
from types import ModuleType
from typing import Any

PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have Linux kill this fork when the interpreter that forked it has ended: an interrupted test cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Answer every line until stdin ends. A fork returns when its program ends, and so ends as every process does."""
    for module in sys.argv[1:]:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
            return
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> None:
    end_with_parent()
    # The kernel keeps the deadline, whatever the program does with its threads.
    signal.alarm(asked["deadline_s"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (name, flags) in enumerate((("stdin", os.O_RDONLY), ("stdout", written), ("stderr", written))):
        file = os.open(asked[name], flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    # What the starter has read ahead belongs to the next program.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (it is open for as long as the process)
    sys.argv = [asked["file"], *asked["arguments"]]
    sys.path[:0] = asked["path"]
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = asked["file"]
    exec(compile(asked["code"], asked["file"], "exec"), module.__dict__)  # noqa: S102  (a test's own program)


if __name__ == "__main__":
    main()

"""Lines of a table in a file, so that a simulation that was stopped goes on: each with the commit that it is about."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from assaykit.analysis.compare import compare


def commit() -> str:
    """The commit that last changed the analysis."""
    asked = ["git", "log", "-1", "--format=%h", "--", "."]
    analysis = Path(compare.__code__.co_filename).parent
    return subprocess.run(asked, cwd=analysis, capture_output=True, encoding="utf-8", check=True).stdout.strip()


class KeptLines:
    """The lines in `file`; nothing is kept without one."""

    def __init__(self, file: Path | None) -> None:
        self.file, self.commit = file, commit() if file else ""

    def line(self, mark: str, make: Callable[[], str]) -> str:
        """The line of this commit that begins with `mark`: that of the file, or a new one, which the file then has."""
        if self.file is None:
            return make()
        before = f"{self.commit} {mark}"
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        known = next((one for one in lines if one.startswith(before)), None)
        if known is None:
            known = f"{self.commit} {mark.partition(' ')[0]} {make()}"
            with self.file.open("a", encoding="utf-8") as out:
                out.write(f"{known}\n")
        return f"| {known.partition(' | ')[2]}"

"""The file of measurements, one JSON object a line, and the page that is written from it."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rows.table import ROWS, Row

ROOT = Path(__file__).parents[2]
FILE = ROOT / "benchmarks" / "scorecard.jsonl"
PAGE = ROOT / "docs" / "scorecard.md"

Entry = Mapping[str, Any]

HEAD = """\
# Scorecard

Each row is a promise with a target, a measurement and a control. The control is the same measurement on a build with
one deliberate fault; it must turn the row red. `python benchmarks/scorecard.py --row S12 --long` measures one row and
its control, and `--page` writes this page from `benchmarks/scorecard.jsonl`. The commit is the last one that changed
`server/` before the measurement. A row of the short size proves that its program works, and not that the target is met.

{summary}

| Row | Target | Measured | Met | Control | Size | Measured at |
|---|---|---|---|---|---|---|
"""


def commit() -> str:
    """The last commit that changed the product, with a mark if files of the product differ from it."""
    last = _git("log", "-1", "--format=%h", "--", "server")
    return f"{last}, changed" if _git("status", "--porcelain", "--", "server") else last


def _git(*words: str) -> str:
    ended = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, encoding="utf-8")  # noqa: S607
    return ended.stdout.strip()


def entries(file: Path) -> list[Entry]:
    """Every measurement, oldest first."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if line]


def append(file: Path, entry: Entry) -> None:
    """Add a measurement."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


def done(file: Path, number: str, size: str, at: str) -> bool:
    """Whether the row was measured at this commit, in this size or the long one."""
    sizes = {size, "long"}
    return "changed" not in at and any(
        (one["row"], one["commit"]) == (number, at) and one["size"] in sizes for one in entries(file)
    )


def page(found: Sequence[Entry]) -> str:
    """The page: for each row its newest measurement of the largest size."""
    newest: dict[str, Entry] = {}
    for one in found:
        before = newest.get(one["row"])
        if before is None or one["size"] == "long" or before["size"] != "long":
            newest[one["row"]] = one
    lines = [_line(row, newest.get(row.number)) for row in ROWS]
    return HEAD.format(summary=_summary(newest)) + "".join(lines) + _notes()


def _summary(newest: Mapping[str, Entry]) -> str:
    measured = [one for one in newest.values() if one["measured"]]
    met = [one for one in measured if one["met"] and one["control"]["seen"]]
    long = [one for one in measured if one["size"] == "long"]
    return (
        f"Of {len(ROWS)} rows {len(measured)} were measured, {len(long)} of them in their long size. {len(met)} met\n"
        f"their target, and their control was red; {len(measured) - len(met)} did not. "
        f"{len(ROWS) - len(measured)} could not be measured and says why."
    )


def _line(row: Row, entry: Entry | None) -> str:
    cells = [f"**{row.number}** {row.name}", row.target]
    if entry is None:
        cells += [f"not measured: {row.unmeasured or 'not run yet'}", "", "", "", ""]
    elif not entry["measured"]:
        cells += [f"not measured: {entry['reason']}", "", "", "", f"`{entry['commit']}`, {entry['date']}"]
    else:
        control = entry["control"]
        shown = f"{row.control}: {'red' if control['seen'] else 'NOT SEEN'}"
        if control["seen"]:
            shown += f" ({_clipped(control['faults'][0])})"
        said = _figures(entry["measured"]) + "".join(f"; **{_clipped(fault, 200)}**" for fault in entry["faults"])
        at = f"`{entry['commit']}`, {entry['date']}, {entry['seconds']:.0f} s"
        cells += [said, "yes" if entry["met"] else "**no**", shown, entry["size"], at]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _clipped(text: str, most: int = 120) -> str:
    plain = "".join(mark if mark.isprintable() and mark.isascii() else "?" for mark in text)
    plain = plain.replace("`", "'").replace("<", "&lt;")
    return plain if len(plain) <= most else f"{plain[:most]}..."


def _figures(figures: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in figures.items())


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _notes() -> str:
    notes = [f"- **{row.number}**: {row.note}\n" for row in ROWS if row.note]
    return "\n## Notes\n\n" + "".join(notes) if notes else ""


def told(entry: Entry) -> Iterable[str]:
    """The entry as lines for a terminal."""
    if not entry["measured"]:
        yield f"{entry['row']}: not measured: {entry['reason']}"
        return
    control = entry["control"]
    yield f"{entry['row']}: {'met' if entry['met'] else 'MISSED'}: {_figures(entry['measured'])}"
    yield from (f"  fault: {fault}" for fault in entry["faults"])
    yield f"  control {control['breach']}: {'seen' if control['seen'] else 'NOT SEEN'}: {'; '.join(control['faults'])}"

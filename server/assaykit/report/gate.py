"""The decision of a gate as lines, as JUnit XML and as Markdown. Each states the same decision and reasons."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

from assaykit.analysis.gate import Release
from assaykit.analysis.release import ReleaseOutcome
from assaykit.foreign import visible

_MARKS: dict[ReleaseOutcome, str] = {
    "ship": "✅ ship",
    "hold": "❌ hold",
    "error": "⚠️ error",
    "undecided": "❔ undecided",
    "needs review": "👀 needs review",
}
_NO_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\N{REPLACEMENT CHARACTER}")
"""Characters that XML 1.0 cannot represent."""


def gate_lines(release: Release, word: Callable[[ReleaseOutcome], str] = str.upper) -> list[str]:
    """The decision, the notes, and each rule with its outcome and below it the reason. `word` writes an outcome."""
    lines = [f"{word(release.outcome)}: {release.title}. {release.reason}"]
    lines += [f"Note: {note}" for note in release.notes]
    for one in release.rules:
        lines += [f"{word(one.outcome)} {visible(' '.join(one.rule.split()))}", f"  {one.why}"]
    return lines


def junit(release: Release) -> str:
    """Return a test suite with a case for each rule. A rule that does not ship is a failure of its outcome's type."""
    broken = [one for one in release.rules if one.outcome != "ship"]
    suite = ET.Element(
        "testsuite",
        name=_xml(release.title),
        tests=str(len(release.rules)),
        failures=str(len(broken)),
        errors="0",
    )
    properties = ET.SubElement(suite, "properties")
    facts = {"decision": release.outcome, "reason": release.reason, "exit code": str(release.exit_code)}
    notes = {f"note {number}": note for number, note in enumerate(release.notes, 1)}
    for name, value in {**facts, **notes}.items():
        ET.SubElement(properties, "property", name=name, value=_xml(value))
    for one in release.rules:
        case = ET.SubElement(suite, "testcase", classname="assaykit.gate", name=_xml(one.rule))
        told = "system-out" if one.outcome == "ship" else "failure"
        element = ET.SubElement(case, told)
        if one.outcome != "ship":
            element.set("type", one.outcome)
            element.set("message", _xml(one.why))
        element.text = _xml(one.why)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(release: Release) -> str:
    """Return the decision, and a table with a row for each rule."""
    rows = [f"| {_MARKS[one.outcome]} | {_cell(one.rule)} | {_cell(one.why)} |" for one in release.rules]
    title = f"### {_MARKS[release.outcome]}: {_cell(release.title)}"
    notes = "".join(f"\n\n{_cell(note)}" for note in release.notes)
    head = f"{title}\n\n{_cell(release.reason)}{notes}\n\n| | Rule | What was found |\n|---|---|---|"
    return "\n".join([head, *rows]) + "\n"


def _xml(text: str) -> str:
    return text.translate(_NO_XML)


def _cell(text: str) -> str:
    """Escape foreign text for one cell, so that it cannot start a row, a cell or an element."""
    plain = " ".join(text.split())
    for char in "\\`*_[]|#!~":
        plain = plain.replace(char, f"\\{char}")
    return plain.replace("&", "&amp;").replace("<", "&lt;")

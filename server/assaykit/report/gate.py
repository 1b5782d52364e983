"""The rulings of a gate as JUnit XML and as Markdown, for CI systems."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from assaykit.analysis.gate import Ruling

_MARKS = {"passed": "✅ passed", "failed": "❌ failed", "undecided": "❔ undecided"}
_NO_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\N{REPLACEMENT CHARACTER}")
"""Characters that XML 1.0 cannot represent."""


def junit(rulings: Sequence[Ruling], baseline: str, candidate: str) -> str:
    """Return a test suite with a case for each rule. An undecided rule is a failure of the type `undecided`."""
    broken = [one for one in rulings if one.outcome != "passed"]
    suite = ET.Element(
        "testsuite",
        name=_xml(f"{candidate} against {baseline}"),
        tests=str(len(rulings)),
        failures=str(len(broken)),
        errors="0",
    )
    for one in rulings:
        case = ET.SubElement(suite, "testcase", classname="assaykit.gate", name=_xml(one.rule.text))
        told = "system-out" if one.outcome == "passed" else "failure"
        element = ET.SubElement(case, told)
        if one.outcome != "passed":
            element.set("type", one.outcome)
            element.set("message", _xml(one.why))
        element.text = _xml(one.why)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(rulings: Sequence[Ruling], baseline: str, candidate: str) -> str:
    """Return a table with a row for each rule."""
    rows = [f"| {_MARKS[one.outcome]} | {_cell(one.rule.text)} | {_cell(one.why)} |" for one in rulings]
    head = f"### {_cell(candidate)} against {_cell(baseline)}\n\n| | Rule | What was found |\n|---|---|---|"
    return "\n".join([head, *rows]) + "\n"


def _xml(text: str) -> str:
    return text.translate(_NO_XML)


def _cell(text: str) -> str:
    """Escape foreign text for one cell, so that it cannot start a row, a cell or an element."""
    plain = " ".join(text.split())
    for char in "\\`*_[]|#!~":
        plain = plain.replace(char, f"\\{char}")
    return plain.replace("&", "&amp;").replace("<", "&lt;")

"""The documents on design, contributing and security: the pages are short, and the tree has every name in them."""

import re
from pathlib import Path

from tests.shape.tree import ROOT, SERVER, TESTS, Function, at, files, modules, nodes

DESIGN = ROOT / "docs" / "design"
PAGES = sorted(path for path in files() if path.parent == DESIGN and path.suffix == ".md")
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]

PAGE_LINES = 150
RECORD = DESIGN / "decisions.md"
"""A record grows with every decision."""

CODE = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"[\w.-]+(?:/[\w.*-]+)*/?")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
TEST = re.compile(r"test_\w+")
FILE_KINDS = {".py", ".md", ".toml"}
"""How a file of the tree ends if its name stands without a folder. A user's own files end otherwise."""


def words(document: Path) -> set[str]:
    """Every word of a document that stands in backticks within a line."""
    text = document.read_text(encoding="utf-8")
    return {word for code in CODE.findall(text) for word in code.split()}


def is_place(word: str) -> bool:
    return PLACE.fullmatch(word) is not None and ("/" in word or Path(word).suffix in FILE_KINDS)


def is_there(place: str) -> bool:
    return any(found for top in (ROOT, SERVER) for found in top.glob(place.rstrip("/")))


def test_every_page_of_the_design_is_short_enough_to_read() -> None:
    lines = {at(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PAGES if path != RECORD}
    over = {where: number for where, number in lines.items() if number > PAGE_LINES}
    assert not over, f"shorten or split these pages: {over}"
    assert len(lines) > 1


def test_every_file_that_a_document_names_is_there() -> None:
    gone: list[str] = []
    for document in DOCUMENTS:
        places = {word.partition("::")[0] for word in words(document)}
        absent = [place for place in places if is_place(place) and not is_there(place)]
        links = LINK.findall(document.read_text(encoding="utf-8"))
        absent += [link for link in links if not (document.parent / link).exists()]
        gone += [f"{at(document)}: {name}" for name in absent]
    assert not gone, f"these files are named and not there: {sorted(gone)}"


def test_every_test_that_a_document_names_is_there() -> None:
    tests = {(at(path), node.name) for path, node in nodes(TESTS) if isinstance(node, Function)}
    names = {name for _, name in tests}
    gone: list[str] = []
    for document in DOCUMENTS:
        for word in words(document):
            place, _, name = word.rpartition("::")
            is_known = (place, name) in tests if place else name in names
            if not is_known and (place or TEST.fullmatch(name)):
                gone.append(f"{at(document)}: {word}")
    assert not gone, f"these tests are named and not there: {sorted(gone)}"


def test_the_picture_of_the_package_has_every_part_of_it() -> None:
    parts = {path.relative_to(SERVER).parts[0] for path in modules(SERVER)}
    shown = (DESIGN / "README.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    named = set(re.findall(r"[\w.]+", shown))
    assert sorted(part for part in parts if not part.startswith("__") and part not in named) == []


def test_every_file_of_tests_that_the_checks_name_is_there() -> None:
    """A renamed file would run with no group, or a group would guard nothing."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace("\\", "")
    named = [
        f"{start}{middle}{end}"
        for start, middles, end in re.findall(r"(tests/[\w/]*test_)\{?([\w,]+)\}?(\.py)", script)
        for middle in middles.split(",")
    ]
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []

"""Rules for the text of all files: one version, no open to-do notes, and nothing about the author's machine."""

import ast
import re

from tests.fenced import prose
from tests.shape.tree import ROOT, SERVER, at, files, modules, syntax

from assaykit import __version__

README_WORDS = 900
"""Words of the README without its blocks and tables."""

# The brackets keep these patterns from matching their own source.
LEFT_TO_DO = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b")
OWN_FOLDERS = re.compile(r"(?<![\w.\-/])/(?:(?:roo[t]|wor[k])\b|(?:hom[e]|User[s]|tm[p])/\w)")
REGISTRIES = re.compile(r"registr[y]\.npmjs|pyp[i]\.org|pythonhoste[d]\.org|index-ur[l]")
QUESTION = re.compile(r"(?:What|Which|How|Where|Why|Whether|When|Who)\b")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for path in files():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{at(path)}:{number}" for number, line in enumerate(lines, start=1) if pattern.search(line)]
    return found


def test_nothing_is_left_to_do() -> None:
    assert lines_with(LEFT_TO_DO) == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert lines_with(OWN_FOLDERS) == []


def test_no_file_chooses_the_registry() -> None:
    assert lines_with(REGISTRIES) == []


def test_a_module_docstring_names_its_subject() -> None:
    told = {at(path): ast.get_docstring(syntax(path)) or "" for path in modules()}
    assert [where for where, text in told.items() if QUESTION.match(text)] == []


def test_the_version_stands_in_one_place() -> None:
    """The changelog may name versions too. The manifests are generated, and another check compares them."""
    number = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.])")
    elsewhere = ("CHANGELOG.md", "plugin.json", ".claude-plugin/", ".cursor-plugin/")
    homes = [where for where in lines_with(number) if not where.startswith(elsewhere)]
    assert [where.rpartition(":")[0] for where in homes] == [at(SERVER / "__init__.py")]


def test_the_readme_is_short() -> None:
    words = prose(ROOT / "README.md").split()
    assert len(words) <= README_WORDS

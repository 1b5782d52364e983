"""Texts of tools show no name or key of others as it is: each goes through a function that quotes or bounds it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.shape.tree import SERVER, nodes

FOREIGN: Final = {
    "name", "label", "column", "model", "model_name", "evaluator_name", "email", "description", "commit_message",
    "variable", "attribute_path", "variable_name",
}  # fmt: skip
"""Attributes of our models that hold words of others."""

OURS: Final = {
    "builder.py": "self is the tool",
    "targets.py": "the name of a task, not a text",
    "judges.py": "the names of the catalogue, or the name of a task",
    "backfills.py": "the names of the catalogue",
    "versions.py": "its readers quote it",
    "releases.py": "a name, not a text",
}
"""Files with a raw name in an f-string that is no text for a model, with the reason."""

TEXTS: Final = ("tools", "toolkit", "planning", "experiments", "names.py", "toolsets.py")
BOUNDED: Final = {"quote", "one_line", "short", "name_or_id", "ids_of"}
"""Functions whose result is bounded, so that `!r` after them is too."""
WORDS: Final = {"word", "judge", "value", "start", "end"}
"""Variables with a bounded text of ours or an exact argument of a next call."""


def texts() -> Iterator[tuple[Path, ast.AST]]:
    for part in TEXTS:
        yield from nodes(SERVER / part)


def is_sentence(node: ast.JoinedStr) -> bool:
    """A key such as `eval.{name}.label` has no blank."""
    return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in node.values)


def is_foreign(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in FOREIGN


def is_bounded(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in BOUNDED
    return isinstance(node, ast.Subscript) or (isinstance(node, ast.Name) and node.id in WORDS)


def shown(path: Path, node: ast.AST) -> Iterator[str]:
    """The names in a node that would be shown as they are."""
    if isinstance(node, ast.JoinedStr) and is_sentence(node):
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                raw = is_foreign(part.value) and part.conversion == -1
                if raw or (part.conversion == ord("r") and not is_bounded(part.value)):
                    yield f"{path.relative_to(SERVER)}:{node.lineno}: {ast.unparse(part)}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        for part in node.args:
            if isinstance(part, ast.GeneratorExp | ast.ListComp) and is_foreign(part.elt):
                yield f"{path.relative_to(SERVER)}:{node.lineno}: {ast.unparse(node)}"


def test_no_sentence_of_a_tool_shows_a_name_of_others_as_it_is() -> None:
    raw = [one for path, node in texts() for one in shown(path, node) if path.name not in OURS]
    assert not raw, f"wrap these in `quoted`, `exactly` or `as_word`: {raw}"


def test_every_exemption_is_needed() -> None:
    needed = {path.name for path, node in texts() for _ in shown(path, node)}
    assert set(OURS) <= needed
